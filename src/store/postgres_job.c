/* Jobs in PostgreSQL. */
#include "store/postgres_internal.h"

static void bind_job(struct postgres_params *params, const struct store_job *job)
{
    postgres_bind_int(params, job->state);
    postgres_bind_bytes(params, job->name);
    postgres_bind_bytes(params, job->sources);
    postgres_bind_bytes(params, job->fingerprint);
    postgres_bind_bytes(params, job->options);
    postgres_bind_bytes(params, job->note);
}

static void bind_times(struct postgres_params *params, const struct store_job *job)
{
    postgres_bind_int(params, job->started_unix_ms);
    postgres_bind_int(params, job->finished_unix_ms);
    postgres_bind_int(params, (int64_t)job->active_ms);
}

int postgres_job_add(struct store *base, const struct store_job *job, uint64_t *ret_id,
                     struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    bind_job(&params, job);
    postgres_bind_int(&params, job->created_unix_ms);
    bind_times(&params, job);
    code = postgres_part_add(store, &params, job->expected, &answer, error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    *ret_id = (uint64_t)postgres_int(answer, 0, 0);
    PQclear(answer);
    return 0;
}

static bool copy_column(const PGresult *answer, int column, struct arena *arena,
                        struct slice *ret_text)
{
    *ret_text = arena_slice(arena, postgres_bytes(answer, 0, column));
    return ret_text->ptr != NULL;
}

static int read_job(const PGresult *answer, struct arena *arena, struct store_job *ret_job,
                    struct error *error)
{
    struct store_job job = {.id = (uint64_t)postgres_int(answer, 0, 0)};
    uint64_t state = (uint64_t)postgres_int(answer, 0, 1);

    if (state >= STORE_JOB_STATE_COUNT)
        return error_set(error, ERROR_FORMAT, "list %llu is in a state that does not exist",
                         (unsigned long long)job.id);
    job.state = (enum store_job_state)state;
    if (!copy_column(answer, 2, arena, &job.name) || !copy_column(answer, 3, arena, &job.sources) ||
        !copy_column(answer, 4, arena, &job.fingerprint) ||
        !copy_column(answer, 5, arena, &job.options) || !copy_column(answer, 6, arena, &job.note))
        return error_set(error, ERROR_NOMEM, "no memory to read a list");
    job.created_unix_ms = postgres_int(answer, 0, 7);
    job.started_unix_ms = postgres_int(answer, 0, 8);
    job.finished_unix_ms = postgres_int(answer, 0, 9);
    job.active_ms = (uint64_t)postgres_int(answer, 0, 10);
    job.rows = (uint64_t)postgres_int(answer, 0, 11);
    job.faults = (uint64_t)postgres_int(answer, 0, 12);
    job.duplicates = (uint64_t)postgres_int(answer, 0, 13);
    job.done = (uint64_t)postgres_int(answer, 0, 14);
    job.doubts = (uint64_t)postgres_int(answer, 0, 15);
    *ret_job = job;
    return 1;
}

int postgres_job_next(struct store *base, uint64_t after, struct arena *arena,
                      struct store_job *ret_job, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)after);
    code = postgres_store_do(store, POSTGRES_JOB_NEXT, &params, &answer, "read a list", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    code = PQntuples(answer) > 0 ? read_job(answer, arena, ret_job, error) : 0;
    PQclear(answer);
    return code;
}

int postgres_job_update(struct store *base, const struct store_job *before,
                        const struct store_job *job, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    int64_t changed;

    postgres_params_init(&params);
    bind_job(&params, job);
    if (before == NULL)
        bind_times(&params, job);
    postgres_bind_int(&params, (int64_t)job->id);
    if (before != NULL) {
        postgres_bind_int(&params, before->state);
        postgres_bind_bytes(&params, before->name);
        postgres_bind_bytes(&params, before->options);
        postgres_bind_bytes(&params, before->note);
    }
    changed =
        postgres_store_change(store, before != NULL ? POSTGRES_JOB_CHANGE : POSTGRES_JOB_UPDATE,
                              &params, "change a list", error);
    postgres_params_done(&params);
    return (int)changed;
}

/* Say it with (job[, max]); *left is lowered by the rows it took away. */
static int take_away(struct postgres_store *store, enum postgres_statement which, uint64_t id,
                     bool is_bounded, size_t *left, struct error *error)
{
    struct postgres_params params;
    int64_t gone;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)id);
    if (is_bounded)
        postgres_bind_int(&params, (int64_t)*left);
    gone = postgres_store_change(store, which, &params, "remove a list", error);
    postgres_params_done(&params);
    if (gone < 0)
        return (int)gone;
    *left -= (size_t)gone < *left ? (size_t)gone : *left;
    return 0;
}

int postgres_job_clear(struct store *base, uint64_t id, size_t max, bool job_too,
                       struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    size_t left = max, few = SIZE_MAX;
    int code = postgres_part_empty(store, id, max, error);

    if (code < 0 && (code != ERROR_BUSY || store->connection == NULL))
        return code;
    code = postgres_store_begin(store, "remove a list", error);
    if (code != 0)
        return code;
    code = take_away(store, POSTGRES_RESULTS_DELETE, id, true, &left, error);
    if (code == 0 && left > 0)
        code = take_away(store, POSTGRES_ROWS_DELETE, id, true, &left, error);
    if (code == 0)
        code = take_away(store, POSTGRES_TALLY_DELETE, id, false, &few, error);
    if (code == 0)
        code = take_away(store, POSTGRES_QUEUE_DELETE, id, false, &few, error);
    /* While some are left, the counts are not true: they are gone first. */
    if (code == 0)
        code = take_away(store, left > 0 && job_too ? POSTGRES_JOB_DELETE : POSTGRES_JOB_RESET, id,
                         false, &few, error);
    code = postgres_store_end(store, code, "remove a list", error);
    return code == 0 && left == 0 ? 1 : code;
}
