/* Results in SQLite, counted in the transaction that keeps them. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/sqlite_internal.h"

/* *ret_place: where it stands then. */
static int add_result(struct sqlite_store *store, sqlite3_stmt *statement,
                      const struct store_result *result, struct place *ret_place,
                      struct error *error)
{
    struct slice packed = store_pack(store->pack, result->json);
    uint64_t number;
    int code;

    if (packed.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to pack a result");
    sqlite3_bind_int64(statement, 2, (int64_t)result->row);
    sqlite3_bind_int(statement, 3, (int)result->reason);
    sqlite3_bind_int(statement, 4, (int)result->action);
    sqlite3_bind_int(statement, 5, result->score);
    sqlite3_bind_int64(statement, 6, result->flags);
    sqlite3_bind_int64(statement, 7, result->retry_after_s);
    sqlite3_bind_int64(statement, 8, result->checked_unix_ms);
    sqlite_store_bind_text(statement, 9, result->provider);
    sqlite_store_bind_text(statement, 10, result->domain);
    sqlite_store_bind_text(statement, 11, result->suggestion);
    sqlite_store_bind_text(statement, 12, result->explanation);
    if (packed.len > 0)
        sqlite_store_bind_blob(statement, 13, packed);
    else
        sqlite3_bind_null(statement, 13);
    code = sqlite_store_do(store, statement, "keep results", error);
    if (code != 0)
        return code;
    number = (uint64_t)sqlite3_last_insert_rowid(store->db);
    if (number >= PLACE_NUMBER_MAX)
        return error_set(error, ERROR_LIMIT, "%s is full: it has had %llu results", store->path,
                         (unsigned long long)number);
    *ret_place = (struct place){result->row, place_at(number, result->reason)};
    return 0;
}

static int add_tally(struct sqlite_store *store, uint64_t job, const struct store_counts *counts,
                     struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_TALLY_ADD);
    int code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "count", error);
    for (int i = 0; i < VERDICT_REASON_COUNT && code == 0; i++) {
        if (counts->results[i] == 0)
            continue;
        sqlite3_bind_int64(statement, 1, (int64_t)job);
        sqlite3_bind_int(statement, 2, i);
        sqlite3_bind_int64(statement, 3, (int64_t)counts->results[i]);
        sqlite3_bind_int64(statement, 4, (int64_t)counts->rows[i]);
        code = sqlite_store_do(store, statement, "count", error);
    }
    return code;
}

static int count_done(struct sqlite_store *store, uint64_t job, uint64_t done, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_JOB_DONE);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "count", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)done);
    code = sqlite_store_do(store, statement, "count", error);
    if (code == 0 && sqlite3_changes(store->db) == 0)
        code = error_set(error, ERROR_NOT_FOUND, "there is no list %llu", (unsigned long long)job);
    return code;
}

/* By row; of one row, the one that was known first. */
static int compare_rows(const void *left, const void *right)
{
    const struct store_result *a = *(const struct store_result *const *)left;
    const struct store_result *b = *(const struct store_result *const *)right;

    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* results: sorted by row; places: room for as many. */
static int put_results(struct sqlite_store *store, uint64_t job,
                       const struct store_result *const *results, size_t count,
                       struct place *places, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RESULT_ADD);
    struct store_counts counts = {0};
    size_t done = 0;
    int code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "keep results", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    for (size_t i = 0; i < count && code == 0; i++) {
        uint64_t at = 0;

        if (i > 0 && results[i]->row == results[i - 1]->row)
            continue;
        code = sqlite_places_find(store, job, results[i]->row, &at, error);
        if (code != 0 || at != 0)
            continue;
        code = add_result(store, statement, results[i], &places[done], error);
        counts.results[results[i]->reason]++;
        counts.rows[results[i]->reason] += 1 + results[i]->copies;
        done++;
    }
    if (code == 0)
        code = sqlite_places_add(store, job, places, done, error);
    if (code == 0)
        code = add_tally(store, job, &counts, error);
    return code == 0 ? count_done(store, job, done, error) : code;
}

/* Results in order of rows, so that neighbours are looked for and kept together, and room for
   their places. */
struct batch {
    const struct store_result **sorted;
    struct place *places;
};

static void free_batch(struct batch *batch)
{
    memory_free(batch->sorted);
    memory_free(batch->places);
}

static int sort_batch(const struct store_result *results, size_t count, struct batch *ret_batch,
                      struct error *error)
{
    struct batch batch = {
        .sorted = memory_zalloc(count + 1, sizeof(*batch.sorted)),
        .places = memory_zalloc(count + 1, sizeof(*batch.places)),
    };

    if (batch.sorted == NULL || batch.places == NULL) {
        free_batch(&batch);
        return error_set(error, ERROR_NOMEM, "no memory to sort results");
    }
    for (size_t i = 0; i < count; i++)
        batch.sorted[i] = &results[i];
    qsort(batch.sorted, count, sizeof(batch.sorted[0]), compare_rows);
    *ret_batch = batch;
    return 0;
}

int sqlite_results_put(struct store *base, uint64_t job, const struct store_result *results,
                       size_t count, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct batch batch;
    int code = sort_batch(results, count, &batch, error);

    if (code != 0)
        return code;
    code = sqlite_store_begin(store, "keep results", error);
    if (code == 0) {
        code = put_results(store, job, batch.sorted, count, batch.places, error);
        code = sqlite_store_end(store, code, "keep results", error);
    }
    free_batch(&batch);
    return code;
}

/* --- taking back -------------------------------------------------------------------------------
 */

/* What is counted of a kept result, and whether it may be replaced. */
struct kept {
    int reason;
    uint64_t rows; /* it answers */
    int64_t checked_unix_ms;
    bool is_erased; /* with its row */
};

/* 1 when the row has a result; 0 when it has none. */
static int get_result(struct sqlite_store *store, uint64_t job, uint64_t row, struct kept *ret_kept,
                      struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RESULT_GET);
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "look for a result", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)row);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *ret_kept = (struct kept){
            .reason = sqlite3_column_int(statement, 0),
            .rows = 1 + (uint64_t)sqlite3_column_int64(statement, 1),
            .checked_unix_ms = sqlite3_column_int64(statement, 2),
            .is_erased = sqlite3_column_int(statement, 3) == 0,
        };
        code = 1;
    } else if (result != SQLITE_DONE) {
        code = sqlite_store_fail(store, "look for a result", error);
    }
    sqlite3_reset(statement);
    return code;
}

/* Run a statement on one row. */
static int do_row(struct sqlite_store *store, enum sqlite_statement which, uint64_t job,
                  uint64_t row, struct slice third, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);

    if (statement == NULL)
        return sqlite_store_fail(store, "take a result back", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)row);
    if (third.len > 0)
        sqlite_store_bind_text(statement, 3, third);
    return sqlite_store_do(store, statement, "take a result back", error);
}

/* Away with the result of a row, and out of the counts. */
static int take_result(struct sqlite_store *store, uint64_t job, uint64_t row,
                       const struct kept *kept, struct error *error)
{
    sqlite3_stmt *statement;
    int code = do_row(store, STATEMENT_RESULT_FORGET, job, row, SLICE_EMPTY, error);

    if (code != 0)
        return code;
    statement = sqlite_store_prepare(store, STATEMENT_TALLY_TAKE);
    if (statement == NULL)
        return sqlite_store_fail(store, "count", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int(statement, 2, kept->reason);
    sqlite3_bind_int64(statement, 3, (int64_t)kept->rows);
    return sqlite_store_do(store, statement, "count", error);
}

/* 1: it had a result. */
static int forget_row(struct sqlite_store *store, uint64_t job, uint64_t row, struct error *error)
{
    struct kept kept = {0};
    int code = get_result(store, job, row, &kept, error);

    if (code != 1)
        return code;
    code = take_result(store, job, row, &kept, error);
    return code == 0 ? 1 : code;
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    return a->row < b->row ? -1 : a->row > b->row;
}

/* places: rows, sorted, some perhaps twice. */
static int forget_rows(struct sqlite_store *store, uint64_t job, struct place *places, size_t count,
                       size_t *ret_forgotten, struct error *error)
{
    size_t forgotten = 0;
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        if (i > 0 && places[i].row == places[i - 1].row)
            continue;
        code = forget_row(store, job, places[i].row, error);
        if (code == 1) {
            places[forgotten++] = places[i];
            code = 0;
        }
    }
    if (code == 0)
        code = sqlite_places_add(store, job, places, forgotten, error);
    if (code == 0)
        code = count_done(store, job, (uint64_t) - (int64_t)forgotten, error);
    *ret_forgotten = code == 0 ? forgotten : 0;
    return code;
}

int sqlite_results_forget(struct store *base, uint64_t job, const uint64_t *rows, size_t count,
                          uint64_t *ret_forgotten, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct place *places = memory_zalloc(count + 1, sizeof(*places));
    size_t forgotten = 0;
    int code;

    if (places == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to take results back");
    for (size_t i = 0; i < count; i++)
        places[i].row = rows[i];
    qsort(places, count, sizeof(places[0]), compare_places);
    code = sqlite_store_begin(store, "take results back", error);
    if (code == 0) {
        code = forget_rows(store, job, places, count, &forgotten, error);
        code = sqlite_store_end(store, code, "take results back", error);
    }
    *ret_forgotten = code == 0 ? forgotten : 0;
    memory_free(places);
    return code;
}

/* 1: it was replaced, and is in *counts. */
static int replace_row(struct sqlite_store *store, uint64_t job, const struct store_result *result,
                       struct store_counts *counts, struct place *ret_place, struct error *error)
{
    sqlite3_stmt *statement;
    struct kept kept = {0};
    int code = get_result(store, job, result->row, &kept, error);

    if (code != 1)
        return code;
    if (kept.checked_unix_ms != result->checked_unix_ms || kept.is_erased)
        return 0;
    code = take_result(store, job, result->row, &kept, error);
    if (code != 0)
        return code;
    statement = sqlite_store_prepare(store, STATEMENT_RESULT_ADD);
    if (statement == NULL)
        return sqlite_store_fail(store, "keep results", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    code = add_result(store, statement, result, ret_place, error);
    counts->results[result->reason]++;
    counts->rows[result->reason] += kept.rows;
    return code == 0 ? 1 : code;
}

static int replace_rows(struct sqlite_store *store, uint64_t job,
                        const struct store_result *const *results, size_t count,
                        struct place *places, size_t *ret_replaced, struct error *error)
{
    struct store_counts counts = {0};
    size_t replaced = 0;
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        if (i > 0 && results[i]->row == results[i - 1]->row)
            continue;
        code = replace_row(store, job, results[i], &counts, &places[replaced], error);
        if (code == 1) {
            replaced++;
            code = 0;
        }
    }
    if (code == 0)
        code = sqlite_places_add(store, job, places, replaced, error);
    if (code == 0)
        code = add_tally(store, job, &counts, error);
    if (code == 0)
        code = count_done(store, job, 0, error); /* is there such a list? */
    *ret_replaced = replaced;
    return code;
}

int sqlite_results_replace(struct store *base, uint64_t job, const struct store_result *results,
                           size_t count, uint64_t *ret_replaced, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct batch batch;
    size_t replaced = 0;
    int code = sort_batch(results, count, &batch, error);

    if (code != 0)
        return code;
    code = sqlite_store_begin(store, "replace results", error);
    if (code == 0) {
        code = replace_rows(store, job, batch.sorted, count, batch.places, &replaced, error);
        code = sqlite_store_end(store, code, "replace results", error);
    }
    *ret_replaced = code == 0 ? replaced : 0;
    free_batch(&batch);
    return code;
}

/* Counted beside it, in the same transaction. */
static int fault_row(struct sqlite_store *store, uint64_t job, const struct store_fault *fault,
                     struct error *error)
{
    sqlite3_stmt *count = sqlite_store_prepare(store, STATEMENT_JOB_FAULT);
    int code = do_row(store, STATEMENT_ROW_FAULT, job, fault->row, fault->why, error);

    if (code != 0 || sqlite3_changes(store->db) == 0)
        return code;
    if (count == NULL)
        return sqlite_store_fail(store, "note a fault", error);
    sqlite3_bind_int64(count, 1, (int64_t)job);
    sqlite3_bind_int64(count, 2, (int64_t)fault->row);
    return sqlite_store_do(store, count, "note a fault", error);
}

int sqlite_rows_fault(struct store *base, uint64_t job, const struct store_fault *faults,
                      size_t count, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int code = sqlite_store_begin(store, "note faults", error);

    if (code != 0)
        return code;
    for (size_t i = 0; i < count && code == 0; i++)
        code = fault_row(store, job, &faults[i], error);
    return sqlite_store_end(store, code, "note faults", error);
}

int sqlite_row_erase(struct store *base, uint64_t job, uint64_t row, struct slice fault,
                     struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int code;

    /* Otherwise what was there stays readable in the file until its page is used again. */
    (void)sqlite3_exec(store->db, "PRAGMA secure_delete=ON", NULL, NULL, NULL);
    code = sqlite_store_begin(store, "erase a row", error);
    if (code != 0)
        return code;
    code = do_row(store, STATEMENT_ROW_ERASE, job, row, fault, error);
    if (code == 0)
        code = do_row(store, STATEMENT_RESULT_ERASE, job, row, SLICE_EMPTY, error);
    return sqlite_store_end(store, code, "erase a row", error);
}

int sqlite_counts(struct store *base, uint64_t job, struct store_counts *ret_counts,
                  struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_TALLY_READ);
    struct store_counts counts = {0};
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "count", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        unsigned reason = (unsigned)sqlite3_column_int(statement, 0);

        if (reason >= VERDICT_REASON_COUNT)
            continue;
        counts.results[reason] = (uint64_t)sqlite3_column_int64(statement, 1);
        counts.rows[reason] = (uint64_t)sqlite3_column_int64(statement, 2);
    }
    if (result != SQLITE_DONE)
        code = sqlite_store_fail(store, "count", error);
    sqlite3_reset(statement);
    code = sqlite_store_read(store, code, error);
    if (code == 0)
        *ret_counts = counts;
    return code;
}
