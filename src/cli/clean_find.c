/* The job file of a list: found, checked and locked, or made. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "bulk/job_file.h"
#include "bulk/job_source.h"
#include "bulk/spool.h"
#include "cli/clean_run.h"

#define REMOVED_AT_ONCE 10000

static struct slice sources_text(struct clean *clean)
{
    const struct bulk_job_source source = {clean->files, clean->file_count, clean->format};
    struct buffer out;
    struct slice text;

    buffer_init(&out, 0);
    bulk_job_source_write(&out, &source);
    text = out.failed ? slice_from(NULL, 0) : arena_slice(clean->call->arena, buffer_slice(&out));
    buffer_done(&out);
    return text;
}

static int remove_job(struct clean_run *run, uint64_t id, struct error *error)
{
    int code;

    while ((code = store_job_remove(run->store, id, REMOVED_AT_ONCE, error)) > 0) {
    }
    return code;
}

/* Is the job that was found the one that is asked for? */
static int check_same(struct clean_run *run, struct slice fingerprint, struct slice options,
                      struct error *error)
{
    const char *path = run->clean->job_path;
    struct buffer differences;
    int code = 0;

    if (!slice_equal(run->job.fingerprint, fingerprint))
        return error_set(error, ERROR_USAGE,
                         "the list has changed since %s was begun (%" PRIu64 " of its results are "
                         "there). Take over the results of mailboxes that are still in it by "
                         "--resume, or start over with --new",
                         path, run->job.done);
    if (run->clean->options->resume)
        return 0;
    buffer_init(&differences, 0);
    clean_options_compare(run->job.options, options, &differences);
    if (differences.failed)
        code = error_set(error, ERROR_NOMEM, "out of memory");
    else if (differences.len > 0)
        code = error_set(error, ERROR_USAGE,
                         "%s was begun with other options: %.*s. Go on with the new ones by "
                         "--resume (results that are there stay), or start over with --new",
                         path, SLICE_ARG(buffer_slice(&differences)));
    buffer_done(&differences);
    return code;
}

/* The job of this list, or else the last: 1, 0 when the file holds none. */
static int look_for_job(struct clean_run *run, struct slice fingerprint, struct error *error)
{
    struct store_job job = {0};
    int code;

    run->job.id = 0;
    while ((code = store_job_next(run->store, job.id, &run->arena, &job, error)) == 1) {
        run->job = job;
        if (slice_equal(job.fingerprint, fingerprint))
            return 1;
    }
    return code < 0 ? code : run->job.id != 0;
}

int clean_run_remove_others(struct clean_run *run, uint64_t but, struct error *error)
{
    struct store_job job = {0};
    int code;

    while ((code = store_job_next(run->store, job.id, &run->arena, &job, error)) == 1) {
        code = job.id != but ? remove_job(run, job.id, error) : 0;
        if (code != 0)
            break;
    }
    return code;
}

static int make_job(struct clean_run *run, struct slice fingerprint, struct slice options,
                    struct error *error)
{
    struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = slice_from_string(run->clean->files[0]),
        .sources = sources_text(run->clean),
        .fingerprint = fingerprint,
        .options = options,
        .note = SLICE_EMPTY,
        .created_unix_ms = (int64_t)time(NULL) * 1000,
    };
    uint64_t id;
    int code;

    if (job.sources.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    code = store_job_add(run->store, &job, &id, error);
    return code == 0 ? store_job_get(run->store, id, &run->arena, &run->job, error) : code;
}

int clean_run_read_anew(struct clean_run *run, struct error *error)
{
    char fingerprint[BULK_FINGERPRINT_SIZE];
    int code = bulk_job_fingerprint(run->clean->files, run->clean->file_count, fingerprint, error);

    if (code != 0)
        return code;
    if (!slice_equal(run->job.fingerprint, slice_from_string(fingerprint)))
        return error_set(error, ERROR_USAGE,
                         "the list was changed while its mailboxes were asked: all results are "
                         "kept in %s. Put the list back as it was and run the same command again, "
                         "or take over the results of mailboxes that are in the new one by "
                         "--resume",
                         run->clean->job_path);
    if (run->clean->options->dedupe == BULK_DEDUPE_OFF)
        return error_set(error, ERROR_USAGE,
                         "an earlier version of mailknock read the list otherwise, and without "
                         "--dedupe nothing can be taken over from %s: start over with --new, or "
                         "write what is known with that version's mailknock jobs export",
                         run->clean->job_path);
    clean_say(run->clean, "an earlier version of mailknock read the list otherwise: reading it "
                          "anew");
    return make_job(run, run->job.fingerprint, run->job.options, error);
}

const char *clean_run_spool(const struct clean_run *run, size_t index)
{
    struct clean *clean = run->clean;

    return index == 0 ? arena_printf(clean->call->arena, "%s.input", clean->job_path)
                      : arena_printf(clean->call->arena, "%s.input%zu", clean->job_path, index + 1);
}

/* A list is read twice and more: standard input and pipes lie beside the job as long as that is
   there. */
static int spool_input(struct clean_run *run, struct error *error)
{
    struct clean *clean = run->clean;
    const char **files = arena_array(clean->call->arena, clean->file_count + 1, sizeof(char *));
    bool has_stdin = false;
    int code = 0;

    if (files == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    for (size_t i = 0; i < clean->file_count && code == 0; i++) {
        files[i] = clean->files[i];
        if (!bulk_source_is_once(files[i]))
            continue;
        if (strcmp(files[i], "-") == 0 && has_stdin)
            return error_set(error, ERROR_USAGE, "standard input can be read only once");
        has_stdin |= strcmp(files[i], "-") == 0;
        files[i] = clean_run_spool(run, run->spool_count++);
        if (files[i] == NULL)
            return error_set(error, ERROR_NOMEM, "out of memory");
        code = bulk_spool_input(clean->files[i], files[i], clean_is_interrupted, error);
    }
    clean->files = files;
    return code;
}

/* What the list looks like is part of what the job is. */
static int find_format(struct clean *clean, struct error *error)
{
    struct bulk_reader *reader = NULL;
    int code = clean_open_reader(clean, &reader, error);

    bulk_reader_close(reader);
    return code;
}

/* The job of this list: found, or made anew. */
static int find_job(struct clean_run *run, struct error *error)
{
    struct clean *clean = run->clean;
    char fingerprint[BULK_FINGERPRINT_SIZE];
    struct slice options = SLICE_EMPTY;
    int code = spool_input(run, error);

    if (code == 0)
        code = find_format(clean, error);
    if (code == 0)
        code = clean_options_text(clean, &options, error);
    if (code == 0)
        code = bulk_job_fingerprint(clean->files, clean->file_count, fingerprint, error);
    if (code == 0 && clean->options->start_new)
        code = clean_run_remove_others(run, 0, error);
    if (code == 0)
        code = look_for_job(run, slice_from_string(fingerprint), error);
    if (code < 0)
        return code;
    if (code == 0 || (clean->options->resume &&
                      !slice_equal(run->job.fingerprint, slice_from_string(fingerprint))))
        return make_job(run, slice_from_string(fingerprint), options, error);
    code = check_same(run, slice_from_string(fingerprint), options, error);
    if (code == 0 && !slice_equal(run->job.options, options)) {
        run->job.options = options;
        code = store_job_update(run->store, &run->job, error);
    }
    if (code == 0 && run->job.state != STORE_JOB_LOADING)
        clean_say(clean, "going on with %s: %" PRIu64 " of %" PRIu64 " results are there",
                  clean->job_path, run->job.done, run->job.rows - run->job.duplicates);
    return code;
}

enum went clean_run_find(struct clean_run *run)
{
    struct clean *clean = run->clean;
    struct error error = {0};
    int code = bulk_job_lock(clean->job_path, &run->lock, &run->is_new, &error);

    if (code == 0)
        code = store_open(clean->job_path,
                          clean->job_is_temporary ? STORE_MODE_TEMPORARY : STORE_MODE_CREATE,
                          &run->store, &error);
    if (code == 0)
        code = find_job(run, &error);
    return code == 0 ? WENT_WELL : clean_run_fail(run, &error);
}
