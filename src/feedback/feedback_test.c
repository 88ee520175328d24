/*
 * Tests of feedback: what is a bounce and what is not, reports and events of every source, tables,
 * and what is kept of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "feedback/event.h"
#include "feedback/import.h"
#include "feedback/report.h"

#define NOW_MS INT64_C(1772323200000) /* 2026-03-01 */

/* --- judging ------------------------------------------------------------------------------------
 */

static void a_refusal_of_us_is_no_bounce(void **state)
{
    static const struct {
        const char *diagnostic, *status;
        enum feedback_outcome claimed, expected;
    } rows[] = {
        {"smtp; 550 5.1.1 <a@b.example>: Recipient address rejected: User unknown", "5.1.1",
         FEEDBACK_SOFT, FEEDBACK_BOUNCE},
        {"smtp;550-5.1.1 The email account that you tried to reach does not exist", "",
         FEEDBACK_SOFT, FEEDBACK_BOUNCE},
        {"smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using "
         "zen.spamhaus.org",
         "5.7.1", FEEDBACK_BOUNCE, FEEDBACK_BLOCKED},
        {"550 5.7.26 This mail has been blocked because the sender is unauthenticated.", "5.7.26",
         FEEDBACK_BOUNCE, FEEDBACK_BLOCKED},
        {"smtp; 552 5.2.2 Mailbox full", "5.2.2", FEEDBACK_BOUNCE, FEEDBACK_SOFT},
        {"smtp; 450 4.1.1 User unknown", "4.1.1", FEEDBACK_BOUNCE, FEEDBACK_SOFT},
        {"X-Postfix; connect to mx.b.example[192.0.2.9]:25: Connection timed out", "4.4.1",
         FEEDBACK_BOUNCE, FEEDBACK_SOFT},
        /* what words only make likely is not known better than by the reporter */
        {"smtp; 550 casella protetta contro i bot", "5.0.0", FEEDBACK_SOFT, FEEDBACK_SOFT},
        {"", "5.1.1", FEEDBACK_SOFT, FEEDBACK_BOUNCE},
        {"", "", FEEDBACK_BOUNCE, FEEDBACK_BOUNCE},
        {"", "", FEEDBACK_SOFT, FEEDBACK_SOFT},
        {"some words of nobody", "", FEEDBACK_BOUNCE, FEEDBACK_BOUNCE},
        {"Client host blocked using Spamhaus", "", FEEDBACK_BOUNCE, FEEDBACK_BLOCKED},
        {"no such user", "", FEEDBACK_BOUNCE, FEEDBACK_BOUNCE},
        {"no such user", "", FEEDBACK_SOFT, FEEDBACK_SOFT},
        {"250 2.0.0 Ok", "2.0.0", FEEDBACK_SOFT, FEEDBACK_SOFT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum feedback_outcome got =
            feedback_judge_bounce(slice_from_string(rows[i].diagnostic),
                                  slice_from_string(rows[i].status), rows[i].claimed);

        if (got != rows[i].expected)
            fail_msg("\"%s\" %s is %s, not %s", rows[i].diagnostic, rows[i].status,
                     feedback_outcome_name(got), feedback_outcome_name(rows[i].expected));
    }
}

static void words_and_moments_are_known(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_ms;
    } moments[] = {
        {"Fri, 21 Oct 2011 11:02:55 +0000", INT64_C(1319194975000)},
        {"21 Oct 2011 13:02:55 +0200 (CEST)", INT64_C(1319194975000)},
        {"Fri, 21 Oct 2011 11:02:55 UTC", INT64_C(1319194975000)},
        {"2011-10-21T11:02:55Z", INT64_C(1319194975000)},
        {"1319194975", INT64_C(1319194975000)},
        {"1319194975.25", INT64_C(1319194975000)},
        {"1319194975123", INT64_C(1319194975123)},
        {"20111021", -1},
        {"Fri, 32 Oct 2011 11:02:55 +0000", -1},
        {"yesterday", -1},
        {"", -1},
    };
    enum feedback_outcome outcome;

    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        int64_t unix_ms = -1;

        (void)feedback_parse_moment(slice_from_string(moments[i].text), &unix_ms);
        if (unix_ms != moments[i].unix_ms)
            fail_msg("%s is %lld", moments[i].text, (long long)unix_ms);
    }
    assert_true(feedback_outcome_from_word(SLICE("Hard Bounce"), &outcome));
    assert_int_equal(outcome, FEEDBACK_BOUNCE);
    assert_true(feedback_outcome_from_word(SLICE("spam_report"), &outcome));
    assert_int_equal(outcome, FEEDBACK_COMPLAINT);
    assert_false(feedback_outcome_from_word(SLICE("eaten"), &outcome));
    for (int i = 0; i < FEEDBACK_OUTCOME_COUNT; i++) {
        assert_true(feedback_outcome_from_word(
            slice_from_string(feedback_outcome_name((enum feedback_outcome)i)), &outcome));
        assert_int_equal(outcome, i);
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

struct bench {
    struct store *store;
    struct feedback_keeper *keeper;
    struct feedback_import import;
    struct buffer heard; /* "bounce ann@a.example 2026-01-02" and "fault LINE WHY", a line each */
};

static void take_fault(void *user, const char *file, uint64_t line, const char *why)
{
    struct bench *bench = user;

    buffer_printf(&bench->heard, "fault %llu %s\n", (unsigned long long)line, why);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->keeper = calloc(1, sizeof(*bench->keeper));
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &bench->store, NULL), 0);
    feedback_keeper_init(bench->keeper, bench->store, NOW_MS);
    bench->import.keeper = bench->keeper;
    bench->import.fault = take_fault;
    bench->import.user = bench;
    buffer_init(&bench->heard, 0);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    feedback_keeper_done(bench->keeper);
    store_close(bench->store);
    buffer_done(&bench->heard);
    free(bench->keeper);
    free(bench);
    return 0;
}

/* All that is kept, after what was faulty. */
static void list_kept(struct bench *bench)
{
    static const enum store_record_kind kinds[] = {STORE_RECORD_BOUNCE, STORE_RECORD_DELIVERY,
                                                   STORE_RECORD_COMPLAINT};

    assert_int_equal(feedback_keep_all(bench->keeper, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct store_record record = {.key = SLICE_EMPTY};
        char when[INSTANT_TEXT_SIZE];
        struct arena arena;

        arena_init(&arena);
        while (store_record_next(bench->store, kinds[i], SLICE_EMPTY, record.key, &arena, &record,
                                 NULL) == 1)
            buffer_printf(&bench->heard, "%s %.*s %.10s\n", store_record_kind_name(kinds[i]),
                          SLICE_ARG(record.key), instant_format(record.checked_unix_ms, when));
        arena_done(&arena);
    }
    (void)buffer_append_byte(&bench->heard, '\0');
}

static void import(struct bench *bench, const char *text)
{
    struct error error = {0};

    if (feedback_import_bytes(&bench->import, "test", slice_from_string(text), &error) != 0)
        buffer_printf(&bench->heard, "error %s\n", error.message);
}

static void expect(struct bench *bench, const char *text, const char *expected)
{
    import(bench, text);
    list_kept(bench);
    assert_string_equal(bench->heard.ptr, expected);
}

#define DSN_HEAD                                                                                   \
    "From MAILER-DAEMON Fri Jan  2 03:04:05 2026\n"                                                \
    "Date: Fri, 2 Jan 2026 03:04:05 +0000\n"                                                       \
    "From: MAILER-DAEMON@mx.example\n"                                                             \
    "Content-Type: multipart/report; report-type=delivery-status;\n"                               \
    "\tboundary=\"b1\"\n"                                                                          \
    "\n"                                                                                           \
    "--b1\n"                                                                                       \
    "Content-Type: text/plain\n"                                                                   \
    "\n"                                                                                           \
    "Final-Recipient: rfc822; fake@a.example\n"                                                    \
    "Action: failed\n"                                                                             \
    "\n"                                                                                           \
    "--b1\n"                                                                                       \
    "Content-Type: message/delivery-status\n"                                                      \
    "\n"                                                                                           \
    "Reporting-MTA: dns; mx.example\n"                                                             \
    "Arrival-Date: Thu, 1 Jan 2026 03:04:05 +0000\n"                                               \
    "\n"

static const char dsn[] = DSN_HEAD "Final-Recipient: rfc822; ann@a.example\n"
                                   "Original-Recipient: rfc822;Ann.Alias@a.example\n"
                                   "Action: failed\n"
                                   "Status: 5.1.1\n"
                                   "Diagnostic-Code: smtp; 550 5.1.1 User\n"
                                   "    unknown\n"
                                   "Last-Attempt-Date: Sat, 3 Jan 2026 03:04:05 +0000\n"
                                   "\n"
                                   "Final-Recipient: rfc822; bob@a.example\n"
                                   "Action: failed\n"
                                   "Status: 5.7.1\n"
                                   "Diagnostic-Code: smtp; 554 5.7.1 Your IP is blocked, see "
                                   "spamhaus.org\n"
                                   "\n"
                                   "Final-Recipient: rfc822; cas@a.example\n"
                                   "Action: delivered\n"
                                   "Status: 2.0.0\n"
                                   "\n"
                                   "Final-Recipient: rfc822; dan@a.example\n"
                                   "Action: failed\n"
                                   "Status: 5.0.0\n"
                                   "\n"
                                   "--b1\n"
                                   "Content-Type: message/rfc822\n"
                                   "\n"
                                   "To: ann@a.example\n"
                                   "\n"
                                   "Hello\n"
                                   "--b1--\n"
                                   "\n"
                                   "From someone@else.example Fri Jan  2 03:04:05 2026\n"
                                   "Subject: holiday\n"
                                   "\n"
                                   "I am away.\n"
                                   "From here it is nice.\n";

static void reports_are_read_from_an_mbox(void **state)
{
    struct bench *bench = *state;

    expect(bench, dsn,
           "fault 48 the message is no delivery report\n"
           "bounce Ann.Alias@a.example 2026-01-03\n"
           "delivery cas@a.example 2026-01-03\n");
    assert_int_equal(bench->keeper->counts[FEEDBACK_BLOCKED], 1);
    assert_int_equal(bench->keeper->counts[FEEDBACK_SOFT], 1);
    assert_int_equal(bench->import.faults, 1);
}

/* RFC 3464 wants 7 bit; not everybody on the way obeys. */
static void encoded_reports_are_read_too(void **state)
{
    expect(*state,
           "Date: Fri, 2 Jan 2026 03:04:05 +0000\n"
           "Content-Type: multipart/report; boundary=x; report-type=delivery-status\n"
           "\n"
           "--x\n"
           "Content-Transfer-Encoding: base64\n"
           "Content-Type: message/delivery-status\n"
           "\n"
           "UmVwb3J0aW5nLU1UQTogZG5zOyBteC5leGFtcGxlDQoNCkZpbmFsLVJlY\n"
           "2lwaWVudDogcmZjODIyOyBldmVAYS5leGFtcGxlDQpBY3Rpb246IGZhaW\n"
           "xlZA0KU3RhdHVzOiA1LjEuMQ0KRGlhZ25vc3RpYy1Db2RlOiBzbXRwOyA\n"
           "1NTAgNS4xLjEgVXNlciB1bmtub3duDQo=\n"
           "--x\n"
           "Content-Type: message/delivery-status\n"
           "Content-Transfer-Encoding: Quoted-Printable\n"
           "\n"
           "Reporting-MTA: dns; mx.example  \n"
           "\n"
           "Final-Recipient: rfc822; fay=40a.exa=\n"
           "mple\n"
           "Action:=20failed\n"
           "Status: 5.1.1\n"
           "Diagnostic-Code: smtp; 550 5.1.1 No such user\n"
           "--x--\n",
           "bounce eve@a.example 2026-01-02\n"
           "bounce fay@a.example 2026-01-02\n");
}

static void add_line(void *user, struct slice line)
{
    struct buffer *out = user;

    assert_true(line.len <= 8);
    buffer_printf(out, "%.*s|", SLICE_ARG(line));
}

static void transfer_encodings(void **state)
{
    static const struct {
        const char *encoding, *lines[4], *out;
    } rows[] = {
        {"7bit", {"a=3D", "b"}, "a=3D|b|"},
        {"x-unknown", {"YQ=="}, "YQ==|"},
        {" QUOTED-printable ", {"a=3Db  ", "", "c=\t", "d"}, "a=b||cd|"},
        {"quoted-printable", {"=zz", "a=4", "=0a", "x="}, "=zz|a=4|||x|"},
        {"base64", {"YWJj", "ZA0K", "ZQ=="}, "abcd|e|"},
        {"Base64", {"Y W*J", "j=ZZZZ", "YWJj"}, "abc|"},
        {"base64", {"YQoKYg"}, "a||b|"},
        /* Cut at the ceiling, not beyond. */
        {"quoted-printable", {"0123456789"}, "01234567|"},
        {"base64", {"MDEyMzQ1Njc4OQph"}, "01234567|a|"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct feedback_decoder decoder;
        struct buffer out;

        buffer_init(&out, 0);
        feedback_decoder_init(&decoder, 8, add_line, &out);
        feedback_decoder_begin(&decoder, FEEDBACK_TRANSFER_BASE64);
        feedback_decoder_line(&decoder, SLICE("left over"));
        feedback_decoder_begin(&decoder, feedback_transfer_of(slice_from_string(rows[i].encoding)));
        for (size_t k = 0; k < 4 && rows[i].lines[k] != NULL; k++)
            feedback_decoder_line(&decoder, slice_from_string(rows[i].lines[k]));
        feedback_decoder_end(&decoder);
        (void)buffer_append_byte(&out, '\0');
        assert_string_equal(out.ptr, rows[i].out);
        feedback_decoder_done(&decoder);
        buffer_done(&out);
    }
}

static void complaints_are_reports_too(void **state)
{
    expect(*state,
           "Date: Fri, 2 Jan 2026 03:04:05 +0000\r\n"
           "Content-Type: multipart/report; boundary=x; report-type=feedback-report\r\n"
           "\r\n"
           "--x\r\n"
           "Content-Type: message/feedback-report\r\n"
           "\r\n"
           "Feedback-Type: abuse\r\n"
           "User-Agent: SomeGenerator/1.0\r\n"
           "Original-Rcpt-To: <eve@a.example>\r\n"
           "--x--\r\n",
           "complaint eve@a.example 2026-01-02\n");
}

static void a_maildir_is_read_file_by_file(void **state)
{
    struct bench *bench = *state;
    char folder[] = "/tmp/mk-maildir-XXXXXX", path[128];
    struct error error = {0};
    const char *body = strchr(dsn, '\n') + 1;

    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, i == 0 ? "cur" : i == 1 ? "new" : "tmp");
        assert_int_equal(mkdir(path, 0700), 0);
        strcat(path, "/1.a.b:2,S");
        if (i != 1) {
            FILE *file = fopen(path, "w");

            assert_non_null(file);
            fputs(body, file);
            fclose(file);
        }
    }
    assert_int_equal(feedback_import_path(&bench->import, folder, &error), 0);
    list_kept(bench);
    assert_string_equal(bench->heard.ptr, "bounce Ann.Alias@a.example 2026-01-03\n"
                                          "delivery cas@a.example 2026-01-03\n");
    snprintf(path, sizeof(path), "rm -r %s", folder);
    assert_int_equal(system(path), 0);
}

static void services_events_are_told_apart(void **state)
{
    struct bench *bench = *state;

    /* Amazon SES, plain and inside SNS. */
    import(bench,
           "{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Permanent\","
           "\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"bouncedRecipients\":["
           "{\"emailAddress\":\"ses1@a.example\",\"status\":\"5.1.1\",\"diagnosticCode\":\"smtp; "
           "550 5.1.1 user unknown\"},{\"emailAddress\":\"ses2@a.example\",\"status\":\"5.7.1\","
           "\"diagnosticCode\":\"smtp; 550 5.7.1 blocked by Spamhaus\"}]}}\n"
           "{\"Type\":\"Notification\",\"Message\":\"{\\\"eventType\\\":\\\"Complaint\\\","
           "\\\"complaint\\\":{\\\"complainedRecipients\\\":[{\\\"emailAddress\\\":"
           "\\\"ses3@a.example\\\"}],\\\"timestamp\\\":\\\"2026-01-02T00:00:00.000Z\\\"}}\"}\n"
           "{\"notificationType\":\"Delivery\",\"delivery\":{\"timestamp\":"
           "\"2026-01-03T00:00:00.000Z\",\"recipients\":[\"ses4@a.example\"]}}\n"
           "{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Transient\","
           "\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"bouncedRecipients\":["
           "{\"emailAddress\":\"ses5@a.example\"}]}}\n");
    /* SendGrid: events, and its list of bounces over several lines. */
    import(bench,
           "[{\"email\":\"sg1@a.example\",\"event\":\"bounce\",\"type\":\"bounce\",\"timestamp\":"
           "1767225600,\"reason\":\"550 5.1.1 no such user\",\"status\":\"5.1.1\"},"
           "{\"email\":\"sg2@a.example\",\"event\":\"bounce\",\"type\":\"blocked\",\"timestamp\":"
           "1767225600},{\"email\":\"sg3@a.example\",\"event\":\"spamreport\",\"timestamp\":"
           "1767225600},{\"email\":\"sg4@a.example\",\"event\":\"open\",\"timestamp\":1767225600},"
           "{\"email\":\"sg5@a.example\",\"event\":\"eaten\"}]");
    import(bench, "[\n {\n  \"created\": 1767225600,\n  \"email\": \"sg6@a.example\",\n"
                  "  \"reason\": \"550 5.1.1 unknown\",\n  \"status\": \"5.1.1\"\n }\n]\n");
    /* Mailgun. */
    import(bench,
           "{\"event-data\":{\"event\":\"failed\",\"severity\":\"permanent\",\"recipient\":"
           "\"mg1@a.example\",\"timestamp\":1767225600.5,\"delivery-status\":{\"code\":550,"
           "\"message\":\"5.1.1 No such user\"}}}\n"
           "{\"items\":[{\"event\":\"failed\",\"severity\":\"temporary\",\"recipient\":"
           "\"mg2@a.example\",\"timestamp\":1767225600},{\"event\":\"delivered\",\"recipient\":"
           "\"mg3@a.example\",\"timestamp\":1767225600}]}\n"
           "{\"address\":\"mg4@a.example\",\"code\":\"550\",\"error\":\"No such mailbox\","
           "\"created_at\":\"Thu, 01 Jan 2026 00:00:00 UTC\"}\n");
    /* What is nobody's bounce: unsubscribed, tries that ran out, a block, codes beside words. */
    import(bench,
           "{\"event\":\"failed\",\"severity\":\"permanent\",\"reason\":\"suppress-unsubscribe\","
           "\"recipient\":\"mg5@a.example\",\"timestamp\":1767225600}\n"
           "{\"event\":\"failed\",\"severity\":\"permanent\",\"reason\":\"old\","
           "\"recipient\":\"mg6@a.example\",\"timestamp\":1767225600}\n"
           "{\"event\":\"failed\",\"severity\":\"permanent\",\"reason\":\"espblock\","
           "\"recipient\":\"mg7@a.example\",\"timestamp\":1767225600}\n"
           "{\"address\":\"mg8@a.example\",\"code\":554,\"error\":\"Client host blocked using "
           "Spamhaus\",\"created_at\":\"Thu, 01 Jan 2026 00:00:00 UTC\"}\n"
           "{\"created\":1767225600,\"email\":\"sg7@a.example\"}\n");
    /* Postmark. */
    import(bench, "{\"RecordType\":\"Bounce\",\"Type\":\"HardBounce\",\"Email\":\"pm1@a.example\","
                  "\"BouncedAt\":\"2026-01-01T00:00:00Z\",\"Details\":\"smtp;550 5.1.1 unknown\"}\n"
                  "{\"RecordType\":\"Delivery\",\"Recipient\":\"pm2@a.example\",\"DeliveredAt\":"
                  "\"2026-01-01T00:00:00Z\"}\n"
                  "{\"TotalCount\":1,\"Bounces\":[{\"Type\":\"SpamComplaint\",\"Email\":"
                  "\"pm3@a.example\",\"BouncedAt\":\"2026-01-01T00:00:00Z\"}]}\n");
    /* Ours, and what is nobody's. */
    import(bench, "{\"address\":\"Own <own1@a.example>\",\"outcome\":\"delivery\",\"at\":"
                  "\"2026-01-01\"}\n"
                  "{\"address\":\"own2@a.example\",\"outcome\":\"eaten\"}\n"
                  "{\"hello\":1}\n"
                  "nonsense\n"
                  "{\"address\":\"no address\",\"outcome\":\"bounce\"}\n");
    list_kept(bench);
    assert_string_equal(bench->heard.ptr,
                        "fault 1 SendGrid's \"event\" is not known\n"
                        "fault 2 \"outcome\" must be bounce, delivery, complaint, soft_bounce, "
                        "blocked or other\n"
                        "fault 3 this is no event that is known\n"
                        "fault 4 the line is no JSON\n"
                        "fault 5 'no address' is no address\n"
                        "bounce mg1@a.example 2026-01-01\n"
                        "bounce mg4@a.example 2026-01-01\n"
                        "bounce pm1@a.example 2026-01-01\n"
                        "bounce ses1@a.example 2026-01-01\n"
                        "bounce sg1@a.example 2026-01-01\n"
                        "bounce sg6@a.example 2026-01-01\n"
                        "delivery mg3@a.example 2026-01-01\n"
                        "delivery own1@a.example 2026-01-01\n"
                        "delivery pm2@a.example 2026-01-01\n"
                        "delivery ses4@a.example 2026-01-03\n"
                        "delivery sg4@a.example 2026-01-01\n"
                        "complaint pm3@a.example 2026-01-01\n"
                        "complaint ses3@a.example 2026-01-02\n"
                        "complaint sg3@a.example 2026-01-01\n");
}

static void tables_are_understood(void **state)
{
    struct bench *bench = *state;

    expect(bench,
           "Date;E-Mail;Event;Reason\n"
           "2026-01-02;ann@a.example;Hard Bounce;550 5.1.1 User unknown\n"
           "2026-01-03;bob@a.example;bounced;\"554 5.7.1 Blocked by\nSpamhaus; see their page\"\n"
           "2026-01-04;cas@a.example;delivered;\n"
           "some day;dan@a.example;delivered;\n"
           "2026-01-04;eve@a.example;eaten;\n"
           ";fay@a.example;complaint;\n",
           "fault 6 the date can't be read: say it as 2026-01-31 or 2026-01-31T12:00:00Z\n"
           "fault 7 the outcome is not known: say bounce, delivery, complaint or soft_bounce\n"
           "bounce ann@a.example 2026-01-02\n"
           "delivery cas@a.example 2026-01-04\n"
           "complaint fay@a.example 2026-03-01\n");
    assert_int_equal(bench->keeper->counts[FEEDBACK_BLOCKED], 1);
}

static void tables_without_header_too(void **state)
{
    expect(*state, "ann@a.example,bounce,2026-01-02\nbob@a.example,delivered,2026-01-03",
           "bounce ann@a.example 2026-01-02\ndelivery bob@a.example 2026-01-03\n");
}

static void columns_can_be_named(void **state)
{
    struct bench *bench = *state;

    bench->import.columns = (struct feedback_columns){.address = "b", .outcome = "c", .date = "a"};
    expect(bench, "a,b,c\n2026-01-02,ann@a.example,bounce\n", "bounce ann@a.example 2026-01-02\n");
}

static void tables_that_lack_something_say_so(void **state)
{
    expect(*state, "name,city\nann,Bern\n",
           "error test: no column looks like addresses: name it with --address\n");
}

/* The same file twice, and older ones after newer, leave the latest of each. */
static void the_same_again_changes_nothing(void **state)
{
    struct bench *bench = *state;
    const char *newer = "ann@a.example,bounce,2026-01-05\n", *older = "ann@a.example,bounce,"
                                                                      "2026-01-02\n";
    struct store_record_total total;

    import(bench, newer);
    import(bench, older);
    import(bench, newer);
    expect(bench, "ann@a.example,bounce,2099-01-01\n", "bounce ann@a.example 2026-03-01\n");
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_BOUNCE, &total, NULL), 0);
    assert_int_equal(total.records, 1);
}

/* Cut anywhere, a mailbox gives fewer events, and never others. */
static void a_cut_mailbox_is_no_trouble(void **state)
{
    for (size_t len = 0; len < sizeof(dsn) - 1; len++) {
        struct bench *bench;
        struct error error;
        int code;

        set_up((void **)&bench);
        code = feedback_import_bytes(&bench->import, "cut", slice_from(dsn, len), &error);
        /* Before "From " it is no mailbox yet. */
        if (len >= 5)
            assert_int_equal(code, 0);
        assert_true(bench->keeper->counts[FEEDBACK_BOUNCE] <= 1);
        assert_true(bench->keeper->counts[FEEDBACK_DELIVERY] <= 1);
        assert_int_equal(bench->keeper->counts[FEEDBACK_COMPLAINT], 0);
        tear_down((void **)&bench);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_of_us_is_no_bounce),
        cmocka_unit_test(words_and_moments_are_known),
        TEST(reports_are_read_from_an_mbox),
        TEST(encoded_reports_are_read_too),
        cmocka_unit_test(transfer_encodings),
        TEST(complaints_are_reports_too),
        TEST(a_maildir_is_read_file_by_file),
        TEST(services_events_are_told_apart),
        TEST(tables_are_understood),
        TEST(tables_without_header_too),
        TEST(columns_can_be_named),
        TEST(tables_that_lack_something_say_so),
        TEST(the_same_again_changes_nothing),
        cmocka_unit_test(a_cut_mailbox_is_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
