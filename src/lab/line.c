/* Words of a line. */
#include "lab/line.h"

#include "base/check.h"
#include "base/instant.h"

static void skip_blanks(struct lab_line *line)
{
    while (line->rest.len > 0 && (line->rest.ptr[0] == ' ' || line->rest.ptr[0] == '\t'))
        line->rest = slice_from_offset(line->rest, 1);
}

/* One escape at *at (behind the backslash); false when there is none such. */
static bool escape_take(struct slice text, size_t *at, char *ret_byte)
{
    static const char letters[] = "\"\\nrt0", bytes[] = "\"\\\n\r\t\0";

    if (*at >= text.len)
        return false;
    for (size_t i = 0; i < sizeof(letters) - 1; i++)
        if (text.ptr[*at] == letters[i]) {
            *ret_byte = bytes[i];
            *at += 1;
            return true;
        }
    if (text.ptr[*at] == 'x' && *at + 2 < text.len) {
        int high = ascii_hex_value(text.ptr[*at + 1]), low = ascii_hex_value(text.ptr[*at + 2]);

        if (high < 0 || low < 0)
            return false;
        *ret_byte = (char)(high * 16 + low);
        *at += 3;
        return true;
    }
    return false;
}

static bool quoted_take(struct lab_line *line, struct slice *ret_word)
{
    struct slice text = line->rest;
    char *out = arena_alloc(line->arena, text.len);
    size_t at = 1, len = 0;

    if (out == NULL) {
        line->fault = "no memory";
        return false;
    }
    while (at < text.len && text.ptr[at] != '"') {
        char byte = text.ptr[at++];

        if (byte == '\\' && !escape_take(text, &at, &byte)) {
            line->fault = "unknown escape (known: \\\" \\\\ \\n \\r \\t \\0 \\xNN)";
            return false;
        }
        out[len++] = byte;
    }
    if (at == text.len) {
        line->fault = "a quotation mark is missing";
        return false;
    }
    line->rest = slice_from_offset(text, at + 1);
    if (line->rest.len > 0 && line->rest.ptr[0] != ' ' && line->rest.ptr[0] != '\t') {
        line->fault = "a blank is missing after the quotation mark";
        return false;
    }
    *ret_word = slice_from(out, len);
    return true;
}

bool lab_line_word(struct lab_line *line, struct slice *ret_word)
{
    size_t len = 0;

    line->fault = NULL;
    skip_blanks(line);
    if (line->rest.len > 0 && line->rest.ptr[0] == '#')
        line->rest = SLICE_EMPTY;
    if (line->rest.len == 0)
        return false;
    if (line->rest.ptr[0] == '"')
        return quoted_take(line, ret_word);
    while (len < line->rest.len && line->rest.ptr[len] != ' ' && line->rest.ptr[len] != '\t')
        len++;
    *ret_word = slice_prefix(line->rest, len);
    line->rest = slice_from_offset(line->rest, len);
    return true;
}

bool lab_line_is_quoted(const struct lab_line *line)
{
    struct slice rest = slice_trim(line->rest);

    return rest.len > 0 && rest.ptr[0] == '"';
}

struct slice lab_line_rest(struct lab_line *line)
{
    struct slice rest = slice_trim(line->rest);

    line->rest = SLICE_EMPTY;
    return rest;
}

bool lab_span_parse(struct slice word, uint64_t *ret_ms)
{
    static const struct {
        struct slice unit;
        uint64_t ms;
    } units[] = {
        {{"ms", 2}, 1},      {{"s", 1}, SECOND_MS}, {{"m", 1}, MINUTE_MS},
        {{"h", 1}, HOUR_MS}, {{"d", 1}, DAY_MS},
    };
    size_t digits = 0;
    uint64_t number;

    while (digits < word.len && ascii_is_digit(word.ptr[digits]))
        digits++;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_equal(slice_from_offset(word, digits), units[i].unit)) {
            if (!slice_to_u64(slice_prefix(word, digits), 366 * DAY_MS / units[i].ms, &number))
                return false;
            *ret_ms = number * units[i].ms;
            return true;
        }
    return false;
}
