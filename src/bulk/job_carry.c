#include "bulk/job_carry.h"

#include <stdlib.h>

#include "base/memory.h"
#include "bulk/job_outcome.h"

#define BATCH 500
#define TWINS 1000000 /* at most; others are asked */

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

static struct carry *carry_new(struct store *store, uint64_t from, uint64_t to,
                               enum bulk_dedupe dedupe, struct error *error)
{
    struct carry *carry = memory_zalloc(1, sizeof(*carry));

    if (carry == NULL) {
        (void)error_set(error, ERROR_NOMEM, "no memory to carry results over");
        return NULL;
    }
    carry->store = store;
    carry->from = from;
    carry->to = to;
    carry->dedupe = dedupe;
    arena_init(&carry->arena);
    store_page_init(&carry->old_page);
    store_page_init(&carry->new_page);
    return carry;
}

static void carry_free(struct carry *carry)
{
    store_keys_close(carry->old.keys);
    store_keys_close(carry->new.keys);
    store_page_done(&carry->old_page);
    store_page_done(&carry->new_page);
    arena_done(&carry->arena);
    memory_free(carry);
}

int bulk_job_carry(struct store *store, uint64_t from, uint64_t to, enum bulk_dedupe dedupe,
                   uint64_t *ret_carried, struct error *error)
{
    struct carry *carry = carry_new(store, from, to, dedupe, error);
    int code;

    if (carry == NULL)
        return ERROR_NOMEM;
    code = start(carry, from, &carry->old, error);
    if (code == 0)
        code = start(carry, to, &carry->new, error);
    if (code == 0)
        code = merge(carry, error);
    if (code == 0)
        *ret_carried = carry->carried;
    carry_free(carry);
    return code;
}

/* --- within a job ---------------------------------------------------------------------------- */

/* A row without result, by the key that its address has today. */
struct twin {
    uint64_t key, row; /* row 0: it has got one */
};

struct twins {
    struct twin *all;
    size_t count, room;
};

/* As stores sort keys: signed. */
static int compare_twins(const void *left, const void *right)
{
    int64_t a = (int64_t)((const struct twin *)left)->key;
    int64_t b = (int64_t)((const struct twin *)right)->key;

    return a < b ? -1 : a > b;
}

static int add_twin(struct twins *twins, uint64_t key, uint64_t row, struct error *error)
{
    if (twins->count == twins->room) {
        size_t room = twins->room > 0 ? 2 * twins->room : BATCH;
        struct twin *more = memory_resize(twins->all, room, sizeof(*more));

        if (more == NULL)
            return error_set(error, ERROR_NOMEM, "no memory to carry results over");
        twins->all = more;
        twins->room = room;
    }
    twins->all[twins->count++] = (struct twin){key, row};
    return 0;
}

static int find_twins(struct carry *carry, struct twins *twins, struct error *error)
{
    struct store_query query = {.scope = STORE_SCOPE_PENDING, .limit = STORE_PAGE_MAX};
    struct store_page *page = &carry->new_page;
    char bytes[BULK_KEY_SIZE];
    int code;

    do {
        code = store_page_read(carry->store, carry->to, &query, page, error);
        for (size_t i = 0; code == 0 && i < page->count && twins->count < TWINS; i++) {
            const struct store_row *row = &page->lines[i].row;
            struct slice address = bulk_job_address(row->address);
            uint64_t key;

            if (slice_equal(address, row->address) || bulk_job_fault(row).len > 0)
                continue;
            key = bulk_job_key_hash(bulk_job_key(carry->dedupe, address, bytes));
            code = key != 0 ? add_twin(twins, key, row->number, error) : 0;
        }
        query.after = page->after;
    } while (code == 0 && !page->at_end && twins->count < TWINS);
    if (twins->count > 0)
        qsort(twins->all, twins->count, sizeof(*twins->all), compare_twins);
    return code;
}

/* To a twin, from a row with the same hash, if that is the same mailbox and has a result. */
static int give_twin(struct carry *carry, struct twin *twin, uint64_t row, struct error *error)
{
    char old_bytes[BULK_KEY_SIZE], new_bytes[BULK_KEY_SIZE];
    const struct store_line *old, *new;
    int code = store_line_read(carry->store, carry->from, row, &carry->old_page, error);

    if (code == 0)
        code = store_line_read(carry->store, carry->to, twin->row, &carry->new_page, error);
    if (code != 0)
        return code;
    old = &carry->old_page.lines[0];
    new = &carry->new_page.lines[0];
    if (!old->has_result || old->row.first != 0 || old->row.fault.len > 0 ||
        old->result.reason == REASON_BAD_SYNTAX || new->has_result ||
        !slice_equal(bulk_job_key(carry->dedupe, old->row.address, old_bytes),
                     bulk_job_key(carry->dedupe, bulk_job_address(new->row.address), new_bytes)))
        return 0;
    twin->row = 0;
    return add(carry, &old->result, &new->row, error);
}

static int give_twins(struct carry *carry, struct twins *twins, struct error *error)
{
    struct walk *walk = &carry->old;
    size_t at = 0;
    int code = store_keys_open(carry->store, carry->from, &walk->keys, error);

    while (code == 0 && at < twins->count) {
        code = store_keys_next(walk->keys, &walk->key, &walk->row, error);
        if (code != 1)
            break;
        code = 0;
        while (at < twins->count && (int64_t)twins->all[at].key < (int64_t)walk->key)
            at++;
        for (size_t i = at; i < twins->count && twins->all[i].key == walk->key && code == 0; i++)
            if (twins->all[i].row != 0)
                code = give_twin(carry, &twins->all[i], walk->row, error);
    }
    return code == 0 ? keep(carry, error) : code;
}

int bulk_job_carry_within(struct store *store, uint64_t job, enum bulk_dedupe dedupe,
                          uint64_t *ret_carried, struct error *error)
{
    struct carry *carry = carry_new(store, job, job, dedupe, error);
    struct twins twins = {0};
    int code;

    if (carry == NULL)
        return ERROR_NOMEM;
    code = find_twins(carry, &twins, error);
    if (code == 0 && twins.count > 0)
        code = give_twins(carry, &twins, error);
    if (code == 0)
        *ret_carried = carry->carried;
    memory_free(twins.all);
    carry_free(carry);
    return code;
}
