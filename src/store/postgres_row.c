/* Rows in PostgreSQL: in by COPY; and the walk over their keys. */
#include <stdio.h>

#include "base/memory.h"
#include "store/postgres_internal.h"

#define KEYS_AT_ONCE "10000"
#define SORT_MS      (UINT64_C(30) * 60 * 1000) /* of any number of rows */

/* (job, numbers): a change of one list; ERROR_NOT_FOUND when there is none. */
static int change_job(struct postgres_store *store, enum postgres_statement which, uint64_t job,
                      const uint64_t *numbers, size_t count, const char *what, struct error *error)
{
    struct postgres_params params;
    int64_t changed;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    for (size_t i = 0; i < count; i++)
        postgres_bind_int(&params, (int64_t)numbers[i]);
    changed = postgres_store_change(store, which, &params, what, error);
    postgres_params_done(&params);
    if (changed == 0)
        return error_set(error, ERROR_NOT_FOUND, "there is no list %llu", (unsigned long long)job);
    return changed < 0 ? (int)changed : 0;
}

/* --- COPY (the binary form: PostgreSQL's manual, COPY, "Binary Format") ------------------------
 */

static void copy_int(struct buffer *bytes, uint64_t value)
{
    postgres_put_u32(bytes, sizeof(value));
    postgres_put_u64(bytes, value);
}

static void copy_bytes(struct buffer *bytes, struct slice text, bool may_be_null)
{
    postgres_put_u32(bytes, text.len == 0 && may_be_null ? UINT32_MAX : (uint32_t)text.len);
    buffer_append_slice(bytes, text);
}

static void copy_rows(struct buffer *bytes, uint64_t job, const struct store_row *rows,
                      size_t count)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* signature, flags, extension */

    buffer_append(bytes, head, sizeof(head));
    for (size_t i = 0; i < count; i++) {
        postgres_put_u16(bytes, 7);
        copy_int(bytes, job);
        copy_int(bytes, rows[i].number);
        copy_int(bytes, rows[i].key);
        copy_int(bytes, rows[i].turn);
        copy_bytes(bytes, rows[i].address, false);
        copy_bytes(bytes, rows[i].fault, true);
        copy_bytes(bytes, rows[i].raw, true);
    }
    postgres_put_u16(bytes, UINT16_MAX);
}

static int add_rows(struct postgres_store *store, uint64_t job, const struct store_row *rows,
                    size_t count, struct error *error)
{
    struct buffer bytes;
    uint64_t numbers[] = {count, 0, 0};
    int code;

    for (size_t i = 0; i < count; i++) {
        numbers[1] += rows[i].fault.len > 0;
        numbers[2] += rows[i].is_doubtful;
    }
    code = change_job(store, POSTGRES_JOB_LOADED, job, numbers, 3, "add rows", error);
    if (code != 0 || count == 0)
        return code;
    buffer_init(&bytes, 0);
    copy_rows(&bytes, job, rows, count);
    code = bytes.failed ? error_set(error, ERROR_NOMEM, "no memory to add rows")
                        : postgres_store_copy_in(store,
                                                 "COPY line (job, row, key, turn, address, fault,"
                                                 " raw) FROM STDIN (FORMAT binary)",
                                                 buffer_slice(&bytes), "add rows", error);
    buffer_done(&bytes);
    return code;
}

int postgres_rows_add(struct store *base, uint64_t job, const struct store_row *rows, size_t count,
                      struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    int code = postgres_store_begin(store, "add rows", error);

    if (code != 0)
        return code;
    code = add_rows(store, job, rows, count, error);
    return postgres_store_end(store, code, "add rows", error);
}

/* --- duplicates ---------------------------------------------------------------------------- */

static int mark_rows(struct postgres_store *store, uint64_t job, const struct store_mark *marks,
                     size_t count, struct error *error)
{
    struct postgres_params mark, copies;
    uint64_t many = count;
    int64_t marked, counted = 0;

    postgres_params_init(&mark);
    postgres_params_init(&copies);
    postgres_bind_int(&mark, (int64_t)job);
    postgres_bind_int(&copies, (int64_t)job);
    postgres_bind_ints_begin(&mark, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_int(&mark, (int64_t)marks[i].row);
    postgres_bind_ints_begin(&mark, count);
    postgres_bind_ints_begin(&copies, count);
    for (size_t i = 0; i < count; i++) {
        postgres_add_int(&mark, (int64_t)marks[i].first);
        postgres_add_int(&copies, (int64_t)marks[i].first);
    }
    marked = postgres_store_change(store, POSTGRES_ROWS_MARK, &mark, "mark duplicates", error);
    if (marked == (int64_t)count)
        counted =
            postgres_store_change(store, POSTGRES_ROWS_COPIES, &copies, "mark duplicates", error);
    postgres_params_done(&mark);
    postgres_params_done(&copies);
    if (marked < 0 || counted < 0)
        return (int)(marked < 0 ? marked : counted);
    if (marked != (int64_t)count || (count > 0 && counted == 0))
        return error_set(error, ERROR_NOT_FOUND, "rows to be marked as duplicates are not there");
    return change_job(store, POSTGRES_JOB_MARKED, job, &many, 1, "mark duplicates", error);
}

int postgres_rows_mark(struct store *base, uint64_t job, const struct store_mark *marks,
                       size_t count, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    int code = postgres_store_begin(store, "mark duplicates", error);

    if (code != 0)
        return code;
    code = mark_rows(store, job, marks, count, error);
    return postgres_store_end(store, code, "mark duplicates", error);
}

/* --- keys ---------------------------------------------------------------------------------- */

/* A connection of its own: its cursor needs a transaction for as long as the walk lasts. */
struct postgres_keys {
    struct store_keys base;
    PGconn *connection;
    PGresult *answer;
    int at;
};

void postgres_keys_close(struct store_keys *base)
{
    struct postgres_keys *keys = (struct postgres_keys *)base;

    PQclear(keys->answer);
    PQfinish(keys->connection);
    memory_free(keys);
}

static int say(struct postgres_keys *keys, const char *sql, struct error *error)
{
    struct postgres_store *store = postgres_store_of(keys->base.store);
    ExecStatusType status;

    PQclear(keys->answer);
    keys->answer = postgres_say_until(keys->connection, sql, 1, postgres_clock_ms() + SORT_MS);
    keys->at = 0;
    status = PQresultStatus(keys->answer);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return 0;
    return error_set(error, ERROR_IO, "cannot sort the rows in %s: %s", store->place,
                     keys->answer != NULL ? PQerrorMessage(keys->connection)
                                          : "the connection was lost, or it does not answer");
}

int postgres_keys_open(struct store *base, uint64_t job, struct store_keys **ret_keys,
                       struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_keys *keys = memory_zalloc(1, sizeof(*keys));
    char sql[192];
    int code;

    if (keys == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to sort the rows");
    keys->base.store = base;
    code = postgres_store_open_connection(store, &keys->connection, error);
    if (code != 0) {
        memory_free(keys);
        return code;
    }
    snprintf(sql, sizeof(sql),
             "DECLARE walk NO SCROLL CURSOR FOR SELECT key, row FROM line"
             " WHERE job=%llu AND key<>0 ORDER BY key, row",
             (unsigned long long)job);
    code = say(keys, "SET idle_in_transaction_session_timeout TO '1h'", error);
    if (code == 0)
        code = say(keys, "BEGIN", error);
    if (code == 0)
        code = say(keys, sql, error);
    if (code == 0)
        *ret_keys = &keys->base;
    else
        postgres_keys_close(&keys->base);
    return code;
}

int postgres_keys_next(struct store_keys *base, uint64_t *ret_key, uint64_t *ret_row,
                       struct error *error)
{
    struct postgres_keys *keys = (struct postgres_keys *)base;

    if (keys->at >= PQntuples(keys->answer)) {
        int code = say(keys, "FETCH " KEYS_AT_ONCE " FROM walk", error);

        if (code != 0)
            return code;
        if (PQntuples(keys->answer) == 0)
            return 0;
    }
    *ret_key = (uint64_t)postgres_int(keys->answer, keys->at, 0);
    *ret_row = (uint64_t)postgres_int(keys->answer, keys->at, 1);
    keys->at++;
    return 1;
}
