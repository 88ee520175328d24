/*
 * What programs are told on standard error (--json-progress): one JSON object a line, whose first
 * member says what happened. Which there are: doc/LISTS.md.
 */
#ifndef MK_CLI_EVENT_H
#define MK_CLI_EVENT_H

#include <stdio.h>

#include "base/buffer.h"
#include "base/json.h"

struct event {
    struct buffer line;
    struct json json;
};

/* Further members go to the writer that it returns. */
struct json *event_begin(struct event *event, const char *name);
/* Written and flushed; nothing is when memory was short. */
void event_end(struct event *event, FILE *to);

#endif
