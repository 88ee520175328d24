#include "bulk/ndjson.h"

#include <string.h>

#include "bulk/recode.h"

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* From the opening quote to after the closing one; NULL: none, or a bad escape or control byte. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            continue;
        if (++at == end || memchr("\"\\/bfnrtu", *at, 9) == NULL)
            return NULL;
        if (*at == 'u') {
            if (end - at < 5)
                return NULL;
            for (int i = 1; i <= 4; i++)
                if (ascii_hex_value(at[i]) < 0)
                    return NULL;
            at += 4;
        }
    }
    return NULL;
}

static const char *skip_digits(const char *at, const char *end)
{
    const char *from = at;

    while (at < end && ascii_is_digit(*at))
        at++;
    return at > from ? at : NULL;
}

static const char *skip_number(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else if ((at = skip_digits(at, end)) == NULL)
        return NULL;
    if (at < end && *at == '.' && (at = skip_digits(at + 1, end)) == NULL)
        return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = skip_digits(at, end);
    }
    return at;
}

static const char *skip_word(const char *at, const char *end)
{
    static const struct slice words[] = {
        {"true", 4},
        {"false", 5},
        {"null", 4},
    };

    for (size_t i = 0; i < 3; i++)
        if (slice_starts_with(slice_from(at, (size_t)(end - at)), words[i]))
            return at + words[i].len;
    return NULL;
}

static const char *skip_value(const char *at, const char *end, int depth);

/* `"key" :`, or NULL. */
static const char *skip_key(const char *at, const char *end)
{
    if (at == end || *at != '"')
        return NULL;
    at = skip_string(at, end);
    if (at == NULL)
        return NULL;
    at = skip_blanks(at, end);
    return at < end && *at == ':' ? skip_blanks(at + 1, end) : NULL;
}

static const char *skip_nested(const char *at, const char *end, int depth)
{
    char close = *at == '{' ? '}' : ']';

    if (depth >= NDJSON_DEPTH_MAX)
        return NULL;
    at = skip_blanks(at + 1, end);
    if (at < end && *at == close)
        return at + 1;
    for (;;) {
        if (close == '}' && (at = skip_key(at, end)) == NULL)
            return NULL;
        at = skip_value(at, end, depth + 1);
        if (at == NULL)
            return NULL;
        at = skip_blanks(at, end);
        if (at == end)
            return NULL;
        if (*at == close)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = skip_blanks(at + 1, end);
    }
}

static const char *skip_value(const char *at, const char *end, int depth)
{
    if (at == end)
        return NULL;
    if (*at == '{' || *at == '[')
        return skip_nested(at, end, depth);
    if (*at == '"')
        return skip_string(at, end);
    if (*at == '-' || ascii_is_digit(*at))
        return skip_number(at, end);
    return skip_word(at, end);
}

int ndjson_next_member(struct slice object, const char **at, struct ndjson_member *ret_member)
{
    const char *p = *at, *end = object.ptr + object.len, *value, *after;

    if (p == NULL) {
        p = skip_blanks(object.ptr, end);
        if (p == end || *p != '{')
            return -1;
        p = skip_blanks(p + 1, end);
        if (p < end && *p == '}')
            goto closing;
    } else {
        p = skip_blanks(p, end);
        if (p < end && *p == '}')
            goto closing;
        if (p == end || *p != ',')
            return -1;
        p = skip_blanks(p + 1, end);
    }
    value = skip_key(p, end);
    after = value != NULL ? skip_value(value, end, 1) : NULL;
    if (after == NULL)
        return -1;
    ret_member->begin = p;
    ret_member->key = slice_from(p + 1, (size_t)(skip_string(p, end) - p) - 2);
    ret_member->value = slice_from(value, (size_t)(after - value));
    *at = after;
    return 1;

closing:
    *at = p;
    return skip_blanks(p + 1, end) == end ? 0 : -1;
}

bool ndjson_is_object(struct slice line)
{
    struct ndjson_member member;
    const char *at = NULL;
    int more;

    while ((more = ndjson_next_member(line, &at, &member)) > 0)
        continue;
    return more == 0;
}

static int hex4(const char *at)
{
    return ascii_hex_value(at[0]) << 12 | ascii_hex_value(at[1]) << 8 |
           ascii_hex_value(at[2]) << 4 | ascii_hex_value(at[3]);
}

/* What one escape means, at its backslash: 1 to 4 bytes. Returns what is after it. */
static const char *decode_escape(const char *at, const char *end, char out[4], size_t *ret_len)
{
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    const char *name = memchr(names, at[1], 5);
    uint32_t code;

    if (at[1] != 'u') {
        out[0] = name != NULL ? bytes[name - names] : at[1];
        *ret_len = 1;
        return at + 2;
    }
    code = (uint32_t)hex4(at + 2);
    at += 6;
    if (code >= 0xd800 && code < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = (uint32_t)hex4(at + 2);

        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
    }
    *ret_len = recode_utf8(code, out);
    return at;
}

/* A string's inside, escapes resolved. The string is well formed. */
static bool resolve(struct slice inside, struct buffer *scratch, struct slice *ret_text)
{
    const char *at = inside.ptr, *end = inside.ptr + inside.len, *escape;

    *ret_text = inside;
    if (slice_find_byte(inside, '\\') < 0)
        return true;
    buffer_clear(scratch);
    while ((escape = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        char bytes[4];
        size_t len;

        buffer_append(scratch, at, (size_t)(escape - at));
        at = decode_escape(escape, end, bytes, &len);
        buffer_append(scratch, bytes, len);
    }
    buffer_append(scratch, at, (size_t)(end - at));
    *ret_text = buffer_slice(scratch);
    return !scratch->failed;
}

static bool key_is(struct slice key, struct slice wanted)
{
    const char *at = key.ptr, *end = key.ptr + key.len;

    while (at < end) {
        char bytes[4] = {*at};
        size_t len = 1;

        at = *at == '\\' ? decode_escape(at, end, bytes, &len) : at + 1;
        if (!slice_starts_with(wanted, slice_from(bytes, len)))
            return false;
        wanted = slice_from_offset(wanted, len);
    }
    return wanted.len == 0;
}

bool ndjson_find(struct slice object, struct slice path, struct slice *ret_value)
{
    struct ndjson_member member;
    struct slice value = SLICE_EMPTY;
    const char *at = NULL;
    ptrdiff_t dot;
    int more;

    while ((more = ndjson_next_member(object, &at, &member)) > 0)
        if (key_is(member.key, path))
            value = member.value;
    if (more < 0)
        return false;
    if (value.len > 0) {
        *ret_value = value;
        return true;
    }
    dot = slice_find_byte(path, '.');
    return dot > 0 && ndjson_find(object, slice_prefix(path, (size_t)dot), &value) &&
           ndjson_find(value, slice_from_offset(path, (size_t)dot + 1), ret_value);
}

bool ndjson_text(struct slice value, struct buffer *scratch, struct slice *ret_text)
{
    if (value.len >= 2 && value.ptr[0] == '"')
        return resolve(slice_from(value.ptr + 1, value.len - 2), scratch, ret_text);
    *ret_text = value;
    if (value.len == 0 || value.ptr[0] == '{' || value.ptr[0] == '[' ||
        slice_equal(value, SLICE("null")))
        *ret_text = SLICE_EMPTY;
    return true;
}
