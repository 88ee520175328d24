/*
 * The courier brings events to webhooks: at least once, in order for each, again and again for
 * about a day.
 *
 *   an event ─> a record for every webhook that wants it (in the store) ─> a call
 *                                     ^                                     │ 2xx: delivered
 *                                     └──── waits, each time longer <───────┤ else: next try
 *                                                                           └ the eighth: failed
 *
 * Records survive a restart: what was pending then is sent after it. Every try of a delivery
 * carries the same X-Mailknock-Delivery, so that whoever gets it twice can tell. A webhook is
 * called by one connection at a time; one that does not answer holds up nobody else.
 */
#ifndef MK_SERVICE_COURIER_H
#define MK_SERVICE_COURIER_H

#include "base/heap.h"
#include "base/random.h"
#include "http/client.h"
#include "service/log.h"
#include "service/webhook.h"

#define SERVICE_COURIER_TRIES 8
#define SERVICE_COURIER_OPEN  16 /* calls at a time */
#define SERVICE_PARCELS_MAX                                                                        \
    10000 /* pending at a time; what comes beyond them is dropped, loudly                          \
           */

struct service_courier {
    struct io_loop *loop;
    struct store *store;
    struct http_client *client;
    struct service_log *log;
    struct service_webhooks webhooks;
    struct random random; /* for jitter */
    struct heap due;      /* parcels by the time of their next try */
    struct io_timer timer;
    size_t parcels;
    unsigned under_way;
    uint64_t delivered, failed_tries, given_up, dropped; /* for metrics */
};

/*
 * Everything is borrowed and must outlive it. What was pending in the store is taken up again.
 * ERROR_NOMEM, ERROR_IO, ERROR_FORMAT.
 */
int service_courier_open(struct service_courier *courier, struct io_loop *loop, struct store *store,
                         struct http_client *client, struct service_log *log, uint64_t seed,
                         struct error *error);
/* Calls under way are broken off, to be made again after the next start. Safe on a zeroed one. */
void service_courier_close(struct service_courier *courier);

#define SERVICE_EVENT_ID_SIZE (4 + 16 + 1) /* "evt_...", with the NUL */

/* Something happened. */
struct service_news {
    enum service_event event;
    const char *id;       /* by which whoever hears it twice can tell; NULL: any */
    const uint64_t *keys; /* whose doing it was */
    size_t key_count;
    uint64_t list;     /* of which list; 0: none */
    bool only_to_own;  /* the list's own webhook, nobody else */
    struct slice data; /* a JSON object */
};

void service_event_id(char ret_id[SERVICE_EVENT_ID_SIZE]); /* a new one */
/* Everyone who wants it gets it. The first failure is returned, after all were tried. */
int service_courier_announce(struct service_courier *courier, const struct service_news *news,
                             struct error *error);
/* Is there anybody who would want it? */
bool service_courier_is_wanted(const struct service_courier *courier, enum service_event event);
/* To one webhook, whether it asked for it or not. */
int service_courier_send(struct service_courier *courier, struct service_webhook *webhook,
                         enum service_event event, struct slice data, char ret_id[],
                         struct error *error);
/*
 * Once more, from the first try on. ERROR_NOT_FOUND; ERROR_BUSY: it is pending anyway.
 */
int service_courier_replay(struct service_courier *courier, struct service_webhook *webhook,
                           struct slice id, struct error *error);
/* Remove a webhook with its deliveries. */
int service_courier_remove(struct service_courier *courier, struct service_webhook *webhook,
                           struct error *error);
/* The same for all that belong to a key or to a list (the other is 0). */
int service_courier_remove_of(struct service_courier *courier, uint64_t key, uint64_t list,
                              struct error *error);

#endif
