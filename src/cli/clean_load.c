/* A list's rows brought into its job. */
#include <inttypes.h>

#include "bulk/job_carry.h"
#include "bulk/job_load.h"
#include "cli/clean_run.h"

/* What other jobs of the file know of the mailboxes of this one. */
static int carry_over(struct clean_run *run, struct error *error)
{
    enum bulk_dedupe dedupe = (enum bulk_dedupe)run->clean->options->dedupe;
    struct store_job job = {0};
    uint64_t carried = 0;
    int code;

    while ((code = store_job_next(run->store, job.id, &run->arena, &job, error)) == 1) {
        code = job.id != run->job.id
                   ? bulk_job_carry(run->store, job.id, run->job.id, dedupe, &carried, error)
                   : 0;
        if (code != 0)
            break;
        if (job.id != run->job.id)
            clean_say(run->clean, "%" PRIu64 " results taken over", carried);
    }
    return code;
}

static enum went load_rows(struct clean_run *run, struct bulk_reader *reader)
{
    struct clean *clean = run->clean;
    const struct bulk_load_options options = {
        .dedupe = (enum bulk_dedupe)clean->options->dedupe,
        .keep_raw = clean_run_streams(run),
    };
    struct bulk_load *load = NULL;
    struct error error = {0};
    int code = bulk_load_open(run->store, run->job.id, reader, &options, &load, &error);

    if (code == 0)
        code = 1;
    while (code == 1 && !clean_is_interrupted()) {
        struct bulk_load_progress progress;

        code = bulk_load_step(load, &error);
        progress = bulk_load_progress(load);
        clean_progress_reading(&clean->progress, progress.rows, bulk_reader_offset(reader),
                               bulk_reader_size(reader),
                               progress.is_sorting ? "deduplicating" : "reading");
    }
    bulk_load_close(load);
    if (code < 0)
        return clean_run_fail(run, &error);
    return code == 0 ? WENT_WELL : WENT_PARTWAY;
}

/* All rows are there: what is known of them already, and the job may run. */
static int make_ready(struct clean_run *run, struct error *error)
{
    int code = carry_over(run, error);

    if (code == 0)
        code = store_job_get(run->store, run->job.id, &run->arena, &run->job, error);
    if (code == 0) {
        run->job.state = STORE_JOB_READY;
        code = store_job_update(run->store, &run->job, error);
    }
    return code == 0 ? clean_run_remove_others(run, run->job.id, error) : code;
}

enum went clean_run_load(struct clean_run *run)
{
    struct bulk_reader *reader = NULL;
    struct error error = {0};
    enum went went;
    int code;

    if (run->job.state != STORE_JOB_LOADING)
        return WENT_WELL;
    code = clean_open_reader(run->clean, &reader, &error);
    if (code != 0)
        return clean_run_fail(run, &error);
    went = load_rows(run, reader);
    if (went == WENT_WELL)
        code = make_ready(run, &error);
    run->is_loaded = went == WENT_WELL && code == 0;
    if (went == WENT_WELL && code == 0)
        clean_say_rows(run->clean, reader, run->job.rows, run->job.duplicates, run->job.faults);
    bulk_reader_close(reader);
    return code == 0 ? went : clean_run_fail(run, &error);
}
