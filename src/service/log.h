/*
 * The log: one line an event, as logfmt or JSON, without anybody's address unless that was asked
 * for.
 *
 *   time=2026-11-25T21:04:05.678Z level=info event=request method=GET path=/v1/lists status=200
 * ms=3
 *
 * Values from strangers are quoted and escaped; an address is written as the first 12 hexadecimal
 * digits of its SHA-256, so that lines about one can be found without naming it.
 */
#ifndef MK_SERVICE_LOG_H
#define MK_SERVICE_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/slice.h"

enum service_log_format {
    SERVICE_LOG_LOGFMT,
    SERVICE_LOG_JSON
};
enum service_log_level {
    SERVICE_LOG_ERROR,
    SERVICE_LOG_WARNING,
    SERVICE_LOG_INFO,
    SERVICE_LOG_DEBUG
};

struct service_log {
    FILE *file; /* NULL: nowhere */
    enum service_log_format format;
    enum service_log_level level;
    bool addresses; /* in clear */
    struct buffer line;
};

void service_log_open(struct service_log *log, FILE *file, enum service_log_format format,
                      enum service_log_level level, bool addresses);
void service_log_close(struct service_log *log);

/* event is a static word. Then fields, then the end, which writes the line in one go. */
bool service_log_begin(struct service_log *log, enum service_log_level level, const char *event,
                       int64_t unix_ms); /* false: not at this level; write no fields */
void service_log_text(struct service_log *log, const char *name, struct slice value);
void service_log_number(struct service_log *log, const char *name, int64_t value);
void service_log_address(struct service_log *log, const char *name, struct slice address);
void service_log_end(struct service_log *log);

#endif
