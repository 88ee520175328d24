/* GET /v1/overview and /v1/settings: how things stand. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "service/internal.h"
#include "service/list_view.h"

#define DAYS 30

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

    service_alarms_watch(service); /* what is shown is logged */
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
    json_name(&json, "alarms");
    service_alarms_write(service, &json);
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
