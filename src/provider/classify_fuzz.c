/*
 * Any bytes as a reply at any stage, and what must hold: no crash, a named rule, nothing about the
 * mailbox before RCPT, the wording free of marks that it did not set, and the same class whatever
 * the local part of an echoed address is.
 *
 * The first three bytes choose stage, code and provider; the rest is the text.
 */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "provider/classify.h"
#include "provider/wording.h"

static const char *const providers[] = {
    "", "google", "microsoft365", "netease", "simplelogin", "rackspace", "qmail"};

static void class_check(const struct classification *got, enum smtp_stage stage)
{
    CHECK((unsigned)got->reply_class < SMTP_CLASS_COUNT && got->rule != NULL);
    CHECK(got->confidence <= 100 && got->retry_after_s <= 86400 && got->sentence != NULL);
    if (stage == SMTP_STAGE_ANY || stage == SMTP_STAGE_RCPT)
        return;
    switch (got->reply_class) {
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MAILBOX_FULL:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
    case SMTP_CLASS_RECIPIENT_THROTTLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
        CHECK(!"a refusal before RCPT is about the mailbox");
        break;
    default:
        break;
    }
}

/* "550 <LOCAL@example.com> TEXT" with two local parts, one of them full of words. */
static void echo_check(const struct classify_input *input)
{
    static const char *const locals[] = {"<a@example.com> ", "<full.blocked.unknown@example.com> "};
    static char texts[2][SMTP_REPLY_TEXT_MAX + 64];
    struct classification got[2];

    for (unsigned i = 0; i < 2; i++) {
        struct classify_input echoed = *input;
        size_t len = strlen(locals[i]);

        memcpy(texts[i], locals[i], len);
        if (input->reply.text.len > 0)
            memcpy(texts[i] + len, input->reply.text.ptr, input->reply.text.len);
        echoed.reply.text = (struct slice){texts[i], len + input->reply.text.len};
        classify_reply(&echoed, &got[i]);
    }
    CHECK(got[0].rule == got[1].rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct classify_input input = {0};
    struct classification got;
    static struct wording wording;

    if (size < 3 || size - 3 > SMTP_REPLY_TEXT_MAX)
        return 0;
    input.stage = (enum smtp_stage)(data[0] % SMTP_STAGE_COUNT);
    input.reply.code = (uint16_t)(400 + data[1] % 160);
    input.provider = providers[data[2] % ARRAY_LEN(providers)];
    input.reply.text = (struct slice){(const char *)data + 3, size - 3};
    input.reply.text = slice_from_offset(
        input.reply.text, smtp_enhanced_parse(input.reply.text, &input.reply.enhanced));
    classify_reply(&input, &got);
    class_check(&got, input.stage);
    echo_check(&input);
    wording_from_text(input.reply.text, &wording);
    CHECK(wording.len <= WORDING_MAX && wording.bytes[0] == ' ');
    for (size_t i = 0; i < wording.len; i++) {
        if (wording.bytes[i] == '@' || wording.bytes[i] == '~')
            CHECK(wording.bytes[i - 1] == ' ');
        CHECK(wording.bytes[i] != '|' && wording.bytes[i] != '<' && wording.bytes[i] != '\0');
    }
    return 0;
}
