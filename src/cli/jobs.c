/*
 * `mailknock jobs`: what job files hold, also while somebody works on them.
 *
 *   jobs FILE                 all jobs, one a line
 *   jobs show FILE            one in full
 *   jobs export FILE -o OUT   the list with what is known by now
 *   jobs pause FILE           whoever works on it keeps what there is and stops
 *   jobs resume --store URL   the service goes on with it
 *   jobs delete FILE          away with it
 *   jobs rejudge FILE         the kept evidence judged by today's rules
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "bulk/job_file.h"
#include "bulk/job_source.h"
#include "cli/clean_rows.h"
#include "cli/jobs.h"
#include "cli/view.h"

#define REMOVED_AT_ONCE 10000

int jobs_fail(const struct jobs *jobs, const struct error *error)
{
    return cli_fail(jobs->call, CLI_EXIT_USAGE, "%s", error->message);
}

bool jobs_is_worked_on(const struct jobs *jobs)
{
    const char *path = store_url_path(jobs->url);

    return path != NULL && bulk_job_is_locked(path);
}

bool jobs_is_shared(const struct jobs *jobs)
{
    return store_url_is_shared(jobs->url);
}

/* The state as it is: a job whose process was killed still says that it runs. Of a database that is
   shared nobody else goes on with it: its workers do. */
static const char *state_of(const struct jobs *jobs, const struct store_job *job, bool is_locked)
{
    if (jobs_is_shared(jobs))
        return store_job_state_name(job->state);
    if (is_locked && (job->state == STORE_JOB_READY || job->state == STORE_JOB_PAUSED))
        return "running";
    if (!is_locked && job->state == STORE_JOB_RUNNING)
        return "interrupted";
    return store_job_state_name(job->state);
}

int jobs_find(struct jobs *jobs, struct store_job *ret_job, struct error *error)
{
    struct store_job second;
    int code;

    if (jobs->options->job > 0)
        return store_job_get(jobs->store, jobs->options->job, &jobs->arena, ret_job, error);
    code = store_job_next(jobs->store, 0, &jobs->arena, ret_job, error);
    if (code == 0)
        return error_set(error, ERROR_NOT_FOUND, "%s holds no job", jobs->url);
    if (code == 1)
        code = store_job_next(jobs->store, ret_job->id, &jobs->arena, &second, error);
    return code == 1 ? error_set(error, ERROR_USAGE, "%s holds several jobs: say which by --job N",
                                 jobs->url)
                     : code;
}

/* --- seeing ---------------------------------------------------------------------------------- */

static void write_json(const struct jobs *jobs, struct buffer *out, const struct store_job *job,
                       bool is_locked, const struct store_counts *counts)
{
    char moment[INSTANT_TEXT_SIZE];
    struct json json;

    json_init(&json, out);
    json_object_begin(&json);
    json_name_int(&json, "id", (int64_t)job->id);
    json_name_cstring(&json, "state", state_of(jobs, job, is_locked));
    json_name_string(&json, "name", job->name);
    json_name_int(&json, "rows", (int64_t)job->rows);
    json_name_int(&json, "faults", (int64_t)job->faults);
    json_name_int(&json, "doubts", (int64_t)job->doubts);
    json_name_int(&json, "duplicates", (int64_t)job->duplicates);
    json_name_int(&json, "done", (int64_t)job->done);
    json_name_int(&json, "left", (int64_t)store_job_left(job));
    json_name_cstring(&json, "created_at", instant_format(job->created_unix_ms, moment));
    json_name_int(&json, "active_ms", (int64_t)job->active_ms);
    json_name_string(&json, "note", job->note);
    json_name(&json, "options");
    json_raw(&json, job->options.len > 0 ? job->options : SLICE("{}"));
    json_name(&json, "reasons");
    json_object_begin(&json);
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        if (counts->rows[i] > 0)
            json_name_int(&json, verdict_reason_name((enum verdict_reason)i),
                          (int64_t)counts->rows[i]);
    json_object_end(&json);
    json_object_end(&json);
    buffer_append_byte(out, '\n');
}

static void write_line(const struct jobs *jobs, struct buffer *out, const struct store_job *job,
                       bool is_locked)
{
    uint64_t all = job->done + store_job_left(job);
    char span[32];

    buffer_printf(out, "%5" PRIu64 "  %-11s %3u%%  %" PRIu64 " of %" PRIu64 " results, worked %s  ",
                  job->id, state_of(jobs, job, is_locked),
                  all > 0 ? (unsigned)(job->done * 100 / all) : 0, job->done, all,
                  span_format(job->active_ms, span));
    view_clean(out, job->name);
    buffer_append_byte(out, '\n');
}

static void write_in_full(const struct jobs *jobs, struct buffer *out, const struct store_job *job,
                          bool is_locked, const struct store_counts *counts)
{
    const struct cli_call *call = jobs->call;
    const struct view_style style = {.width = call->width, .colour = call->colour};
    struct view_summary summary = {0};

    write_line(jobs, out, job, is_locked);
    buffer_printf(out,
                  "       %" PRIu64 " rows, %" PRIu64 " duplicates, %" PRIu64 " can't be read\n",
                  job->rows, job->duplicates, job->faults);
    if (job->doubts > 0)
        buffer_printf(out, "       %" PRIu64 " row%s quotes that leave a doubt\n", job->doubts,
                      job->doubts == 1 ? " has" : "s have");
    if (job->note.len > 0) {
        buffer_append_string(out, "       ");
        view_clean(out, job->note);
        buffer_append_byte(out, '\n');
    }
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++) {
        summary.by_reason[i] = counts->rows[i];
        summary.by_status[verdict_reason_status((enum verdict_reason)i)] += counts->rows[i];
        summary.total += counts->rows[i];
    }
    if (summary.total > 0)
        view_summary(out, &summary, &style);
}

static int show_job(struct jobs *jobs, const struct store_job *job, bool in_full)
{
    bool is_locked = jobs_is_worked_on(jobs);
    struct store_counts counts;
    struct error error = {0};
    struct buffer out;
    int status = CLI_EXIT_OK;

    if (store_counts(jobs->store, job->id, &counts, &error) != 0)
        return jobs_fail(jobs, &error);
    buffer_init(&out, 0);
    if (jobs->options->json)
        write_json(jobs, &out, job, is_locked, &counts);
    else if (in_full)
        write_in_full(jobs, &out, job, is_locked, &counts);
    else
        write_line(jobs, &out, job, is_locked);
    if (out.failed)
        status = cli_fail(jobs->call, CLI_EXIT_USAGE, "out of memory");
    else
        fwrite(out.ptr, 1, out.len, jobs->call->out);
    buffer_done(&out);
    return status;
}

static int run_list(struct jobs *jobs)
{
    struct store_job job = {0};
    struct error error = {0};
    int code, status = CLI_EXIT_OK;

    while (status == CLI_EXIT_OK &&
           (code = store_job_next(jobs->store, job.id, &jobs->arena, &job, &error)) == 1)
        status = show_job(jobs, &job, false);
    return status == CLI_EXIT_OK && code < 0 ? jobs_fail(jobs, &error) : status;
}

static int run_show(struct jobs *jobs)
{
    struct store_job job;
    struct error error = {0};

    return jobs_find(jobs, &job, &error) == 0 ? show_job(jobs, &job, true)
                                              : jobs_fail(jobs, &error);
}

/* --- taking out ------------------------------------------------------------------------------- */

static int run_export(struct jobs *jobs)
{
    const struct clean_options options = {.out = jobs->options->out};
    struct config config = *jobs->call->config;
    struct cli_call call = *jobs->call;
    struct clean clean = {.call = &call, .options = &options};
    struct bulk_job_source source;
    struct store_job job;
    struct error error = {0};
    int code = jobs_find(jobs, &job, &error);

    call.config = &config;
    clean.output = options.out.output != NULL ? options.out.output : "-";
    clean_progress_init(&clean);
    clean_catch_signals();
    if (code == 0 && job.state == STORE_JOB_LOADING)
        code = error_set(&error, ERROR_USAGE, "the list is still being read: nothing is known yet");
    if (code == 0)
        code = bulk_job_source_read(job.sources, &jobs->arena, &source, &error);
    if (code == 0) {
        clean.files = source.files;
        clean.file_count = source.file_count;
        clean.format = source.format;
        clean.job_path = store_url_path(jobs->url);
        clean_options_take(job.options, &config);
        code = clean_check_places(&clean, &error);
    }
    if (code == 0) {
        code = clean_write(&clean, jobs->store, &job, BULK_EXPORT_REST_EMPTY, &error);
    }
    if (clean_was_stopped(code))
        return cli_fail(jobs->call, CLI_EXIT_UNDETERMINED, "stopped%s",
                        strcmp(clean.output, "-") != 0 ? "; nothing was written" : "");
    if (code == ERROR_RANGE)
        return cli_fail(jobs->call, CLI_EXIT_USAGE,
                        "%s. The clean command that began it reads it anew and takes over what is "
                        "known",
                        error.message);
    if (code < 0)
        return jobs_fail(jobs, &error);
    if (strcmp(clean.output, "-") != 0)
        clean_say(&clean,
                  "%" PRIu64 " of %" PRIu64 " results are known; %" PRIu64 " row%s written to %s",
                  job.done, job.rows - job.duplicates, clean.written, clean.written == 1 ? "" : "s",
                  clean.output);
    if (clean.cut > 0)
        clean_say(&clean, CLEAN_CUT, CLEAN_CUT_ARG(&clean));
    return CLI_EXIT_OK;
}

/* --- taking away ------------------------------------------------------------------------------ */

static int remove_rows(struct jobs *jobs, struct error *error)
{
    struct store_job job, other;
    int code;

    code = jobs_find(jobs, &job, error);
    if (code != 0)
        return code;
    do {
        code = store_job_remove(jobs->store, job.id, REMOVED_AT_ONCE, error);
    } while (code == 1);
    /* 1: others are left, and the file stays. */
    return code == 0 ? store_job_next(jobs->store, 0, &jobs->arena, &other, error) : code;
}

/* Whose rows are being added or asked about is nobody's to take away. */
static int check_rest(struct jobs *jobs, struct error *error)
{
    struct store_job job = {0};
    int code;

    while ((code = store_job_next(jobs->store, job.id, &jobs->arena, &job, error)) == 1)
        if ((jobs->options->job == 0 || job.id == jobs->options->job) &&
            (job.state == STORE_JOB_RUNNING || job.state == STORE_JOB_LOADING))
            return error_set(error, ERROR_BUSY, "job %" PRIu64 " is %s: pause it first", job.id,
                             store_job_state_name(job.state));
    return code;
}

static int delete_shared(struct jobs *jobs)
{
    struct error error = {0};
    int code = store_open(jobs->url, STORE_MODE_EXISTING, &jobs->store, &error);

    if (code == 0)
        code = check_rest(jobs, &error);
    if (code == 0)
        code = remove_rows(jobs, &error);
    return code < 0 ? jobs_fail(jobs, &error) : CLI_EXIT_OK;
}

static int run_delete(struct jobs *jobs)
{
    const char *path = store_url_path(jobs->url);
    struct error error = {0};
    int lock = -1, code;

    if (jobs_is_shared(jobs))
        return delete_shared(jobs);
    code = bulk_job_lock(path, &lock, NULL, &error);
    if (code == 0)
        code = store_open(jobs->url, STORE_MODE_EXISTING, &jobs->store, &error);
    if (code == 0)
        code = remove_rows(jobs, &error);
    store_close(jobs->store);
    jobs->store = NULL;
    if (code == 0)
        bulk_job_file_remove(path);
    bulk_job_unlock(lock);
    return code < 0 ? jobs_fail(jobs, &error) : CLI_EXIT_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    int (*run)(struct jobs *jobs);
    bool opens_itself, wants_rest;
} verbs[] = {
    {"list", run_list, false, false},       {"show", run_show, false, false},
    {"export", run_export, false, false},   {"pause", jobs_pause, true, false},
    {"resume", jobs_resume, true, false},   {"delete", run_delete, true, true},
    {"rejudge", jobs_rejudge, true, false}, {"workers", jobs_workers, false, false},
};

static int run_verb(struct jobs *jobs, size_t verb)
{
    struct error error = {0};
    int status;

    const char *path = store_url_path(jobs->url);

    if (path == NULL && !jobs_is_shared(jobs))
        return cli_fail(jobs->call, CLI_EXIT_USAGE, "'%.200s' is no job file", jobs->url);
    arena_init(&jobs->arena);
    if (verbs[verb].wants_rest && path != NULL && bulk_job_is_locked(path))
        status = cli_fail(jobs->call, CLI_EXIT_USAGE, "somebody works on %s: stop that first",
                          jobs->url);
    else if (store_open(jobs->url, STORE_MODE_READ_ONLY, &jobs->store, &error) != 0)
        status = jobs_fail(jobs, &error);
    else {
        if (verbs[verb].opens_itself) {
            store_close(jobs->store);
            jobs->store = NULL;
        }
        status = verbs[verb].run(jobs);
    }
    store_close(jobs->store);
    arena_done(&jobs->arena);
    return status;
}

static int run(struct cli_call *call)
{
    struct jobs jobs = {.call = call, .options = call->options, .url = call->config->store};
    size_t verb = 0, at = 0;

    for (size_t i = 0; call->argument_count > 0 && i < ARRAY_LEN(verbs); i++) {
        if (strcmp(call->arguments[0], verbs[i].word) == 0) {
            verb = i;
            at = 1;
        }
    }
    if (at == 0 && call->argument_count > 1)
        return cli_fail(call, CLI_EXIT_USAGE,
                        "'%.60s' is none of list, show, export, pause, resume, delete, rejudge, "
                        "workers",
                        call->arguments[0]);
    if (at < call->argument_count)
        jobs.url = call->arguments[at++];
    if (at < call->argument_count)
        return cli_fail(call, CLI_EXIT_USAGE, "'%.60s' is one argument too many",
                        call->arguments[at]);
    if (jobs.url == NULL)
        return cli_fail(call, CLI_EXIT_USAGE,
                        "name a job file (OUT.mkjob, beside the output of clean) or --store");
    return run_verb(&jobs, verb);
}

static const struct config_option rows[] = {
    {.name = "job",
     .type = CONFIG_NUMBER,
     .offset = offsetof(struct jobs_options, job),
     .value_name = "N",
     .fallback = "0",
     .max = INT64_MAX,
     .command_line_only = true,
     .help = "Which one, where there are several."},
    {.name = "json",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct jobs_options, json),
     .command_line_only = true,
     .help = "One JSON object a job; rejudge: one a row that changes."},
    {.name = "dry-run",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct jobs_options, dry_run),
     .command_line_only = true,
     .help = "rejudge: only say what would come out otherwise."},
    CLEAN_OUTPUT_ROWS(struct jobs_options, out),
};

const struct cli_command cli_jobs = {
    .name = "jobs",
    .arguments = "[WHAT] FILE",
    .summary = "look into the job file of a list, take out what is known",
    .details =
        "WHAT is list (when nothing is said), show, export, pause, resume, delete, rejudge or "
        "workers.\n\n"
        "A job file (OUT.mkjob) stands beside the output of `mailknock clean` until the "
        "list is cleaned. It can be looked at and exported at any time, also while the "
        "list is being cleaned; delete wants it at rest. pause lets whoever works on it keep "
        "what there is and stop: a clean, or mailknock serve (--store URL --job N). The "
        "service goes on by resume; going on with a clean is its own affair: the same "
        "command again. rejudge judges the evidence that was kept (clean --keep-evidence, or a "
        "service's list) by the rules and lists of today and puts what comes out otherwise in the "
        "place of the old results (--dry-run: only says it). Nobody is asked. workers shows who "
        "works on a "
        "store that is shared, what they hold, and what waits.\n\n"
        "Examples:\n"
        "  mailknock jobs customers.cleaned.csv.mkjob\n"
        "  mailknock jobs show customers.cleaned.csv.mkjob --json\n"
        "  mailknock jobs export customers.cleaned.csv.mkjob -o so-far.csv --only valid\n"
        "  mailknock jobs rejudge customers.cleaned.csv.mkjob --trap traps.txt --dry-run\n"
        "  mailknock jobs pause customers.cleaned.csv.mkjob\n"
        "  mailknock jobs resume --store sqlite:/var/lib/mailknock/mailknock.db --job 7",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct jobs_options),
    .uses_common = true,
    .common = "--allow|--opt-out|--block|--trap|--complaint|--listed|--disposable|--not-disposable|"
              "--bounce-time|--config|--store|--color",
    .arguments_min = 0,
    .arguments_max = 2,
    .run = run,
};
