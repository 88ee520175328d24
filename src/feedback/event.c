#include "feedback/event.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/check.h"

#define NESTED_MAX 4 /* envelopes in envelopes */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static struct slice text_of(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);

    return cJSON_IsString(item) ? slice_from_string(item->valuestring) : SLICE_EMPTY;
}

static bool text_is(const cJSON *object, const char *name, const char *wanted)
{
    return slice_equal_nocase(text_of(object, name), slice_from_string(wanted));
}

/* A moment as text, or as a number of (milli)seconds since 1970; 0: none. */
static int64_t moment_of(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);
    int64_t unix_ms = 0;

    if (cJSON_IsNumber(item) && item->valuedouble > 1e8 && item->valuedouble < 2.5e14)
        return (int64_t)(item->valuedouble < 1e11 ? item->valuedouble * 1000 : item->valuedouble);
    if (cJSON_IsString(item) &&
        feedback_parse_moment(slice_from_string(item->valuestring), &unix_ms))
        return unix_ms;
    return 0;
}

static void tell(const struct feedback_listener *listener, enum feedback_outcome outcome,
                 struct slice address, int64_t unix_ms, struct slice words)
{
    const struct feedback_event event = {
        .outcome = outcome,
        .address = feedback_bare_address(address),
        .unix_ms = unix_ms,
        .words = words,
    };

    if (event.address.len == 0)
        listener->fault(listener->user, "the event names no address");
    else
        listener->heard(listener->user, &event);
}

/* --- Amazon SES ---------------------------------------------------------------------------------
 */

static void read_ses_bounce(const cJSON *bounce, const struct feedback_listener *listener)
{
    int64_t unix_ms = moment_of(bounce, "timestamp");
    enum feedback_outcome claimed =
        text_is(bounce, "bounceType", "Permanent") ? FEEDBACK_BOUNCE : FEEDBACK_SOFT;
    const cJSON *recipient;

    cJSON_ArrayForEach(recipient, member(bounce, "bouncedRecipients"))
    {
        struct slice words = text_of(recipient, "diagnosticCode");
        enum feedback_outcome outcome =
            feedback_judge_bounce(words, text_of(recipient, "status"), claimed);

        /* On SES's own suppression list: nothing was asked, but it bounced before. */
        if (text_is(bounce, "bounceSubType", "Suppressed") ||
            text_is(bounce, "bounceSubType", "OnAccountSuppressionList"))
            outcome = FEEDBACK_BOUNCE;
        tell(listener, outcome, text_of(recipient, "emailAddress"), unix_ms, words);
    }
}

static void read_ses(const cJSON *event, struct slice type,
                     const struct feedback_listener *listener)
{
    const cJSON *complaint = member(event, "complaint"), *delivery = member(event, "delivery");
    const cJSON *recipient, *mail = member(event, "mail");
    bool is_open =
        slice_equal_nocase(type, SLICE("Open")) || slice_equal_nocase(type, SLICE("Click"));

    if (slice_equal_nocase(type, SLICE("Bounce"))) {
        read_ses_bounce(member(event, "bounce"), listener);
    } else if (slice_equal_nocase(type, SLICE("Complaint"))) {
        cJSON_ArrayForEach(recipient, member(complaint, "complainedRecipients")) tell(
            listener,
            text_is(complaint, "complaintFeedbackType", "not-spam") ? FEEDBACK_OTHER
                                                                    : FEEDBACK_COMPLAINT,
            text_of(recipient, "emailAddress"), moment_of(complaint, "timestamp"), SLICE_EMPTY);
    } else if (slice_equal_nocase(type, SLICE("Delivery"))) {
        cJSON_ArrayForEach(recipient, member(delivery, "recipients")) if (cJSON_IsString(recipient))
            tell(listener, FEEDBACK_DELIVERY, slice_from_string(recipient->valuestring),
                 moment_of(delivery, "timestamp"), SLICE_EMPTY);
    } else {
        cJSON_ArrayForEach(recipient, member(mail, "destination")) if (cJSON_IsString(recipient))
            tell(listener, is_open ? FEEDBACK_DELIVERY : FEEDBACK_OTHER,
                 slice_from_string(recipient->valuestring), moment_of(mail, "timestamp"),
                 SLICE_EMPTY);
    }
}

/* --- SendGrid, Mailgun, Postmark, ourselves -----------------------------------------------------
 */

static void read_sendgrid(const cJSON *event, const struct feedback_listener *listener)
{
    struct slice words = text_of(event, "reason"), address = text_of(event, "email");
    enum feedback_outcome outcome = FEEDBACK_BOUNCE;
    int64_t unix_ms = member(event, "event") != NULL ? moment_of(event, "timestamp")
                                                     : moment_of(event, "created");

    if (words.len == 0)
        words = text_of(event, "response");
    if (member(event, "event") != NULL &&
        !feedback_outcome_from_word(text_of(event, "event"), &outcome)) {
        listener->fault(listener->user, "SendGrid's \"event\" is not known");
        return;
    }
    if (text_is(event, "type", "blocked"))
        outcome = FEEDBACK_BLOCKED;
    /* Exports of other suppressions say neither event nor reason; spam reports have an address. */
    else if (member(event, "event") == NULL && words.len == 0)
        outcome = member(event, "ip") != NULL ? FEEDBACK_COMPLAINT : FEEDBACK_OTHER;
    else if (outcome == FEEDBACK_BOUNCE)
        outcome = feedback_judge_bounce(words, text_of(event, "status"), FEEDBACK_BOUNCE);
    tell(listener, outcome, address, unix_ms, words);
}

/* Mailgun gives the code as a number beside the words. */
static struct slice mailgun_words(const cJSON *status, char out[512])
{
    const cJSON *code = member(status, "code");
    struct slice words = text_of(status, "message");

    if (words.len == 0)
        words = text_of(status, "description");
    if (!cJSON_IsNumber(code) || code->valuedouble < 400 || code->valuedouble > 599 ||
        (words.len > 0 && ascii_is_digit(words.ptr[0])))
        return words;
    snprintf(out, 512, "%d %.*s", (int)code->valuedouble, SLICE_ARG(slice_prefix(words, 500)));
    return slice_from_string(out);
}

static void read_mailgun(const cJSON *event, const struct feedback_listener *listener)
{
    const cJSON *status = member(event, "delivery-status");
    enum feedback_outcome outcome;
    char scratch[512];
    struct slice words = mailgun_words(status, scratch);

    if (!feedback_outcome_from_word(text_of(event, "event"), &outcome)) {
        listener->fault(listener->user, "Mailgun's \"event\" is not known");
        return;
    }
    /* "rejected" is Mailgun's own doing, and so is what it suppresses. */
    if (text_is(event, "event", "rejected") || text_is(event, "reason", "suppress-unsubscribe"))
        outcome = FEEDBACK_OTHER;
    else if (outcome == FEEDBACK_BOUNCE && text_is(event, "reason", "old")) /* tries ran out */
        outcome = FEEDBACK_SOFT;
    else if (outcome == FEEDBACK_BOUNCE && text_is(event, "reason", "espblock"))
        outcome = FEEDBACK_BLOCKED;
    if (outcome == FEEDBACK_BOUNCE)
        outcome =
            text_is(event, "reason", "suppress-bounce") ? FEEDBACK_BOUNCE
            : text_is(event, "reason", "suppress-complaint")
                ? FEEDBACK_COMPLAINT
                : feedback_judge_bounce(words, text_of(status, "enhanced-code"),
                                        text_is(event, "severity", "temporary") ? FEEDBACK_SOFT
                                                                                : FEEDBACK_BOUNCE);
    tell(listener, outcome, text_of(event, "recipient"), moment_of(event, "timestamp"), words);
}

static void read_mailgun_suppression(const cJSON *event, const struct feedback_listener *listener)
{
    const cJSON *code = member(event, "code");
    char scratch[512];
    struct slice words = text_of(event, "error");
    struct slice number = text_of(event, "code");

    if (number.len == 3 && (words.len == 0 || !ascii_is_digit(words.ptr[0]))) {
        snprintf(scratch, sizeof(scratch), "%.*s %.*s", SLICE_ARG(number),
                 SLICE_ARG(slice_prefix(words, 500)));
        words = slice_from_string(scratch);
    } else if (cJSON_IsNumber(code) && (words.len == 0 || !ascii_is_digit(words.ptr[0]))) {
        snprintf(scratch, sizeof(scratch), "%d %.*s", code->valueint,
                 SLICE_ARG(slice_prefix(words, 500)));
        words = slice_from_string(scratch);
    }
    tell(listener, feedback_judge_bounce(words, SLICE_EMPTY, FEEDBACK_BOUNCE),
         text_of(event, "address"), moment_of(event, "created_at"), text_of(event, "error"));
}

static void read_postmark(const cJSON *event, const struct feedback_listener *listener)
{
    struct slice record = text_of(event, "RecordType"), type = text_of(event, "Type");
    struct slice words = text_of(event, "Details"), address = text_of(event, "Email");
    int64_t unix_ms = moment_of(event, "BouncedAt");
    enum feedback_outcome outcome = FEEDBACK_OTHER;

    if (address.len == 0)
        address = text_of(event, "Recipient");
    if (unix_ms == 0)
        unix_ms = moment_of(event, "DeliveredAt");
    if (unix_ms == 0)
        unix_ms = moment_of(event, "ReceivedAt");
    if (record.len > 0 && !slice_equal_nocase(record, SLICE("Bounce")))
        type = record;
    if (slice_equal_nocase(type, SLICE("BadEmailAddress")))
        outcome = FEEDBACK_BOUNCE;
    else if (!feedback_outcome_from_word(type, &outcome))
        outcome = FEEDBACK_OTHER; /* of its twenty types most say nothing of the mailbox */
    if (outcome == FEEDBACK_BOUNCE)
        outcome = feedback_judge_bounce(words, SLICE_EMPTY, FEEDBACK_BOUNCE);
    tell(listener, outcome, address, unix_ms, words);
}

static void read_own(const cJSON *event, const struct feedback_listener *listener)
{
    struct slice words = text_of(event, "detail");
    enum feedback_outcome outcome;

    if (!feedback_outcome_from_word(text_of(event, "outcome"), &outcome)) {
        listener->fault(listener->user, "\"outcome\" must be bounce, delivery, complaint, "
                                        "soft_bounce, blocked or other");
        return;
    }
    if (member(event, "at") != NULL && !cJSON_IsNull(member(event, "at")) &&
        moment_of(event, "at") == 0) {
        listener->fault(listener->user, "\"at\" is no moment: say it as 2026-01-31T12:00:00Z");
        return;
    }
    if (outcome == FEEDBACK_BOUNCE)
        outcome = feedback_judge_bounce(words, SLICE_EMPTY, FEEDBACK_BOUNCE);
    tell(listener, outcome, text_of(event, "address"), moment_of(event, "at"), words);
}

/* --- telling them apart -------------------------------------------------------------------------
 */

static void read_value(const cJSON *value, unsigned depth,
                       const struct feedback_listener *listener);

/* SNS puts the event into a string. */
static void read_sns(const cJSON *event, unsigned depth, const struct feedback_listener *listener)
{
    cJSON *inner = cJSON_Parse(member(event, "Message")->valuestring);

    if (inner == NULL)
        listener->fault(listener->user, "the notification's \"Message\" is no JSON");
    else
        read_value(inner, depth + 1, listener);
    cJSON_Delete(inner);
}

static void read_object(const cJSON *event, unsigned depth,
                        const struct feedback_listener *listener)
{
    struct slice ses = text_of(event, "notificationType");

    if (ses.len == 0)
        ses = text_of(event, "eventType");
    if (ses.len > 0)
        read_ses(event, ses, listener);
    else if (cJSON_IsString(member(event, "Message")) && text_is(event, "Type", "Notification"))
        read_sns(event, depth, listener);
    else if (cJSON_IsObject(member(event, "event-data")))
        read_value(member(event, "event-data"), depth + 1, listener);
    else if (cJSON_IsArray(member(event, "items")))
        read_value(member(event, "items"), depth + 1, listener);
    else if (cJSON_IsArray(member(event, "Bounces")))
        read_value(member(event, "Bounces"), depth + 1, listener);
    else if (cJSON_IsArray(member(event, "events")))
        read_value(member(event, "events"), depth + 1, listener);
    else if (member(event, "address") != NULL && member(event, "outcome") != NULL)
        read_own(event, listener);
    else if (member(event, "recipient") != NULL && member(event, "event") != NULL)
        read_mailgun(event, listener);
    else if (member(event, "address") != NULL && member(event, "error") != NULL)
        read_mailgun_suppression(event, listener);
    else if (member(event, "email") != NULL &&
             (member(event, "event") != NULL || member(event, "created") != NULL))
        read_sendgrid(event, listener);
    else if (member(event, "RecordType") != NULL ||
             (member(event, "Email") != NULL && member(event, "Type") != NULL))
        read_postmark(event, listener);
    else
        listener->fault(listener->user, "this is no event that is known");
}

static void read_value(const cJSON *value, unsigned depth, const struct feedback_listener *listener)
{
    const cJSON *item;

    if (depth > NESTED_MAX) {
        listener->fault(listener->user, "the event is wrapped too often");
    } else if (cJSON_IsObject(value)) {
        read_object(value, depth, listener);
    } else if (cJSON_IsArray(value)) {
        cJSON_ArrayForEach(item, value) read_value(item, depth + 1, listener);
    } else {
        listener->fault(listener->user, "an event is an object");
    }
}

int feedback_events_read(struct slice json, const struct feedback_listener *listener)
{
    cJSON *root = json.len > 0 && json.len <= FEEDBACK_JSON_MAX
                      ? cJSON_ParseWithLength(json.ptr, json.len)
                      : NULL;

    if (root == NULL)
        return ERROR_FORMAT;
    read_value(root, 0, listener);
    cJSON_Delete(root);
    return 0;
}
