/* Results of an earlier version, put right before a job goes on. */
#include <inttypes.h>
#include <time.h>

#include "bulk/job_carry.h"
#include "bulk/job_mend.h"
#include "cli/clean_run.h"

static int open_list(void *user, struct bulk_reader **ret_reader, struct error *error)
{
    struct clean_run *run = user;

    return clean_open_reader(run->clean, ret_reader, error);
}

/* known: of those that were forgotten, the ones that have a result of another row by now. */
static void say(const struct clean_run *run, const struct bulk_mend *mend, uint64_t known)
{
    uint64_t asked = mend->forgotten > known ? mend->forgotten - known : 0;

    if (mend->mended > 0)
        clean_say(run->clean, "%" PRIu64 " result%s of an earlier version %s put right",
                  mend->mended, mend->mended == 1 ? "" : "s", mend->mended == 1 ? "is" : "are");
    if (known > 0)
        clean_say(run->clean,
                  "%" PRIu64 " mailbox%s that an earlier version did not understand %s known from "
                  "other rows",
                  known, known == 1 ? "" : "es", known == 1 ? "is" : "are");
    if (asked > 0)
        clean_say(run->clean,
                  "%" PRIu64 " mailbox%s that an earlier version did not understand %s asked",
                  asked, asked == 1 ? "" : "es", asked == 1 ? "is" : "are");
}

/* 0, 1 when a signal came between, the store's and the reader's errors. */
static int work(struct clean_run *run, struct bulk_mend *mend, struct error *error)
{
    uint64_t known = 0;
    int code = bulk_mend_begin(mend, &run->job, error);

    while (code == 1 && !clean_is_interrupted())
        code = bulk_mend_step(mend, SIZE_MAX, error);
    if (code == 0 && mend->forgotten > 0)
        code = bulk_job_carry_within(run->store, run->job.id,
                                     (enum bulk_dedupe)run->clean->options->dedupe, &known, error);
    if (code != 0)
        return code;
    say(run, mend, known);
    code = bulk_mend_keep(mend, error);
    return code == 0 && mend->mended + mend->forgotten > 0
               ? store_job_get(run->store, run->job.id, &run->arena, &run->job, error)
               : code;
}

enum went clean_run_mend(struct clean_run *run)
{
    struct error error = {0};
    struct bulk_mend mend;
    uint64_t after = 0;
    int code;

    if (run->clean->job_is_temporary)
        return WENT_WELL;
    bulk_mend_init(&mend, run->store);
    mend.open = open_list;
    mend.user = run;
    mend.asks_again = true;
    mend.unix_ms = (int64_t)time(NULL) * 1000;
    code = bulk_mend_recall(&mend, &after, &error);
    if (code == 0 && run->is_loaded) {
        mend.passed = run->job.id; /* there is nothing of an earlier version in it */
        code = bulk_mend_keep(&mend, &error);
    } else if (code == 0 && after < run->job.id) {
        code = work(run, &mend, &error);
    }
    bulk_mend_done(&mend);
    if (code < 0)
        return clean_run_fail(run, &error);
    return code == 0 ? WENT_WELL : WENT_PARTWAY;
}
