/*
 * Pages in SQLite.
 *
 * Mostly a walk over the rows. Where certain reasons are wanted, one cursor goes through the places
 * of results, another through the duplicates, whose reason is their first's, and the smaller row of
 * the two comes next: rare reasons cost a look at six bytes a row, not a walk over millions of
 * rows.
 */
#include "base/check.h"
#include "store/sqlite_internal.h"

#define WHAT            "read results"
#define ENTRIES_PER_ROW 50 /* places, in the time that a row takes */

/* Column names of SQLITE_STORE_LINE. */
enum column {
    COLUMN_ROW,
    COLUMN_FIRST,
    COLUMN_COPIES,
    COLUMN_ADDRESS,
    COLUMN_FAULT,
    COLUMN_REASON,
    COLUMN_RAW_OF_ROW = COLUMN_REASON, /* of ROW_READ */
    COLUMN_ACTION,                     /* of pending rows: the turn */
    COLUMN_SCORE,
    COLUMN_RAW_OF_PENDING = COLUMN_SCORE,
    COLUMN_FLAGS,
    COLUMN_RETRY_AFTER,
    COLUMN_CHECKED,
    COLUMN_PROVIDER,
    COLUMN_DOMAIN,
    COLUMN_SUGGESTION,
    COLUMN_EXPLANATION,
    COLUMN_JSON,
    COLUMN_RAW,
};

/* Slices borrow from the statement's row. */
static int borrow_line(sqlite3_stmt *statement, struct store_line *line, struct error *error)
{
    struct store_result *result = &line->result;
    unsigned reason, action;

    *line = (struct store_line){
        .row =
            {
                .number = (uint64_t)sqlite3_column_int64(statement, COLUMN_ROW),
                .first = (uint64_t)sqlite3_column_int64(statement, COLUMN_FIRST),
                .copies = (uint64_t)sqlite3_column_int64(statement, COLUMN_COPIES),
                .address = sqlite_store_column(statement, COLUMN_ADDRESS),
                .fault = sqlite_store_column(statement, COLUMN_FAULT),
            },
    };
    if (sqlite3_column_type(statement, COLUMN_REASON) == SQLITE_NULL) {
        line->row.turn = (uint32_t)sqlite3_column_int64(statement, COLUMN_ACTION);
        return 0;
    }
    line->has_result = true;
    reason = (unsigned)sqlite3_column_int(statement, COLUMN_REASON);
    action = (unsigned)sqlite3_column_int(statement, COLUMN_ACTION);
    if (reason >= VERDICT_REASON_COUNT || action >= VERDICT_ACTION_COUNT)
        return error_set(error, ERROR_FORMAT, "the result of row %llu is damaged",
                         (unsigned long long)line->row.number);
    result->row = line->row.first != 0 ? line->row.first : line->row.number;
    result->copies = line->row.copies;
    result->reason = (enum verdict_reason)reason;
    result->status = verdict_reason_status(result->reason);
    result->action = (enum verdict_action)action;
    result->score = (uint8_t)sqlite3_column_int(statement, COLUMN_SCORE);
    result->flags = (uint32_t)sqlite3_column_int64(statement, COLUMN_FLAGS);
    result->retry_after_s = (uint32_t)sqlite3_column_int64(statement, COLUMN_RETRY_AFTER);
    result->checked_unix_ms = sqlite3_column_int64(statement, COLUMN_CHECKED);
    result->provider = sqlite_store_column(statement, COLUMN_PROVIDER);
    result->domain = sqlite_store_column(statement, COLUMN_DOMAIN);
    result->suggestion = sqlite_store_column(statement, COLUMN_SUGGESTION);
    result->explanation = sqlite_store_column(statement, COLUMN_EXPLANATION);
    return 0;
}

static bool own(struct arena *arena, struct slice *text)
{
    *text = arena_slice(arena, *text);
    return text->ptr != NULL;
}

static int keep_line(struct sqlite_store *store, sqlite3_stmt *statement,
                     const struct store_query *query, struct store_page *page,
                     struct store_line *line, struct error *error)
{
    struct store_result *result = &line->result;
    struct arena *arena = &page->arena;
    int code = 0;

    if (query->with_raw)
        line->row.raw = sqlite_store_column(
            statement, query->scope == STORE_SCOPE_PENDING ? COLUMN_RAW_OF_PENDING : COLUMN_RAW);
    if (!own(arena, &line->row.address) || !own(arena, &line->row.raw) ||
        !own(arena, &line->row.fault) || !own(arena, &result->provider) ||
        !own(arena, &result->domain) || !own(arena, &result->suggestion) ||
        !own(arena, &result->explanation))
        return error_set(error, ERROR_NOMEM, "no memory for a page of rows");
    result->json = SLICE_EMPTY;
    if (query->with_json && line->has_result)
        code = store_unpack(store->pack, sqlite_store_column(statement, COLUMN_JSON), arena,
                            &result->json);
    if (code != 0)
        return error_set(error, code, "the result of row %llu %s",
                         (unsigned long long)line->row.number,
                         code == ERROR_FORMAT ? "is damaged" : "does not fit into memory");
    page->lines[page->count++] = *line;
    return 0;
}

static uint64_t last_row(const struct store_query *query)
{
    return query->until != 0 ? query->until : INT64_MAX;
}

/* Take the statement's row into the page if it passes. */
static int consider(struct sqlite_store *store, sqlite3_stmt *statement,
                    const struct store_query *query, struct store_page *page, struct error *error)
{
    struct store_line line;
    int code = borrow_line(statement, &line, error);

    if (code != 0)
        return code;
    page->after = line.row.number;
    if (!store_filter_passes(&query->filter, &line))
        return 0;
    return keep_line(store, statement, query, page, &line, error);
}

static int walk_rows(struct sqlite_store *store, uint64_t job, const struct store_query *query,
                     struct store_page *page, struct error *error)
{
    static const enum sqlite_statement statements[] = {
        [STORE_SCOPE_ROWS] = STATEMENT_PAGE_ROWS,
        [STORE_SCOPE_MAILBOXES] = STATEMENT_PAGE_MAILBOXES,
        [STORE_SCOPE_PENDING] = STATEMENT_PAGE_PENDING,
    };
    sqlite3_stmt *statement = sqlite_store_prepare(store, statements[query->scope]);
    size_t looked_at = 0;
    int code = 0, result;

    if (statement == NULL)
        return sqlite_store_fail(store, WHAT, error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)query->after);
    sqlite3_bind_int64(statement, 3, (int64_t)last_row(query));
    if (query->scope == STORE_SCOPE_PENDING)
        sqlite3_bind_int(statement, 4, query->with_raw);
    while (code == 0 && page->count < query->limit && looked_at++ < store_query_scan(query)) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            code = consider(store, statement, query, page, error);
        } else if (result == SQLITE_DONE) {
            page->at_end = true;
            break;
        } else {
            code = sqlite_store_fail(store, WHAT, error);
        }
    }
    sqlite3_reset(statement);
    return code;
}

/* --- by reason ----------------------------------------------------------------------------- */

/* Rows in rising order: those whose results have one of the reasons, and duplicates. */
struct cursors {
    sqlite3_stmt *duplicates;  /* NULL: none are wanted */
    uint64_t duplicate, found; /* where each stands; UINT64_MAX: at its end */
};

static int advance_duplicates(struct sqlite_store *store, struct cursors *cursors,
                              struct error *error)
{
    int result = sqlite3_step(cursors->duplicates);

    if (result == SQLITE_ROW) {
        cursors->duplicate = (uint64_t)sqlite3_column_int64(cursors->duplicates, 0);
        return 0;
    }
    if (result != SQLITE_DONE)
        return sqlite_store_fail(store, WHAT, error);
    cursors->duplicate = UINT64_MAX;
    return 0;
}

static int open_duplicates(struct sqlite_store *store, uint64_t job, uint64_t after, uint64_t until,
                           struct cursors *cursors, struct error *error)
{
    cursors->duplicates = sqlite_store_prepare(store, STATEMENT_ROWS_DUPLICATE);
    if (cursors->duplicates == NULL)
        return sqlite_store_fail(store, WHAT, error);
    sqlite3_bind_int64(cursors->duplicates, 1, (int64_t)job);
    sqlite3_bind_int64(cursors->duplicates, 2, (int64_t)after);
    sqlite3_bind_int64(cursors->duplicates, 3, (int64_t)until);
    return advance_duplicates(store, cursors, error);
}

static int advance_found(struct sqlite_store *store, uint64_t job, uint64_t after, uint64_t until,
                         uint64_t reasons, struct cursors *cursors, struct error *error)
{
    int code = sqlite_places_next(store, job, after, until, reasons, &cursors->found, error);

    if (code == 0)
        cursors->found = UINT64_MAX;
    return code < 0 ? code : 0;
}

static int read_one(struct sqlite_store *store, uint64_t job, uint64_t row,
                    const struct store_query *query, struct store_page *page, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_PAGE_ROWS);
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, WHAT, error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)row - 1);
    sqlite3_bind_int64(statement, 3, (int64_t)row);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        code = consider(store, statement, query, page, error);
    else if (result != SQLITE_DONE)
        code = sqlite_store_fail(store, WHAT, error);
    sqlite3_reset(statement);
    return code;
}

/* Does anything come after? */
static int has_more(struct sqlite_store *store, uint64_t job, uint64_t after, uint64_t until,
                    bool *ret_more, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_ROW_AFTER);
    int result;

    if (statement == NULL)
        return sqlite_store_fail(store, WHAT, error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)after);
    sqlite3_bind_int64(statement, 3, (int64_t)until);
    result = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return sqlite_store_fail(store, WHAT, error);
    *ret_more = result == SQLITE_ROW;
    return 0;
}

/* How far one call looks through places, where one costs a fiftieth of a row. */
static uint64_t end_of_stretch(const struct store_query *query)
{
    uint64_t until = query->after + ENTRIES_PER_ROW * store_query_scan(query);

    return until < last_row(query) ? until : last_row(query);
}

static int merge_reasons(struct sqlite_store *store, uint64_t job, const struct store_query *query,
                         struct store_page *page, struct error *error)
{
    uint64_t until = end_of_stretch(query), reasons = query->filter.reasons;
    struct cursors cursors = {.duplicate = UINT64_MAX};
    size_t looked_at = 0;
    bool more = false;
    int code = advance_found(store, job, query->after, until, reasons, &cursors, error);

    if (code == 0 && query->scope == STORE_SCOPE_ROWS)
        code = open_duplicates(store, job, query->after, until, &cursors, error);
    while (code == 0 && page->count < query->limit && looked_at++ < store_query_scan(query)) {
        bool is_duplicate = cursors.duplicate < cursors.found;
        uint64_t row = is_duplicate ? cursors.duplicate : cursors.found;

        if (row == UINT64_MAX) {
            code = has_more(store, job, until, last_row(query), &more, error);
            page->at_end = code == 0 && !more;
            page->after = more ? until : page->after;
            break;
        }
        code = read_one(store, job, row, query, page, error);
        if (code == 0)
            code = is_duplicate ? advance_duplicates(store, &cursors, error)
                                : advance_found(store, job, row, until, reasons, &cursors, error);
    }
    sqlite3_reset(cursors.duplicates);
    return code;
}

static int read_page(struct sqlite_store *store, uint64_t job, const struct store_query *query,
                     struct store_page *page, struct error *error)
{
    if (query->scope != STORE_SCOPE_PENDING && query->filter.reasons != 0)
        return merge_reasons(store, job, query, page, error);
    return walk_rows(store, job, query, page, error);
}

/* --- rows alone ---------------------------------------------------------------------------- */

static int read_row(struct sqlite_store *store, uint64_t job, uint64_t number,
                    struct store_page *page, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_ROW_READ);
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, WHAT, error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)number);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        struct store_row row = {
            .number = number,
            .first = (uint64_t)sqlite3_column_int64(statement, COLUMN_FIRST),
            .copies = (uint64_t)sqlite3_column_int64(statement, COLUMN_COPIES),
            .address = sqlite_store_column(statement, COLUMN_ADDRESS),
            .fault = sqlite_store_column(statement, COLUMN_FAULT),
            .raw = sqlite_store_column(statement, COLUMN_RAW_OF_ROW),
        };

        if (own(&page->arena, &row.address) && own(&page->arena, &row.fault) &&
            own(&page->arena, &row.raw))
            page->lines[page->count++] = (struct store_line){.row = row};
        else
            code = error_set(error, ERROR_NOMEM, "no memory for a page of rows");
    } else if (result != SQLITE_DONE) {
        code = sqlite_store_fail(store, WHAT, error);
    }
    sqlite3_reset(statement);
    return code;
}

int sqlite_rows_read(struct store *base, uint64_t job, const uint64_t *rows, size_t count,
                     struct store_page *page, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int code = 0;

    sqlite_reads_begin(base);
    for (size_t i = 0; i < count && code == 0; i++)
        code = read_row(store, job, rows[i], page, error);
    sqlite_reads_end(base);
    return sqlite_store_read(store, code, error);
}

/* --- pages --------------------------------------------------------------------------------- */

int sqlite_page_read(struct store *base, uint64_t job, const struct store_query *query,
                     struct store_page *page, struct error *error)
{
    int code;

    sqlite_reads_begin(base);
    code = read_page(sqlite_store_of(base), job, query, page, error);
    sqlite_reads_end(base);
    return sqlite_store_read(sqlite_store_of(base), code, error);
}
