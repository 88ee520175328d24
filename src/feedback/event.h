/*
 * Events as mail services export them, in JSON: Amazon SES (also inside SNS), SendGrid, Mailgun,
 * Postmark, and our own words (POST /v1/feedback). Told apart by their members, one value at a
 * time: an object, or an array of such.
 *
 *   SES        notificationType or eventType; bounce, complaint, delivery with their recipients
 *   SendGrid   email with event, timestamp; email with reason, created (a suppression list)
 *   Mailgun    event-data or items; event, recipient; address with error, code (suppressions)
 *   Postmark   RecordType, Email or Recipient; Bounces (its bounce list)
 *   ours       address, outcome, at, detail
 *
 * Pure.
 */
#ifndef MK_FEEDBACK_EVENT_H
#define MK_FEEDBACK_EVENT_H

#include "base/error.h"
#include "feedback/outcome.h"

#define FEEDBACK_JSON_MAX ((size_t)64 << 20) /* octets of one value */

struct feedback_listener {
    void (*heard)(void *user, const struct feedback_event *event);
    /* An object that is none of these, or lacks something; why, static. */
    void (*fault)(void *user, const char *why);
    void *user;
};

/* Read one value. ERROR_FORMAT: it is no JSON. Events live for their call. */
int feedback_events_read(struct slice json, const struct feedback_listener *listener);

#endif
