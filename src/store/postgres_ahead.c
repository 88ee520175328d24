/*
 * Records read ahead: many at once, where one by one would cost a wait each.
 *
 * What somebody says he will ask for is read with one statement and answered from memory, each
 * once. A walk reads so many records at once and goes on in what it has. Both say what the store
 * said some moments ago; what this connection changes meanwhile is forgotten here.
 */
#include <string.h>

#include "base/instant.h"
#include "base/memory.h"
#include "store/postgres_internal.h"

#define EXPECTED_MS (10 * SECOND_MS)
#define WALK_MS     SECOND_MS
#define KEY_SIZE    (STORE_RECORD_KEY_MAX + 1)

/* Stands for what was looked for and is not there. */
static struct store_record absent;

static struct slice key_of(char out[KEY_SIZE], enum store_record_kind kind, struct slice key)
{
    if (key.len > STORE_RECORD_KEY_MAX)
        return SLICE_EMPTY;
    out[0] = (char)kind;
    memcpy(out + 1, key.ptr, key.len);
    return slice_from(out, key.len + 1);
}

/* --- what is expected ---------------------------------------------------------------------- */

static void forget_expected(struct postgres_ahead *ahead)
{
    table_done(&ahead->expected);
    table_init(&ahead->expected, ahead->seed);
    arena_reset(&ahead->arena);
}

static int read_expected(struct postgres_store *store, PGresult *answer)
{
    struct postgres_ahead *ahead = &store->ahead;

    for (int i = 0; i < PQntuples(answer); i++) {
        enum store_record_kind kind = (enum store_record_kind)postgres_int(answer, i, 9);
        struct store_record *record = arena_alloc(&ahead->arena, sizeof(*record));
        char bytes[KEY_SIZE];
        int code = record != NULL
                       ? postgres_record_read(store, answer, i, kind, &ahead->arena, record, NULL)
                       : ERROR_NOMEM;

        if (code >= 0)
            code = table_put(&ahead->expected, key_of(bytes, kind, record->key), record);
        if (code < 0)
            return code;
    }
    return 0;
}

void postgres_records_expect(struct store *base, const struct store_record_name *names,
                             size_t count)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_ahead *ahead = &store->ahead;
    struct postgres_params params;
    PGresult *answer = NULL;
    char bytes[KEY_SIZE];
    int code = 0;

    forget_expected(ahead);
    postgres_params_init(&params);
    postgres_bind_ints_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_int(&params, (int64_t)names[i].kind);
    postgres_bind_texts_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_text(&params, names[i].key);
    code = postgres_store_do(store, POSTGRES_RECORD_EXPECT, &params, &answer, "read records", NULL);
    postgres_params_done(&params);
    for (size_t i = 0; i < count && code == 0; i++)
        code = table_put(&ahead->expected, key_of(bytes, names[i].kind, names[i].key), &absent);
    if (code == 0)
        code = read_expected(store, answer);
    if (code < 0)
        forget_expected(ahead); /* they are read one by one then */
    ahead->expected_ms = postgres_clock_ms();
    PQclear(answer);
}

bool postgres_ahead_get(struct postgres_store *store, enum store_record_kind kind, struct slice key,
                        struct arena *arena, int *ret_code, struct store_record *ret_record)
{
    char bytes[KEY_SIZE];
    const struct store_record *record = NULL;
    struct store_record copy;

    if (store->ahead.expected.count == 0)
        return false;
    record = table_take(&store->ahead.expected, key_of(bytes, kind, key));
    if (record == NULL || postgres_clock_ms() > store->ahead.expected_ms + EXPECTED_MS)
        return false;
    *ret_code = 0;
    if (record == &absent)
        return true;
    copy = *record;
    copy.key = arena_slice(arena, record->key);
    copy.group = arena_slice(arena, record->group);
    copy.body = arena_slice(arena, record->body);
    if (copy.key.ptr == NULL || copy.group.ptr == NULL || copy.body.ptr == NULL)
        return false;
    *ret_record = copy;
    *ret_code = 1;
    return true;
}

/* --- walks --------------------------------------------------------------------------------- */

static void forget_walk(struct postgres_ahead *ahead)
{
    PQclear(ahead->walk);
    ahead->walk = NULL;
}

static bool goes_on(const struct postgres_ahead *ahead, enum store_record_kind kind,
                    struct slice group, struct slice after)
{
    return ahead->walk != NULL && ahead->walk_at > 0 && ahead->walk_kind == kind &&
           ahead->walk_of_group == (group.len > 0) &&
           slice_equal(postgres_bytes(ahead->walk, ahead->walk_at - 1, 0), after) &&
           (group.len == 0 ||
            slice_equal(postgres_bytes(ahead->walk, ahead->walk_at - 1, 1), group)) &&
           postgres_clock_ms() <= ahead->walk_ms + WALK_MS;
}

/* The next ones above `after`, from its first. */
static int begin_walk(struct postgres_store *store, enum store_record_kind kind, struct slice group,
                      struct slice after, struct error *error)
{
    struct postgres_ahead *ahead = &store->ahead;
    struct postgres_params params;
    int code;

    forget_walk(ahead);
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)kind);
    postgres_bind_bytes(&params, after);
    postgres_bind_int(&params, POSTGRES_WALK_AHEAD);
    if (group.len > 0)
        postgres_bind_bytes(&params, group);
    code = postgres_store_do(store, group.len > 0 ? POSTGRES_RECORD_NEXT_OF : POSTGRES_RECORD_NEXT,
                             &params, &ahead->walk, "read records", error);
    postgres_params_done(&params);
    ahead->walk_kind = kind;
    ahead->walk_of_group = group.len > 0;
    ahead->walk_at = 0;
    ahead->walk_ms = postgres_clock_ms();
    if (code != 0)
        ahead->walk = NULL;
    return code;
}

int postgres_record_next(struct store *base, enum store_record_kind kind, struct slice group,
                         struct slice after, struct arena *arena, struct store_record *ret_record,
                         struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_ahead *ahead = &store->ahead;
    bool is_known = goes_on(ahead, kind, group, after);
    int code = 0;

    if (!is_known ||
        (ahead->walk_at == PQntuples(ahead->walk) && ahead->walk_at == POSTGRES_WALK_AHEAD))
        code = begin_walk(store, kind, group, after, error);
    if (code != 0 || ahead->walk_at == PQntuples(ahead->walk))
        return code;
    return postgres_record_read(store, ahead->walk, ahead->walk_at++, kind, arena, ret_record,
                                error);
}

/* --- forgetting ---------------------------------------------------------------------------- */

void postgres_ahead_forget(struct postgres_store *store, enum store_record_kind kind,
                           struct slice key)
{
    struct postgres_ahead *ahead = &store->ahead;
    char bytes[KEY_SIZE];

    (void)table_take(&ahead->expected, key_of(bytes, kind, key));
    /* Whoever removes what he walks over goes on with what comes after it. */
    if (ahead->walk != NULL && ahead->walk_at > 0 && ahead->walk_kind == kind &&
        slice_compare(key, postgres_bytes(ahead->walk, ahead->walk_at - 1, 0)) > 0)
        forget_walk(ahead);
}

void postgres_ahead_init(struct postgres_store *store)
{
    struct postgres_ahead *ahead = &store->ahead;

    ahead->seed = postgres_clock_ms() * UINT64_C(0x9e3779b97f4a7c15);
    arena_init(&ahead->arena);
    table_init(&ahead->expected, ahead->seed);
}

void postgres_ahead_done(struct postgres_store *store)
{
    forget_walk(&store->ahead);
    table_done(&store->ahead.expected);
    arena_done(&store->ahead.arena);
}
