/*
 * A streaming JSON writer (RFC 8259) into a buffer: no tree, no allocation of its own.
 *
 * Commas and colons are placed by the writer; nesting up to 32 levels is checked by assertion.
 * Strings are escaped; bytes that are not well-formed UTF-8 become U+FFFD, so the output is always
 * valid UTF-8. An out-of-memory shows in buffer->failed.
 *
 * A result has some 25 members, and a list millions of results: names and short values stand in
 * line, where their lengths are known when they are compiled.
 */
#ifndef MK_BASE_JSON_H
#define MK_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"

struct json {
    struct buffer *out;
    uint32_t level;    /* the bit of the level we are on; 0: outside of everything */
    uint32_t has_item; /* bit per level: something was written there */
    uint32_t is_array; /* bit per level: array, not object */
    bool after_name;
};

void json_init(struct json *json, struct buffer *out);
void json_object_begin(struct json *json);
void json_object_end(struct json *json);
/* The same where the brace is written by other means. */
void json_object_is_ended(struct json *json);
void json_array_begin(struct json *json);
void json_array_end(struct json *json);
void json_string(struct json *json, struct slice value);
void json_cstring(struct json *json, const char *value); /* NULL writes null */
void json_int(struct json *json, int64_t value);
void json_double(struct json *json, double value, int decimals); /* not finite: null */
void json_milli(struct json *json, int32_t milli);               /* thousandths, as 0.001 */
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
/* One value that is JSON already. */
void json_raw(struct json *json, struct slice value);

/* Is it a string's contents as it stands: ASCII, and nothing to escape? Not true of all that is. */
bool json_is_plain(struct slice text);
/* A string of which that is known. */
void json_plain(struct json *json, struct slice value);

/*
 * Members of an object that are JSON already, "\"name\":value" with commas between them; at the end
 * perhaps the name alone, when is_before_value is true. For what never changes: one copy.
 */
static inline void json_members(struct json *json, const char *members, bool is_before_value)
{
    size_t len = strlen(members);
    char *to = buffer_room(json->out, len + 1);

    CHECK(json->level != 0 && (json->is_array & json->level) == 0 && !json->after_name);
    json->after_name = is_before_value;
    if (to == NULL)
        return;
    *to = ',';
    to += (json->has_item & json->level) != 0;
    json->has_item |= json->level;
    memcpy(to, members, len);
    json->out->len = (size_t)(to + len - json->out->ptr);
}

/* A name, its colon and `value`, which is JSON already or "": then the value comes next. */
static inline void json_name_literal(struct json *json, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    char *to = buffer_room(json->out, name_len + value_len + 4);

    CHECK(json->level != 0 && (json->is_array & json->level) == 0 && !json->after_name);
    if (to == NULL)
        return;
    *to = ',';
    to += (json->has_item & json->level) != 0;
    json->has_item |= json->level;
    *to++ = '"';
    memcpy(to, name, name_len);
    to += name_len;
    *to++ = '"';
    *to++ = ':';
    memcpy(to, value, value_len);
    json->out->len = (size_t)(to + value_len - json->out->ptr);
}

/* The name of the next value; only inside an object. name is ASCII and needs no escaping. */
static inline void json_name(struct json *json, const char *name)
{
    json_name_literal(json, name, "");
    json->after_name = true;
}

/* Its value was written by other means, into the same buffer. */
static inline void json_value_is_written(struct json *json)
{
    CHECK(json->after_name);
    json->after_name = false;
}

/* Name and value in one call. */
static inline void json_name_null(struct json *json, const char *name)
{
    json_name_literal(json, name, "null");
}

static inline void json_name_bool(struct json *json, const char *name, bool value)
{
    if (value)
        json_name_literal(json, name, "true");
    else
        json_name_literal(json, name, "false");
}

static inline void json_name_string(struct json *json, const char *name, struct slice value)
{
    json_name(json, name);
    json_string(json, value);
}

static inline void json_name_cstring(struct json *json, const char *name, const char *value)
{
    if (value == NULL)
        json_name_null(json, name);
    else
        json_name_string(json, name, slice_from_string(value));
}

/* A string that json_is_plain, as names from our tables are. */
static inline void json_name_plain(struct json *json, const char *name, struct slice value)
{
    size_t name_len = strlen(name);
    char *to = buffer_room(json->out, name_len + value.len + 6);

    CHECK(json->level != 0 && (json->is_array & json->level) == 0 && !json->after_name);
    if (to == NULL)
        return;
    *to = ',';
    to += (json->has_item & json->level) != 0;
    json->has_item |= json->level;
    *to++ = '"';
    memcpy(to, name, name_len);
    to += name_len;
    memcpy(to, "\":\"", 3);
    memcpy(to + 3, value.ptr, value.len);
    to += 3 + value.len;
    *to++ = '"';
    json->out->len = (size_t)(to - json->out->ptr);
}

static inline void json_name_word(struct json *json, const char *name, const char *word)
{
    json_name_plain(json, name, slice_from_string(word));
}

static inline void json_name_int(struct json *json, const char *name, int64_t value)
{
    json_name(json, name);
    json_int(json, value);
}

#endif
