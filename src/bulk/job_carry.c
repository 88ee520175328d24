#include "bulk/job_carry.h"

#include "base/memory.h"

#define BATCH 500

/* A walk over the first rows of a job's keys. */
struct walk {
    struct store_keys *keys;
    uint64_t key, row;
    bool is_at_end;
};

struct carry {
    struct store *store;
    uint64_t from, to;
    enum bulk_dedupe dedupe;
    struct walk old, new;
    struct store_page old_page, new_page;
    struct arena arena; /* of the batch */
    struct store_result results[BATCH];
    size_t count;
    uint64_t carried;
};

/* To the first row of the next key. */
static int step(struct walk *walk, struct error *error)
{
    uint64_t last = walk->key;
    int code;

    do {
        code = store_keys_next(walk->keys, &walk->key, &walk->row, error);
    } while (code == 1 && walk->key == last);
    walk->is_at_end = code == 0;
    return code < 0 ? code : 0;
}

static int start(struct carry *carry, uint64_t job, struct walk *walk, struct error *error)
{
    int code = store_keys_open(carry->store, job, &walk->keys, error);

    return code == 0 ? step(walk, error) : code;
}

static int keep(struct carry *carry, struct error *error)
{
    int code = 0;

    if (carry->count > 0)
        code = store_results_put(carry->store, carry->to, carry->results, carry->count, error);
    carry->carried += carry->count;
    carry->count = 0;
    arena_reset(&carry->arena);
    return code;
}

static bool own(struct arena *arena, struct slice *text)
{
    *text = arena_slice(arena, *text);
    return text->ptr != NULL;
}

static int add(struct carry *carry, const struct store_result *from, const struct store_row *row,
               struct error *error)
{
    struct store_result *result = &carry->results[carry->count];

    *result = *from;
    result->row = row->number;
    result->copies = row->copies;
    if (!own(&carry->arena, &result->provider) || !own(&carry->arena, &result->domain) ||
        !own(&carry->arena, &result->suggestion) || !own(&carry->arena, &result->explanation) ||
        !own(&carry->arena, &result->json))
        return error_set(error, ERROR_NOMEM, "no memory to carry results over");
    return ++carry->count == BATCH ? keep(carry, error) : 0;
}

/* Both walks stand at the same hash: is it the same mailbox, with something to carry? */
static int meet(struct carry *carry, struct error *error)
{
    char old_bytes[BULK_KEY_SIZE], new_bytes[BULK_KEY_SIZE];
    const struct store_line *old, *new;
    int code = store_line_read(carry->store, carry->from, carry->old.row, &carry->old_page, error);

    if (code == 0)
        code = store_line_read(carry->store, carry->to, carry->new.row, &carry->new_page, error);
    if (code != 0)
        return code;
    old = &carry->old_page.lines[0];
    new = &carry->new_page.lines[0];
    if (!old->has_result || new->has_result || new->row.first != 0 ||
        !slice_equal(bulk_job_key(carry->dedupe, old->row.address, old_bytes),
                     bulk_job_key(carry->dedupe, new->row.address, new_bytes)))
        return 0;
    return add(carry, &old->result, &new->row, error);
}

static int merge(struct carry *carry, struct error *error)
{
    int code = 0;

    while (code == 0 && !carry->old.is_at_end && !carry->new.is_at_end) {
        /* As stores sort them: signed. */
        int64_t old = (int64_t)carry->old.key, new = (int64_t)carry->new.key;

        if (old == new)
            code = meet(carry, error);
        if (code == 0 && old <= new)
            code = step(&carry->old, error);
        if (code == 0 && new <= old)
            code = step(&carry->new, error);
    }
    return code == 0 ? keep(carry, error) : code;
}

int bulk_job_carry(struct store *store, uint64_t from, uint64_t to, enum bulk_dedupe dedupe,
                   uint64_t *ret_carried, struct error *error)
{
    struct carry *carry = memory_zalloc(1, sizeof(*carry));
    int code;

    if (carry == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to carry results over");
    carry->store = store;
    carry->from = from;
    carry->to = to;
    carry->dedupe = dedupe;
    arena_init(&carry->arena);
    store_page_init(&carry->old_page);
    store_page_init(&carry->new_page);
    code = start(carry, from, &carry->old, error);
    if (code == 0)
        code = start(carry, to, &carry->new, error);
    if (code == 0)
        code = merge(carry, error);
    if (code == 0)
        *ret_carried = carry->carried;
    store_keys_close(carry->old.keys);
    store_keys_close(carry->new.keys);
    store_page_done(&carry->old_page);
    store_page_done(&carry->new_page);
    arena_done(&carry->arena);
    memory_free(carry);
    return code;
}
