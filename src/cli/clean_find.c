/* The job file of a list: found, checked and locked, or made. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "bulk/job_file.h"
#include "bulk/job_source.h"
#include "bulk/spool.h"
#include "cli/clean_run.h"

#define REMOVED_AT_ONCE 10000

/* Of files by the names under which they are kept. */
static struct slice sources_text(struct clean_run *run)
{
    struct clean *clean = run->clean;
    const struct bulk_job_source source = {run->kept, clean->file_count, clean->format};
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

/* NULL: no memory. */
static const char *spool_name(struct clean_run *run, size_t index, bool is_part)
{
    struct buffer name;
    const char *kept;

    buffer_init(&name, 0);
    bulk_job_spool_name(&name, run->clean->job_path, index, is_part);
    kept = name.failed ? NULL : arena_string(run->clean->call->arena, slice_from_string(name.ptr));
    buffer_done(&name);
    return kept;
}

/* What a job keeps goes with it: it is no list of anybody else's. */
static int check_not_kept(struct clean_run *run, const char *file, struct error *error)
{
    struct stat list, kept;

    if (stat(file, &list) != 0)
        return 0;
    for (size_t i = 0;; i++) {
        const char *name = spool_name(run, i, false);

        if (name == NULL)
            return error_set(error, ERROR_NOMEM, "out of memory");
        if (stat(name, &kept) != 0)
            return 0;
        if (list.st_ino == kept.st_ino && list.st_dev == kept.st_dev)
            return error_set(error, ERROR_USAGE,
                             "%s is what %s keeps of a list, and goes when that does: copy it, or "
                             "name another output by -o",
                             file, run->clean->job_path);
    }
}

/* Standard input or a pipe into a file: *ret_now, which is to become *ret_kept. */
static int spool_one(struct clean_run *run, const char *from, const char **ret_now,
                     const char **ret_kept, struct error *error)
{
    char unnamed[BULK_SPOOL_PATH_SIZE];
    size_t index = run->spool_count;
    int code;

    if (run->clean->job_is_temporary) {
        code = bulk_spool_input_unnamed(from, clean_is_interrupted, unnamed, error);
        if (code == 0)
            *ret_now = *ret_kept =
                arena_string(run->clean->call->arena, slice_from_string(unnamed));
    } else {
        *ret_now = spool_name(run, index, true);
        *ret_kept = spool_name(run, index, false);
        code = *ret_now != NULL && *ret_kept != NULL
                   ? bulk_spool_input(from, *ret_now, clean_is_interrupted, error)
                   : 0;
        run->spool_count += code == 0;
    }
    if (code == 0 && (*ret_now == NULL || *ret_kept == NULL))
        return error_set(error, ERROR_NOMEM, "out of memory");
    return code;
}

/*
 * A list is read twice and more: standard input and pipes lie beside the job as long as that is
 * there. Until they are known to be its list they lie beside what it has, which may be the only
 * copy.
 */
static int spool_input(struct clean_run *run, struct error *error)
{
    struct clean *clean = run->clean;
    const char **now = arena_array(clean->call->arena, clean->file_count + 1, sizeof(char *));
    const char **kept = arena_array(clean->call->arena, clean->file_count + 1, sizeof(char *));
    bool has_stdin = false;
    int code = 0;

    if (now == NULL || kept == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    for (size_t i = 0; i < clean->file_count; i++)
        now[i] = kept[i] = clean->files[i];
    for (size_t i = 0; i < clean->file_count && code == 0; i++) {
        const char *from = clean->files[i];

        if (!bulk_source_is_once(from)) {
            code = check_not_kept(run, from, error);
            continue;
        }
        if (strcmp(from, "-") == 0 && has_stdin)
            code = error_set(error, ERROR_USAGE, "standard input can be read only once");
        has_stdin |= strcmp(from, "-") == 0;
        if (code == 0)
            code = spool_one(run, from, &now[i], &kept[i], error);
    }
    clean->files = now;
    run->kept = kept;
    return code;
}

/* They are the job's list. */
static int keep_input(struct clean_run *run, struct error *error)
{
    struct clean *clean = run->clean;

    for (size_t i = 0; i < clean->file_count; i++)
        if (strcmp(clean->files[i], run->kept[i]) != 0 &&
            rename(clean->files[i], run->kept[i]) != 0)
            return error_set(error, ERROR_IO, "%s: renaming failed: %s", run->kept[i],
                             strerror(errno));
    clean->files = run->kept;
    return 0;
}

void clean_run_drop_input(struct clean_run *run)
{
    const struct clean *clean = run->clean;

    for (size_t i = 0; run->kept != NULL && i < clean->file_count; i++)
        if (strcmp(clean->files[i], run->kept[i]) != 0)
            unlink(clean->files[i]);
}

static int make_job(struct clean_run *run, struct slice fingerprint, struct slice options,
                    struct error *error)
{
    struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = slice_from_string(run->clean->files[0]),
        .sources = sources_text(run),
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
    if (code == 0)
        code = keep_input(run, error);
    if (code == 0 && !run->clean->job_is_temporary)
        bulk_job_spools_remove(run->clean->job_path, run->spool_count);
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
    /* The same list may have come by other ways: what the job keeps then stays as it is. */
    if (code == 0 && slice_equal(run->job.sources, sources_text(run)))
        code = keep_input(run, error);
    if (code == 0 && !slice_equal(run->job.options, options)) {
        run->job.options = options;
        code = store_job_update(run->store, &run->job, error);
    }
    clean->owes_rows = run->job.state != STORE_JOB_LOADING;
    if (code == 0 && clean->owes_rows)
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
