/* Records in PostgreSQL: the rules of what replaces what stand in the statements. */
#include <stdlib.h>

#include "base/memory.h"
#include "store/postgres_internal.h"

#define PIPELINED 256 /* statements said before their answers are read */

int postgres_record_read(struct postgres_store *store, const PGresult *answer, int row,
                         enum store_record_kind kind, struct arena *arena,
                         struct store_record *ret_record, struct error *error)
{
    struct store_record record = {
        .kind = kind,
        .key = arena_slice(arena, postgres_bytes(answer, row, 0)),
        .group = arena_slice(arena, postgres_bytes(answer, row, 1)),
        .value = (uint8_t)postgres_int(answer, row, 2),
        .is_proof = postgres_int(answer, row, 3) != 0,
        .checked_unix_ms = postgres_int(answer, row, 4),
        .expires_unix_ms = postgres_int(answer, row, 5),
        .failed_unix_ms = postgres_int(answer, row, 6),
        .failures = (uint32_t)postgres_int(answer, row, 7),
    };
    int code = record.key.ptr != NULL && record.group.ptr != NULL
                   ? store_unpack(store->pack, postgres_bytes(answer, row, 8), arena, &record.body)
                   : ERROR_NOMEM;

    if (code == ERROR_NOMEM)
        return error_set(error, code, "no memory to read a record");
    if (code != 0)
        return error_set(error, code, "a record in %s is damaged", store->place);
    *ret_record = record;
    return 1;
}

int postgres_record_get(struct store *base, enum store_record_kind kind, struct slice key,
                        struct arena *arena, struct store_record *ret_record, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_params params;
    PGresult *answer;
    int code;

    if (postgres_ahead_get(store, kind, key, arena, &code, ret_record))
        return code;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)kind);
    postgres_bind_bytes(&params, key);
    code = postgres_store_do(store, POSTGRES_RECORD_GET, &params, &answer, "read a record", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    if (PQntuples(answer) > 0)
        code = postgres_record_read(store, answer, 0, kind, arena, ret_record, error);
    PQclear(answer);
    return code;
}

static int bind_record(struct postgres_store *store, struct postgres_params *params,
                       const struct store_record *record, struct error *error)
{
    struct slice body = store_pack(store->pack, record->body);

    if (body.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to keep a record");
    postgres_bind_int(params, (int64_t)record->kind);
    postgres_bind_bytes(params, record->key);
    postgres_bind_bytes(params, record->group);
    postgres_bind_int(params, record->value);
    postgres_bind_int(params, record->is_proof);
    postgres_bind_int(params, record->checked_unix_ms);
    postgres_bind_int(params, record->expires_unix_ms);
    postgres_bind_int(params, (int64_t)(record->key.len + record->group.len + body.len) +
                                  STORE_RECORD_OVERHEAD);
    postgres_bind_bytes(params, body);
    return params->bytes.failed ? error_set(error, ERROR_NOMEM, "no memory to keep a record") : 0;
}

/* By kind and key, so that sessions lock rows in one order; of one key, as they came. */
static int compare_records(const void *left, const void *right)
{
    const struct store_record *a = *(const struct store_record *const *)left;
    const struct store_record *b = *(const struct store_record *const *)right;
    int order = a->kind != b->kind ? (a->kind < b->kind ? -1 : 1) : slice_compare(a->key, b->key);

    return order != 0 ? order : a < b ? -1 : a > b;
}

static int put_some(struct postgres_store *store, const struct store_record *const *records,
                    size_t count, struct postgres_params *params, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < count; i++)
        postgres_params_init(&params[i]);
    for (size_t i = 0; i < count && code == 0; i++)
        code = bind_record(store, &params[i], records[i], error);
    if (code == 0)
        code = postgres_store_pipeline(store, POSTGRES_RECORD_PUT, params, count, "keep records",
                                       error);
    for (size_t i = 0; i < count; i++)
        postgres_params_done(&params[i]);
    return code;
}

int postgres_records_put(struct store *base, const struct store_record *records, size_t count,
                         struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    size_t room = count < PIPELINED ? count : PIPELINED;
    const struct store_record **sorted = memory_zalloc(count + 1, sizeof(*sorted));
    struct postgres_params *params = memory_zalloc(room + 1, sizeof(*params));
    int code = sorted != NULL && params != NULL
                   ? postgres_store_begin(store, "keep records", error)
                   : error_set(error, ERROR_NOMEM, "no memory to keep records");

    if (code != 0)
        goto done;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &records[i];
        postgres_ahead_forget(store, records[i].kind, records[i].key);
    }
    qsort(sorted, count, sizeof(sorted[0]), compare_records);
    for (size_t at = 0; at < count && code == 0; at += room)
        code = put_some(store, sorted + at, count - at < room ? count - at : room, params, error);
    code = postgres_store_end(store, code, "keep records", error);
done:
    memory_free(sorted);
    memory_free(params);
    return code;
}

int postgres_record_remove(struct store *base, enum store_record_kind kind, struct slice key,
                           struct error *error)
{
    struct postgres_params params;
    int64_t gone;

    postgres_ahead_forget(postgres_store_of(base), kind, key);
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)kind);
    postgres_bind_bytes(&params, key);
    gone = postgres_store_change(postgres_store_of(base), POSTGRES_RECORD_REMOVE, &params,
                                 "remove a record", error);
    postgres_params_done(&params);
    return (int)gone;
}

int postgres_records_total(struct store *base, enum store_record_kind kind,
                           struct store_record_total *ret_total, struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)kind);
    code = postgres_store_do(postgres_store_of(base), POSTGRES_RECORD_TOTAL, &params, &answer,
                             "count records", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    *ret_total = (struct store_record_total){
        .records = (uint64_t)postgres_int(answer, 0, 0),
        .bytes = (uint64_t)postgres_int(answer, 0, 1),
    };
    PQclear(answer);
    return 0;
}

static int64_t remove_some(struct postgres_store *store, enum postgres_statement which,
                           enum store_record_kind kind, const int64_t *now_unix_ms, size_t max,
                           struct error *error)
{
    struct postgres_params params;
    int64_t gone;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)kind);
    if (now_unix_ms != NULL)
        postgres_bind_int(&params, *now_unix_ms);
    postgres_bind_int(&params, (int64_t)max);
    gone = postgres_store_change(store, which, &params, "remove old records", error);
    postgres_params_done(&params);
    return gone;
}

/* Those that would expire first: about as many as are too many. */
static int64_t remove_first(struct postgres_store *store, enum store_record_kind kind,
                            uint64_t bytes_max, size_t max, struct error *error)
{
    struct store_record_total total;
    uint64_t many;
    int code = postgres_records_total(&store->base, kind, &total, error);

    if (code != 0 || total.bytes <= bytes_max || total.records == 0)
        return code;
    many = (total.bytes - bytes_max) / (total.bytes / total.records + 1) + 1;
    return remove_some(store, POSTGRES_RECORD_FIRST, kind, NULL, many < max ? many : max, error);
}

int postgres_records_expire(struct store *base, enum store_record_kind kind, int64_t now_unix_ms,
                            uint64_t bytes_max, size_t max, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    int64_t removed = remove_some(store, POSTGRES_RECORD_EXPIRE, kind, &now_unix_ms, max, error);
    int64_t more = removed;

    /* How many bytes are kept is a count of all of them: only for who has a limit. */
    while (more >= 0 && bytes_max != UINT64_MAX && (uint64_t)removed < max) {
        more = remove_first(store, kind, bytes_max, max - (size_t)removed, error);
        if (more <= 0)
            break;
        removed += more;
    }
    return (int)(more < 0 ? more : removed);
}
