/*
 * Delivery reports: messages that tell what became of others (RFC 3464 in a multipart/report of
 * RFC 6522), and complaints (RFC 5965).
 *
 * Fed line by line, so that no message is too long: only the fields of the report are kept, within
 * ceilings. MIME is read as far as reports need it: nested multiparts to a small depth, folded
 * headers, transfer encodings of the report's own part. Anything may be fed; what is no report
 * gives no event. Pure.
 */
#ifndef MK_FEEDBACK_REPORT_H
#define MK_FEEDBACK_REPORT_H

#include "base/buffer.h"
#include "feedback/outcome.h"
#include "feedback/transfer.h"

#define FEEDBACK_BOUNDARY_MAX 128  /* octets; RFC 2046 allows 70 */
#define FEEDBACK_DEPTH_MAX    4    /* multiparts in multiparts */
#define FEEDBACK_FIELD_MAX    4096 /* octets of a header or field, unfolded; the rest is cut */
#define FEEDBACK_BODY_MAX     ((size_t)256 << 10) /* of a report's fields; the rest is cut */

typedef void feedback_heard(void *user, const struct feedback_event *event);

struct feedback_report {
    struct slice boundaries[FEEDBACK_DEPTH_MAX]; /* in boundary_bytes, outermost first */
    char boundary_bytes[FEEDBACK_DEPTH_MAX][FEEDBACK_BOUNDARY_MAX];
    unsigned depth;
    bool is_in_headers, is_in_body;  /* of a part; of a report part */
    unsigned kind;                   /* of the part: enum in report.c */
    enum feedback_transfer transfer; /* of the part */
    bool has_report;
    int64_t date_unix_ms; /* the message's own; 0: none */
    struct buffer header; /* the one that may go on in the next line */
    struct buffer body;   /* the report's fields */
    struct feedback_decoder decoder;
    feedback_heard *heard;
    void *user;
};

void feedback_report_init(struct feedback_report *report, feedback_heard *heard, void *user);
void feedback_report_done(struct feedback_report *report);
/* A new message begins. */
void feedback_report_begin(struct feedback_report *report);
/* One line of it, without its end. */
void feedback_report_line(struct feedback_report *report, struct slice line);
/* It is over: events are told during this call. True when it was a report. ERROR_NOMEM shows as
   false with report->body.failed or header.failed. */
bool feedback_report_end(struct feedback_report *report);

#endif
