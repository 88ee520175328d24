/* What became of rows, on its way into the store: gathered by list, kept together. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/fleet_internal.h"
#include "bulk/job_outcome.h"

#define FLUSH_MS 250
#define RETRY_MS 300
#define TELL_MS  300 /* others are woken no oftener */
#define HOPS_MAX 2   /* a row goes on in vain no oftener */

static void empty(struct bulk_fleet_list *list)
{
    list->result_count = list->routed_count = list->chunk_count = 0;
    arena_reset(&list->arena);
}

bool bulk_fleet_has_room(const struct bulk_fleet_list *list)
{
    return list->result_count < BULK_FLEET_BATCH && list->routed_count < BULK_FLEET_BATCH &&
           list->chunk_count < 2 * BULK_FLEET_BATCH;
}

static void flush_soon(struct bulk_fleet *fleet, uint64_t after_ms)
{
    if (!io_timer_is_running(&fleet->flush_timer))
        (void)io_timer_start(&fleet->flush_timer, io_now_ms(fleet->loop) + after_ms);
}

/* --- keeping ------------------------------------------------------------------------------- */

static void kept(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    uint64_t now = io_now_ms(fleet->loop);

    fleet->told_trouble = false;
    fleet->counts.results += list->result_count;
    fleet->counts.routed += list->routed_count;
    if (list->routed_count > 0 && now >= fleet->told_ms + TELL_MS) {
        fleet->told_ms = now;
        (void)store_fleet_tell(fleet->store, NULL);
    }
    empty(list);
}

/* The list may be gone, or we may be: a beat tells. */
static bool not_found(struct bulk_fleet_list *list, const struct error *error)
{
    struct bulk_fleet *fleet = list->fleet;
    struct error second = {0};

    fleet->counts.refused_batches++;
    if (bulk_fleet_say_beat(fleet, &second) == ERROR_NOT_FOUND) {
        bulk_fleet_trouble(fleet, error);
        fleet->is_lost = true;
        return false;
    }
    list->is_over = true; /* removed while we worked on it */
    empty(list);
    return true;
}

bool bulk_fleet_flush(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    const struct store_fleet_batch batch = {
        .results = list->results,
        .result_count = list->result_count,
        .routed = list->routed,
        .routed_count = list->routed_count,
        .chunks = list->chunks,
        .chunk_count = list->chunk_count,
    };
    struct error error = {0};
    int code;

    if (list->result_count + list->routed_count + list->chunk_count == 0)
        return true;
    if (fleet->is_lost || bulk_fleet_look_whether_lost(fleet))
        return false;
    bulk_habits_flush(fleet->options.habits);
    code = store_fleet_put(fleet->membership, list->id, &batch, &error);
    if (code == 0) {
        kept(list);
        return true;
    }
    if (code == ERROR_NOT_FOUND)
        return not_found(list, &error);
    bulk_fleet_trouble(fleet, &error);
    flush_soon(fleet, RETRY_MS);
    return false;
}

/* --- gathering ----------------------------------------------------------------------------- */

void bulk_fleet_settle(struct bulk_fleet_list *list, struct bulk_fleet_chunk *chunk)
{
    if (chunk == NULL)
        return;
    CHECK(chunk->left > 0);
    if (--chunk->left > 0)
        return;
    if (chunk->first != 0 && list->chunk_count < ARRAY_LEN(list->chunks))
        list->chunks[list->chunk_count++] = chunk->first;
    list_remove(&chunk->node);
    memory_free(chunk);
    flush_soon(list->fleet, FLUSH_MS);
}

static bool own(struct arena *arena, struct slice *text)
{
    *text = arena_slice(arena, *text);
    return text->ptr != NULL;
}

static int gather(struct bulk_fleet_list *list, const struct store_result *from)
{
    struct store_result result = *from;

    if (!bulk_fleet_has_room(list) && !bulk_fleet_flush(list))
        return ERROR_BUSY;
    if (!own(&list->arena, &result.provider) || !own(&list->arena, &result.domain) ||
        !own(&list->arena, &result.suggestion) || !own(&list->arena, &result.explanation) ||
        !own(&list->arena, &result.json))
        return ERROR_NOMEM;
    list->results[list->result_count++] = result;
    bulk_rounds_brought(&list->rounds);
    flush_soon(list->fleet, FLUSH_MS);
    return 0;
}

static int route(struct bulk_fleet_list *list, uint64_t row, const struct evidence *evidence)
{
    char name[STORE_FLEET_SITE_MAX];
    struct slice site = bulk_fleet_lease_name(list->fleet, evidence->elsewhere, name);

    if (!bulk_fleet_has_room(list) && !bulk_fleet_flush(list))
        return ERROR_BUSY;
    if (!own(&list->arena, &site))
        return ERROR_NOMEM;
    list->routed[list->routed_count++] =
        (struct store_routed){row, site, evidence->attempt_count > 0};
    bulk_rounds_brought(&list->rounds);
    flush_soon(list->fleet, FLUSH_MS);
    return 0;
}

/*
 * A row whose mail servers belong to sites of several workers could go from one to the other for
 * ever. It ends with what was found here, as if its time were over; that an address does not exist
 * is not said of a case that was broken off.
 */
static void end_here(struct evidence *evidence, struct verdict *ret_verdict)
{
    evidence->stop = evidence->attempt_count > 0 ? EVIDENCE_STOP_DEADLINE : EVIDENCE_STOP_NONE;
    verdict_judge(evidence, ret_verdict);
    if (ret_verdict->status != VERDICT_INVALID)
        return;
    evidence->attempts = NULL;
    evidence->attempt_count = 0;
    evidence->stop = EVIDENCE_STOP_NONE;
    verdict_judge(evidence, ret_verdict);
}

/* 0: it is in the batch; negative: it is not, and whoever claims it next asks it again. */
static int take(const struct bulk_fleet_ticket *ticket, const struct evidence *evidence,
                const struct verdict *verdict)
{
    static const struct result_options options = {.with_evidence = true};
    struct bulk_fleet_list *list = ticket->list;
    struct evidence own_evidence;
    struct verdict own_verdict;
    struct store_result result;
    int code;

    if (evidence->stop == EVIDENCE_STOP_ELSEWHERE) {
        if (ticket->hops < HOPS_MAX)
            return route(list, ticket->row, evidence);
        own_evidence = *evidence;
        end_here(&own_evidence, &own_verdict);
        evidence = &own_evidence;
        verdict = &own_verdict;
    }
    if (evidence->stop == EVIDENCE_STOP_CANCELLED)
        return ERROR_BUSY;
    if (evidence->stop == EVIDENCE_STOP_INTERNAL) {
        bulk_rounds_put_back(&list->rounds, evidence->internal);
        return ERROR_INTERNAL;
    }
    code = bulk_job_result(evidence, verdict, &options, &list->fleet->scratch, &result);
    if (code != 0)
        return code;
    result.row = ticket->row;
    result.copies = ticket->copies;
    return gather(list, &result);
}

void bulk_fleet_answered(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct bulk_fleet_ticket ticket = *(struct bulk_fleet_ticket *)user;
    struct bulk_fleet *fleet = ticket.list->fleet;
    int code;

    memory_free(user);
    fleet->in_flight--;
    code = take(&ticket, evidence, verdict);
    if (code == ERROR_NOMEM)
        bulk_rounds_put_back(&ticket.list->rounds, SLICE("no memory to keep results"));
    /* With a row that has no answer it stays ours until it is released. */
    if (code != 0 && ticket.chunk != NULL)
        ticket.chunk->first = 0;
    bulk_fleet_settle(ticket.list, ticket.chunk);
    bulk_fleet_pump_soon(fleet, 0);
}

void bulk_fleet_fault(struct bulk_fleet_list *list, struct bulk_fleet_chunk *chunk,
                      const struct store_row *row)
{
    static const struct result_options options = {.with_evidence = true};
    struct bulk_fleet *fleet = list->fleet;
    struct store_result result;
    struct verdict verdict;
    int code = bulk_job_fault_result(row->fault, io_unix_ms(fleet->loop), &options, &fleet->scratch,
                                     &verdict, &result);

    result.row = row->number;
    result.copies = row->copies;
    if (code == 0)
        code = gather(list, &result);
    if (code != 0 && chunk != NULL)
        chunk->first = 0;
    bulk_fleet_settle(list, chunk);
}
