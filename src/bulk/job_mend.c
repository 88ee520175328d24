#include "bulk/job_mend.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "bulk/job_key.h"
#include "bulk/job_outcome.h"

#define RESULTS_AT_ONCE 500
#define READ_AT_ONCE    20000 /* rows of the list in one step */
#define FAR             2

/* One note: which mends were made, and up to which list. Another word for more of them: all lists
   are looked at again. */
#define NOTE_KIND "mended"
#define MENDS     "waiting"

void bulk_mend_init(struct bulk_mend *mend, struct store *store)
{
    *mend = (struct bulk_mend){.store = store};
    store_page_init(&mend->page);
    arena_init(&mend->arena);
    buffer_init(&mend->scratch, 0);
}

static void close_list(struct bulk_mend *mend)
{
    bulk_reader_close(mend->reader);
    mend->reader = NULL;
    mend->row.number = 0;
}

void bulk_mend_done(struct bulk_mend *mend)
{
    close_list(mend);
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

    close_list(mend);
    mend->job = job->id;
    mend->after = 0;
    mend->is_other = false;
    mend->is_at_waiting = store_job_left(job) > 0 && (job->faults > 0 || mend->open != NULL);
    if (job->state != STORE_JOB_LOADING)
        code = store_counts(mend->store, job->id, &counts, error);
    if (code == 0 && job->state != STORE_JOB_LOADING &&
        (counts.results[REASON_BAD_SYNTAX] > 0 || mend->is_at_waiting))
        return 1;
    if (code == 0)
        mend->passed = job->id;
    return code;
}

/* --- rows as they are read today ------------------------------------------------------------- */

/* Blank rows of a workbook, and what stands above a header, had other numbers before. */
static bool may_have_moved(const struct bulk_reader *reader, const struct bulk_row *row)
{
    const struct bulk_format *format = bulk_reader_format(reader);

    return format->lead > 0 ||
           (format->kind == BULK_KIND_XLSX && row->raw.len == 0 && row->fault == NULL);
}

/* To this row of the list: 1 when it is there, 0 when it is not, FAR when it takes another step. */
static int go_to(struct bulk_mend *mend, const struct store_row *kept, size_t *budget,
                 struct error *error)
{
    int code = 0;

    if (mend->open == NULL || mend->is_other)
        return 0;
    if (mend->reader == NULL)
        code = mend->open(mend->user, &mend->reader, error);
    if (code < 0)
        return code;
    while (mend->row.number < kept->number && !mend->is_other) {
        if ((*budget)-- == 0)
            return FAR;
        code = bulk_reader_next(mend->reader, &mend->row, error);
        if (code < 0)
            return code;
        mend->is_other = code == 0 || may_have_moved(mend->reader, &mend->row);
    }
    mend->is_other |=
        mend->row.number != kept->number ||
        !slice_equal(bulk_job_address(mend->row.address), bulk_job_address(kept->address));
    return !mend->is_other;
}

/* Why it can't be read, as is seen today; "": it can, or has no address. 0, FAR as above. */
static int fault_of(struct bulk_mend *mend, const struct store_row *kept, size_t *budget,
                    struct slice *ret_fault, struct error *error)
{
    int code;

    *ret_fault = bulk_job_fault(kept);
    if (ret_fault->len > 0 && !bulk_fault_is_no_address(*ret_fault))
        return 0;
    code = go_to(mend, kept, budget, error);
    if (code < 0 || code == FAR)
        return code;
    *ret_fault =
        code == 1 ? slice_from_string(mend->row.fault) : bulk_fault_by_row(*ret_fault, kept->raw);
    if (bulk_fault_is_no_address(*ret_fault))
        *ret_fault = SLICE_EMPTY;
    return 0;
}

/* --- what becomes of them -------------------------------------------------------------------- */

/* Of a page. */
struct changes {
    struct store_result replaced[RESULTS_AT_ONCE], put[RESULTS_AT_ONCE];
    struct store_fault faults[RESULTS_AT_ONCE];
    uint64_t forgotten[RESULTS_AT_ONCE];
    size_t replaced_count, put_count, fault_count, forgotten_count;
};

static bool own(struct arena *arena, struct slice *text)
{
    *text = arena_slice(arena, *text);
    return text->ptr != NULL;
}

/* Its texts on the arena. */
static int keep(struct bulk_mend *mend, const struct store_line *line, struct store_result *result)
{
    result->row = line->row.number;
    result->copies = line->row.copies;
    return own(&mend->arena, &result->provider) && own(&mend->arena, &result->domain) &&
                   own(&mend->arena, &result->suggestion) &&
                   own(&mend->arena, &result->explanation) && own(&mend->arena, &result->json)
               ? 0
               : ERROR_NOMEM;
}

static const struct result_options *json_of(const struct store_line *line)
{
    static const struct result_options json = {.source = "live"};

    return !line->has_result || line->result.json.len > 0 ? &json : NULL;
}

/* As it would be judged now, found out when it was. */
static int judge_fault(struct bulk_mend *mend, const struct store_line *line, struct slice fault,
                       struct changes *changes)
{
    struct store_result *result = line->has_result ? &changes->replaced[changes->replaced_count++]
                                                   : &changes->put[changes->put_count++];
    int64_t unix_ms = line->has_result ? line->result.checked_unix_ms : mend->unix_ms;
    struct verdict verdict;
    int code =
        bulk_job_fault_result(fault, unix_ms, json_of(line), &mend->scratch, &verdict, result);

    if (line->row.fault.len == 0)
        changes->faults[changes->fault_count++] = (struct store_fault){line->row.number, fault};
    return code == 0 ? keep(mend, line, result) : code;
}

/* Its address is another one without what was kept around it: only a server can tell, perhaps. */
static int judge_address(struct bulk_mend *mend, const struct store_line *line,
                         struct slice address, struct changes *changes)
{
    struct store_result result;
    struct bulk_rest rest;
    int code = bulk_job_address_result(address, line->result.checked_unix_ms, json_of(line),
                                       &mend->scratch, &rest, &result);

    if (code != 1)
        return code;
    if (mend->asks_again) {
        changes->forgotten[changes->forgotten_count++] = line->row.number;
        return 0;
    }
    code = keep(mend, line, &result);
    changes->replaced[changes->replaced_count++] = result;
    return code;
}

/* Of a row that was erased nothing is said, and nothing known any more. */
static int look_at(struct bulk_mend *mend, const struct store_line *line, size_t *budget,
                   struct changes *changes, struct error *error)
{
    struct slice fault, address = bulk_job_address(line->row.address);
    int code;

    if (line->has_result && line->result.explanation.len == 0)
        return 0;
    /* Rows that wait are fed by what the store says of them, where it says it. */
    if (!line->has_result && bulk_job_fault(&line->row).len > 0 &&
        !bulk_fault_is_no_address(bulk_job_fault(&line->row)))
        return 0;
    code = fault_of(mend, &line->row, budget, &fault, error);
    if (code == 0 && fault.len > 0)
        code = judge_fault(mend, line, fault, changes);
    else if (code == 0 && line->has_result && line->row.fault.len == 0 &&
             !slice_equal(address, line->row.address))
        code = judge_address(mend, line, address, changes);
    return code == ERROR_NOMEM ? error_set(error, code, "no memory to mend results") : code;
}

/* In this order: a row whose result is as it was is looked at again. */
static int make(struct bulk_mend *mend, const struct changes *changes, struct error *error)
{
    uint64_t replaced = 0, forgotten = 0;
    int code = 0;

    if (changes->fault_count > 0)
        code =
            store_rows_fault(mend->store, mend->job, changes->faults, changes->fault_count, error);
    if (code == 0 && changes->replaced_count > 0)
        code = store_results_replace(mend->store, mend->job, changes->replaced,
                                     changes->replaced_count, &replaced, error);
    if (code == 0 && changes->put_count > 0)
        code = store_results_put(mend->store, mend->job, changes->put, changes->put_count, error);
    if (code == 0 && changes->forgotten_count > 0)
        code = store_results_forget(mend->store, mend->job, changes->forgotten,
                                    changes->forgotten_count, &forgotten, error);
    if (code == 0) {
        mend->mended += replaced + changes->put_count;
        mend->forgotten += forgotten;
    }
    return code;
}

/*
 * From the rows that wait to the results, or to the end: 1, 0. In this order, as a list that runs
 * may give any of those rows the result that is wrong, until it is mended.
 */
static int turn(struct bulk_mend *mend)
{
    close_list(mend);
    mend->after = 0;
    if (mend->is_at_waiting) {
        mend->is_at_waiting = false;
        return 1;
    }
    mend->passed = mend->job;
    return 0;
}

static int step(struct bulk_mend *mend, const struct store_query *query, struct changes *changes,
                struct error *error)
{
    size_t budget = READ_AT_ONCE, looked = 0;
    int code = store_page_read(mend->store, mend->job, query, &mend->page, error);
    bool is_at_end, is_far = false;

    if (code != 0)
        return code;
    while (looked < mend->page.count && !is_far) {
        code = look_at(mend, &mend->page.lines[looked], &budget, changes, error);
        if (code < 0)
            return code;
        is_far = code == FAR;
        looked += !is_far;
    }
    is_at_end = mend->page.at_end && !is_far;
    if (is_far)
        mend->after = looked > 0 ? mend->page.lines[looked - 1].row.number : mend->after;
    else
        mend->after = mend->page.after;
    code = make(mend, changes, error);
    if (code != 0)
        return code;
    return is_at_end ? turn(mend) : 1;
}

int bulk_mend_step(struct bulk_mend *mend, size_t amount, struct error *error)
{
    const struct store_query query = {
        .scope = mend->is_at_waiting ? STORE_SCOPE_PENDING : STORE_SCOPE_MAILBOXES,
        .after = mend->after,
        .limit = amount < RESULTS_AT_ONCE ? amount : RESULTS_AT_ONCE,
        .with_json = true,
        .with_raw = true,
        .filter.reasons = mend->is_at_waiting ? 0 : UINT64_C(1) << REASON_BAD_SYNTAX,
    };
    struct changes *changes = memory_zalloc(1, sizeof(*changes));
    int code;

    if (changes == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to mend results");
    arena_reset(&mend->arena);
    code = step(mend, &query, changes, error);
    memory_free(changes);
    return code;
}
