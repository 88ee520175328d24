#include "base/json.h"

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"

void json_init(struct json *json, struct buffer *out)
{
    *json = (struct json){.out = out};
}

static inline void put(struct buffer *out, const char *bytes, size_t len)
{
    char *to = buffer_room(out, len);

    if (to == NULL)
        return;
    memcpy(to, bytes, len);
    out->len += len;
}

static inline void put_byte(struct buffer *out, char byte)
{
    put(out, &byte, 1);
}

static inline void before_value(struct json *json)
{
    if (json->after_name) {
        json->after_name = false;
        return;
    }
    CHECK(json->level == 0 || (json->is_array & json->level) != 0);
    if ((json->has_item & json->level) != 0)
        put_byte(json->out, ',');
    json->has_item |= json->level;
}

static void begin(struct json *json, char bracket, bool is_array)
{
    before_value(json);
    put_byte(json->out, bracket);
    json->level = json->level == 0 ? 1 : json->level << 1;
    CHECK(json->level != 0);
    json->has_item &= ~json->level;
    if (is_array)
        json->is_array |= json->level;
    else
        json->is_array &= ~json->level;
}

static void end(struct json *json, char bracket, bool is_array)
{
    CHECK(json->level != 0 && !json->after_name);
    CHECK(((json->is_array & json->level) != 0) == is_array);
    json->level >>= 1;
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

void json_object_is_ended(struct json *json)
{
    CHECK(json->level != 0 && !json->after_name && (json->is_array & json->level) == 0);
    json->level >>= 1;
}

void json_array_begin(struct json *json)
{
    begin(json, '[', true);
}

void json_array_end(struct json *json)
{
    end(json, ']', true);
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of each byte that is 0; bytes above one that is may show too. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* Not 0: some of the eight bytes cannot be written as they are. */
static inline uint64_t strange_bytes(uint64_t word)
{
    return (word & EACH_BYTE(0x80)) | ((word - EACH_BYTE(0x20)) & EACH_BYTE(0x80)) |
           zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) |
           zero_bytes(word ^ EACH_BYTE(0x7f));
}

/* Less than eight bytes as a word, some of them twice; their order does not matter. */
static inline uint64_t short_word(const char *bytes, size_t len)
{
    uint32_t first, last;

    if (len >= 4) {
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + len - 4, 4);
        return (uint64_t)first << 32 | last;
    }
    if (len == 0)
        return EACH_BYTE(' ');
    first = (uint32_t)(unsigned char)bytes[0] << 16 | (uint32_t)(unsigned char)bytes[len / 2] << 8 |
            (unsigned char)bytes[len - 1];
    return (EACH_BYTE(' ') & ~UINT64_C(0xffffff)) | first;
}

typedef signed char sixteen __attribute__((vector_size(16)));
typedef uint64_t two_words __attribute__((vector_size(16)));

/* Not 0 where one of sixteen bytes cannot be written as it is; of signed ones those above 0x7f are
 * negative. */
static inline two_words strange_of_sixteen(const char *bytes)
{
    sixteen some;

    memcpy(&some, bytes, sizeof(some));
    return (two_words)((some < 0x20) | (some == '"') | (some == '\\') | (some == 0x7f));
}

/* Can all be written as it is? Sixteen bytes at a time, the last of them for a second time. */
static inline bool is_plain(struct slice value)
{
    two_words strange = {0, 0};
    uint64_t first, last;

    if (value.len < 8)
        return strange_bytes(short_word(value.ptr, value.len)) == 0;
    if (value.len < 16) {
        memcpy(&first, value.ptr, 8);
        memcpy(&last, value.ptr + value.len - 8, 8);
        return (strange_bytes(first) | strange_bytes(last)) == 0;
    }
    for (size_t at = 0; at + 16 <= value.len; at += 16)
        strange |= strange_of_sixteen(value.ptr + at);
    strange |= strange_of_sixteen(value.ptr + value.len - 16);
    return (strange[0] | strange[1]) == 0;
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

/* With its quotes, whatever it is made of. */
static void put_escaped(struct buffer *out, struct slice value)
{
    size_t at = 0, start = 0;

    put_byte(out, '"');
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
        buffer_append(out, value.ptr + start, at - start);
        if (c >= 0x80)
            buffer_append(out, "\xef\xbf\xbd", 3);
        else
            append_escaped(out, c);
        start = ++at;
    }
    if (at > start)
        put(out, value.ptr + start, at - start);
    put_byte(out, '"');
}

static inline void put_plain(struct buffer *out, struct slice value)
{
    char *to = buffer_room(out, value.len + 2);

    if (to == NULL)
        return;
    *to++ = '"';
    if (value.len > 0)
        memcpy(to, value.ptr, value.len);
    to[value.len] = '"';
    out->len += value.len + 2;
}

bool json_is_plain(struct slice text)
{
    return is_plain(text);
}

void json_plain(struct json *json, struct slice value)
{
    before_value(json);
    put_plain(json->out, value);
}

void json_string(struct json *json, struct slice value)
{
    before_value(json);
    if (is_plain(value))
        put_plain(json->out, value);
    else
        put_escaped(json->out, value);
}

void json_cstring(struct json *json, const char *value)
{
    if (value == NULL)
        json_null(json);
    else
        json_string(json, slice_from_string(value));
}

void json_milli(struct json *json, int32_t milli)
{
    char digits[16];
    size_t at = sizeof(digits);
    uint32_t rest = milli < 0 ? 0 - (uint32_t)milli : (uint32_t)milli;

    before_value(json);
    for (unsigned i = 0; i < 5 || rest > 0; i++) {
        if (i == 3) {
            digits[--at] = '.';
            continue;
        }
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (milli < 0)
        digits[--at] = '-';
    put(json->out, digits + at, sizeof(digits) - at);
}

void json_int(struct json *json, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    /* The lowest number has no positive twin. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (rest < 10 && value >= 0) {
        before_value(json);
        put_byte(json->out, (char)('0' + rest));
        return;
    }
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
