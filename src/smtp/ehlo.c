#include "smtp/ehlo.h"

#include <stddef.h>

#include "base/check.h"

static const struct {
    struct slice keyword;
    size_t offset; /* of the flag in struct smtp_ehlo */
} keywords[] = {
#define X(keyword, field)                                                                          \
    {                                                                                              \
        {keyword, sizeof(keyword) - 1}, offsetof(struct smtp_ehlo, field)                          \
    }
    X("STARTTLS", starttls),
    X("PIPELINING", pipelining),
    X("SMTPUTF8", smtputf8),
    X("8BITMIME", eight_bit_mime),
    X("ENHANCEDSTATUSCODES", enhanced_codes),
    X("AUTH", auth),
    X("SIZE", size),
#undef X
};

/* The keyword ends at a blank, or at "=": "AUTH=LOGIN" is an old form of "AUTH LOGIN". */
static struct slice take_keyword(struct slice *line)
{
    size_t len = 0;
    struct slice keyword;

    while (len < line->len && !ascii_is_space(line->ptr[len]) && line->ptr[len] != '=')
        len++;
    keyword = slice_prefix(*line, len);
    *line = slice_trim(slice_from_offset(*line, len + 1));
    return keyword;
}

static void take_line(struct slice line, struct smtp_ehlo *ehlo)
{
    struct slice parameters = slice_trim(line), keyword = take_keyword(&parameters);
    uint64_t size_max;

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (slice_equal_nocase(keyword, keywords[i].keyword))
            *(bool *)((char *)ehlo + keywords[i].offset) = true;
    if (slice_equal_nocase(keyword, SLICE("SIZE")) &&
        slice_to_u64(parameters, UINT64_MAX, &size_max))
        ehlo->size_max = size_max;
}

void smtp_ehlo_parse(struct slice text, struct smtp_ehlo *ret_ehlo)
{
    struct slice mark = SLICE(" | ");
    ptrdiff_t at = slice_find(text, mark);

    *ret_ehlo = (struct smtp_ehlo){0};
    while (at >= 0) {
        text = slice_from_offset(text, (size_t)at + mark.len);
        at = slice_find(text, mark);
        take_line(at < 0 ? text : slice_prefix(text, (size_t)at), ret_ehlo);
    }
}
