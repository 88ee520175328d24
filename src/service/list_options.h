/*
 * What somebody wants done with a list: read from a request, kept with the job as JSON.
 */
#ifndef MK_SERVICE_LIST_OPTIONS_H
#define MK_SERVICE_LIST_OPTIONS_H

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/json.h"
#include "bulk/job_key.h"
#include "bulk/reader.h"
#include "probe/engine.h"

struct service_list_options {
    const char *column; /* name, or number from 1; NULL: found out */
    const char *field;  /* of NDJSON */
    const char *sheet;  /* of XLSX */
    int has_header;     /* -1: found out */
    enum bulk_dedupe dedupe;
    struct probe_wish wish;
    bool start;                 /* as soon as it is loaded */
    uint32_t retention_days;    /* 0: the service's own */
    const char *webhook;        /* told when the list is over; NULL: nobody is */
    const char *webhook_secret; /* read, and never written */
};

#define SERVICE_LIST_CHANGEABLE                                                                    \
    "name,column,field,sheet,header,dedupe,depth,patience,start,retention_days"
#define SERVICE_LIST_MEMBERS SERVICE_LIST_CHANGEABLE ",webhook,webhook_secret"

/* The defaults: dedupe by mailbox, as deep and patient as the service is configured. */
void service_list_options_init(struct service_list_options *options,
                               const struct probe_settings *settings);
/*
 * Take what the object says; members that are absent stay as they are. Texts are copied to the
 * arena. ERROR_USAGE names the member and what is allowed; ERROR_NOMEM.
 */
int service_list_options_read(struct service_list_options *options, const cJSON *object,
                              struct arena *arena, struct error *error);
/* The same from the JSON that was kept. */
int service_list_options_parse(struct service_list_options *options, struct slice json,
                               struct arena *arena, struct error *error);
void service_list_options_write(struct json *json, const struct service_list_options *options);

/* What the reader is told. */
void service_list_options_format(const struct service_list_options *options,
                                 struct bulk_format *ret_format);

#endif
