#include "smtp/reply.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

static const struct slice separator = {" | ", 3};

/* Where the text of a reply gathers, line by line. */
struct gathering {
    char *text;
    size_t len;
    unsigned line_count;
    struct smtp_enhanced enhanced;
};

/* What is wrong with byte c at this place of a line, or NULL. The end of the line counts as LF. */
static const char *why_bad_byte(size_t index, char c)
{
    if (index == 0)
        return c >= '2' && c <= '5' ? NULL : "a line does not begin with a digit from 2 to 5";
    if (index < 3)
        return ascii_is_digit(c) ? NULL : "a reply code does not have three digits";
    return ascii_is_digit(c) ? "a reply code has more than three digits" : NULL;
}

/* What is wrong with the code that starts a line, of which `line` may be only a part; or NULL. */
static const char *why_bad_code(struct slice line, bool is_whole)
{
    const char *why = NULL;

    for (size_t i = 0; i < 4 && why == NULL && (i < line.len || is_whole); i++)
        why = why_bad_byte(i, i < line.len ? line.ptr[i] : '\n');
    return why;
}

static uint16_t code_of(struct slice line)
{
    return (uint16_t)((line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0'));
}

/* The text after the code: without "-" or one blank, and without blanks at the end. */
static struct slice text_after_code(struct slice line)
{
    struct slice text = slice_from_offset(line, 3);

    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = slice_from_offset(text, 1);
    while (text.len > 0 && ascii_is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Add the text of one line; what does not fit any more is cut off and makes this false. */
static bool gather(struct gathering *to, struct slice text)
{
    size_t room = SMTP_REPLY_TEXT_MAX - to->len;
    bool fits;

    text = slice_from_offset(text, smtp_enhanced_parse(text, &to->enhanced));
    if (to->line_count > 0) {
        if (room < separator.len)
            return false;
        memcpy(to->text + to->len, separator.ptr, separator.len);
        to->len += separator.len;
        room -= separator.len;
    }
    fits = text.len <= room;
    text = slice_prefix(text, room);
    if (text.len > 0)
        memcpy(to->text + to->len, text.ptr, text.len);
    to->len += text.len;
    to->line_count++;
    return fits;
}

void smtp_reply_parser_init(struct smtp_reply_parser *parser)
{
    parser->code = 0;
    parser->enhanced = (struct smtp_enhanced){0};
    parser->line_count = 0;
    parser->line_len = 0;
    parser->text_len = 0;
    parser->is_done = false;
    parser->bad_reason = NULL;
    parser->known_len = 0;
}

bool smtp_reply_is_partial(const struct smtp_reply_parser *parser)
{
    return !parser->is_done && (parser->line_count > 0 || parser->line_len > 0);
}

struct smtp_reply_part {
    uint16_t code;
    struct smtp_enhanced enhanced;
    unsigned line_count;
    size_t line_len, text_len;
    char bytes[]; /* of the line, then the text */
};

struct smtp_reply_part *smtp_reply_put_by(const struct smtp_reply_parser *parser)
{
    struct smtp_reply_part *part =
        memory_alloc(sizeof(*part) + parser->line_len + parser->text_len);

    CHECK(smtp_reply_is_partial(parser) && parser->bad_reason == NULL);
    if (part == NULL)
        return NULL;
    part->code = parser->code;
    part->enhanced = parser->enhanced;
    part->line_count = parser->line_count;
    part->line_len = parser->line_len;
    part->text_len = parser->text_len;
    memcpy(part->bytes, parser->line, part->line_len);
    memcpy(part->bytes + part->line_len, parser->text, part->text_len);
    return part;
}

void smtp_reply_take_up(struct smtp_reply_part *part, struct smtp_reply_parser *parser)
{
    smtp_reply_parser_init(parser);
    parser->code = part->code;
    parser->enhanced = part->enhanced;
    parser->line_count = part->line_count;
    parser->line_len = part->line_len;
    parser->text_len = part->text_len;
    memcpy(parser->line, part->bytes, part->line_len);
    memcpy(parser->text, part->bytes + part->line_len, part->text_len);
    memory_free(part);
}

static enum smtp_reply_progress fail(struct smtp_reply_parser *parser, const char *why)
{
    parser->bad_reason = why;
    return SMTP_REPLY_BAD;
}

/* One whole line, without its LF. */
static enum smtp_reply_progress take_line(struct smtp_reply_parser *parser, struct slice line)
{
    struct gathering to = {parser->text, parser->text_len, parser->line_count, parser->enhanced};
    const char *why;

    why = why_bad_code(line, true);
    if (why != NULL)
        return fail(parser, why);
    if (parser->line_count >= SMTP_REPLY_LINES_MAX)
        return fail(parser, "the reply has too many lines");
    if (!gather(&to, text_after_code(line)))
        return fail(parser, "the text of the reply is too long");
    parser->text_len = to.len;
    parser->line_count = to.line_count;
    parser->enhanced = to.enhanced;
    parser->code = code_of(line);
    if (line.len > 3 && line.ptr[3] == '-')
        return SMTP_REPLY_MORE;
    parser->is_done = true;
    return SMTP_REPLY_DONE;
}

/* The reply is all of this line, its LF included. */
static void know_again(struct smtp_reply_parser *parser, struct slice line)
{
    if (line.len > sizeof(parser->known))
        return;
    memcpy(parser->known, line.ptr, line.len);
    parser->known_len = line.len;
}

/* Keep the unfinished line. Looks at the code early: a peer that speaks no SMTP may send no LF. */
static enum smtp_reply_progress keep_part(struct smtp_reply_parser *parser, struct slice part)
{
    struct slice fitting = slice_prefix(part, SMTP_REPLY_LINE_MAX - parser->line_len);
    const char *why;

    if (fitting.len > 0)
        memcpy(parser->line + parser->line_len, fitting.ptr, fitting.len);
    parser->line_len += fitting.len;
    why = why_bad_code((struct slice){parser->line, parser->line_len}, false);
    if (why == NULL && fitting.len < part.len)
        why = "a line of the reply is too long";
    return why != NULL ? fail(parser, why) : SMTP_REPLY_MORE;
}

enum smtp_reply_progress smtp_reply_feed(struct smtp_reply_parser *parser, const char *bytes,
                                         size_t len, size_t *ret_consumed)
{
    enum smtp_reply_progress progress = SMTP_REPLY_MORE;
    size_t at = 0;

    if (parser->bad_reason != NULL || parser->is_done) {
        *ret_consumed = 0;
        return parser->is_done ? SMTP_REPLY_DONE : SMTP_REPLY_BAD;
    }
    while (progress == SMTP_REPLY_MORE && at < len) {
        struct slice rest = {bytes + at, len - at};
        ptrdiff_t end = slice_find_byte(rest, '\n');
        struct slice part = slice_prefix(rest, end < 0 ? rest.len : (size_t)end);

        at += part.len + (end >= 0);
        if (end >= 0 && parser->line_len == 0 && part.len <= SMTP_REPLY_LINE_MAX) {
            progress = take_line(parser, part); /* a whole line at once needs no copy */
            if (progress == SMTP_REPLY_DONE && parser->line_count == 1)
                know_again(parser, slice_prefix(rest, part.len + 1));
            continue;
        }
        progress = keep_part(parser, part);
        if (progress == SMTP_REPLY_MORE && end >= 0) {
            progress = take_line(parser, (struct slice){parser->line, parser->line_len});
            parser->line_len = 0;
        }
    }
    *ret_consumed = at;
    return progress;
}

struct smtp_reply smtp_reply_parsed(const struct smtp_reply_parser *parser)
{
    return (struct smtp_reply){
        .code = parser->code,
        .enhanced = parser->enhanced,
        .text =
            parser->text_len == 0 ? SLICE_EMPTY : (struct slice){parser->text, parser->text_len},
    };
}

/* Take the part before the next " | " off *rest; false when there was none left. */
static bool next_part(struct slice *rest, struct slice *ret_part)
{
    ptrdiff_t at;

    if (rest->ptr == NULL)
        return false;
    at = slice_find(*rest, separator);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (struct slice){NULL, 0};
        return true;
    }
    *ret_part = slice_prefix(*rest, (size_t)at);
    *rest = (struct slice){rest->ptr + at + separator.len, rest->len - (size_t)at - separator.len};
    return true;
}

static bool has_code(struct slice part)
{
    return why_bad_code(part, true) == NULL;
}

bool smtp_reply_from_line(struct slice line, char *text_out, struct smtp_reply *ret_reply)
{
    struct gathering to = {.text = text_out};
    struct slice rest = slice_trim(line), part;
    bool is_continued, fits;
    uint16_t code;

    if (!next_part(&rest, &part) || !has_code(part))
        return false;
    code = code_of(part);
    is_continued = part.len > 3 && part.ptr[3] == '-';
    fits = gather(&to, text_after_code(part));
    while (fits && next_part(&rest, &part)) {
        /*
         * Later lines may be written with their code or without. A number that starts a line is
         * taken for a code where the line before announced one ("550-") or it is the same code.
         */
        if (has_code(part) && (part.len == 3 || part.ptr[3] == ' ' || part.ptr[3] == '-') &&
            (is_continued || code_of(part) == code)) {
            code = code_of(part);
            is_continued = part.len > 3 && part.ptr[3] == '-';
            fits = gather(&to, text_after_code(part));
        } else {
            fits = gather(&to, slice_trim(part));
        }
    }
    ret_reply->code = code;
    ret_reply->enhanced = to.enhanced;
    ret_reply->text = to.len == 0 ? SLICE_EMPTY : (struct slice){text_out, to.len};
    return true;
}

/* "." and one to three digits. */
static char *put_part(char *at, unsigned number)
{
    *at++ = '.';
    if (number >= 100)
        *at++ = (char)('0' + number / 100);
    if (number >= 10)
        *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

const char *smtp_enhanced_format(struct smtp_enhanced enhanced, char out[16])
{
    char *at = out;

    if (enhanced.status_class != 0) {
        *at++ = (char)('0' + enhanced.status_class % 10u);
        at = put_part(at, enhanced.subject % 1000u);
        at = put_part(at, enhanced.detail % 1000u);
    }
    *at = '\0';
    return out;
}

/* One to three digits at text[*at]; moves *at behind them. */
static bool take_number(struct slice text, size_t *at, uint16_t *ret_number)
{
    uint16_t number = 0;
    size_t start = *at;

    while (*at < text.len && *at < start + 3 && ascii_is_digit(text.ptr[*at]))
        number = (uint16_t)(number * 10 + (text.ptr[(*at)++] - '0'));
    *ret_number = number;
    return *at > start;
}

size_t smtp_enhanced_parse(struct slice text, struct smtp_enhanced *ret_enhanced)
{
    struct smtp_enhanced enhanced;
    size_t at = 2;

    if (text.len < 5 || strchr("245", text.ptr[0]) == NULL || text.ptr[0] == '\0' ||
        text.ptr[1] != '.')
        return 0;
    enhanced.status_class = (uint8_t)(text.ptr[0] - '0');
    if (!take_number(text, &at, &enhanced.subject) || at >= text.len || text.ptr[at++] != '.' ||
        !take_number(text, &at, &enhanced.detail))
        return 0;
    /* "5.6.7.8" is an IP address and "5.1.1a" is nothing known. */
    if (at < text.len && (ascii_is_alnum(text.ptr[at]) || text.ptr[at] == '.'))
        return 0;
    *ret_enhanced = enhanced;
    return at + (at < text.len && text.ptr[at] == ' ');
}
