#include "feedback/report.h"

#include <string.h>

#include "base/check.h"

enum part_kind {
    PART_OTHER,
    PART_STATUS,    /* message/delivery-status */
    PART_COMPLAINT, /* message/feedback-report */
};

/* What a block of fields says of one recipient. */
struct recipient {
    struct slice original, final, action, status, diagnostic, date;
    struct slice complaint_type; /* of a complaint, from its only block */
};

static void body_line(void *user, struct slice line);

void feedback_report_init(struct feedback_report *report, feedback_heard *heard, void *user)
{
    memset(report, 0, sizeof(*report));
    report->heard = heard;
    report->user = user;
    buffer_init(&report->header, FEEDBACK_FIELD_MAX);
    buffer_init(&report->body, FEEDBACK_BODY_MAX);
    feedback_decoder_init(&report->decoder, FEEDBACK_FIELD_MAX, body_line, report);
    feedback_report_begin(report);
}

void feedback_report_done(struct feedback_report *report)
{
    buffer_done(&report->header);
    buffer_done(&report->body);
    feedback_decoder_done(&report->decoder);
}

void feedback_report_begin(struct feedback_report *report)
{
    report->depth = 0;
    report->is_in_headers = true;
    report->is_in_body = false;
    report->kind = PART_OTHER;
    report->transfer = FEEDBACK_TRANSFER_NONE;
    report->has_report = false;
    report->date_unix_ms = 0;
    buffer_clear(&report->header);
    buffer_clear(&report->body);
}

/* --- headers of messages and parts --------------------------------------------------------------
 */

/* The value of "name:"; false: another field. */
static bool field_is(struct slice field, const char *name, struct slice *ret_value)
{
    struct slice wanted = slice_from_string(name);

    if (field.len <= wanted.len || field.ptr[wanted.len] != ':' ||
        !slice_equal_nocase(slice_prefix(field, wanted.len), wanted))
        return false;
    *ret_value = slice_trim(slice_from_offset(field, wanted.len + 1));
    return true;
}

/* boundary="..." or boundary=... (RFC 2045 5.1). */
static struct slice boundary_of(struct slice value)
{
    ptrdiff_t at = slice_find_nocase(value, SLICE("boundary="));
    struct slice rest;
    size_t len = 0;

    if (at < 0)
        return SLICE_EMPTY;
    rest = slice_from_offset(value, (size_t)at + 9);
    if (rest.len > 0 && rest.ptr[0] == '"') {
        rest = slice_from_offset(rest, 1);
        return slice_prefix(
            rest, slice_find_byte(rest, '"') >= 0 ? (size_t)slice_find_byte(rest, '"') : rest.len);
    }
    while (len < rest.len && rest.ptr[len] != ';' && !ascii_is_space(rest.ptr[len]))
        len++;
    return slice_prefix(rest, len);
}

static void take_content_type(struct feedback_report *report, struct slice value)
{
    struct slice boundary = boundary_of(value);

    report->kind = PART_OTHER;
    if (slice_starts_with_nocase(value, SLICE("message/delivery-status")) ||
        slice_starts_with_nocase(value, SLICE("message/global-delivery-status")))
        report->kind = PART_STATUS;
    else if (slice_starts_with_nocase(value, SLICE("message/feedback-report")))
        report->kind = PART_COMPLAINT;
    if (!slice_starts_with_nocase(value, SLICE("multipart/")) || boundary.len == 0 ||
        boundary.len > FEEDBACK_BOUNDARY_MAX || report->depth == FEEDBACK_DEPTH_MAX)
        return;
    memcpy(report->boundary_bytes[report->depth], boundary.ptr, boundary.len);
    report->boundaries[report->depth] =
        slice_from(report->boundary_bytes[report->depth], boundary.len);
    report->depth++;
}

static void take_header(struct feedback_report *report)
{
    struct slice field = buffer_slice(&report->header), value;

    if (field_is(field, "content-type", &value))
        take_content_type(report, value);
    else if (field_is(field, "content-transfer-encoding", &value))
        report->transfer = feedback_transfer_of(value);
    else if (report->depth == 0 && field_is(field, "date", &value) &&
             !feedback_parse_moment(value, &report->date_unix_ms))
        report->date_unix_ms = 0;
    buffer_clear(&report->header);
}

static void append_cut(struct buffer *out, struct slice text)
{
    (void)buffer_append_slice(out, slice_prefix(text, out->ceiling - out->len));
}

static void header_line(struct feedback_report *report, struct slice line)
{
    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
        append_cut(&report->header, line);
        return;
    }
    take_header(report);
    if (line.len > 0) {
        append_cut(&report->header, line);
        return;
    }
    report->is_in_headers = false;
    report->is_in_body = report->kind != PART_OTHER;
    if (report->is_in_body) {
        report->has_report = true;
        feedback_decoder_begin(&report->decoder, report->transfer);
    }
}

/* --- what a report says -------------------------------------------------------------------------
 */

/* "rfc822; user@example.org" without the type. */
static struct slice address_of(struct slice value)
{
    ptrdiff_t semicolon = slice_find_byte(value, ';');

    return feedback_bare_address(semicolon >= 0 ? slice_from_offset(value, (size_t)semicolon + 1)
                                                : value);
}

static void tell_recipient(struct feedback_report *report, const struct recipient *from)
{
    struct feedback_event event = {
        .address = from->original.len > 0 ? from->original : from->final,
        .unix_ms = report->date_unix_ms,
        .words = from->diagnostic.len > 0 ? from->diagnostic : from->status,
    };
    enum feedback_outcome claimed;
    int64_t unix_ms;

    if (event.address.len == 0 || from->action.len == 0)
        return;
    if (feedback_parse_moment(from->date, &unix_ms))
        event.unix_ms = unix_ms;
    if (slice_equal_nocase(from->action, SLICE("failed"))) {
        /* Of an expired message the status is 4.4.7; other words alone prove nothing. */
        claimed = slice_starts_with(from->status, SLICE("5.1.")) ? FEEDBACK_BOUNCE : FEEDBACK_SOFT;
        event.outcome = feedback_judge_bounce(from->diagnostic, from->status, claimed);
    } else if (slice_equal_nocase(from->action, SLICE("delayed"))) {
        event.outcome = FEEDBACK_SOFT;
    } else if (slice_equal_nocase(from->action, SLICE("delivered"))) {
        event.outcome = FEEDBACK_DELIVERY;
    } else {
        event.outcome = FEEDBACK_OTHER; /* relayed, expanded: it went on its way */
    }
    report->heard(report->user, &event);
}

static void take_field(struct recipient *recipient, struct slice field)
{
    struct slice value;

    if (field_is(field, "original-recipient", &value))
        recipient->original = address_of(value);
    else if (field_is(field, "final-recipient", &value))
        recipient->final = address_of(value);
    else if (field_is(field, "action", &value))
        recipient->action = value;
    else if (field_is(field, "status", &value))
        recipient->status = value;
    else if (field_is(field, "diagnostic-code", &value))
        recipient->diagnostic = value;
    else if (field_is(field, "last-attempt-date", &value) ||
             (recipient->date.len == 0 && field_is(field, "arrival-date", &value)))
        recipient->date = value;
    else if (field_is(field, "feedback-type", &value))
        recipient->complaint_type = value;
    else if (field_is(field, "original-rcpt-to", &value))
        recipient->original = feedback_bare_address(value);
}

static void tell_complaint(struct feedback_report *report, const struct recipient *from)
{
    struct feedback_event event = {
        .outcome = FEEDBACK_COMPLAINT,
        .address = from->original,
        .unix_ms = report->date_unix_ms,
        .words = SLICE_EMPTY,
    };

    if (event.address.len == 0 || slice_equal_nocase(from->complaint_type, SLICE("not-spam")))
        return;
    (void)feedback_parse_moment(from->date, &event.unix_ms);
    report->heard(report->user, &event);
}

/* The fields gathered: blocks of lines, an empty one between them, the first of the message. */
static void tell_all(struct feedback_report *report)
{
    struct slice rest = buffer_slice(&report->body), line;
    struct recipient recipient = {0};

    while (slice_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            take_field(&recipient, line);
            continue;
        }
        if (report->kind == PART_STATUS)
            tell_recipient(report, &recipient);
        else
            tell_complaint(report, &recipient);
        recipient = (struct recipient){.date = recipient.date};
    }
}

static void part_is_over(struct feedback_report *report)
{
    if (report->is_in_body) {
        feedback_decoder_end(&report->decoder);
        (void)buffer_append_byte(&report->body, '\n');
        (void)buffer_append_byte(&report->body, '\n');
        tell_all(report);
        buffer_clear(&report->body);
    }
    report->is_in_body = false;
}

/* Unfolded: a line that goes on is joined to the one before. */
static void body_line(void *user, struct slice line)
{
    struct feedback_report *report = user;

    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t') && report->body.len > 0 &&
        report->body.ptr[report->body.len - 1] == '\n') {
        report->body.len--;
        (void)buffer_append_byte(&report->body, ' ');
        line = slice_trim(line);
    }
    /* Two octets are kept free for the end of the last block. */
    if (report->body.len + line.len + 3 < report->body.ceiling) {
        (void)buffer_append_slice(&report->body, slice_prefix(line, FEEDBACK_FIELD_MAX));
        (void)buffer_append_byte(&report->body, '\n');
    }
}

/* --- lines --------------------------------------------------------------------------------------
 */

/* Which multipart the line delimits, counted from 1; 0: none. *ret_is_end: its last delimiter. */
static unsigned delimits(const struct feedback_report *report, struct slice line, bool *ret_is_end)
{
    struct slice rest;

    if (!slice_starts_with(line, SLICE("--")))
        return 0;
    rest = slice_from_offset(line, 2);
    for (unsigned depth = report->depth; depth > 0; depth--) {
        struct slice boundary = report->boundaries[depth - 1], after;

        if (!slice_starts_with(rest, boundary))
            continue;
        after = slice_trim(slice_from_offset(rest, boundary.len));
        *ret_is_end = slice_equal(after, SLICE("--"));
        if (after.len == 0 || *ret_is_end)
            return depth;
    }
    return 0;
}

void feedback_report_line(struct feedback_report *report, struct slice line)
{
    bool is_end = false;
    unsigned depth;

    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line = slice_prefix(line, line.len - 1);
    depth = delimits(report, line, &is_end);
    if (depth > 0) {
        take_header(report);
        part_is_over(report);
        report->depth = is_end ? depth - 1 : depth;
        report->kind = PART_OTHER;
        report->transfer = FEEDBACK_TRANSFER_NONE;
        report->is_in_headers = !is_end;
    } else if (report->is_in_headers) {
        header_line(report, line);
    } else if (report->is_in_body) {
        feedback_decoder_line(&report->decoder, line);
    }
}

bool feedback_report_end(struct feedback_report *report)
{
    if (report->is_in_headers)
        take_header(report);
    part_is_over(report);
    return report->has_report;
}
