/*
 * A streaming JSON writer (RFC 8259) into a buffer: no tree, no allocation of its own.
 *
 * Commas and colons are placed by the writer; nesting up to 32 levels is checked by assertion.
 * Strings are escaped; bytes that are not well-formed UTF-8 become U+FFFD, so the output is always
 * valid UTF-8. An out-of-memory shows in buffer->failed.
 */
#ifndef MK_BASE_JSON_H
#define MK_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json {
    struct buffer *out;
    uint32_t has_item; /* bit per level: something was written there */
    uint32_t is_array; /* bit per level: array, not object */
    int depth;
    bool after_name;
};

void json_init(struct json *json, struct buffer *out);
void json_object_begin(struct json *json);
void json_object_end(struct json *json);
void json_array_begin(struct json *json);
void json_array_end(struct json *json);
/* The name of the next value; only inside an object. name is ASCII and needs no escaping. */
void json_name(struct json *json, const char *name);
void json_string(struct json *json, struct slice value);
void json_cstring(struct json *json, const char *value); /* NULL writes null */
void json_int(struct json *json, int64_t value);
void json_double(struct json *json, double value, int decimals); /* not finite: null */
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
/* One value that is JSON already. */
void json_raw(struct json *json, struct slice value);

/* Name and value in one call. */
void json_name_string(struct json *json, const char *name, struct slice value);
void json_name_cstring(struct json *json, const char *name, const char *value);
void json_name_int(struct json *json, const char *name, int64_t value);
void json_name_bool(struct json *json, const char *name, bool value);
void json_name_null(struct json *json, const char *name);

#endif
