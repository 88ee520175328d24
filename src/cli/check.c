/*
 * `mailknock check ADDRESS...`: verdicts in the order given, each as soon as it can be printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/lines.h"
#include "cli/view.h"
#include "config/prober.h"
#include "io/uv_loop.h"
#include "verdict/result.h"

#define WINDOW_MAX    4096              /* addresses begun and not yet printed */
#define LINE_MAX_IN   ((size_t)2 << 20) /* octets of a line of standard input */
#define HINT_MS       (2 * SECOND_MS)   /* before a word about progress */
#define HINT_AGAIN_MS SECOND_MS
#define GOODBYE_MS    (2 * SECOND_MS) /* for QUITs under way when all is known */

struct check_options {
    bool json, evidence, explain;
};

/* One address on its way; a ring of them keeps the order. */
struct slot {
    struct check *check;
    struct buffer text; /* what to print of it */
    bool done;
};

struct check {
    struct cli_call *call;
    const struct check_options *options;
    struct prober prober;
    struct view_style style;
    struct slot slots[WINDOW_MAX];
    size_t window;           /* slots in use of the above */
    uint64_t begun, printed; /* addresses; slot = number % WINDOW_MAX */
    uint64_t finished;
    char **next;      /* of the arguments */
    bool reads_input; /* "-" is being read */
    bool input_used;
    struct cli_lines lines;
    struct io_watch *watch; /* on standard input; NULL: it never blocks, or is not read now */
    struct io_timer hint;
    bool hint_shown;
    bool cancelled, failed;
    /* How it went, for the exit status and for words about what concerns all. */
    uint64_t not_valid, undetermined;
    uint64_t connect_failures, heard; /* addresses; heard: some mail server answered */
    uint64_t dns_failures, dns_heard; /* addresses; heard: some resolver answered */
};

/* --- what is known of one ------------------------------------------------------------------- */

static void take_note(struct check *check, const struct evidence *evidence,
                      const struct verdict *verdict)
{
    if (verdict->status == VERDICT_UNKNOWN || verdict->status == VERDICT_SKIPPED)
        check->undetermined++;
    else if (verdict->status != VERDICT_VALID)
        check->not_valid++;
    check->connect_failures += verdict->reason == REASON_CONNECT_FAILED;
    if (evidence->domain != NULL && (evidence->domain->mx_outcome == DNS_TIMEOUT ||
                                     evidence->domain->mx_outcome == DNS_UNREACHABLE))
        check->dns_failures++;
    else if (evidence->domain != NULL)
        check->dns_heard++;
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        if (evidence->attempts[i].outcome != SMTP_OUTCOME_CONNECT_FAILED) {
            check->heard++;
            break;
        }
    }
}

static void render(struct check *check, struct buffer *out, const struct evidence *evidence,
                   const struct verdict *verdict)
{
    const struct result_options result = {.with_evidence = check->options->evidence};
    const struct view_line line = {
        .address = evidence->input,
        .status = verdict->status,
        .reason = verdict->reason,
        .score = verdict->score,
        .explanation = slice_from_string(verdict->explanation),
        .suggestion = evidence->suggestion,
    };
    struct json json;

    if (check->options->json) {
        json_init(&json, out);
        result_write_json(&json, evidence, verdict, &result);
        buffer_append_byte(out, '\n');
    } else if (check->options->explain) {
        view_explain(out, evidence, verdict, &check->style);
    } else if (check->call->out_is_terminal) {
        view_line(out, &line, &check->style);
    } else {
        view_tabbed(out, &line);
    }
}

/* --- printing in order ---------------------------------------------------------------------- */

static void hint_clear(struct check *check)
{
    if (check->hint_shown)
        fputs("\r\033[K", check->call->err);
    check->hint_shown = false;
}

static void stop_early(struct check *check)
{
    check->failed = true;
    io_loop_stop(check->prober.loop);
}

static void print_what_is_due(struct check *check)
{
    bool any = false;

    while (check->printed < check->begun) {
        struct slot *slot = &check->slots[check->printed % WINDOW_MAX];

        if (!slot->done)
            break;
        if (!any)
            hint_clear(check);
        any = true;
        if (cli_print(check->call, &slot->text) != CLI_EXIT_OK) {
            stop_early(check);
            return;
        }
        slot->done = false;
        check->printed++;
    }
    /* Whoever reads a pipe wants it as it comes; a reader that went away wants no more. */
    if (any && fflush(check->call->out) != 0) {
        check->call->write_errno = errno;
        stop_early(check);
    }
}

/* --- taking addresses in ---------------------------------------------------------------------- */

static void go_on(struct check *check);

static void address_done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct slot *slot = user;
    struct check *check = slot->check;

    take_note(check, evidence, verdict);
    render(check, &slot->text, evidence, verdict);
    slot->done = true;
    check->finished++;
    print_what_is_due(check);
    if (!check->failed)
        go_on(check);
}

static void begin(struct check *check, struct slice address)
{
    struct slot *slot = &check->slots[check->begun % WINDOW_MAX];

    slot->check = check;
    if (probe_engine_submit(check->prober.engine, address, address_done, slot) < 0) {
        cli_fail(check->call, CLI_EXIT_USAGE, "out of memory");
        stop_early(check);
        return;
    }
    check->begun++;
}

static bool has_room(const struct check *check)
{
    return !check->failed && !check->cancelled && check->begun - check->printed < check->window;
}

static void input_end(struct check *check)
{
    if (check->watch != NULL)
        io_watch_stop(check->watch);
    check->watch = NULL;
    check->reads_input = false;
}

/* Read once and begin what came; false when there is nothing to do before more comes. */
static bool read_input(struct check *check)
{
    struct error error;
    struct slice line;

    while (has_room(check) && cli_lines_next(&check->lines, &line)) {
        line = slice_trim(line);
        if (line.len > 0)
            begin(check, line);
    }
    if (!has_room(check))
        return false;
    if (check->lines.ended) {
        input_end(check);
        return true;
    }
    if (check->watch != NULL)
        return false;
    if (cli_lines_fill(&check->lines, &error) < 0) {
        cli_fail(check->call, CLI_EXIT_USAGE, "%s", error.message);
        stop_early(check);
    }
    return !check->failed;
}

static void input_ready(void *user, unsigned events)
{
    struct check *check = user;
    struct error error;

    if (cli_lines_fill(&check->lines, &error) < 0) {
        cli_fail(check->call, CLI_EXIT_USAGE, "%s", error.message);
        stop_early(check);
        return;
    }
    go_on(check);
}

static void input_begin(struct check *check)
{
    check->reads_input = check->input_used = true;
    /* Regular files can't be watched and need not be. */
    if (io_watch_start(check->prober.loop, STDIN_FILENO, IO_READABLE, input_ready, check,
                       &check->watch) < 0)
        check->watch = NULL;
}

/* Begin as many as have room; stop the loop when all are printed. */
static void go_on(struct check *check)
{
    while (has_room(check)) {
        if (check->reads_input) {
            if (!read_input(check))
                break;
        } else if (*check->next == NULL) {
            break;
        } else if (strcmp(*check->next, "-") == 0 && !check->input_used) {
            check->next++;
            input_begin(check);
        } else {
            begin(check, slice_from_string(*check->next++));
        }
    }
    /* A full window must not be told again and again that there is more to read. */
    if (check->watch != NULL)
        io_watch_change(check->watch, has_room(check) ? IO_READABLE : 0);
    if (check->printed == check->begun &&
        (check->cancelled || (!check->reads_input && *check->next == NULL)))
        io_loop_stop(check->prober.loop);
}

/* --- beside the work -------------------------------------------------------------------------- */

static void hint_words(struct check *check, struct buffer *words)
{
    struct probe_counts counts;
    char clock[INSTANT_TEXT_SIZE];
    uint64_t now = io_now_ms(check->prober.loop);

    probe_engine_counts(check->prober.engine, &counts);
    buffer_printf(words, "%" PRIu64 " of %" PRIu64 "%s done", check->finished, check->begun,
                  check->reads_input || *check->next != NULL ? "+" : "");
    if (counts.greylist_waiting > 0 && counts.next_retry_ms != INSTANT_NEVER) {
        uint64_t wait_ms = counts.next_retry_ms > now ? counts.next_retry_ms - now : 0;

        instant_format(io_unix_ms(check->prober.loop) + (int64_t)wait_ms, clock);
        buffer_printf(words, ", %" PRIu64 " to ask again, next at %.8s UTC",
                      counts.greylist_waiting, clock + 11);
    }
    buffer_append_string(words, "; Ctrl-C prints what is known");
}

static void hint_show(struct io_timer *timer)
{
    struct check *check = timer->user;
    struct buffer words, line;

    buffer_init(&words, 0);
    buffer_init(&line, 0);
    hint_words(check, &words);
    /* A line that wraps can't be wiped out again. */
    view_cell(&line, buffer_slice(&words), check->call->width - 1, false);
    fprintf(check->call->err, "\r\033[K%.*s", SLICE_ARG(buffer_slice(&line)));
    fflush(check->call->err);
    check->hint_shown = true;
    buffer_done(&line);
    buffer_done(&words);
    io_timer_start(timer, io_now_ms(check->prober.loop) + HINT_AGAIN_MS);
}

static void interrupted(void *user, int signal_number)
{
    struct check *check = user;

    /* The next one is the system's: it kills. */
    io_uv_loop_on_signal(check->prober.loop, SIGINT, NULL, NULL);
    io_uv_loop_on_signal(check->prober.loop, SIGTERM, NULL, NULL);
    check->cancelled = true;
    input_end(check);
    probe_engine_cancel(check->prober.engine);
    go_on(check);
}

/* Troubles of ours that look like troubles of every address: said once. */
static void say_what_concerns_all(struct check *check)
{
    if (check->dns_failures > 0 && check->dns_heard == 0)
        cli_fail(check->call, 0,
                 "no DNS resolver answered%s. Name one that does with --resolver IP.",
                 check->call->config->resolvers.count > 0 ? " (those given with --resolver)"
                                                          : " (those of /etc/resolv.conf)");
    else if (check->connect_failures > 1 && check->heard == 0)
        cli_fail(check->call, 0,
                 "no mail server could be reached: port %" PRIu64 " seems to be blocked from here, "
                 "as it is on most home and many cloud networks. Ask the provider to open it, run "
                 "mailknock on a machine where it is open, or stop earlier with --depth dns.",
                 check->call->config->port);
    else if (check->connect_failures == 1 && check->heard == 0)
        cli_fail(check->call, 0,
                 "if the same happens with other domains, port %" PRIu64
                 " is blocked from here, as "
                 "it is on most home and many cloud networks; --depth dns stops before.",
                 check->call->config->port);
}

/* --- the command ------------------------------------------------------------------------------ */

static unsigned widest(char **arguments)
{
    size_t width = 0;

    for (; *arguments != NULL; arguments++) {
        size_t columns = utf8_columns(slice_prefix(slice_from_string(*arguments), 320));

        width = columns > width ? columns : width;
    }
    return (unsigned)width;
}

static void run_to_the_end(struct check *check)
{
    struct io_loop *loop = check->prober.loop;

    io_timer_init(loop, &check->hint, hint_show, check);
    if (check->call->err_is_terminal)
        io_timer_start(&check->hint, io_now_ms(loop) + HINT_MS);
    io_uv_loop_on_signal(loop, SIGINT, interrupted, check);
    io_uv_loop_on_signal(loop, SIGTERM, interrupted, check);
    go_on(check);
    if (check->printed < check->begun || check->reads_input)
        io_loop_run(loop);
    io_timer_stop(&check->hint);
    hint_clear(check);
    input_end(check);
    io_uv_loop_on_signal(loop, SIGINT, NULL, NULL);
    io_uv_loop_on_signal(loop, SIGTERM, NULL, NULL);
    /* Whoever went away early still says goodbye, but prints nothing more. */
    check->failed = true;
    probe_engine_cancel(check->prober.engine);
    prober_say_goodbye(&check->prober, GOODBYE_MS);
}

static int run(struct cli_call *call)
{
    struct config config = *call->config;
    const struct check_options *options = call->options;
    struct check *check;
    struct error error = {0};
    bool went_wrong;
    int status;

    config.transcripts = options->explain || options->evidence;
    check = memory_zalloc(1, sizeof(*check));
    if (check == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    check->call = call;
    check->options = options;
    check->next = call->arguments;
    check->window = config.open_cases < WINDOW_MAX ? (size_t)config.open_cases : WINDOW_MAX;
    check->style = (struct view_style){
        .width = call->width,
        .colour = call->colour,
        .address_width = widest(call->arguments),
        .explain_below = call->argument_count == 1 && strcmp(call->arguments[0], "-") != 0,
    };
    cli_lines_init(&check->lines, STDIN_FILENO, LINE_MAX_IN);
    if (prober_open(&check->prober, NULL, &config, &error) < 0) {
        status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
        goto done;
    }
    cli_advise(call, &check->prober);
    if (prober_remember(&check->prober, NULL, &config, &error) < 0)
        cli_fail(call, 0, "the history is left aside: %s", error.message);
    run_to_the_end(check);
    went_wrong = check->printed < check->begun && !check->cancelled;
    say_what_concerns_all(check);
    prober_close(&check->prober);
    status = went_wrong                                    ? CLI_EXIT_USAGE
             : check->not_valid > 0                        ? CLI_EXIT_NOT_VALID
             : check->undetermined > 0 || check->cancelled ? CLI_EXIT_UNDETERMINED
                                                           : CLI_EXIT_OK;
done:
    for (size_t i = 0; i < WINDOW_MAX; i++)
        buffer_done(&check->slots[i].text);
    cli_lines_done(&check->lines);
    memory_free(check);
    return status;
}

static const struct config_option rows[] = {
    {.name = "json",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct check_options, json),
     .command_line_only = true,
     .help = "One JSON object a line, as the API gives it."},
    {.name = "evidence",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct check_options, evidence),
     .command_line_only = true,
     .help = "With --json: DNS answers and transcripts too."},
    {.name = "explain",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct check_options, explain),
     .command_line_only = true,
     .help = "Everything that was asked and answered, layer by layer, with the conversation."},
};

const struct cli_command cli_check = {
    .name = "check",
    .arguments = "ADDRESS...",
    .summary = "tell whether mail to addresses would arrive",
    .details =
        "Prints a line for each address: status, reason, score (the chance in percent that a "
        "message arrives). \"-\" reads addresses from standard input, one a line. Where the output "
        "is no terminal, the fields are separated by tabs.\n"
        "\n"
        "Exit status: 0 all valid; 1 some not valid; 2 wrong usage; 3 some could not be "
        "determined, and none is known not to be valid.\n"
        "\n"
        "  mailknock check someone@example.org\n"
        "  mailknock check --explain someone@example.org\n"
        "  mailknock check --json - < addresses.txt > results.ndjson\n",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct check_options),
    .uses_common = true,
    .heeds_kept_lists = true,
    .arguments_min = 1,
    .arguments_max = SIZE_MAX,
    .run = run,
};
