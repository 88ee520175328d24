/* Rows for the engine: claimed when there is room in the window, tasks of our sites before chunks.
 */
#include "base/check.h"
#include "base/memory.h"
#include "bulk/fleet_internal.h"
#include "bulk/job_key.h"
#include "bulk/job_outcome.h"
#include "provider/mailbox.h"

#define KEYS_AT_ONCE 200    /* sites asked for tasks in one statement */
#define BUSY_MS      200    /* after the engine had no room */
#define HANDED_MOST  500000 /* rows that wait as tasks; the store counts up to a million */
#define FEED_MS      100    /* without looking at anything else: beats must be said */
#define EXPECTED     200    /* rows whose records are read at once */

/* 0; ERROR_BUSY: the engine is full. */
static int submit(struct bulk_fleet_list *list, struct bulk_fleet_chunk *chunk,
                  const struct store_row *row, unsigned hops)
{
    struct bulk_fleet_ticket *ticket = memory_zalloc(1, sizeof(*ticket));
    int code;

    if (ticket == NULL)
        return ERROR_NOMEM;
    *ticket = (struct bulk_fleet_ticket){list, chunk, row->number, row->copies, hops};
    code = probe_engine_submit_wish(list->fleet->engine, row->address, &list->wish,
                                    bulk_fleet_answered, ticket);
    if (code != 0)
        memory_free(ticket);
    else
        list->fleet->in_flight++;
    return code;
}

/* The chunk of the claim that is next, with all its rows still to come; NULL: no memory. */
static struct bulk_fleet_chunk *begin_chunk(struct bulk_fleet *fleet, struct bulk_fleet_list *list)
{
    const struct store_claim *claim = &fleet->claims.claims[fleet->claim_at];
    struct bulk_fleet_chunk *chunk = memory_zalloc(1, sizeof(*chunk));

    if (chunk == NULL)
        return NULL;
    chunk->first = claim->chunk;
    for (size_t i = fleet->claim_at;
         i < fleet->claims.count && fleet->claims.claims[i].chunk == claim->chunk; i++)
        chunk->left++;
    list_append(&list->chunk_list, &chunk->node);
    return chunk;
}

struct expected {
    struct arena arena;
    struct store_record_name names[5 * EXPECTED];
    size_t count;
};

static void expect(struct expected *expected, enum store_record_kind kind, struct slice key)
{
    if (key.ptr != NULL && key.len > 0 && key.len <= STORE_RECORD_KEY_MAX)
        expected->names[expected->count++] = (struct store_record_name){kind, key};
}

/* Of an address the engine's past and memory will want to know all of this. */
static void expect_address(struct expected *expected, struct slice text)
{
    static const enum store_record_kind kinds[] = {STORE_RECORD_MAILBOX, STORE_RECORD_BOUNCE,
                                                   STORE_RECORD_DELIVERY, STORE_RECORD_COMPLAINT};
    char bytes[PROVIDER_KEY_SIZE];
    struct address address;
    struct slice key;

    if (!address_parse(text.ptr, text.len, &address))
        return;
    key = arena_slice(&expected->arena,
                      slice_from(bytes, provider_mailbox_key(&address, NULL, bytes)));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        expect(expected, kinds[i], key);
    if (!address.is_literal)
        expect(expected, STORE_RECORD_DOMAIN,
               arena_slice(&expected->arena, slice_from_string(address.domain_ascii)));
}

/* One by one they would cost several waits for each row. */
static void expect_records(struct bulk_fleet *fleet)
{
    struct expected *expected = memory_zalloc(1, sizeof(*expected));
    size_t until = fleet->claim_at + EXPECTED;

    if (expected == NULL)
        return;
    arena_init(&expected->arena);
    if (until > fleet->claims.count)
        until = fleet->claims.count;
    for (size_t i = fleet->claim_at; i < until; i++)
        expect_address(expected, bulk_job_address(fleet->claims.claims[i].row.address));
    store_records_expect(fleet->store, expected->names, expected->count);
    fleet->expected_until = until;
    arena_done(&expected->arena);
    memory_free(expected);
}

/* One claim more to the engine: false when it can't be now. */
static bool feed_one(struct bulk_fleet *fleet)
{
    const struct store_claim *claim = &fleet->claims.claims[fleet->claim_at];
    struct bulk_fleet_list *list = bulk_fleet_find_list(fleet, claim->job);
    struct store_row row;

    if (list == NULL || list->is_over) {
        fleet->claim_at++; /* released with its list */
        fleet->chunk = NULL;
        return true;
    }
    /* A mail server is not asked for an answer that there is no room for. */
    if (!bulk_fleet_has_room(list) && !bulk_fleet_flush(list)) {
        bulk_fleet_pump_soon(fleet, BUSY_MS);
        return false;
    }
    if (list->is_over)
        return true; /* it is gone, as the store has just said */
    if (fleet->claim_at >= fleet->expected_until)
        expect_records(fleet);
    if (claim->chunk != 0 && (fleet->chunk == NULL || fleet->chunk_first != claim->chunk)) {
        fleet->chunk = begin_chunk(fleet, list);
        fleet->chunk_first = claim->chunk;
        if (fleet->chunk == NULL)
            return false;
    }
    if (claim->chunk == 0)
        fleet->chunk = NULL;
    row = claim->row;
    bulk_job_row(&row);
    if (row.number == 0) {
        bulk_fleet_settle(list, fleet->chunk);
    } else if (row.fault.len > 0) {
        bulk_fleet_fault(list, fleet->chunk, &row);
    } else if (submit(list, fleet->chunk, &row, claim->hops) != 0) {
        bulk_fleet_pump_soon(fleet, BUSY_MS);
        return false;
    }
    fleet->claim_at++;
    return true;
}
/* Tasks of our sites before chunks: somebody waits for them already. 1: some; 0: none. */
static int claim_tasks(struct bulk_fleet *fleet, struct error *error)
{
    struct slice keys[KEYS_AT_ONCE];
    uint64_t lists[BULK_FLEET_LISTS];
    size_t list_count, count, each;
    int code;

    if (fleet->tasks_dry)
        return 0;
    list_count = bulk_fleet_joined_lists(fleet, lists);
    count = list_count > 0 ? bulk_fleet_lease_keys(fleet, keys, KEYS_AT_ONCE) : 0;
    if (count == 0)
        return 0;
    each = fleet->options.window / count / 2;
    each = each < 8 ? 8 : each > 400 ? 400 : each;
    code = store_fleet_claim_tasks(fleet->membership, keys, count, lists, list_count, each,
                                   &fleet->claims, error);
    if (code == 0)
        fleet->tasks_dry = fleet->claims.count == 0;
    return code < 0 ? code : fleet->claims.count > 0;
}

/*
 * Rows of the slowest sites pile up as tasks while the others are worked off. There is no use in
 * piling up more of them than the fleet can hold in flight: the lists stay as they are meanwhile.
 */
static bool too_many_are_handed(const struct bulk_fleet *fleet)
{
    const uint64_t most = fleet->options.window * (fleet->view.workers + 1);

    return fleet->view.tasks_free > (most < HANDED_MOST ? most : HANDED_MOST);
}

static int claim_chunks(struct bulk_fleet *fleet, struct error *error)
{
    size_t room = fleet->options.window - fleet->in_flight;
    size_t max = room / STORE_FLEET_CHUNK / 2 + 1;

    if (too_many_are_handed(fleet))
        return 0;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);
        int code;

        if (list->is_over || list->is_dry || bulk_fleet_list_rests(list))
            continue;
        code = store_fleet_claim(fleet->membership, list->id, max < 8 ? max : 8, &fleet->claims,
                                 error);
        if (code < 0)
            return code;
        if (fleet->claims.count > 0) {
            list_remove(&list->node); /* the next turn is another's */
            list_append(&fleet->lists, &list->node);
            return 1;
        }
        list->is_dry = true;
    }
    return 0;
}

/* More claims: false when there are none to be had. */
static bool claim_more(struct bulk_fleet *fleet)
{
    struct error error = {0};
    int code;

    fleet->claim_at = fleet->claims.count = fleet->expected_until = 0;
    fleet->chunk = NULL;
    code = claim_tasks(fleet, &error);
    if (code == 0)
        code = claim_chunks(fleet, &error);
    if (code < 0)
        bulk_fleet_trouble(fleet, &error);
    fleet->counts.claimed += code > 0 ? fleet->claims.count : 0;
    return code > 0;
}

/* So many in flight, not counting those that wait for a later attempt. */
static bool has_window(const struct bulk_fleet *fleet)
{
    size_t waiting = 0;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node))
        waiting += LIST_ELEMENT(node, struct bulk_fleet_list, node)->owner.waiting;
    return fleet->in_flight - waiting < fleet->options.window &&
           fleet->in_flight / 4 < fleet->options.window;
}

bool bulk_fleet_is_to_be_fed(const struct bulk_fleet *fleet, const struct bulk_fleet_list *list)
{
    for (size_t i = fleet->claim_at; i < fleet->claims.count; i++)
        if (fleet->claims.claims[i].job == list->id)
            return true;
    return false;
}

void bulk_fleet_feed(struct bulk_fleet *fleet)
{
    uint64_t until = store_fleet_now_ms(fleet->membership) + FEED_MS;

    while (has_window(fleet)) {
        if (fleet->claim_at == fleet->claims.count && !claim_more(fleet))
            break;
        if (!feed_one(fleet))
            break;
        if (store_fleet_now_ms(fleet->membership) >= until) {
            bulk_fleet_pump_soon(fleet, 0);
            break;
        }
    }
}
