/*
 * Results in PostgreSQL: each call is one statement, counted in the transaction that keeps them.
 *
 * Arrays instead of COPY: a row that has a result keeps the older, which COPY can't say, and by way
 * of a table in between it is slower.
 */
#include "store/postgres_internal.h"

#define WHAT "keep results"

int64_t postgres_tally_place(const struct postgres_store *store)
{
    return PQbackendPID(store->connection) % POSTGRES_TALLY_PLACES;
}

static void bind_numbers(struct postgres_params *params, const struct store_result *results,
                         size_t count)
{
#define BIND(member)                                                                               \
    postgres_bind_ints_begin(params, count);                                                       \
    for (size_t i = 0; i < count; i++)                                                             \
        postgres_add_int(params, (int64_t)results[i].member);
    BIND(row)
    BIND(copies)
    BIND(reason)
    BIND(action)
    BIND(score)
    BIND(flags)
    BIND(retry_after_s)
    BIND(checked_unix_ms)
#undef BIND
}

static void bind_texts(struct postgres_params *params, const struct store_result *results,
                       size_t count)
{
#define BIND(member)                                                                               \
    postgres_bind_texts_begin(params, count);                                                      \
    for (size_t i = 0; i < count; i++)                                                             \
        postgres_add_text(params, results[i].member);
    BIND(provider)
    BIND(domain)
    BIND(suggestion)
    BIND(explanation)
#undef BIND
}

int postgres_bind_results(struct postgres_store *store, struct postgres_params *params,
                          const struct store_result *results, size_t count, struct error *error)
{
    bind_numbers(params, results, count);
    bind_texts(params, results, count);
    postgres_bind_texts_begin(params, count);
    for (size_t i = 0; i < count; i++) {
        struct slice packed = store_pack(store->pack, results[i].json);

        if (packed.ptr == NULL)
            return error_set(error, ERROR_NOMEM, "no memory to pack a result");
        postgres_add_text(params, packed);
    }
    return 0;
}

/* The answer's first column: is there such a list? Its second: how many. */
static int read_counts(PGresult *answer, uint64_t job, uint64_t *ret_many, struct error *error)
{
    bool is_there = postgres_int(answer, 0, 0) > 0;

    *ret_many = (uint64_t)postgres_int(answer, 0, 1);
    PQclear(answer);
    return is_there ? 0
                    : error_set(error, ERROR_NOT_FOUND, "there is no list %llu",
                                (unsigned long long)job);
}

static int put_results(struct postgres_store *store, enum postgres_statement which, uint64_t job,
                       const struct store_result *results, size_t count, uint64_t *ret_many,
                       struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    *ret_many = 0;
    code = postgres_store_connect(store, error); /* which knows the place to count in */
    if (code != 0)
        return code;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    code = postgres_bind_results(store, &params, results, count, error);
    postgres_bind_int(&params, postgres_tally_place(store));
    if (code == 0)
        code = postgres_store_do(store, which, &params, &answer, WHAT, error);
    postgres_params_done(&params);
    return code == 0 ? read_counts(answer, job, ret_many, error) : code;
}

int postgres_results_put(struct store *base, uint64_t job, const struct store_result *results,
                         size_t count, struct error *error)
{
    uint64_t many;

    return put_results(postgres_store_of(base), POSTGRES_RESULTS_PUT, job, results, count, &many,
                       error);
}

int postgres_results_replace(struct store *base, uint64_t job, const struct store_result *results,
                             size_t count, uint64_t *ret_replaced, struct error *error)
{
    return put_results(postgres_store_of(base), POSTGRES_RESULTS_REPLACE, job, results, count,
                       ret_replaced, error);
}

int postgres_results_forget(struct store *base, uint64_t job, const uint64_t *rows, size_t count,
                            uint64_t *ret_forgotten, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    PGresult *answer;
    int code;

    *ret_forgotten = 0;
    code = postgres_store_connect(store, error);
    if (code != 0)
        return code;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_numbers(&params, rows, count);
    postgres_bind_int(&params, postgres_tally_place(store));
    code = postgres_store_do(store, POSTGRES_RESULTS_FORGET, &params, &answer, "take results back",
                             error);
    postgres_params_done(&params);
    return code == 0 ? read_counts(answer, job, ret_forgotten, error) : code;
}

/*
 * The old versions of the rows stay in the files until VACUUM has taken them away, which it does by
 * itself; in backups and the log they stay longer.
 */
int postgres_rows_fault(struct store *base, uint64_t job, const struct store_fault *faults,
                        size_t count, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        struct postgres_params params;

        postgres_params_init(&params);
        postgres_bind_int(&params, (int64_t)job);
        postgres_bind_int(&params, (int64_t)faults[i].row);
        postgres_bind_text(&params, faults[i].why);
        code = postgres_store_do(store, POSTGRES_ROW_FAULT, &params, NULL, "note a fault", error);
        postgres_params_done(&params);
    }
    return code;
}

int postgres_row_erase(struct store *base, uint64_t job, uint64_t row, struct slice fault,
                       struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, (int64_t)row);
    postgres_bind_text(&params, fault);
    code = postgres_store_do(store, POSTGRES_ROW_ERASE, &params, NULL, "erase a row", error);
    postgres_params_done(&params);
    return code;
}

int postgres_counts(struct store *base, uint64_t job, struct store_counts *ret_counts,
                    struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct store_counts counts = {0};
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    code = postgres_store_do(store, POSTGRES_TALLY_READ, &params, &answer, "count", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    for (int i = 0; i < PQntuples(answer); i++) {
        uint64_t reason = (uint64_t)postgres_int(answer, i, 0);

        if (reason >= VERDICT_REASON_COUNT)
            continue;
        counts.results[reason] = (uint64_t)postgres_int(answer, i, 1);
        counts.rows[reason] = (uint64_t)postgres_int(answer, i, 2);
    }
    PQclear(answer);
    *ret_counts = counts;
    return 0;
}
