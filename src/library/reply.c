/* The public view of a mail server's reply. */
#include "mailknock/mailknock.h"

#include "base/memory.h"
#include "provider/classify.h"
#include "verdict/verdict.h"

struct mailknock_reply {
    struct classification classification;
    int code;
    char enhanced[16];
    enum verdict_reason reason;
    enum verdict_action action;
};

static void judge(mailknock_reply *reply, const struct smtp_reply *said, enum smtp_stage stage,
                  const char *provider)
{
    const struct classify_input input = {.stage = stage, .provider = provider, .reply = *said};

    reply->code = said->code;
    smtp_enhanced_format(said->enhanced, reply->enhanced);
    classify_reply(&input, &reply->classification);
    verdict_of_reply(&reply->classification, said->code, stage, &reply->reason, &reply->action);
}

int mailknock_reply_classify(const char *text, size_t len, enum mailknock_stage stage,
                             const char *provider, mailknock_reply **ret_reply)
{
    char *joined;
    struct smtp_reply said;
    mailknock_reply *reply = NULL;
    int code = MAILKNOCK_NO_MEMORY;

    if ((unsigned)stage > MAILKNOCK_STAGE_RCPT)
        return MAILKNOCK_RANGE;
    joined = memory_alloc(SMTP_REPLY_TEXT_MAX);
    if (joined == NULL)
        goto done;
    if (!smtp_reply_from_line(slice_from(len > 0 ? text : "", len), joined, &said)) {
        code = MAILKNOCK_FORMAT;
        goto done;
    }
    reply = memory_zalloc(1, sizeof(*reply));
    if (reply == NULL)
        goto done;
    judge(reply, &said, (enum smtp_stage)stage, provider);
    *ret_reply = reply;
    code = 0;
done:
    memory_free(joined);
    return code;
}

void mailknock_reply_free(mailknock_reply *reply)
{
    memory_free(reply);
}

const char *mailknock_reply_class(const mailknock_reply *reply)
{
    return smtp_class_name(reply->classification.reply_class);
}

const char *mailknock_reply_explanation(const mailknock_reply *reply)
{
    return reply->classification.sentence;
}

const char *mailknock_reply_rule(const mailknock_reply *reply)
{
    return reply->classification.rule;
}

int mailknock_reply_code(const mailknock_reply *reply)
{
    return reply->code;
}

const char *mailknock_reply_enhanced(const mailknock_reply *reply)
{
    return reply->enhanced;
}

int mailknock_reply_confidence(const mailknock_reply *reply)
{
    return reply->classification.confidence;
}

enum mailknock_status mailknock_reply_status(const mailknock_reply *reply)
{
    return (enum mailknock_status)verdict_reason_status(reply->reason);
}

const char *mailknock_reply_reason(const mailknock_reply *reply)
{
    return verdict_reason_name(reply->reason);
}

enum mailknock_action mailknock_reply_action(const mailknock_reply *reply)
{
    return (enum mailknock_action)reply->action;
}

uint32_t mailknock_reply_retry_after(const mailknock_reply *reply)
{
    return reply->classification.retry_after_s;
}
