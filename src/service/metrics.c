#include "service/metrics.h"

#include "service/internal.h"
#include "store/fleet.h"

static const uint32_t bounds_ms[SERVICE_HISTOGRAM_BUCKETS] = {
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000, 60000, 600000,
};

void service_histogram_add(struct service_histogram *histogram, uint64_t ms)
{
    size_t i = 0;

    while (i < SERVICE_HISTOGRAM_BUCKETS && ms > bounds_ms[i])
        i++;
    histogram->buckets[i]++;
    histogram->count++;
    histogram->sum_ms += ms;
}

static void head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP mailknock_%s %s\n# TYPE mailknock_%s %s\n", name, help, name, type);
}

static void one(struct buffer *out, const char *name, const char *type, const char *help,
                uint64_t value)
{
    head(out, name, type, help);
    buffer_printf(out, "mailknock_%s %ju\n", name, (uintmax_t)value);
}

static void histogram(struct buffer *out, const char *name, const char *help,
                      const struct service_histogram *from)
{
    uint64_t below = 0;

    head(out, name, "histogram", help);
    for (size_t i = 0; i < SERVICE_HISTOGRAM_BUCKETS; i++) {
        below += from->buckets[i];
        buffer_printf(out, "mailknock_%s_bucket{le=\"%g\"} %ju\n", name, bounds_ms[i] / 1000.0,
                      (uintmax_t)below);
    }
    buffer_printf(out, "mailknock_%s_bucket{le=\"+Inf\"} %ju\n", name, (uintmax_t)from->count);
    buffer_printf(out, "mailknock_%s_sum %g\nmailknock_%s_count %ju\n", name,
                  (double)from->sum_ms / 1000.0, name, (uintmax_t)from->count);
}

static void write_verdicts(const struct service *service, struct buffer *out)
{
    head(out, "verdicts_total", "counter", "Addresses judged, by status and reason.");
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++) {
        enum verdict_reason reason = (enum verdict_reason)i;

        if (service->metrics.verdicts[i] > 0)
            buffer_printf(out, "mailknock_verdicts_total{status=\"%s\",reason=\"%s\"} %ju\n",
                          verdict_status_name(verdict_reason_status(reason)),
                          verdict_reason_name(reason), (uintmax_t)service->metrics.verdicts[i]);
    }
}

static void write_engine(const struct service *service, struct buffer *out)
{
    struct probe_counts counts;

    probe_engine_counts(service->prober->engine, &counts);
    one(out, "cases_submitted_total", "counter", "Addresses given to the engine.",
        counts.submitted);
    one(out, "cases_open", "gauge", "Addresses under way.", counts.open_cases);
    one(out, "cases_waiting", "gauge", "Addresses that wait for a later attempt.",
        counts.greylist_waiting);
    one(out, "history_answers_total", "counter",
        "Addresses answered from what was found out before; nobody was asked.", counts.recalled);
    one(out, "rcpts_total", "counter", "RCPT commands sent.", counts.rcpts);
    one(out, "random_rcpts_total", "counter", "Of those, for a random recipient.",
        counts.random_rcpts);
    one(out, "connections_total", "counter", "Connections to mail servers.", counts.connections);
    one(out, "connect_failures_total", "counter", "Of those, that came to nothing.",
        counts.connect_failures);
    one(out, "tls_handshakes_total", "counter", "TLS handshakes with mail servers.",
        counts.tls_handshakes);
    one(out, "sessions_open", "gauge", "Open connections to mail servers.", counts.open_sessions);
    one(out, "sites", "gauge", "Mail operators known now.", counts.sites);
    one(out, "breakers_open", "gauge", "Operators that are left alone because they refused us.",
        counts.breakers_open);
    one(out, "refusals_of_us_total", "counter",
        "Replies that refused the prober, not the mailbox: look at your address's reputation.",
        counts.refusals_of_us);
}

static void write_history(const struct service *service, struct buffer *out)
{
    struct history_counts counts;

    if (service->prober->history == NULL)
        return;
    history_counts(service->prober->history, &counts);
    one(out, "history_records_kept_total", "counter", "Findings kept for later questions.",
        counts.kept);
    one(out, "history_records_lost_total", "counter",
        "Findings that could not be kept: look at the store.", counts.lost);
    one(out, "history_store_failures_total", "counter",
        "Times that findings could not be kept, or had to wait.", counts.store_failures);
    one(out, "history_refreshes_total", "counter",
        "Addresses asked again in the background because their answer was stale.",
        counts.refreshes);
}

/* The provider's name, or "other": the number of unknown operators has no bound. */
static void write_sites(const struct service *service, struct buffer *out)
{
    struct probe_site_state state;
    uint64_t other_waiting = 0, other_sessions = 0;

    head(out, "site_waiting", "gauge", "Recipients queued at an operator.");
    for (size_t cursor = 0; probe_engine_next_site(service->prober->engine, &cursor, &state);) {
        if (state.profile == NULL || state.profile == provider_generic()) {
            other_waiting += state.waiting;
            other_sessions += state.sessions;
            continue;
        }
        buffer_printf(out, "mailknock_site_waiting{provider=\"%s\"} %zu\n", state.profile->name,
                      state.waiting);
    }
    buffer_printf(out, "mailknock_site_waiting{provider=\"other\"} %ju\n",
                  (uintmax_t)other_waiting);
    head(out, "site_sessions", "gauge", "Open connections at an operator.");
    for (size_t cursor = 0; probe_engine_next_site(service->prober->engine, &cursor, &state);)
        if (state.profile != NULL && state.profile != provider_generic())
            buffer_printf(out, "mailknock_site_sessions{provider=\"%s\"} %zu\n",
                          state.profile->name, state.sessions);
    buffer_printf(out, "mailknock_site_sessions{provider=\"other\"} %ju\n",
                  (uintmax_t)other_sessions);
}

static void write_dns(const struct service *service, struct buffer *out)
{
    struct dns_resolver_counts counts = {0};

    if (service->prober->resolver != NULL) /* there is none when the depth is syntax */
        dns_resolver_counts(service->prober->resolver, &counts);
    one(out, "dns_questions_total", "counter", "Questions sent to resolvers.", counts.questions);
    one(out, "dns_answers_total", "counter", "Answers.", counts.answers);
    one(out, "dns_failures_total", "counter", "Time-outs and failures.", counts.failures);
    one(out, "dns_cache_hits_total", "counter", "Look-ups answered from memory.",
        counts.cache_hits);
    one(out, "blocklist_listings_total", "counter", "Domains or mail hosts found on block lists.",
        counts.listings);
    one(out, "blocklist_refusals_total", "counter", "Questions that block lists refused to answer.",
        counts.listing_refusals);
    one(out, "source_listings", "gauge", "Block lists that have an address we probe from.",
        service->source_watch.listings);
    one(out, "dns_joined_total", "counter", "Look-ups that joined one under way.", counts.joined);
}

static void write_alarms(const struct service *service, struct buffer *out)
{
    head(out, "alarm", "gauge", "1: something that only the operator can mend; see the log.");
    service_alarms_measure(service, out);
}

static void write_http(const struct service *service, struct buffer *out)
{
    struct http_counts counts;

    http_server_counts(service->http, &counts);
    head(out, "http_responses_total", "counter", "Answers, by class of status.");
    for (unsigned i = 1; i < 6; i++)
        buffer_printf(out, "mailknock_http_responses_total{class=\"%uxx\"} %ju\n", i,
                      (uintmax_t)service->metrics.responses[i]);
    one(out, "http_connections_open", "gauge", "Open HTTP connections.", counts.open_connections);
    one(out, "http_requests_open", "gauge", "Requests being answered.", counts.open_requests);
    one(out, "event_listeners", "gauge", "Open streams of events.", service->listeners);
    one(out, "webhook_deliveries_pending", "gauge", "Events on their way to webhooks.",
        service->courier.parcels);
    one(out, "webhook_deliveries_total", "counter", "Events that webhooks took.",
        service->courier.delivered);
    one(out, "webhook_failures_total", "counter", "Tries that they did not take.",
        service->courier.failed_tries);
    one(out, "webhook_given_up_total", "counter", "Events that were tried in vain to the end.",
        service->courier.given_up);
    one(out, "webhook_dropped_total", "counter", "Events that there was no room for.",
        service->courier.dropped);
    one(out, "verify_cache_hits_total", "counter", "Single checks answered from memory.",
        service->verifier.hits);
    one(out, "verify_cache_misses_total", "counter", "Single checks that were probed.",
        service->verifier.misses);
    histogram(out, "http_request_seconds", "Time to answer a request.",
              &service->metrics.request_ms);
    histogram(out, "verify_seconds", "Time to answer a single check.", &service->metrics.verify_ms);
    histogram(out, "store_batch_seconds", "Time to store a batch of results.",
              &service->metrics.batch_ms);
}

/* Of the whole fleet, as the store has it: every service that shares it says the same. */
static void write_fleet(const struct service *service, struct buffer *out)
{
    struct store_fleet_totals totals;

    if (!store_is_shared(service->store) || store_fleet_totals(service->store, &totals, NULL) != 0)
        return;
    one(out, "fleet_workers", "gauge", "Workers that are heard of.", totals.workers);
    one(out, "fleet_leases", "gauge", "Sites that workers hold.", totals.leases);
    one(out, "fleet_sites_waiting", "gauge", "Sites that rows wait for and nobody holds.",
        totals.free_leases);
    one(out, "fleet_lag_ms", "gauge", "How long the first of those has waited, milliseconds.",
        totals.lag_ms);
    one(out, "fleet_chunks_free", "gauge", "Chunks of rows that nobody has claimed yet.",
        totals.chunks_free);
    one(out, "fleet_chunks_claimed", "gauge", "Chunks of rows that workers have claimed.",
        totals.chunks_claimed);
    one(out, "fleet_tasks_free", "gauge", "Rows handed to whoever holds their site, not taken yet.",
        totals.tasks_free);
    one(out, "fleet_tasks_claimed", "gauge", "Handed rows that workers have taken.",
        totals.tasks_claimed);
}

void service_metrics_write(const struct service *service, struct buffer *out)
{
    head(out, "info", "gauge", "What runs here.");
    buffer_printf(out, "mailknock_info{version=\"%s\"} 1\n", MK_VERSION);
    write_verdicts(service, out);
    write_fleet(service, out);
    write_engine(service, out);
    write_history(service, out);
    write_sites(service, out);
    write_dns(service, out);
    write_alarms(service, out);
    write_http(service, out);
}
