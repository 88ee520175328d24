#include "provider/nested.h"

#include <string.h>

#include "base/check.h"

#define DEPTH_MAX 4

static bool speaks_of_sender(struct slice text)
{
    static const struct slice words[] = {
        {"sender", 6}, {"mail from", 9}, {"verification failed for", 23}, {"callout", 7}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_find_nocase(text, words[i]) >= 0)
            return true;
    }
    return false;
}

/* "in reply to RCPT TO command", "in reply to end of DATA": cut off and understood. */
static void take_command(struct slice *text, enum smtp_stage *stage)
{
    static const struct {
        struct slice command;
        enum smtp_stage stage;
    } commands[] = {
        {{"mail", 4}, SMTP_STAGE_MAIL},
        {{"ehlo", 4}, SMTP_STAGE_HELO},
        {{"helo", 4}, SMTP_STAGE_HELO},
        {{"lhlo", 4}, SMTP_STAGE_HELO},
        {{"starttls", 8}, SMTP_STAGE_STARTTLS},
        {{"initial server greeting", 23}, SMTP_STAGE_CONNECT},
    };
    ptrdiff_t at = slice_find_nocase(*text, SLICE("in reply to "));
    struct slice rest;

    if (at < 0)
        return;
    rest = slice_from_offset(*text, (size_t)at + 12);
    if (slice_starts_with_nocase(rest, SLICE("the ")))
        rest = slice_from_offset(rest, 4);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (slice_starts_with_nocase(rest, commands[i].command))
            *stage = commands[i].stage;
    }
    *text = slice_prefix(*text, (size_t)at);
}

/* "host mx.example.com said: ", of which `before` is everything up to the colon. */
static bool opens_quotation(struct slice before)
{
    static const struct slice verbs[] = {{" said", 5},
                                         {" responded", 10},
                                         {" replied", 8},
                                         {" answered", 9},
                                         {"server returned", 15}};

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (slice_ends_with_nocase(before, verbs[i]))
            return true;
    }
    return false;
}

/* "... returns error: <552 5.2.2 Over quota>": a code and an enhanced code within the text. */
static bool are_codes(struct slice at, char before)
{
    struct smtp_enhanced enhanced;

    return at.len > 8 && (at.ptr[0] == '4' || at.ptr[0] == '5') && at.ptr[1] >= '0' &&
           at.ptr[1] <= '5' && ascii_is_digit(at.ptr[2]) &&
           (at.ptr[3] == ' ' || at.ptr[3] == '-') && strchr(" <(:\"'", before) != NULL &&
           smtp_enhanced_parse(slice_from_offset(at, 4), &enhanced) > 0;
}

/* Where the first quotation begins in text; -1 when there is none. */
static ptrdiff_t quotation_find(struct slice text)
{
    for (size_t i = 1; i + 2 < text.len; i++) {
        char c = text.ptr[i];

        if (c == ':' && text.ptr[i + 1] == ' ' && opens_quotation(slice_prefix(text, i)))
            return (ptrdiff_t)i + 2;
        if ((c == '4' || c == '5') && are_codes(slice_from_offset(text, i), text.ptr[i - 1]))
            return (ptrdiff_t)i;
    }
    return -1;
}

/* "550 5.1.1 text" or "550-5.1.1 text" */
static void take_codes(struct slice text, struct smtp_reply *reply)
{
    uint64_t code;

    if (text.len >= 3 && slice_to_u64(slice_prefix(text, 3), 599, &code) && code >= 200 &&
        (text.len == 3 || text.ptr[3] == ' ' || text.ptr[3] == '-')) {
        reply->code = (uint16_t)code;
        reply->enhanced = (struct smtp_enhanced){0};
        text = slice_from_offset(text, 4);
        text = slice_from_offset(text, smtp_enhanced_parse(text, &reply->enhanced));
    }
    reply->text = text;
}

bool nested_reply_peel(struct smtp_reply *reply, enum smtp_stage *stage)
{
    bool is_nested = false;

    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        ptrdiff_t at = quotation_find(reply->text);

        if (at < 0 || speaks_of_sender(slice_prefix(reply->text, (size_t)at)) ||
            slice_find_nocase(reply->text, SLICE("sender verif")) >= 0)
            break;
        take_codes(slice_from_offset(reply->text, (size_t)at), reply);
        is_nested = true;
    }
    if (is_nested)
        take_command(&reply->text, stage);
    return is_nested;
}
