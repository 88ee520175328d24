/*
 * `mailknock demo`: two hundred customers, cleaned before your eyes, on this machine only.
 *
 * The lab and the prober share one loop: the simulated mail servers of examples/demo.scenario stand
 * on loopback, and the list is checked through the same layers as a real one. Both files are built
 * into the program, so that the demo runs wherever the binary is, without root and network.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "cli/command.h"
#include "cli/demo_list.h"
#include "config/prober.h"
#include "io/uv_loop.h"
#include "lab/file.h"
#include "lab/loopback.h"
#include "lab/sign.h"

#define PROGRESS_MS 100
#define GOODBYE_MS  (2 * SECOND_MS)

/* Made from examples/ by tools/embed-files. */
extern const char cli_demo_scenario[], cli_demo_customers[];
extern const size_t cli_demo_scenario_len, cli_demo_customers_len;

struct demo_options {
    const char *folder;
};

struct demo {
    struct cli_call *call;
    char *folder, *scenario_path, *list_path, *out_path, *config_path;
    struct lab_scenario *scenario;
    struct io_loop *loop;
    struct lab_loopback loopback;
    struct config config; /* the lab's, not the user's */
    struct prober prober;
    struct demo_list list;
    uint64_t begun_ms;
    struct io_timer progress;
    bool interrupted;
};

/* --- files ------------------------------------------------------------------------------------ */

/* The folder that was asked for, else ./mailknock-demo, else one of our own where temporary files
   go. Made if it is not there. */
static int folder_find(struct demo *demo, struct error *error)
{
    const struct demo_options *options = demo->call->options;
    const char *temporary = getenv("TMPDIR");
    const char *wanted = options->folder != NULL ? options->folder : "mailknock-demo";

    if ((mkdir(wanted, 0777) == 0 || errno == EEXIST) && access(wanted, W_OK | X_OK) == 0) {
        demo->folder = arena_string(demo->call->arena, slice_from_string(wanted));
    } else if (options->folder != NULL) {
        return error_set(error, ERROR_IO, "%s: %s", wanted, strerror(errno));
    } else {
        demo->folder = arena_printf(demo->call->arena, "%s/mailknock-demo-XXXXXX",
                                    temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
        if (demo->folder != NULL && mkdtemp(demo->folder) == NULL)
            return error_set(error, ERROR_IO, "%s: %s", demo->folder, strerror(errno));
    }
    return demo->folder != NULL ? 0 : error_set(error, ERROR_NOMEM, "no memory");
}

static char *path_in(struct demo *demo, const char *name)
{
    return arena_printf(demo->call->arena, "%s/%s", demo->folder, name);
}

static int files_lay_out(struct demo *demo, struct error *error)
{
    int code = folder_find(demo, error);

    if (code < 0)
        return code;
    demo->scenario_path = path_in(demo, "demo.scenario");
    demo->list_path = path_in(demo, "customers.csv");
    demo->out_path = path_in(demo, "customers.clean.csv");
    demo->config_path = path_in(demo, "lab.conf");
    if (demo->scenario_path == NULL || demo->list_path == NULL || demo->out_path == NULL ||
        demo->config_path == NULL)
        return error_set(error, ERROR_NOMEM, "no memory");
    code = lab_file_write(demo->scenario_path, slice_from(cli_demo_scenario, cli_demo_scenario_len),
                          error);
    if (code == 0)
        code = lab_file_write(demo->list_path,
                              slice_from(cli_demo_customers, cli_demo_customers_len), error);
    return code;
}

/* --- setting up --------------------------------------------------------------------------------
 */

static int lab_open(struct demo *demo, struct error *error)
{
    const struct lab_loopback_options options = {.seed = 1};
    int code;

    demo->scenario = lab_loopback_read(demo->scenario_path, error);
    if (demo->scenario == NULL)
        return ERROR_IO;
    demo->loop = io_uv_loop_new(error);
    if (demo->loop == NULL)
        return ERROR_IO;
    code = lab_loopback_open(&demo->loopback, demo->loop, demo->scenario, &options, error);
    if (code == 0)
        code = lab_sign_write(demo->config_path, &demo->loopback, demo->scenario, error);
    return code;
}

/* Defaults and the lab's own configuration: whatever the user has configured is for the world. */
static int prober_set_up(struct demo *demo, struct error *error)
{
    const struct config_target target = {&config_common, &demo->config};
    struct buffer text;
    int code;

    buffer_init(&text, 0);
    code = config_set_defaults(&config_common, &demo->config, demo->call->arena);
    if (code == 0)
        code = lab_file_read(demo->config_path, &text, error);
    if (code == 0)
        code = config_read_text(buffer_slice(&text), demo->config_path, &target, 1,
                                demo->call->arena, error);
    if (code == 0)
        code = prober_open(&demo->prober, demo->loop, &demo->config, error);
    buffer_done(&text);
    return code;
}

/* --- running ------------------------------------------------------------------------------------
 */

static void progress_fire(struct io_timer *timer)
{
    struct demo *demo = timer->user;

    if (demo->call->err_is_terminal)
        (void)fprintf(demo->call->err, "\r\033[K%llu of %llu mailboxes",
                      (unsigned long long)demo_list_done(&demo->list),
                      (unsigned long long)(demo->list.job.rows - demo->list.job.duplicates));
    (void)io_timer_start(timer, io_now_ms(demo->loop) + PROGRESS_MS);
}

static void list_ended(struct demo_list *list)
{
    struct demo *demo = list->user;

    io_loop_stop(demo->loop);
}

static void interrupt(void *user, int signal_number)
{
    struct demo *demo = user;

    demo->interrupted = true;
    io_loop_stop(demo->loop);
}

static int list_clean(struct demo *demo, struct error *error)
{
    int code = demo_list_start(&demo->list, &demo->prober, list_ended, demo, error);

    if (code < 0)
        return code;
    io_timer_init(demo->loop, &demo->progress, progress_fire, demo);
    (void)io_timer_start(&demo->progress, io_now_ms(demo->loop));
    (void)io_uv_loop_on_signal(demo->loop, SIGINT, interrupt, demo);
    (void)io_uv_loop_on_signal(demo->loop, SIGTERM, interrupt, demo);
    demo->begun_ms = io_now_ms(demo->loop);
    io_loop_run(demo->loop);
    io_timer_stop(&demo->progress);
    if (demo->call->err_is_terminal)
        (void)fputs("\r\033[K", demo->call->err);
    if (demo->interrupted)
        return error_set(error, ERROR_BUSY, "interrupted");
    if (demo->list.end != BULK_JOB_FINISHED)
        return error_set(error, ERROR_INTERNAL, "%s", bulk_job_error(demo->list.work)->message);
    prober_say_goodbye(&demo->prober, GOODBYE_MS);
    return 0;
}

/* --- telling -----------------------------------------------------------------------------------
 */

static void ending_show(struct demo *demo, struct buffer *out, uint64_t took_ms)
{
    const char *program = program_invocation_name; /* as it was called: commands to be copied */
    struct probe_counts counts;
    char span[32];

    probe_engine_counts(demo->prober.engine, &counts);
    (void)buffer_printf(out,
                        "\n%llu rows, %llu of them duplicates of a mailbox above, in %s by %llu "
                        "connections.\nNo message was sent, and no server's limit exceeded.\n",
                        (unsigned long long)demo->list.job.rows,
                        (unsigned long long)demo->list.job.duplicates, span_format(took_ms, span),
                        (unsigned long long)counts.connections);
    (void)buffer_printf(out, "The cleaned list: %s\n\n", demo->out_path);
    (void)buffer_append_string(out, "Try next, with the lab open in one terminal:\n\n");
    (void)buffer_printf(out, "  %s lab %s --write-config %s\n\n", program, demo->scenario_path,
                        demo->config_path);
    (void)buffer_append_string(out, "and in another:\n\n");
    (void)buffer_printf(out, "  %s check anyone@everyone.example --config %s --explain\n", program,
                        demo->config_path);
    (void)buffer_printf(out, "  %s clean %s --config %s\n", program, demo->list_path,
                        demo->config_path);
}

static int tell(struct demo *demo, uint64_t took_ms)
{
    struct cli_call *call = demo->call;
    const struct view_style style = {.width = call->width, .colour = call->colour};
    struct view_summary summary;
    struct error error = {0};
    const char *violation;
    struct buffer out;
    int status = CLI_EXIT_OK;

    buffer_init(&out, 0);
    (void)buffer_append_string(&out, "One example of every verdict:\n\n");
    if (demo_list_tell(&demo->list, &summary, &out, &style, &error) < 0) {
        buffer_done(&out);
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    }
    (void)buffer_append_string(&out, "\nThe whole list:\n\n");
    view_summary(&out, &summary, &style);
    if (lab_world_violation(demo->loopback.world, 0) == NULL)
        ending_show(demo, &out, took_ms);
    if (out.failed)
        status = cli_fail(call, CLI_EXIT_USAGE, "no memory for the summary");
    else
        (void)fwrite(out.ptr, 1, out.len, call->out);
    buffer_done(&out);
    for (size_t i = 0; (violation = lab_world_violation(demo->loopback.world, i)) != NULL; i++)
        status = cli_fail(call, CLI_EXIT_NOT_VALID, "violation: %s", violation);
    return status;
}

static void demo_close(struct demo *demo)
{
    demo_list_close(&demo->list);
    prober_close(&demo->prober);
    lab_loopback_close(&demo->loopback);
    if (demo->loop != NULL)
        io_loop_free(demo->loop);
    lab_scenario_free(demo->scenario);
}

static int run(struct cli_call *call)
{
    struct demo *demo = arena_alloc(call->arena, sizeof(*demo));
    struct error error = {0};
    uint64_t took_ms;
    int status;

    if (demo == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "no memory");
    demo->call = call;
    if (files_lay_out(demo, &error) < 0 || lab_open(demo, &error) < 0 ||
        prober_set_up(demo, &error) < 0 ||
        demo_list_open(&demo->list, demo->list_path, &error) < 0) {
        demo_close(demo);
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    }
    (void)fprintf(call->out,
                  "A simulated internet is open on loopback, SMTP port %u. Cleaning %llu "
                  "customers...\n\n",
                  demo->loopback.port, (unsigned long long)demo->list.job.rows);
    (void)fflush(call->out);
    if (list_clean(demo, &error) < 0) {
        status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    } else {
        took_ms = io_now_ms(demo->loop) - demo->begun_ms;
        if (demo_list_write(&demo->list, demo->out_path, &error) < 0)
            status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
        else
            status = tell(demo, took_ms);
    }
    demo_close(demo);
    return status;
}

static const struct config_option options[] = {
    {.name = "folder",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct demo_options, folder),
     .value_name = "DIR",
     .help = "Where to put the list, its cleaned copy and the scenario. Default: mailknock-demo "
             "here, or in the folder for temporary files when nothing can be written here."},
};

const struct cli_command cli_demo = {
    .name = "demo",
    .arguments = "",
    .summary = "clean a list of 200 customers against a simulated internet, on this machine only",
    .details = "Needs no network, no root and no configuration, and takes about ten seconds.\n"
               "\n"
               "  mailknock demo",
    .own = {options, ARRAY_LEN(options)},
    .options_size = sizeof(struct demo_options),
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
