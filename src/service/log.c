#include "service/log.h"

#include <string.h>

#include "base/instant.h"
#include "base/json.h"
#include "service/key.h"

static const char *const levels[] = {"error", "warning", "info", "debug"};

void service_log_open(struct service_log *log, FILE *file, enum service_log_format format,
                      enum service_log_level level, bool addresses)
{
    log->file = file;
    log->format = format;
    log->level = level;
    log->addresses = addresses;
    buffer_init(&log->line, 0);
}

void service_log_close(struct service_log *log)
{
    buffer_done(&log->line);
    log->file = NULL;
}

static void write_json_string(struct buffer *out, struct slice value)
{
    struct json json;

    json_init(&json, out);
    json_string(&json, value);
}

static bool is_bare(struct slice value)
{
    if (value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 127)
            return false;
    }
    return true;
}

static void write_name(struct service_log *log, const char *name)
{
    if (log->format == SERVICE_LOG_JSON)
        buffer_printf(&log->line, "%s\"%s\":", log->line.len > 1 ? "," : "", name);
    else
        buffer_printf(&log->line, "%s%s=", log->line.len > 0 ? " " : "", name);
}

void service_log_text(struct service_log *log, const char *name, struct slice value)
{
    write_name(log, name);
    if (log->format == SERVICE_LOG_LOGFMT && is_bare(value))
        buffer_append_slice(&log->line, value);
    else
        write_json_string(&log->line, value);
}

void service_log_number(struct service_log *log, const char *name, int64_t value)
{
    write_name(log, name);
    buffer_printf(&log->line, "%jd", (intmax_t)value);
}

void service_log_address(struct service_log *log, const char *name, struct slice address)
{
    char hash[SERVICE_KEY_HASH_SIZE];

    if (log->addresses) {
        service_log_text(log, name, address);
        return;
    }
    service_hash(address, hash);
    service_log_text(log, name, slice_from(hash, 12));
}

bool service_log_begin(struct service_log *log, enum service_log_level level, const char *event,
                       int64_t unix_ms)
{
    char text[INSTANT_TEXT_SIZE];

    if (log->file == NULL || level > log->level)
        return false;
    buffer_clear(&log->line);
    if (log->format == SERVICE_LOG_JSON)
        buffer_append_byte(&log->line, '{');
    service_log_text(log, "time", slice_from_string(instant_format(unix_ms, text)));
    service_log_text(log, "level", slice_from_string(levels[level]));
    service_log_text(log, "event", slice_from_string(event));
    return true;
}

void service_log_end(struct service_log *log)
{
    buffer_append_string(&log->line, log->format == SERVICE_LOG_JSON ? "}\n" : "\n");
    (void)fwrite(log->line.ptr, 1, log->line.len, log->file);
    (void)fflush(log->file);
}
