/*
 * Alarms of a service: shown by GET /v1/overview (the page's banner), by a metric each, and noted
 * in the log when they begin and end.
 */
#include "service/alarms.h"

#include "base/instant.h"
#include "service/internal.h"

#define LISTED (1u << HEALTH_ALARM_COUNT) /* of the source watch, on top of those of any prober */

static unsigned find(const struct service *service)
{
    struct health_mark now;

    health_mark_take(service->prober, &now);
    return health_judge(&service->alarms.earlier, &now) |
           (service->source_watch.listings > 0 ? LISTED : 0);
}

static const char *code_of(unsigned alarm)
{
    return alarm == HEALTH_ALARM_COUNT ? "listed" : health_alarm_code((enum health_alarm)alarm);
}

static const char *text_of(const struct service *service, unsigned alarm)
{
    return alarm == HEALTH_ALARM_COUNT ? service->source_watch.text
                                       : health_alarm_text((enum health_alarm)alarm);
}

static void log_changes(struct service *service, unsigned found)
{
    unsigned changed = found ^ service->alarms.logged;

    service->alarms.logged = found;
    for (unsigned i = 0; i <= HEALTH_ALARM_COUNT; i++) {
        bool begins = (found >> i & 1) != 0;

        if ((changed >> i & 1) == 0 ||
            !service_log_begin(&service->log, begins ? SERVICE_LOG_WARNING : SERVICE_LOG_INFO,
                               begins ? "alarm" : "alarm_over", service_unix_ms(service)))
            continue;
        service_log_text(&service->log, "code", slice_from_string(code_of(i)));
        if (begins)
            service_log_text(&service->log, "text", slice_from_string(text_of(service, i)));
        service_log_end(&service->log);
    }
}

void service_alarms_watch(struct service *service)
{
    struct service_alarms *alarms = &service->alarms;

    log_changes(service, find(service));
    if (service_now_ms(service) < alarms->later_ms + HOUR_MS)
        return;
    alarms->later_ms = service_now_ms(service);
    alarms->earlier = alarms->later;
    health_mark_take(service->prober, &alarms->later);
}

void service_alarms_write(const struct service *service, struct json *json)
{
    unsigned found = find(service);

    json_array_begin(json);
    for (unsigned i = 0; i <= HEALTH_ALARM_COUNT; i++) {
        if ((found >> i & 1) == 0)
            continue;
        json_object_begin(json);
        json_name_cstring(json, "code", code_of(i));
        json_name_cstring(json, "text", text_of(service, i));
        json_object_end(json);
    }
    json_array_end(json);
}

void service_alarms_measure(const struct service *service, struct buffer *out)
{
    unsigned found = find(service);

    for (unsigned i = 0; i <= HEALTH_ALARM_COUNT; i++)
        buffer_printf(out, "mailknock_alarm{code=\"%s\"} %u\n", code_of(i), found >> i & 1);
}
