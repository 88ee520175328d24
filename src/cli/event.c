#include "cli/event.h"

struct json *event_begin(struct event *event, const char *name)
{
    buffer_init(&event->line, 0);
    json_init(&event->json, &event->line);
    json_object_begin(&event->json);
    json_name_cstring(&event->json, "event", name);
    return &event->json;
}

void event_end(struct event *event, FILE *to)
{
    json_object_end(&event->json);
    buffer_append_byte(&event->line, '\n');
    if (!event->line.failed)
        fwrite(event->line.ptr, 1, event->line.len, to);
    fflush(to);
    buffer_done(&event->line);
}
