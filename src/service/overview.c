/* GET /v1/overview and /v1/settings: how things stand. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "service/internal.h"
#include "service/list_view.h"

#define ALARMS_MAX    5
#define DAYS          30
#define REFUSALS_MANY 5 /* in an hour, and a fifth of all that was said */

struct overview_alarm {
    const char *code;
    const char *text;
};

/*
 * What only the operator can mend: refusals of us, a closed port, a silent resolver. Counted over
 * the time since the last reading an hour ago or more.
 */
static size_t find_alarms(struct service *service, struct overview_alarm out[ALARMS_MAX])
{
    const struct probe_counts *before = &service->probe_before;
    struct dns_resolver_counts dns;
    struct probe_counts now;
    uint64_t refusals, rcpts, connections, failures;
    size_t count = 0;

    probe_engine_counts(service->prober->engine, &now);
    refusals = now.refusals_of_us - before->refusals_of_us;
    rcpts = now.rcpts - before->rcpts;
    connections = now.connections - before->connections;
    failures = now.connect_failures - before->connect_failures;
    if (refusals >= REFUSALS_MANY && refusals * 5 >= rcpts)
        out[count++] = (struct overview_alarm){
            "refused",
            "Mail servers refuse us, not the mailboxes. Look at the reputation and the reverse DNS "
            "of the address that you probe from before you go on."};
    if (failures >= 5 && failures == connections)
        out[count++] = (struct overview_alarm){
            "port_25", "No mail server could be reached: port 25 seems to be blocked from here."};
    if (service->prober->resolver != NULL) {
        dns_resolver_counts(service->prober->resolver, &dns);
        if (dns.listing_refusals > 0)
            out[count++] = (struct overview_alarm){
                "blocklist",
                "A block list refuses to answer the resolver, so nothing is looked up there: ask "
                "through a resolver of your own, or register with the list."};
        if (dns.questions >= 5 && dns.failures == dns.questions)
            out[count++] =
                (struct overview_alarm){"resolver", "No DNS resolver answers. See --resolver."};
    }
    if (service->source_watch.listings > 0)
        out[count++] = (struct overview_alarm){"listed", service->source_watch.text};
    CHECK(count <= ALARMS_MAX);
    return count;
}

void service_note_counts(struct service *service)
{
    if (service_now_ms(service) < service->probe_before_ms + HOUR_MS)
        return;
    service->probe_before_ms = service_now_ms(service);
    probe_engine_counts(service->prober->engine, &service->probe_before);
}

static void write_alarms(struct service *service, struct json *json)
{
    struct overview_alarm alarms[ALARMS_MAX];
    size_t count = find_alarms(service, alarms);

    json_name(json, "alarms");
    json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(json);
        json_name_cstring(json, "code", alarms[i].code);
        json_name_cstring(json, "text", alarms[i].text);
        json_object_end(json);
    }
    json_array_end(json);
}

static int write_running(struct service *service, struct json *json, struct error *error)
{
    int code = 0;

    json_name(json, "running");
    json_array_begin(json);
    for (struct list_node *node = list_first(&service->desk.lists); node != NULL && code == 0;
         node = list_after(&service->desk.lists, node)) {
        const struct service_list *list = LIST_ELEMENT(node, struct service_list, node);

        if (list->job != NULL || list->load != NULL)
            code = service_list_view_write(&service->desk, list->id, json, error);
    }
    json_array_end(json);
    return code;
}

void service_overview_get(struct service_call *call)
{
    struct service *service = call->service;
    struct probe_counts counts;
    struct error error = {0};
    struct buffer body;
    struct json json;
    int code;

    buffer_init(&body, 0);
    json_init(&json, &body);
    probe_engine_counts(service->prober->engine, &counts);
    json_object_begin(&json);
    json_name(&json, "days");
    code = service_days_write(&service->days, service->store, service_unix_ms(service), DAYS, &json,
                              &error);
    if (code == 0)
        code = write_running(service, &json, &error);
    json_name_int(&json, "waiting", (int64_t)counts.greylist_waiting);
    json_name_int(&json, "open_cases", (int64_t)counts.open_cases);
    json_name_int(&json, "open_sessions", (int64_t)counts.open_sessions);
    write_alarms(service, &json);
    json_object_end(&json);
    if (code != 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, 200, &body);
    }
}

/* --- settings ------------------------------------------------------------------------------------
 */

static void write_list(struct json *json, const char *name, const struct config_list *list)
{
    json_name(json, name);
    json_array_begin(json);
    for (size_t i = 0; i < list->count; i++)
        json_cstring(json, list->values[i]);
    json_array_end(json);
}

void service_settings_get(struct service_call *call)
{
    static const char *const depths[] = {"syntax", "dns", "smtp"};
    static const char *const patiences[] = {"quick", "normal", "patient"};
    const struct service *service = call->service;
    const struct config *config = service->config;
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "version", MK_VERSION);
    json_name_string(&json, "helo", service->prober->settings.helo_name);
    json_name_cstring(&json, "mail_from", config->mail_from);
    json_name_cstring(&json, "second_mail_from", config->second_mail_from);
    json_name_cstring(&json, "source_ip", config->source_ip);
    json_name_int(&json, "port", (int64_t)config->port);
    json_name_cstring(&json, "depth", depths[service->prober->settings.depth]);
    json_name_cstring(&json, "patience", patiences[service->prober->settings.patience]);
    json_name_int(&json, "connections", (int64_t)config->connections);
    json_name_bool(&json, "open", service->options.open);
    json_name_int(&json, "retention_days", (int64_t)service->options.retention_days);
    json_name_int(&json, "max_upload", (int64_t)service->options.upload_bytes);
    write_list(&json, "resolvers", &config->resolvers);
    write_list(&json, "cors", &service->options.origins);
    json_object_end(&json);
    service_answer(call, 200, &body);
}
