#include "provider/nested.h"

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

/* Where a quotation begins in text: just after "said: " and the like; -1 when there is none. */
static ptrdiff_t quotation_find(struct slice text)
{
    static const struct slice openers[] = {{" said: ", 7},
                                           {" responded: ", 12},
                                           {" replied: ", 10},
                                           {" answered: ", 11},
                                           {"remote server returned: ", 24}};

    for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
        ptrdiff_t at = slice_find_nocase(text, openers[i]);

        if (at >= 0)
            return at + (ptrdiff_t)openers[i].len;
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
