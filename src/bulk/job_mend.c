#include "bulk/job_mend.h"

#include "bulk/job_outcome.h"
#include "bulk/reader.h"

#define RESULTS_AT_ONCE 500

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

int bulk_mend_begin(struct bulk_mend *mend, const struct store_job *job, struct error *error)
{
    struct store_counts counts;
    int code;

    mend->job = job->id;
    mend->after = 0;
    if (job->state == STORE_JOB_LOADING)
        return 0;
    code = store_counts(mend->store, job->id, &counts, error);
    return code == 0 ? counts.results[REASON_BAD_SYNTAX] > 0 : code;
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
    uint64_t replaced = 0;
    size_t count = 0;
    int code = store_page_read(mend->store, mend->job, &query, &mend->page, error);

    if (code != 0)
        return code;
    arena_reset(&mend->arena);
    for (size_t i = 0; i < mend->page.count; i++)
        if (is_of_old(&mend->page.lines[i]) &&
            judge(mend, &mend->page.lines[i], &results[count++]) != 0)
            return error_set(error, ERROR_NOMEM, "no memory to mend results");
    if (count > 0)
        code = store_results_replace(mend->store, mend->job, results, count, &replaced, error);
    if (code != 0)
        return code;
    mend->after = mend->page.after;
    mend->mended += replaced;
    return !mend->page.at_end;
}
