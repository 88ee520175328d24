/* What is seen while a list is cleaned: a bar on a terminal, a line now and then elsewhere. */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/utf8.h"
#include "cli/clean.h"
#include "cli/event.h"
#include "cli/terminal.h"
#include "cli/view.h"

#define REDRAW_MS   200
#define LINE_MS     (15 * SECOND_MS)
#define JSON_MS     SECOND_MS
#define BAR_COLUMNS 20

static volatile sig_atomic_t interrupts, asked;

static void note_signal(int number)
{
    if (number == SIGUSR1)
        asked = 1;
    else
        interrupts++;
}

void clean_catch_signals(void)
{
    /* Who waits for standard input is woken to stop, and not to show progress. */
    struct sigaction stop = {.sa_handler = note_signal};
    struct sigaction show = {.sa_handler = note_signal, .sa_flags = SA_RESTART};

    interrupts = 0;
    sigaddset(&stop.sa_mask, SIGINT);
    sigaddset(&stop.sa_mask, SIGTERM);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGUSR1, &show, NULL);
}

bool clean_is_interrupted(void)
{
    return interrupts != 0;
}

unsigned clean_interrupts(void)
{
    return (unsigned)interrupts;
}

bool clean_was_stopped(int code)
{
    return interrupts != 0 && (code == 1 || code == ERROR_STOPPED);
}

bool clean_is_asked(void)
{
    bool was_asked = asked != 0;

    asked = 0;
    return was_asked;
}

uint64_t clean_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_MS + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t pause_ms(const struct clean_progress *progress)
{
    return progress->is_json ? JSON_MS : progress->call->err_is_terminal ? REDRAW_MS : LINE_MS;
}

void clean_progress_init(struct clean *clean)
{
    clean->progress = (struct clean_progress){
        .call = clean->call,
        .is_quiet = clean->options->quiet,
        .is_json = clean->options->json_progress,
    };
    clean->progress.next_ms = clean_clock_ms() + pause_ms(&clean->progress);
}

void clean_progress_clear(struct clean_progress *progress)
{
    if (progress->drawn_lines > 0)
        fputs("\r\033[J", progress->call->err);
    progress->drawn_lines = 0;
    fflush(progress->call->err);
}

void clean_say(struct clean *clean, const char *format, ...)
{
    va_list args;

    if (clean->options->quiet || clean->options->json_progress)
        return;
    clean_progress_clear(&clean->progress);
    va_start(args, format);
    vfprintf(clean->call->err, format, args);
    va_end(args);
    fputc('\n', clean->call->err);
    fflush(clean->call->err);
}

/* Is it time? */
static bool is_due(struct clean_progress *progress, bool now)
{
    uint64_t clock = clean_clock_ms();

    if (now)
        return true;
    if (progress->is_quiet && !progress->is_json)
        return false;
    if (clock < progress->next_ms)
        return false;
    progress->next_ms = clock + pause_ms(progress);
    return true;
}

/* What does not fit would scroll: it goes from the end in whole parts, for half a number is a wrong
   one. Only ASCII stands there. */
static struct slice fit(struct slice line, size_t width)
{
    while (utf8_columns(line) >= width) {
        ptrdiff_t comma = slice_rfind_byte(line, ',');

        if (comma <= 0)
            return slice_prefix(line, width - 1);
        line = slice_prefix(line, (size_t)comma);
    }
    return line;
}

/* One line, or two where one is too narrow. The cursor stays at their beginning: what the terminal
   shows of Ctrl-C is overwritten like the lines. */
static void draw_on_terminal(struct clean_progress *progress, struct slice line, struct slice more)
{
    struct cli_call *call = progress->call;
    size_t width = terminal_width(call->err, call->out);

    if (more.len > 0 && utf8_columns(line) + 2 + utf8_columns(more) >= width) {
        fprintf(call->err, "\r%.*s\033[K\n%.*s\033[J\r\033[A", SLICE_ARG(fit(line, width)),
                SLICE_ARG(fit(more, width)));
        progress->drawn_lines = 2;
        return;
    }
    fprintf(call->err, "\r%.*s%s%.*s\033[J\r", SLICE_ARG(more.len > 0 ? line : fit(line, width)),
            more.len > 0 ? ", " : "", SLICE_ARG(more));
    progress->drawn_lines = 1;
}

/* `more` may be empty. */
static void draw(struct clean_progress *progress, struct buffer *line, struct buffer *more)
{
    struct cli_call *call = progress->call;

    if (!line->failed && !more->failed) {
        if (call->err_is_terminal)
            draw_on_terminal(progress, buffer_slice(line), buffer_slice(more));
        else
            fprintf(call->err, "%.*s%s%.*s\n", SLICE_ARG(buffer_slice(line)),
                    more->len > 0 ? ", " : "", SLICE_ARG(buffer_slice(more)));
    }
    fflush(call->err);
    buffer_done(line);
    buffer_done(more);
}

static void add_bar(struct buffer *out, uint64_t done, uint64_t all)
{
    unsigned filled = all > 0 ? (unsigned)(done * BAR_COLUMNS / all) : 0;

    buffer_append_byte(out, '[');
    for (unsigned i = 0; i < BAR_COLUMNS; i++)
        buffer_append_byte(out, i < filled ? '#' : '.');
    buffer_printf(out, "] %3u%% ", all > 0 ? (unsigned)(done * 100 / all) : 0);
}

/* Rows, and `done` of `all` octets or, with `is_octets` false, of all rows. */
static void tell_share(struct clean_progress *progress, uint64_t rows, uint64_t done, uint64_t all,
                       bool is_octets, const char *doing)
{
    struct buffer line, more;
    struct event event;
    struct json *json;

    if (!is_due(progress, clean_is_asked()))
        return;
    if (progress->is_json) {
        json = event_begin(&event, doing);
        json_name_int(json, "rows", (int64_t)rows);
        if (is_octets)
            json_name_int(json, "bytes", (int64_t)done);
        json_name_int(json, is_octets ? "bytes_total" : "rows_total", (int64_t)all);
        event_end(&event, progress->call->err);
        return;
    }
    buffer_init(&line, 0);
    buffer_init(&more, 0);
    if (all > 0 && progress->call->err_is_terminal)
        add_bar(&line, done, all);
    buffer_printf(&line, "%s: %" PRIu64 " rows", doing, rows);
    draw(progress, &line, &more);
}

void clean_progress_reading(struct clean_progress *progress, uint64_t rows, uint64_t offset,
                            uint64_t size, const char *doing)
{
    tell_share(progress, rows, offset, size, true, doing);
}

void clean_progress_writing(struct clean_progress *progress, uint64_t rows, uint64_t all)
{
    tell_share(progress, rows, rows, all, false, "writing");
}

/* --- a running job --------------------------------------------------------------------------- */

void clean_add_clock(struct buffer *out, int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm local;

    localtime_r(&seconds, &local);
    buffer_printf(out, "%02d:%02d", local.tm_hour, local.tm_min);
}

static void count_statuses(const struct store_counts *counts,
                           uint64_t by_status[VERDICT_STATUS_COUNT])
{
    memset(by_status, 0, VERDICT_STATUS_COUNT * sizeof(*by_status));
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        by_status[verdict_reason_status((enum verdict_reason)i)] += counts->rows[i];
}

static void write_job(FILE *to, const struct bulk_job_progress *progress,
                      const struct probe_counts *counts, struct probe_engine *engine,
                      struct io_loop *loop)
{
    char moment[INSTANT_TEXT_SIZE];
    uint64_t by_status[VERDICT_STATUS_COUNT];
    struct event event;
    struct json *json = event_begin(&event, "progress");

    count_statuses(&progress->counts, by_status);
    json_name_int(json, "rows", (int64_t)progress->rows);
    json_name_int(json, "duplicates", (int64_t)progress->duplicates);
    json_name_int(json, "done", (int64_t)progress->done);
    json_name_int(json, "left", (int64_t)progress->left);
    json_name_int(json, "in_flight", (int64_t)progress->in_flight);
    json_name(json, "rows_per_s");
    json_double(json, progress->rows_per_s, 1);
    json_name_int(json, "probes", (int64_t)counts->rcpts);
    json_name_int(json, "connections", (int64_t)counts->connections);
    json_name_int(json, "waiting", (int64_t)counts->greylist_waiting);
    if (counts->greylist_waiting == 0 || counts->next_retry_ms == INSTANT_NEVER)
        json_name_null(json, "waiting_until");
    else
        json_name_cstring(json, "waiting_until",
                          instant_format(io_unix_ms(loop) + (int64_t)counts->next_retry_ms -
                                             (int64_t)io_now_ms(loop),
                                         moment));
    if (progress->eta_ms == INSTANT_NEVER)
        json_name_null(json, "eta_s");
    else
        json_name_int(json, "eta_s", (int64_t)(progress->eta_ms / SECOND_MS));
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        json_name_int(json, verdict_status_name((enum verdict_status)i), (int64_t)by_status[i]);
    json_name(json, "sites");
    clean_sites_write(json, engine, loop);
    event_end(&event, to);
}

static void add_job_line(struct buffer *line, const struct bulk_job_progress *progress,
                         const struct probe_counts *counts, bool with_bar)
{
    uint64_t all = progress->done + progress->left;
    char span[32];

    if (with_bar)
        add_bar(line, progress->done, all);
    buffer_printf(line, "%" PRIu64 " of %" PRIu64 ", %.*f/s", progress->done, all,
                  progress->rows_per_s < 10 ? 1 : 0, progress->rows_per_s);
    if (progress->run_ms > 0)
        buffer_printf(line, " (%.0f probes/s)",
                      (double)counts->rcpts * 1000 / (double)progress->run_ms);
    if (progress->eta_ms != INSTANT_NEVER && progress->left > 0)
        buffer_printf(line, ", %s left", span_format(progress->eta_ms, span));
}

/* Who waits, and what came out so far. */
static void add_job_counts(struct buffer *more, const struct bulk_job_progress *progress,
                           const struct probe_counts *counts, struct io_loop *loop)
{
    uint64_t by_status[VERDICT_STATUS_COUNT], now = io_now_ms(loop);

    if (counts->greylist_waiting > 0 && counts->next_retry_ms != INSTANT_NEVER) {
        buffer_printf(more, "%" PRIu64 " waiting until ", counts->greylist_waiting);
        clean_add_clock(more, io_unix_ms(loop) + (int64_t)counts->next_retry_ms - (int64_t)now);
    }
    count_statuses(&progress->counts, by_status);
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        if (by_status[i] > 0)
            buffer_printf(more, "%s%s %" PRIu64, more->len > 0 ? ", " : "",
                          verdict_status_name((enum verdict_status)i), by_status[i]);
}

void clean_progress_job(struct clean_progress *progress, struct bulk_job *job,
                        struct probe_engine *engine, struct io_loop *loop, bool now)
{
    struct bulk_job_progress state;
    struct probe_counts counts;
    struct buffer line, more;

    if (!is_due(progress, now))
        return;
    bulk_job_progress(job, &state);
    probe_engine_counts(engine, &counts);
    if (progress->is_json) {
        write_job(progress->call->err, &state, &counts, engine, loop);
        return;
    }
    buffer_init(&line, 0);
    buffer_init(&more, 0);
    add_job_line(&line, &state, &counts, progress->call->err_is_terminal);
    add_job_counts(&more, &state, &counts, loop);
    draw(progress, &line, &more);
}

void clean_progress_sites(struct clean_progress *progress, struct probe_engine *engine,
                          struct io_loop *loop)
{
    struct buffer lines;

    if (progress->is_json)
        return; /* they are in each event */
    buffer_init(&lines, 0);
    clean_sites_print(&lines, engine, loop);
    for (; progress->drawn_lines > 0; progress->drawn_lines--)
        fputc('\n', progress->call->err); /* the bar stays above them */
    if (lines.len > 0 && !lines.failed)
        fprintf(progress->call->err, "%.*s\n",
                SLICE_ARG(slice_from_offset(buffer_slice(&lines), 1)));
    fflush(progress->call->err);
    buffer_done(&lines);
}
