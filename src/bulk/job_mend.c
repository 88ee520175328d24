#include "bulk/job_mend.h"

#include <inttypes.h>
#include <stdio.h>

#include "bulk/job_outcome.h"
#include "bulk/reader.h"

#define RESULTS_AT_ONCE 500

/* One note: which mends were made, and up to which list. Another word for more of them: all lists
   are looked at again. */
#define NOTE_KIND "mended"
#define MENDS     "beside"

void bulk_mend_init(struct bulk_mend *mend, struct store *store)
{
    *mend = (struct bulk_mend){.store = store};
    store_page_init(&mend->page);
    arena_init(&mend->arena);
    buffer_init(&mend->scratch, 0);
}

void bulk_mend_done(struct bulk_mend *mend)
{
    buffer_done(&mend->scratch);
    arena_done(&mend->arena);
    store_page_done(&mend->page);
}

int bulk_mend_recall(struct bulk_mend *mend, uint64_t *ret_after, struct error *error)
{
    struct slice body;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_note_get(mend->store, NOTE_KIND, MENDS, &arena, &body, error);
    if (code == 0 && !slice_to_u64(body, INT64_MAX, &mend->kept))
        mend->kept = 0;
    arena_done(&arena);
    *ret_after = mend->passed = mend->kept;
    return code == ERROR_NOT_FOUND ? 0 : code;
}

int bulk_mend_keep(struct bulk_mend *mend, struct error *error)
{
    char body[24];
    int code;

    if (mend->passed == mend->kept)
        return 0;
    snprintf(body, sizeof(body), "%" PRIu64, mend->passed);
    code = store_note_put(mend->store, NOTE_KIND, MENDS, slice_from_string(body), 0, error);
    if (code == 0)
        mend->kept = mend->passed;
    return code;
}

int bulk_mend_begin(struct bulk_mend *mend, const struct store_job *job, struct error *error)
{
    struct store_counts counts;
    int code = 0;

    mend->job = job->id;
    mend->after = 0;
    if (job->state != STORE_JOB_LOADING)
        code = store_counts(mend->store, job->id, &counts, error);
    if (code == 0 && job->state != STORE_JOB_LOADING && counts.results[REASON_BAD_SYNTAX] > 0)
        return 1;
    if (code == 0)
        mend->passed = job->id;
    return code;
}

/* Of a row that was erased nothing is said, and nothing known any more. */
static bool is_of_old(const struct store_line *line)
{
    struct slice fault = bulk_job_fault(&line->row);

    return line->has_result && fault.len > 0 && line->result.explanation.len > 0 &&
           !bulk_fault_is_no_address(fault);
}

/* As it would be judged now, found out when it was; its texts on the arena. */
static int judge(struct bulk_mend *mend, const struct store_line *line,
                 struct store_result *ret_result)
{
    static const struct result_options json = {.source = "live"};
    struct verdict verdict;
    int code = bulk_job_fault_result(bulk_job_fault(&line->row), line->result.checked_unix_ms,
                                     line->result.json.len > 0 ? &json : NULL, &mend->scratch,
                                     &verdict, ret_result);

    if (code != 0)
        return code;
    ret_result->row = line->row.number;
    ret_result->copies = line->row.copies;
    ret_result->explanation = arena_slice(&mend->arena, ret_result->explanation);
    ret_result->json = arena_slice(&mend->arena, ret_result->json);
    return ret_result->explanation.ptr != NULL && ret_result->json.ptr != NULL ? 0 : ERROR_NOMEM;
}

int bulk_mend_step(struct bulk_mend *mend, size_t amount, struct error *error)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_MAILBOXES,
        .after = mend->after,
        .limit = amount < RESULTS_AT_ONCE ? amount : RESULTS_AT_ONCE,
        .with_json = true,
        .filter.reasons = UINT64_C(1) << REASON_BAD_SYNTAX,
    };
    struct store_result results[RESULTS_AT_ONCE];
    struct store_fault faults[RESULTS_AT_ONCE];
    uint64_t replaced = 0;
    size_t count = 0, faulty = 0;
    int code = store_page_read(mend->store, mend->job, &query, &mend->page, error);

    if (code != 0)
        return code;
    arena_reset(&mend->arena);
    for (size_t i = 0; i < mend->page.count; i++) {
        const struct store_line *line = &mend->page.lines[i];

        if (!is_of_old(line))
            continue;
        if (line->row.fault.len == 0)
            faults[faulty++] = (struct store_fault){line->row.number, bulk_job_fault(&line->row)};
        if (judge(mend, line, &results[count++]) != 0)
            return error_set(error, ERROR_NOMEM, "no memory to mend results");
    }
    /* In this order: a row whose result is as it was is looked at again. */
    if (faulty > 0)
        code = store_rows_fault(mend->store, mend->job, faults, faulty, error);
    if (code == 0 && count > 0)
        code = store_results_replace(mend->store, mend->job, results, count, &replaced, error);
    if (code != 0)
        return code;
    mend->after = mend->page.after;
    mend->mended += replaced;
    if (mend->page.at_end)
        mend->passed = mend->job;
    return !mend->page.at_end;
}
