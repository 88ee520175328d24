#include "service/service.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "config/kept_lists.h"
#include "config/value.h"
#include "service/internal.h"

#define LISTEN_PORT     8025
#define HOUSEKEEPING_MS MINUTE_MS

uint64_t service_now_ms(const struct service *service)
{
    return io_now_ms(service->prober->loop);
}

int64_t service_unix_ms(const struct service *service)
{
    return io_unix_ms(service->prober->loop);
}

void service_count(struct service *service, enum verdict_reason reason)
{
    service->metrics.verdicts[reason]++;
    service_days_count(&service->days, service->store, reason, service_unix_ms(service));
}

/* --- requests ------------------------------------------------------------------------------------
 */

static void begin(void *user, struct http_request *request)
{
    struct service *service = user;
    struct service_call *call = memory_zalloc(1, sizeof(*call));

    if (call == NULL) {
        http_respond(request, 503, "text/plain", SLICE("out of memory\n"));
        return;
    }
    call->service = service;
    call->request = request;
    http_request_set_cookie_pointer(request, call);
    list_append(&service->calls, &call->node);
    service_add_cors(call);
    if (strcmp(http_request_method(request), "OPTIONS") == 0) {
        service_answer_nothing(call);
        return;
    }
    service_route_match(service_routes, service_route_count, http_request_method(request),
                        http_request_path(request), &call->match);
    if (call->match.route == NULL) {
        if (call->match.methods > 0) {
            http_response_header(request, "Allow", call->match.allow);
            service_problem(call, 405, "wrong_method", "%s is not served here; %s is",
                            http_request_method(request), call->match.allow);
        } else {
            service_problem(call, 404, "no_such_path", "there is nothing at %.200s",
                            http_request_path(request));
        }
        return;
    }
    if (service_authorise(call) && call->match.route->begin != NULL)
        call->match.route->begin(call);
}

static void complete(void *user, struct http_request *request)
{
    struct service_call *call = http_request_cookie_pointer(request);

    (void)user;
    call->match.route->handle(call);
}

static void note_end(const struct service_call *call)
{
    struct service *service = call->service;
    uint64_t ms = service_now_ms(service) - http_request_started_ms(call->request);
    unsigned status = http_request_status(call->request);

    if (status / 100 < ARRAY_LEN(service->metrics.responses))
        service->metrics.responses[status / 100]++;
    service_histogram_add(&service->metrics.request_ms, ms);
    if (!service_log_begin(&service->log, status >= 500 ? SERVICE_LOG_WARNING : SERVICE_LOG_INFO,
                           "request", service_unix_ms(service)))
        return;
    service_log_text(&service->log, "method",
                     slice_from_string(http_request_method(call->request)));
    /* The pattern, not the path: paths may name people. */
    service_log_text(
        &service->log, "route",
        slice_from_string(call->match.route != NULL ? call->match.route->pattern : "-"));
    service_log_number(&service->log, "status", status);
    service_log_number(&service->log, "ms", (int64_t)ms);
    if (call->key_id != 0)
        service_log_number(&service->log, "key", (int64_t)call->key_id);
    service_log_end(&service->log);
}

void service_look_whether_stopped(struct service *service)
{
    void (*stopped)(void *user) = service->stopped;

    if (stopped == NULL || !list_is_empty(&service->calls) || !service_desk_is_idle(&service->desk))
        return;
    service->stopped = NULL;
    stopped(service->stopped_user);
}

static void ended(void *user, struct http_request *request, void *cookie)
{
    struct service *service = user;
    struct service_call *call = cookie;

    if (call == NULL)
        return;
    note_end(call);
    if (call->ended != NULL)
        call->ended(call);
    list_remove(&call->node);
    memory_free(call);
    service_look_whether_stopped(service);
}

/* --- from open to close
 * ---------------------------------------------------------------------------- */

/* Once for all that went wrong since the last look. */
static void tell_history_trouble(struct service *service)
{
    const struct history *history = service->prober->history;
    struct history_counts counts;

    if (history == NULL)
        return;
    history_counts(history, &counts);
    if (counts.store_failures > service->history_failures &&
        service_log_begin(&service->log, SERVICE_LOG_ERROR, "history", service_unix_ms(service))) {
        service_log_text(&service->log, "error", slice_from_string(history_trouble(history)));
        service_log_number(&service->log, "failures",
                           (int64_t)(counts.store_failures - service->history_failures));
        service_log_number(&service->log, "lost", (int64_t)counts.lost);
        service_log_end(&service->log);
    }
    service->history_failures = counts.store_failures;
}

/* Who opted out at another service of the same store is not to be asked here either. */
static void follow_lists(struct service *service)
{
    struct error error = {0};
    uint64_t stamp;

    if (!store_is_shared(service->store) || kept_lists_stamp(service->store, &stamp, &error) != 0 ||
        stamp == service->lists_stamp)
        return;
    if (service_reload(service, &error) == 0)
        service->lists_stamp = stamp;
    else if (service_log_begin(&service->log, SERVICE_LOG_ERROR, "lists",
                               service_unix_ms(service))) {
        service_log_text(&service->log, "error", slice_from_string(error.message));
        service_log_end(&service->log);
    }
}

static void ask_store(struct service *service)
{
    struct error error = {0};

    if (service_now_ms(service) < service->advice_ms)
        return;
    service->advice_ms = service_now_ms(service) + HOUR_MS;
    if (store_advise(service->store, &error) == 1 &&
        service_log_begin(&service->log, SERVICE_LOG_WARNING, "store", service_unix_ms(service))) {
        service_log_text(&service->log, "advice", slice_from_string(error.message));
        service_log_end(&service->log);
    }
}

static void keep_house(struct io_timer *timer)
{
    struct service *service = timer->user;
    struct error error = {0};

    (void)service_keys_refresh(&service->keys, &error);
    follow_lists(service);
    if (service_keys_flush(&service->keys, &error) != 0 &&
        service_log_begin(&service->log, SERVICE_LOG_ERROR, "store", service_unix_ms(service))) {
        service_log_text(&service->log, "error", slice_from_string(error.message));
        service_log_end(&service->log);
    }
    (void)service_days_flush(&service->days, service->store, &error);
    (void)store_note_expire(service->store, service_unix_ms(service), 1000, &error);
    tell_history_trouble(service);
    service_alarms_watch(service);
    service_retention(service);
    ask_store(service);
    service_orphans_tend(&service->orphans, &service->desk);
    service_source_watch_run(service);
    (void)io_timer_start(timer, service_now_ms(service) + HOUSEKEEPING_MS);
}

static int make_first_key(struct service *service, char ret_first_key[], struct error *error)
{
    const struct service_key *key;

    ret_first_key[0] = '\0';
    if (service->options.open || service_keys_count(&service->keys) > 0)
        return 0;
    return service_key_make(&service->keys, "first key", SERVICE_SCOPE_ALL, 0,
                            service_unix_ms(service), ret_first_key, &key, error);
}

static bool is_loopback(const struct ip *ip)
{
    static const struct ip_network networks[] = {
        {{4, {127}}, 8},
        {{6, {[15] = 1}}, 128},
    };

    for (size_t i = 0; i < ARRAY_LEN(networks); i++)
        if (ip_network_contains(&networks[i], ip))
            return true;
    return false;
}

/* "IP:PORT", "IP" (the usual port), "IP:0" (any port that is free). */
static bool parse_listen(struct slice text, struct io_endpoint *ret_at)
{
    bool is_any = text.len > 2 && memcmp(text.ptr + text.len - 2, ":0", 2) == 0 &&
                  (text.ptr[0] == '[' ? text.ptr[text.len - 3] == ']'
                                      : slice_find_byte(text, ':') == (ptrdiff_t)text.len - 2);

    if (!config_parse_endpoint(is_any ? slice_prefix(text, text.len - 2) : text, ret_at))
        return false;
    if (ret_at->port == 0 && !is_any)
        ret_at->port = LISTEN_PORT;
    return true;
}

static int listen_endpoint(const char *listen, struct io_endpoint *ret_at, struct error *error)
{
    if (!parse_listen(slice_from_string(listen), ret_at))
        return error_set(error, ERROR_USAGE,
                         "--listen takes an address and port, such as 127.0.0.1:8025, not \"%s\"",
                         listen);
    return 0;
}

int service_bind(const char *listen, struct error *error)
{
    struct io_endpoint at = {0};
    int code = listen_endpoint(listen, &at, error);

    return code == 0 ? http_server_listen(&at, error) : code;
}

static int listen_at(struct service *service, struct error *error)
{
    static const struct http_events events = {begin, complete, ended};
    struct http_limits limits = {.body_bytes = (size_t)service->options.body_bytes};
    struct io_endpoint at = {0};

    if (service->options.listen_fd < 0 && listen_endpoint(service->options.listen, &at, error) != 0)
        return ERROR_USAGE;
    service->http = http_server_new(service->prober->loop, &at, service->options.listen_fd, &limits,
                                    &events, service, error);
    if (service->http == NULL)
        return error->code;
    at = http_server_endpoint(service->http);
    service->is_loopback = is_loopback(&at.ip);
    if (service->options.open && !service->is_loopback)
        return error_set(error, ERROR_USAGE,
                         "without keys (--open) the service listens on loopback only; leave --open "
                         "away, or listen at 127.0.0.1");
    return 0;
}

static int open_courier(struct service *service, struct error *error)
{
    struct prober *prober = service->prober;

    service->client = http_client_new(prober->loop, prober->allowed, error);
    if (service->client == NULL)
        return error->code;
    return service_courier_open(&service->courier, prober->loop, service->store, service->client,
                                &service->log, prober->settings.seed + 3, error);
}

/* What domains do with strangers is learnt once for all lists and checks, and over restarts. */
static int remember_habits(struct service *service, struct error *error)
{
    struct probe_memory memory;

    service->habits = bulk_habits_new(service->prober->loop, service->store, service->store);
    if (service->habits == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    memory = bulk_habits_memory(service->habits);
    probe_engine_set_memory(service->prober->engine, &memory);
    return 0;
}

int service_open(struct prober *prober, struct store *store, const struct config *config,
                 const struct service_options *options, struct service **ret_service,
                 char ret_first_key[], struct error *error)
{
    const struct service_verifier_options verifier = {0};
    struct service *service = memory_zalloc(1, sizeof(*service));
    int code;

    if (service == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    service->prober = prober;
    service->store = store;
    service->config = config;
    service->options = *options;
    list_init(&service->calls);
    service_sessions_open(&service->sessions, prober->settings.seed + 1);
    service_strangers_open(&service->strangers, prober->settings.seed + 2);
    service_log_open(&service->log, options->log_file, (enum service_log_format)options->log_format,
                     (enum service_log_level)options->log_level, options->log_addresses);
    service_verifier_open(&service->verifier, prober, &verifier);
    service->verifier.late = service_announce_verified;
    service->verifier.late_user = service;
    io_timer_init(prober->loop, &service->housekeeping, keep_house, service);
    code = service_keys_open(&service->keys, store, error);
    if (code == 0)
        code = service_reload(service, error);
    if (code == 0)
        code = open_courier(service, error);
    if (code == 0)
        code = remember_habits(service, error);
    if (code == 0)
        code = service_desk_open(&service->desk, service, error);
    if (code == 0)
        code = service_announce_owed(service, error);
    if (code == 0)
        code = listen_at(service, error);
    if (code == 0)
        code = io_timer_start(&service->housekeeping, io_now_ms(prober->loop) + SECOND_MS);
    if (code == 0)
        code = service_mend_start(&service->mend, service, error);
    if (code == 0) /* last: who fails to open would show it to nobody */
        code = make_first_key(service, ret_first_key, error);
    if (code != 0) {
        service_close(service);
        return code;
    }
    *ret_service = service;
    return 0;
}

struct io_endpoint service_endpoint(const struct service *service)
{
    return http_server_endpoint(service->http);
}

void service_stop(struct service *service, void (*stopped)(void *user), void *user)
{
    service->stopped = stopped;
    service->stopped_user = user;
    http_server_quiesce(service->http);
    service_desk_stop(&service->desk);
    service_events_stop(service);
    service_look_whether_stopped(service);
}

int service_reload(struct service *service, struct error *error)
{
    int code = prober_reload_lists(service->prober, service->config, service->store, error);

    if (code == 0)
        service_verifier_forget_all(&service->verifier);
    return code;
}

void service_close(struct service *service)
{
    struct error error = {0};

    if (service == NULL)
        return;
    service->stopped = NULL;
    io_timer_stop(&service->housekeeping);
    service_mend_stop(&service->mend);
    service_source_watch_close(&service->source_watch);
    http_server_free(service->http);
    service_desk_close(&service->desk);
    service_verifier_close(&service->verifier);
    service_courier_close(&service->courier);
    http_client_free(service->client);
    probe_engine_set_memory(service->prober->engine, NULL);
    bulk_habits_free(service->habits);
    (void)service_days_flush(&service->days, service->store, &error);
    (void)service_keys_flush(&service->keys, &error);
    service_keys_close(&service->keys);
    service_sessions_close(&service->sessions);
    service_strangers_close(&service->strangers);
    service_log_close(&service->log);
    service_stats_done(service);
    memory_free(service);
}
