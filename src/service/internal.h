/*
 * The service from inside. Only files of src/service include this.
 */
#ifndef MK_SERVICE_INTERNAL_H
#define MK_SERVICE_INTERNAL_H

#include "base/list.h"
#include "base/table.h"
#include "service/alarms.h"
#include "service/call.h"
#include "service/courier.h"
#include "service/days.h"
#include "service/desk.h"
#include "service/metrics.h"
#include "service/mend.h"
#include "service/orphans.h"
#include "service/service.h"
#include "service/session.h"
#include "service/source_watch.h"
#include "service/verifier.h"

/* The numbers of a list, as JSON: counting millions of rows takes a while. */
#define SERVICE_STATS_KEPT 8
struct service_stats {
    uint64_t id; /* 0: none */
    uint64_t done, active_ms;
    int64_t finished_unix_ms;
    struct store_counts counts; /* with these: the state of the list that was counted */
    uint64_t others_mark;       /* of the store: scores and flags may change without a count */
    struct buffer json;
};

struct service {
    struct prober *prober;
    struct store *store;
    struct bulk_habits *habits;
    const struct config *config;
    struct service_options options;
    struct http_server *http;
    struct service_keys keys;
    uint64_t refresh_keys_ms; /* not before */
    struct service_sessions sessions;
    struct service_strangers strangers;
    struct service_verifier verifier;
    struct service_desk desk;
    struct service_orphans orphans;
    struct service_mend mend;
    struct http_client *client;
    struct service_courier courier;
    struct service_metrics metrics;
    struct service_log log;
    struct service_days days;
    struct service_stats stats[SERVICE_STATS_KEPT];
    unsigned next_stats;      /* to be written over */
    uint64_t forgotten_stats; /* how often any were: what was counted across it is not kept */
    struct service_alarms alarms;
    uint64_t history_failures; /* that the log knows of */
    struct service_source_watch source_watch;
    uint64_t retention_ms; /* not before */
    uint64_t advice_ms;    /* when the store is asked next */
    struct io_timer housekeeping;
    uint64_t lists_stamp; /* kept lists as they were when they were looked at (shared stores) */
    struct list calls;    /* that are being answered */
    unsigned listeners;   /* to events */
    bool is_loopback;
    void (*stopped)(void *user);
    void *stopped_user;
};

/* The table of routes (service/table.c). */
extern const struct service_route service_routes[];
extern const size_t service_route_count;

enum service_key_fit {
    SERVICE_KEY_FITS,
    SERVICE_KEY_UNKNOWN,
    SERVICE_KEY_TOO_OFTEN, /* too many wrong ones from there; Retry-After is set */
};
/* Who showed `secret`: fills key_id and scopes. Answers nothing. */
enum service_key_fit service_look_up_key(struct service_call *call, struct slice secret);
/* The same, or answers 401 or 429 and returns false. */
bool service_identify(struct service_call *call, struct slice secret);
/*
 * Within the key's rate? 0, and the call is counted; otherwise the seconds until it may, 1 to 60.
 * Answers nothing, but sets the RateLimit headers. (caller.c)
 */
uint32_t service_take_turn(struct service_call *call);
/* The same, or answers 429 and returns false. */
bool service_admit(struct service_call *call);
/* Key or session, scope and rate as the route demands; false: it was answered. Routes that carry
   the key in a vendor's way are left to their handlers. */
bool service_authorise(struct service_call *call);
void service_add_cors(struct service_call *call); /* cors.c */

/* Something ended: when nothing is left, the service has stopped as it was asked to. */
void service_look_whether_stopped(struct service *service);

/* Note for GET /v1/audit what the caller did; a failure is logged. */
void service_audit(struct service_call *call, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Remove lists that are done long enough; looks once an hour. */
void service_retention(struct service *service);

/*
 * A list is over, if it is: whoever wants to hear of it is called, once. Owed is what a crash kept
 * from being said; the store's errors. (announce.c)
 */
void service_announce_list(struct service *service, uint64_t id);
int service_announce_owed(struct service *service, struct error *error);
/* This list will be over some day, and that is to be said. The store's errors. */
int service_announce_later(struct service *service, uint64_t id, struct error *error);
/* It is removed: nobody is told any more, and its own webhooks go. */
void service_announce_never(struct service *service, uint64_t id);
/* For the verifier: an answer came that somebody could not wait for. */
void service_announce_verified(void *service, const uint64_t *askers, size_t count,
                               const struct service_verified *verified);

/* An address was judged. */
void service_count(struct service *service, enum verdict_reason reason);

uint64_t service_now_ms(const struct service *service);
int64_t service_unix_ms(const struct service *service);

/* --- handlers, one file a group ------------------------------------------------------------------
 */

void service_verify(struct service_call *call);      /* verify.c */
void service_classify(struct service_call *call);    /* classify.c */
void service_feedback(struct service_call *call);    /* feedback.c */
void service_session_get(struct service_call *call); /* access.c */
void service_session_post(struct service_call *call);
void service_session_delete(struct service_call *call);
void service_keys_get(struct service_call *call);
void service_keys_post(struct service_call *call);
void service_keys_delete(struct service_call *call);
/* The id in the path; 0: none can be. */
uint64_t service_list_id(const struct service_call *call); /* lists.c */
/* False: there is no such list, and 404 was said. */
bool service_list_exists(struct service_call *call, uint64_t id);
/* False: there is none, it was not started, or something is being done with it; that was said. */
bool service_list_is_at_rest(struct service_call *call, uint64_t id);
/* The list as it is. */
void service_answer_list(struct service_call *call, uint64_t id, unsigned status);
void service_lists_get(struct service_call *call);
void service_lists_post(struct service_call *call);
void service_list_get(struct service_call *call);
void service_list_patch(struct service_call *call);
void service_list_delete(struct service_call *call);
void service_list_start(struct service_call *call);
void service_list_pause(struct service_call *call);
void service_list_cancel(struct service_call *call);
void service_list_recheck(struct service_call *call); /* recheck.c */
void service_list_rejudge(struct service_call *call); /* rejudge.c */
/* Filters of the query; false: one was wrong, and it was said. */
bool service_read_filter(struct service_call *call, struct store_filter *filter); /* results.c */
void service_results_get(struct service_call *call);
void service_result_get(struct service_call *call);
void service_events_get(struct service_call *call); /* events.c */
/* Streams of events end when the service stops. */
void service_events_stop(struct service *service);
void service_export_get(struct service_call *call); /* export.c */
void service_operator_lists_get(struct service_call *call);
void service_operator_list_get(struct service_call *call); /* operator_lists.c */
void service_operator_list_put(struct service_call *call);
/* The kind in the path; false: there is none such, and 404 was said. */
bool service_operator_kind(struct service_call *call, enum lists_operator_kind *ret_kind);
/* What is kept here, as text on the arena; "" when there is nothing. The store's errors. */
int service_operator_list_read(struct service *service, enum lists_operator_kind kind,
                               struct arena *arena, struct slice *ret_text, struct error *error);
/* Can it be read? ERROR_FORMAT names the line. ERROR_NOMEM. */
int service_operator_list_try(enum lists_operator_kind kind, struct slice text,
                              struct error *error);
/* Writes what is to follow on `before`: 1; 0: that stays; negative: that is the answer. */
typedef int service_operator_edit(void *user, struct slice before, struct buffer *after,
                                  struct error *error);
/*
 * Change what is kept here, which does not come into effect yet. Several services may keep their
 * lists in one store: `edit` is asked again whenever another one was quicker. ERROR_LIMIT: more
 * than is kept; ERROR_BUSY: others were quicker all the time; the store's errors.
 */
int service_operator_list_change(struct service *service, enum lists_operator_kind kind,
                                 service_operator_edit *edit, void *user, struct error *error);
/* Lines behind those of `before`. */
void service_operator_join(struct buffer *after, struct slice before, struct slice lines);
/* Lines that were added come into effect. ERROR_NOMEM. */
int service_operator_list_joined(struct service *service, enum lists_operator_kind kind,
                                 struct slice lines, struct error *error);
/* All of it: lines behind those that are kept here, in effect at once. Their errors. */
int service_operator_list_append(struct service *service, enum lists_operator_kind kind,
                                 struct slice lines, struct error *error);
void service_operator_entries_get(struct service_call *call); /* operator_entries.c */
void service_operator_entries_post(struct service_call *call);
void service_operator_entries_delete(struct service_call *call);
void service_list_suppress(struct service_call *call); /* suppress.c */
void service_stats_get(struct service_call *call);     /* stats.c */
void service_report_get(struct service_call *call);
/* Count again when asked next: every list (0), or this one. */
void service_stats_forget(struct service *service, uint64_t id);
void service_stats_done(struct service *service);
void service_ev_validate(struct service_call *call); /* emailverify.c */
void service_ev_batch(struct service_call *call);
void service_ev_result(struct service_call *call);
void service_ev_balance(struct service_call *call);
void service_ev_key(struct service_call *call);
void service_reacher_check(struct service_call *call); /* reacher.c */
void service_reacher_bulk(struct service_call *call);
void service_reacher_job(struct service_call *call);
void service_reacher_results(struct service_call *call);
void service_reacher_version(struct service_call *call);
void service_webhooks_get(struct service_call *call); /* webhooks.c */
void service_webhooks_post(struct service_call *call);
void service_webhook_get(struct service_call *call);
void service_webhook_patch(struct service_call *call);
void service_webhook_delete(struct service_call *call);
void service_webhook_secret_post(struct service_call *call);
void service_webhook_test_post(struct service_call *call);
void service_deliveries_get(struct service_call *call);
void service_delivery_get(struct service_call *call);
void service_delivery_replay_post(struct service_call *call);
void service_audit_get(struct service_call *call);     /* audit.c */
void service_workers_get(struct service_call *call);   /* workers.c */
void service_erase(struct service_call *call);         /* erase.c */
void service_preflight_get(struct service_call *call); /* preflight.c */
void service_overview_get(struct service_call *call);  /* overview.c */
void service_settings_get(struct service_call *call);
void service_health(struct service_call *call); /* health.c */
void service_ready(struct service_call *call);
void service_metrics_get(struct service_call *call);
void service_page(struct service_call *call); /* page.c */

#endif
