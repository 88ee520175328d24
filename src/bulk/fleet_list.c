/* The running lists that a worker is at: joined, left, finished. */
#include "base/check.h"
#include "base/memory.h"
#include "bulk/fleet_internal.h"

struct bulk_fleet_list *bulk_fleet_find_list(struct bulk_fleet *fleet, uint64_t id)
{
    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        if (list->id == id)
            return list;
    }
    return NULL;
}

static void one_waits(struct probe_owner *owner)
{
    bulk_fleet_pump_soon(LIST_ELEMENT(owner, struct bulk_fleet_list, owner)->fleet, 0);
}

void bulk_fleet_list_free(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    struct list_node *node;

    if (list->owner.open > 0)
        probe_engine_withdraw(list->fleet->engine, &list->owner, true);
    CHECK(list->owner.open == 0);
    while ((node = list_pop(&list->chunk_list)) != NULL)
        memory_free(LIST_ELEMENT(node, struct bulk_fleet_chunk, node));
    list_remove(&list->node);
    /* What was claimed of it but not fed is not ours any more. */
    for (size_t i = fleet->claim_at; i < fleet->claims.count; i++)
        if (fleet->claims.claims[i].job == list->id)
            fleet->claims.claims[i].job = 0;
    arena_done(&list->arena);
    memory_free(list);
}

static int add_list(struct bulk_fleet *fleet, const struct store_fleet_list *running,
                    struct error *error)
{
    struct bulk_fleet_list *list = memory_zalloc(1, sizeof(*list));
    int code;

    if (list == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a list");
    list->fleet = fleet;
    list->id = running->id;
    list->is_seen = true;
    list_init(&list->chunk_list);
    arena_init(&list->arena);
    code = fleet->options.read_wish(fleet->user, running, &list->wish, error);
    if (code == 0)
        code = store_fleet_deal(fleet->membership, running->id, error);
    if (code != 0) {
        arena_done(&list->arena);
        memory_free(list);
        return code;
    }
    list->wish.is_in_no_hurry = true;
    list->wish.is_fresh = running->asks_anew;
    list->wish.owner = &list->owner;
    list->owner.waits = one_waits;
    list_append(&fleet->lists, &list->node);
    return 0;
}

/* Paused, cancelled or gone: nothing more is asked for it; what was asked is kept. */
static void end_list(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    struct error error = {0};

    list->is_over = true;
    if (!list->is_withdrawn) {
        list->is_withdrawn = true;
        probe_engine_withdraw(fleet->engine, &list->owner, false);
    }
    if (list->owner.open > 0 || !bulk_fleet_flush(list))
        return;
    if (store_fleet_release(fleet->membership, list->id, &error) != 0) {
        bulk_fleet_trouble(fleet, &error);
        return;
    }
    bulk_fleet_list_free(list);
}

void bulk_fleet_look_for_lists(struct bulk_fleet *fleet)
{
    struct store_fleet_list running[BULK_FLEET_LISTS];
    struct error error = {0};
    struct arena arena;
    size_t count = 0;

    arena_init(&arena);
    if (store_fleet_running(fleet->membership, &arena, running, BULK_FLEET_LISTS, &count, &error) !=
        0) {
        bulk_fleet_trouble(fleet, &error);
        arena_done(&arena);
        return;
    }
    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        list->is_dry = list->is_seen = list->is_left = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct bulk_fleet_list *list = bulk_fleet_find_list(fleet, running[i].id);

        if (list != NULL && !list->is_over)
            list->is_seen = true;
        else if (list == NULL && !fleet->is_stopping && add_list(fleet, &running[i], &error) != 0)
            bulk_fleet_trouble(fleet, &error);
    }
    arena_done(&arena);
    for (struct list_node *node = list_first(&fleet->lists), *next; node != NULL; node = next) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        next = list_after(&fleet->lists, node);
        if (!list->is_seen)
            end_list(list);
    }
}

size_t bulk_fleet_joined_lists(struct bulk_fleet *fleet, uint64_t ids[BULK_FLEET_LISTS])
{
    size_t count = 0;

    for (struct list_node *node = list_first(&fleet->lists);
         node != NULL && count < BULK_FLEET_LISTS; node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        if (!list->is_over && !bulk_fleet_list_rests(list))
            ids[count++] = list->id;
    }
    return count;
}

/*
 * Nothing of a list is under way here, and it is not finished. What is ours of it all the same (the
 * answer to a claim was lost, a batch was full) goes back; the next look at the lists joins it
 * anew. One whose rounds were in vain is kept for their count: else it would never have failed.
 */
static void step_back(struct bulk_fleet_list *list)
{
    struct error error = {0};

    if (store_fleet_release(list->fleet->membership, list->id, &error) != 0)
        bulk_fleet_trouble(list->fleet, &error);
    else if (list->rounds.vain > 0)
        list->is_left = true;
    else
        bulk_fleet_list_free(list);
}

bool bulk_fleet_list_rests(const struct bulk_fleet_list *list)
{
    return io_now_ms(list->fleet->loop) < list->again_ms;
}

/*
 * Rows that we failed ourselves go back to everybody: others may have what we lack. We ask them
 * again after a while; when that was in vain for long, and nobody is at the list or has got on with
 * it since the last round, it has failed.
 */
static void begin_round(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    struct error error = {0}, second = {0};
    uint64_t wait_ms;
    int code = store_fleet_release(fleet->membership, list->id, &error);

    if (code != 0) {
        bulk_fleet_trouble(fleet, &error);
        return;
    }
    if (!bulk_rounds_next(&list->rounds, &wait_ms, &error)) {
        code = store_fleet_fail(fleet->membership, list->id, slice_from_string(error.message),
                                list->had_results, &second);
        if (code == 1)
            (void)store_fleet_tell(fleet->store, NULL);
        bulk_fleet_trouble(fleet, code < 0 ? &second : &error);
    }
    code = store_fleet_results(fleet->membership, list->id, &list->had_results, &second);
    if (code != 0)
        bulk_fleet_trouble(fleet, &second); /* what was known is less, and fails it later */
    list->again_ms = io_now_ms(fleet->loop) + wait_ms;
    list->is_dry = false; /* what went back is to be had then */
}

void bulk_fleet_finish_lists(struct bulk_fleet *fleet)
{
    for (struct list_node *node = list_first(&fleet->lists), *next; node != NULL; node = next) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);
        struct error error = {0};
        int code;

        next = list_after(&fleet->lists, node);
        if (list->owner.open > 0 || !list->is_dry || list->is_over || list->is_left ||
            bulk_fleet_list_rests(list) || bulk_fleet_is_to_be_fed(fleet, list))
            continue;
        if (!bulk_fleet_flush(list))
            continue;
        code = store_fleet_finish(fleet->membership, list->id, &error);
        if (code == 1)
            (void)store_fleet_tell(fleet->store, NULL);
        else if (code == 0 && !fleet->is_stopping && list->rounds.put_back > 0)
            begin_round(list);
        else if (code == 0 && !fleet->is_stopping)
            step_back(list);
    }
}
