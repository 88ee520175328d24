#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"

void json_init(struct json *json, struct buffer *out)
{
    *json = (struct json){.out = out};
}

/*
 * Room for len more bytes, or NULL. As buffer_reserve, with the usual case in line: most pieces are
 * a few bytes.
 */
static inline char *room(struct buffer *out, size_t len)
{
    if (out->capacity - out->len >= len && out->ceiling == 0 && out->ptr != NULL)
        return out->ptr + out->len;
    return buffer_reserve(out, len);
}

static inline void put(struct buffer *out, const char *bytes, size_t len)
{
    char *to = room(out, len);

    if (to == NULL)
        return;
    memcpy(to, bytes, len);
    out->len += len;
}

static inline void put_byte(struct buffer *out, char byte)
{
    put(out, &byte, 1);
}

static uint32_t level_bit(const struct json *json)
{
    return UINT32_C(1) << json->depth;
}

static void before_value(struct json *json)
{
    if (json->after_name) {
        json->after_name = false;
        return;
    }
    CHECK(json->depth == 0 || (json->is_array & level_bit(json)));
    if (json->depth > 0 && (json->has_item & level_bit(json)))
        put_byte(json->out, ',');
    json->has_item |= level_bit(json);
}

static void begin(struct json *json, char bracket, bool is_array)
{
    before_value(json);
    put_byte(json->out, bracket);
    json->depth++;
    CHECK(json->depth < 32);
    json->has_item &= ~level_bit(json);
    if (is_array)
        json->is_array |= level_bit(json);
    else
        json->is_array &= ~level_bit(json);
}

static void end(struct json *json, char bracket, bool is_array)
{
    CHECK(json->depth > 0 && !json->after_name);
    CHECK(((json->is_array & level_bit(json)) != 0) == is_array);
    json->depth--;
    put_byte(json->out, bracket);
}

void json_object_begin(struct json *json)
{
    begin(json, '{', false);
}

void json_object_end(struct json *json)
{
    end(json, '}', false);
}

void json_array_begin(struct json *json)
{
    begin(json, '[', true);
}

void json_array_end(struct json *json)
{
    end(json, ']', true);
}

void json_name(struct json *json, const char *name)
{
    size_t len = strlen(name);
    char *to = room(json->out, len + 4);

    CHECK(json->depth > 0 && !(json->is_array & level_bit(json)) && !json->after_name);
    json->after_name = true;
    if (to == NULL)
        return;
    if (json->has_item & level_bit(json))
        *to++ = ',';
    json->has_item |= level_bit(json);
    *to++ = '"';
    memcpy(to, name, len);
    to += len;
    *to++ = '"';
    *to++ = ':';
    json->out->len = (size_t)(to - json->out->ptr);
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of each byte that is 0; bytes above one that is may show too. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* How many bytes from the start can be written as they are: eight at a time, then by one. */
static size_t plain_len(struct slice value)
{
    size_t at = 0;

    for (; at + 8 <= value.len; at += 8) {
        uint64_t word;

        memcpy(&word, value.ptr + at, 8);
        if ((word & EACH_BYTE(0x80)) != 0 || ((word - EACH_BYTE(0x20)) & EACH_BYTE(0x80)) != 0 ||
            (zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) |
             zero_bytes(word ^ EACH_BYTE(0x7f))) != 0)
            break;
    }
    while (at < value.len && (unsigned char)value.ptr[at] >= 0x20 && value.ptr[at] != 0x7f &&
           (unsigned char)value.ptr[at] < 0x80 && value.ptr[at] != '"' && value.ptr[at] != '\\')
        at++;
    return at;
}

static void append_escaped(struct buffer *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "btnvfr"; /* 8 to 13; 11 has no short form */
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
        buffer_append(out, escape, 2);
    } else if (c >= 8 && c <= 13 && c != 11) {
        escape[1] = named[c - 8];
        buffer_append(out, escape, 2);
    } else {
        buffer_append(out, escape, 6);
    }
}

void json_string(struct json *json, struct slice value)
{
    size_t at = plain_len(value), start = 0;

    before_value(json);
    put_byte(json->out, '"');
    while (at < value.len) {
        unsigned char c = (unsigned char)value.ptr[at];
        uint32_t code;
        size_t size = 1;

        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            at++;
            continue;
        }
        if (c >= 0x80) {
            size = utf8_decode(value.ptr + at, value.len - at, &code);
            if (size > 0) {
                at += size;
                continue;
            }
        }
        buffer_append(json->out, value.ptr + start, at - start);
        if (c >= 0x80)
            buffer_append(json->out, "\xef\xbf\xbd", 3);
        else
            append_escaped(json->out, c);
        start = ++at;
    }
    if (at > start)
        put(json->out, value.ptr + start, at - start);
    put_byte(json->out, '"');
}

void json_cstring(struct json *json, const char *value)
{
    if (value == NULL)
        json_null(json);
    else
        json_string(json, slice_from_string(value));
}

void json_int(struct json *json, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    /* The lowest number has no positive twin. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    before_value(json);
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--at] = '-';
    put(json->out, digits + at, sizeof(digits) - at);
}

void json_double(struct json *json, double value, int decimals)
{
    char digits[64];

    if (!isfinite(value)) {
        json_null(json);
        return;
    }
    before_value(json);
    snprintf(digits, sizeof(digits), "%.*f", decimals, value);
    buffer_append_string(json->out, digits);
}

void json_bool(struct json *json, bool value)
{
    before_value(json);
    put(json->out, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *json)
{
    before_value(json);
    put(json->out, "null", 4);
}

void json_raw(struct json *json, struct slice value)
{
    before_value(json);
    buffer_append_slice(json->out, value);
}

void json_name_string(struct json *json, const char *name, struct slice value)
{
    json_name(json, name);
    json_string(json, value);
}

void json_name_cstring(struct json *json, const char *name, const char *value)
{
    json_name(json, name);
    json_cstring(json, value);
}

void json_name_int(struct json *json, const char *name, int64_t value)
{
    json_name(json, name);
    json_int(json, value);
}

void json_name_bool(struct json *json, const char *name, bool value)
{
    json_name(json, name);
    json_bool(json, value);
}

void json_name_null(struct json *json, const char *name)
{
    json_name(json, name);
    json_null(json);
}
