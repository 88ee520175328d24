#include "feedback/keeper.h"

#include "base/instant.h"

/* Kept for longer than they count, to calibrate by. */
#define BOUNCE_KEPT_MS    ((int64_t)(3 * 365 * DAY_MS))
#define DELIVERY_KEPT_MS  ((int64_t)(365 * DAY_MS))
#define COMPLAINT_KEPT_MS ((int64_t)(10 * 365 * DAY_MS))
#define WORDS_MAX         1000 /* octets of a bounce's words */

void feedback_keeper_init(struct feedback_keeper *keeper, struct store *store, int64_t now_unix_ms)
{
    *keeper = (struct feedback_keeper){.store = store, .now_unix_ms = now_unix_ms};
    arena_init(&keeper->arena);
}

void feedback_keeper_done(struct feedback_keeper *keeper)
{
    arena_done(&keeper->arena);
}

int feedback_keep_all(struct feedback_keeper *keeper, struct error *error)
{
    int code = store_records_put(keeper->store, keeper->records, keeper->record_count, error);

    if (code == 0) {
        keeper->record_count = 0;
        arena_reset(&keeper->arena);
    }
    return code;
}

/* Where an outcome is kept, and for how long; false: it is only counted. */
static bool place_of(enum feedback_outcome outcome, enum store_record_kind *ret_kind,
                     int64_t *ret_kept_ms)
{
    switch (outcome) {
    case FEEDBACK_BOUNCE:
        *ret_kind = STORE_RECORD_BOUNCE;
        *ret_kept_ms = BOUNCE_KEPT_MS;
        return true;
    case FEEDBACK_DELIVERY:
        *ret_kind = STORE_RECORD_DELIVERY;
        *ret_kept_ms = DELIVERY_KEPT_MS;
        return true;
    case FEEDBACK_COMPLAINT:
        *ret_kind = STORE_RECORD_COMPLAINT;
        *ret_kept_ms = COMPLAINT_KEPT_MS;
        return true;
    default:
        return false;
    }
}

static int add(struct feedback_keeper *keeper, const struct address *address,
               const struct feedback_event *event, enum store_record_kind kind, int64_t kept_ms,
               struct error *error)
{
    struct store_record *record = &keeper->records[keeper->record_count];
    int64_t unix_ms = event->unix_ms > 0 && event->unix_ms < keeper->now_unix_ms
                          ? event->unix_ms
                          : keeper->now_unix_ms;
    struct slice domain =
        address->is_literal ? address->domain : slice_from_string(address->domain_ascii);
    char key[PROVIDER_KEY_SIZE];

    *record = (struct store_record){
        .kind = kind,
        .key =
            arena_slice(&keeper->arena, slice_from(key, provider_mailbox_key(address, NULL, key))),
        .group = arena_slice(&keeper->arena, domain),
        .is_proof = true,
        .checked_unix_ms = unix_ms,
        .expires_unix_ms = unix_ms + kept_ms,
        .body = arena_slice(&keeper->arena, slice_prefix(event->words, WORDS_MAX)),
    };
    if (record->key.ptr == NULL || record->group.ptr == NULL || record->body.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to keep feedback");
    return ++keeper->record_count == FEEDBACK_BATCH ? feedback_keep_all(keeper, error) : 0;
}

int feedback_keep(struct feedback_keeper *keeper, const struct feedback_event *event,
                  struct error *error)
{
    enum store_record_kind kind;
    struct address address;
    int64_t kept_ms;

    if (!address_parse(event->address.ptr, event->address.len, &address)) {
        keeper->bad_addresses++;
        return ERROR_RANGE;
    }
    keeper->counts[event->outcome]++;
    if (!place_of(event->outcome, &kind, &kept_ms))
        return 0;
    return add(keeper, &address, event, kind, kept_ms, error);
}
