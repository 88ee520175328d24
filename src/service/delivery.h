/*
 * One event on its way to one webhook, as it is kept in the store: what is sent, and what came of
 * every try.
 *
 * A record is JSON as the API shows it:
 *
 *   {"id","event","state":"pending|delivered|failed","created_at","next_at","attempts",
 *    "tries":[{"at","status","ms","error","answer"}],"payload"}
 *
 * Ids sort newest first. A webhook's records are bounded in number and age.
 */
#ifndef MK_SERVICE_DELIVERY_H
#define MK_SERVICE_DELIVERY_H

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/error.h"
#include "http/client.h"
#include "store/store.h"

#define SERVICE_DELIVERY_ID_SIZE 22  /* and NUL */
#define SERVICE_DELIVERIES_KEPT  200 /* of a webhook, besides those that are pending */

enum service_delivery_state {
    SERVICE_DELIVERY_PENDING,
    SERVICE_DELIVERY_DELIVERED,
    SERVICE_DELIVERY_FAILED,
};

/* A new record, pending and due now, and its id. ERROR_NOMEM, ERROR_IO, ERROR_LIMIT. */
int service_delivery_make(struct store *store, uint64_t webhook, const char *event,
                          struct slice payload, int64_t now_unix_ms,
                          char ret_id[SERVICE_DELIVERY_ID_SIZE], struct error *error);
/* The caller deletes *ret_record. ERROR_NOT_FOUND, ERROR_FORMAT, ERROR_IO, ERROR_NOMEM. */
int service_delivery_read(struct store *store, uint64_t webhook, struct slice id,
                          cJSON **ret_record, struct error *error);
int service_delivery_keep(struct store *store, uint64_t webhook, const cJSON *record,
                          int64_t now_unix_ms, struct error *error);
/* The next older one after `after` ("": the newest): 1; none: 0. */
int service_delivery_next(struct store *store, uint64_t webhook, struct slice after,
                          struct arena *arena, struct slice *ret_id, cJSON **ret_record,
                          struct error *error);
/* Every webhook's, for the start: 1 with *ret_webhook; `after` and *ret_key go on from there. */
int service_delivery_walk(struct store *store, struct slice after, struct arena *arena,
                          struct slice *ret_key, uint64_t *ret_webhook, cJSON **ret_record,
                          struct error *error);
/* Take away the oldest that are over, but for `keep` of them; with_pending: all. */
int service_delivery_prune(struct store *store, uint64_t webhook, size_t keep, bool with_pending,
                           struct error *error);

enum service_delivery_state service_delivery_state(const cJSON *record);
/* next_unix_ms: of the next try, while it is pending. False: no memory. */
bool service_delivery_set_state(cJSON *record, enum service_delivery_state state,
                                int64_t next_unix_ms);
/* Pending again, as if never tried; the tries there were are still told. False: no memory. */
bool service_delivery_reset(cJSON *record, int64_t now_unix_ms);
int64_t service_delivery_next_unix_ms(const cJSON *record);
unsigned service_delivery_attempts(const cJSON *record);
/* Count and note a try; only the newest are kept. False: no memory. */
bool service_delivery_add_try(cJSON *record, int64_t at_unix_ms,
                              const struct http_outcome *outcome);
/* What is sent; borrowed from the record. */
struct slice service_delivery_payload(const cJSON *record);
struct slice service_delivery_event(const cJSON *record);
struct slice service_delivery_id(const cJSON *record);

#endif
