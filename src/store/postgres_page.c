/*
 * Pages in PostgreSQL: a stretch of rows at a time, of the length that a call may look at.
 *
 * The server picks out reasons; what else a filter wants is looked at here, with the one meaning
 * that it has for all stores.
 */
#include "base/check.h"
#include "store/postgres_internal.h"

#define WHAT        "read results"
#define ROWS_IN_ONE 2000 /* that an answer holds at most, where most of them may not pass */

/* Column numbers of POSTGRES_LINE. */
enum column {
    COLUMN_ROW,
    COLUMN_FIRST,
    COLUMN_COPIES,
    COLUMN_ADDRESS,
    COLUMN_FAULT,
    COLUMN_REASON,
    COLUMN_ACTION,
    COLUMN_SCORE,
    COLUMN_FLAGS,
    COLUMN_RETRY_AFTER,
    COLUMN_CHECKED,
    COLUMN_PROVIDER,
    COLUMN_DOMAIN,
    COLUMN_SUGGESTION,
    COLUMN_EXPLANATION,
    COLUMN_JSON,
    COLUMN_RAW,
    COLUMN_TURN,
};

/* Slices borrow from the answer. */
static int read_line(const PGresult *answer, int at, bool is_pending, struct store_line *line,
                     struct error *error)
{
    struct store_result *result = &line->result;
    uint64_t reason, action;

    *line = (struct store_line){
        .row =
            {
                .number = (uint64_t)postgres_int(answer, at, COLUMN_ROW),
                .first = (uint64_t)postgres_int(answer, at, COLUMN_FIRST),
                .copies = (uint64_t)postgres_int(answer, at, COLUMN_COPIES),
                .address = postgres_bytes(answer, at, COLUMN_ADDRESS),
                .fault = postgres_bytes(answer, at, COLUMN_FAULT),
                .raw = postgres_bytes(answer, at, COLUMN_RAW),
                .turn = is_pending ? (uint32_t)postgres_int(answer, at, COLUMN_TURN) : 0,
            },
    };
    if (PQgetisnull(answer, at, COLUMN_REASON))
        return 0;
    line->has_result = true;
    reason = (uint64_t)postgres_int(answer, at, COLUMN_REASON);
    action = (uint64_t)postgres_int(answer, at, COLUMN_ACTION);
    if (reason >= VERDICT_REASON_COUNT || action >= VERDICT_ACTION_COUNT)
        return error_set(error, ERROR_FORMAT, "the result of row %llu is damaged",
                         (unsigned long long)line->row.number);
    result->row = line->row.first != 0 ? line->row.first : line->row.number;
    result->copies = line->row.copies;
    result->reason = (enum verdict_reason)reason;
    result->status = verdict_reason_status(result->reason);
    result->action = (enum verdict_action)action;
    result->score = (uint8_t)postgres_int(answer, at, COLUMN_SCORE);
    result->flags = (uint32_t)postgres_int(answer, at, COLUMN_FLAGS);
    result->retry_after_s = (uint32_t)postgres_int(answer, at, COLUMN_RETRY_AFTER);
    result->checked_unix_ms = postgres_int(answer, at, COLUMN_CHECKED);
    result->provider = postgres_bytes(answer, at, COLUMN_PROVIDER);
    result->domain = postgres_bytes(answer, at, COLUMN_DOMAIN);
    result->suggestion = postgres_bytes(answer, at, COLUMN_SUGGESTION);
    result->explanation = postgres_bytes(answer, at, COLUMN_EXPLANATION);
    return 0;
}

static bool own(struct arena *arena, struct slice *text)
{
    *text = arena_slice(arena, *text);
    return text->ptr != NULL;
}

static int keep_line(struct postgres_store *store, struct slice packed, struct store_page *page,
                     struct store_line *line, struct error *error)
{
    struct store_result *result = &line->result;
    struct arena *arena = &page->arena;
    int code = 0;

    if (!own(arena, &line->row.address) || !own(arena, &line->row.raw) ||
        !own(arena, &line->row.fault) || !own(arena, &result->provider) ||
        !own(arena, &result->domain) || !own(arena, &result->suggestion) ||
        !own(arena, &result->explanation))
        return error_set(error, ERROR_NOMEM, "no memory for a page of rows");
    result->json = SLICE_EMPTY;
    if (packed.len > 0)
        code = store_unpack(store->pack, packed, arena, &result->json);
    if (code != 0)
        return error_set(error, code, "the result of row %llu %s",
                         (unsigned long long)line->row.number,
                         code == ERROR_FORMAT ? "is damaged" : "does not fit into memory");
    page->lines[page->count++] = *line;
    return 0;
}

/* Lines of the answer that pass onto the page, until it is full. */
static int take_lines(struct postgres_store *store, const PGresult *answer,
                      const struct store_query *query, struct store_page *page, struct error *error)
{
    int code = 0;

    for (int i = 0; i < PQntuples(answer) && page->count < query->limit && code == 0; i++) {
        struct store_line line;

        code = read_line(answer, i, query->scope == STORE_SCOPE_PENDING, &line, error);
        if (code != 0)
            break;
        page->after = line.row.number;
        if (store_filter_passes(&query->filter, &line))
            code = keep_line(store, postgres_bytes(answer, i, COLUMN_JSON), page, &line, error);
    }
    return code;
}

static enum postgres_statement statement_of(const struct store_query *query)
{
    bool by_reason = query->filter.reasons != 0;

    switch (query->scope) {
    case STORE_SCOPE_PENDING:
        return POSTGRES_PAGE_PENDING;
    case STORE_SCOPE_MAILBOXES:
        return by_reason ? POSTGRES_PAGE_MAILBOXES_OF : POSTGRES_PAGE_MAILBOXES;
    default:
        return by_reason ? POSTGRES_PAGE_ROWS_OF : POSTGRES_PAGE_ROWS;
    }
}

static void bind_reasons(struct postgres_params *params, uint64_t reasons)
{
    postgres_bind_ints_begin(params, (size_t)__builtin_popcountll(reasons));
    for (int i = 0; i < VERDICT_REASON_COUNT; i++)
        if (reasons & (UINT64_C(1) << i))
            postgres_add_int(params, i);
}

static int ask(struct postgres_store *store, uint64_t job, const struct store_query *query,
               uint64_t after, uint64_t until, size_t limit, PGresult **ret_answer,
               struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, (int64_t)after);
    postgres_bind_int(&params, (int64_t)until);
    postgres_bind_int(&params, (int64_t)limit);
    if (query->scope != STORE_SCOPE_PENDING)
        postgres_bind_int(&params, query->with_json);
    postgres_bind_int(&params, query->with_raw);
    if (query->filter.reasons != 0)
        bind_reasons(&params, query->filter.reasons);
    code = postgres_store_do(store, statement_of(query), &params, ret_answer, WHAT, error);
    postgres_params_done(&params);
    return code;
}

/* Nothing comes after this row? */
static int look_beyond(struct postgres_store *store, uint64_t job, uint64_t row, bool *ret_at_end,
                       struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, (int64_t)row);
    code = postgres_store_do(store, POSTGRES_PAGE_BEYOND, &params, &answer, WHAT, error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    *ret_at_end = PQntuples(answer) == 0;
    PQclear(answer);
    return 0;
}

int postgres_page_read(struct store *base, uint64_t job, const struct store_query *query,
                       struct store_page *page, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    uint64_t end = query->until != 0 ? query->until : INT64_MAX;
    uint64_t after = query->after, stretch = store_query_scan(query);
    uint64_t until = end - after > stretch ? after + stretch : end;
    bool is_filtered = !store_filter_is_empty(&query->filter);
    int code = 0;

    while (code == 0 && page->count < query->limit && after < until) {
        size_t limit = is_filtered ? ROWS_IN_ONE : query->limit - page->count;
        PGresult *answer;

        code = ask(store, job, query, after, until, limit, &answer, error);
        if (code != 0)
            break;
        code = take_lines(store, answer, query, page, error);
        if ((size_t)PQntuples(answer) < limit && page->count < query->limit)
            page->after = until;
        after = page->after;
        PQclear(answer);
    }
    if (code == 0 && page->count < query->limit) {
        page->after = until;
        page->at_end = until == end;
        if (!page->at_end)
            code = look_beyond(store, job, until, &page->at_end, error);
    }
    return code;
}

int postgres_pending_read(struct store *base, uint64_t job, const uint64_t *rows, size_t count,
                          struct store_page *page, struct error *error)
{
    static const struct store_query query = {.scope = STORE_SCOPE_PENDING, .limit = STORE_PAGE_MAX};
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_numbers(&params, rows, count);
    code = postgres_store_do(store, POSTGRES_PENDING_OF, &params, &answer, WHAT, error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    code = take_lines(store, answer, &query, page, error);
    PQclear(answer);
    return code;
}
