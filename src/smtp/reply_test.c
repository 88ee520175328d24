/* Tests of the reply parser: whole, split at every byte, and against a guard page. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "smtp/reply.h"

/* A copy of `bytes` that ends where memory ends. */
struct guarded {
    char *pages;
    size_t size;
    const char *bytes;
};

static struct guarded guard(const char *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (len / page + 1) * page;
    struct guarded g = {.size = used + page};

    g.pages = mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.pages != MAP_FAILED);
    assert_int_equal(mprotect(g.pages + used, page, PROT_NONE), 0);
    memcpy(g.pages + used - len, bytes, len);
    g.bytes = g.pages + used - len;
    return g;
}

static void unguard(struct guarded *g)
{
    munmap(g->pages, g->size);
}

struct row {
    struct slice in;
    enum smtp_reply_progress progress;
    size_t rest; /* bytes behind the reply that must not be consumed */
    uint16_t code;
    const char *enhanced;
    struct slice text; /* or, with BAD, the reason */
};

#define DONE(in, rest, code, enhanced, text)                                                       \
    {                                                                                              \
        {(in), sizeof(in) - 1}, SMTP_REPLY_DONE, rest, code, enhanced,                             \
        {                                                                                          \
            (text), sizeof(text) - 1                                                               \
        }                                                                                          \
    }
#define BAD(in, why)                                                                               \
    {                                                                                              \
        {(in), sizeof(in) - 1}, SMTP_REPLY_BAD, 0, 0, "",                                          \
        {                                                                                          \
            (why), sizeof(why) - 1                                                                 \
        }                                                                                          \
    }
#define MORE(in)                                                                                   \
    {                                                                                              \
        {(in), sizeof(in) - 1}, SMTP_REPLY_MORE, 0, 0, "",                                         \
        {                                                                                          \
            "", 0                                                                                  \
        }                                                                                          \
    }

static const struct row rows[] = {
    DONE("250 OK\r\n", 0, 250, "", "OK"),
    DONE("250 OK\n", 0, 250, "", "OK"),
    DONE("250 OK\r\r\n", 0, 250, "", "OK"),
    DONE("250\r\n", 0, 250, "", ""),
    DONE("250\n", 0, 250, "", ""),
    DONE("250 \r\n", 0, 250, "", ""),
    DONE("250OK\r\n", 0, 250, "", "OK"),
    DONE("250\tOK\r\n", 0, 250, "", "OK"),
    DONE("250  two blanks \r\n", 0, 250, "", " two blanks"),
    DONE("250 OK\r\n220 next\r\n", 10, 250, "", "OK"),
    DONE("250 OK\n\n", 1, 250, "", "OK"),
    DONE("550 5.1.1 No such user\r\n", 0, 550, "5.1.1", "No such user"),
    DONE("550 5.1.1\r\n", 0, 550, "5.1.1", ""),
    DONE("550 5.1.1  No such user\r\n", 0, 550, "5.1.1", " No such user"),
    DONE("451 4.7.650 Busy\r\n", 0, 451, "4.7.650", "Busy"),
    DONE("550 5.1.1: gone\r\n", 0, 550, "5.1.1", ": gone"),
    DONE("550 5.1.1234 gone\r\n", 0, 550, "", "5.1.1234 gone"),
    DONE("550 5.6.7.8 blocked\r\n", 0, 550, "", "5.6.7.8 blocked"),
    DONE("550 3.1.1 odd\r\n", 0, 550, "", "3.1.1 odd"),
    DONE("550 #5.1.1 odd\r\n", 0, 550, "", "#5.1.1 odd"),
    DONE("550 5..1 odd\r\n", 0, 550, "", "5..1 odd"),
    DONE("550 5.1. odd\r\n", 0, 550, "", "5.1. odd"),
    DONE("571 Message refused\r\n", 0, 571, "", "Message refused"),
    DONE("470 odd\r\n", 0, 470, "", "odd"),
    DONE("555 odd\r\n", 0, 555, "", "odd"),
    DONE("250-first\r\n250-second\r\n250 last\r\n", 0, 250, "", "first | second | last"),
    DONE("250-first\n250-second\n250 last\n", 0, 250, "", "first | second | last"),
    DONE("250-first\r\n250\r\n", 0, 250, "", "first | "),
    DONE("250-\r\n250 last\r\n", 0, 250, "", " | last"),
    DONE("550-5.1.1 a\r\n550 5.7.1 b\r\n", 0, 550, "5.7.1", "a | b"),
    DONE("550-5.1.1 a\r\n550 b\r\n", 0, 550, "5.1.1", "a | b"),
    DONE("250-fine\r\n550 but no\r\n", 0, 550, "", "fine | but no"),
    DONE("550 caf\xe9 \0 \xff\r\n", 0, 550, "", "caf\xe9 \0 \xff"),
    DONE("550 a\rb\r\n", 0, 550, "", "a\rb"),
    MORE(""),
    MORE("2"),
    MORE("250"),
    MORE("250 OK"),
    MORE("250 OK\r"),
    MORE("250-first\r\n"),
    MORE("250-first\r\n250"),
    BAD("\r\n", "a line does not begin with a digit from 2 to 5"),
    BAD("\n", "a line does not begin with a digit from 2 to 5"),
    BAD("\0", "a line does not begin with a digit from 2 to 5"),
    BAD(" 250 OK\r\n", "a line does not begin with a digit from 2 to 5"),
    BAD("150 OK\r\n", "a line does not begin with a digit from 2 to 5"),
    BAD("600 OK\r\n", "a line does not begin with a digit from 2 to 5"),
    BAD("SSH-2.0-OpenSSH_9.2\r\n", "a line does not begin with a digit from 2 to 5"),
    BAD("\x16\x03\x01", "a line does not begin with a digit from 2 to 5"),
    BAD("25\r\n", "a reply code does not have three digits"),
    BAD("25\n", "a reply code does not have three digits"),
    BAD("2\r\n", "a reply code does not have three digits"),
    BAD("2x0 OK\r\n", "a reply code does not have three digits"),
    BAD("25- OK\r\n", "a reply code does not have three digits"),
    BAD("2500 OK\r\n", "a reply code has more than three digits"),
    BAD("250-first\r\nsecond\r\n", "a line does not begin with a digit from 2 to 5"),
    BAD("250-first\r\n\r\n250 OK\r\n", "a line does not begin with a digit from 2 to 5"),
};

static void check_outcome(const struct row *row, const struct smtp_reply_parser *parser,
                          enum smtp_reply_progress progress, size_t consumed)
{
    struct smtp_reply reply = smtp_reply_parsed(parser);
    char enhanced[16];

    if (progress != row->progress)
        fail_msg("%.*s: %d", SLICE_ARG(row->in), progress);
    if (progress == SMTP_REPLY_BAD) {
        assert_string_equal(parser->bad_reason, row->text.ptr);
        return;
    }
    assert_int_equal(consumed, row->in.len - row->rest);
    assert_int_equal(smtp_reply_is_partial(parser), progress == SMTP_REPLY_MORE && row->in.len > 0);
    if (progress == SMTP_REPLY_MORE)
        return;
    assert_int_equal(reply.code, row->code);
    assert_string_equal(smtp_enhanced_format(reply.enhanced, enhanced), row->enhanced);
    if (!slice_equal(reply.text, row->text))
        fail_msg("%.*s: text \"%.*s\"", SLICE_ARG(row->in), SLICE_ARG(reply.text));
}

static void replies_whole(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guarded g = guard(rows[i].in.ptr, rows[i].in.len);
        struct smtp_reply_parser parser;
        enum smtp_reply_progress progress;
        size_t consumed;

        smtp_reply_parser_init(&parser);
        progress = smtp_reply_feed(&parser, g.bytes, rows[i].in.len, &consumed);
        check_outcome(&rows[i], &parser, progress, consumed);
        if (progress != SMTP_REPLY_MORE) {
            assert_int_equal(smtp_reply_feed(&parser, "250 x\n", 6, &consumed), progress);
            assert_int_equal(consumed, 0);
        }
        unguard(&g);
    }
}

/* Feed in pieces of `first` bytes, then the rest (first 0: byte by byte). */
static void feed_in_pieces(const struct row *row, size_t first)
{
    enum smtp_reply_progress progress = SMTP_REPLY_MORE;
    struct smtp_reply_parser parser;
    struct smtp_reply_part *part;
    size_t at = 0;

    smtp_reply_parser_init(&parser);
    while (progress == SMTP_REPLY_MORE && at < row->in.len) {
        size_t piece = first == 0 ? 1 : at == 0 ? first : row->in.len - at, consumed;
        struct guarded g = guard(row->in.ptr + at, piece);

        progress = smtp_reply_feed(&parser, g.bytes, piece, &consumed);
        assert_true(consumed <= piece);
        if (progress == SMTP_REPLY_MORE) {
            assert_int_equal(consumed, piece);
            part = smtp_reply_put_by(&parser);
            assert_non_null(part);
            memset(&parser, 0x5a, sizeof(parser)); /* the desk has been another's */
            smtp_reply_take_up(part, &parser);
        }
        at += consumed;
        unguard(&g);
    }
    check_outcome(row, &parser, progress, at);
}

static void replies_split_at_every_byte(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t first = 0; first < rows[i].in.len; first++)
            feed_in_pieces(&rows[i], first);
}

static enum smtp_reply_progress feed_string(struct smtp_reply_parser *parser, const char *bytes,
                                            size_t len)
{
    size_t consumed;

    return smtp_reply_feed(parser, bytes, len, &consumed);
}

static void lines_have_a_ceiling(void **state)
{
    static char line[SMTP_REPLY_LINE_MAX + 8];
    struct smtp_reply_parser parser;

    memset(line, 'x', sizeof(line));
    memcpy(line, "250 ", 4);
    for (int split = 0; split < 2; split++) {
        size_t head = split ? 100 : 0;

        smtp_reply_parser_init(&parser);
        if (split)
            assert_int_equal(feed_string(&parser, line, head), SMTP_REPLY_MORE);
        line[SMTP_REPLY_LINE_MAX] = '\n';
        assert_int_equal(feed_string(&parser, line + head, SMTP_REPLY_LINE_MAX + 1 - head),
                         SMTP_REPLY_DONE);
        assert_int_equal(parser.text_len, SMTP_REPLY_LINE_MAX - 4);

        smtp_reply_parser_init(&parser);
        if (split)
            assert_int_equal(feed_string(&parser, line, head), SMTP_REPLY_MORE);
        line[SMTP_REPLY_LINE_MAX] = 'x';
        line[SMTP_REPLY_LINE_MAX + 1] = '\n';
        assert_int_equal(feed_string(&parser, line + head, SMTP_REPLY_LINE_MAX + 2 - head),
                         SMTP_REPLY_BAD);
        assert_string_equal(parser.bad_reason, "a line of the reply is too long");
    }
    smtp_reply_parser_init(&parser); /* no LF at all */
    assert_int_equal(feed_string(&parser, line, SMTP_REPLY_LINE_MAX), SMTP_REPLY_MORE);
    assert_int_equal(feed_string(&parser, "x", 1), SMTP_REPLY_BAD);
}

static void replies_have_ceilings(void **state)
{
    static char line[1024];
    struct smtp_reply_parser parser;
    unsigned taken = 0;

    smtp_reply_parser_init(&parser);
    for (unsigned i = 0; i < SMTP_REPLY_LINES_MAX; i++)
        assert_int_equal(feed_string(&parser, "250-\n", 5), SMTP_REPLY_MORE);
    assert_int_equal(feed_string(&parser, "250-\n", 5), SMTP_REPLY_BAD);
    assert_string_equal(parser.bad_reason, "the reply has too many lines");

    memset(line, 'x', sizeof(line));
    memcpy(line, "250-", 4);
    line[sizeof(line) - 1] = '\n';
    smtp_reply_parser_init(&parser);
    while (feed_string(&parser, line, sizeof(line)) == SMTP_REPLY_MORE)
        taken++;
    assert_int_equal(taken, SMTP_REPLY_TEXT_MAX / (sizeof(line) - 5 + 3));
    assert_string_equal(parser.bad_reason, "the text of the reply is too long");
    assert_true(parser.text_len <= SMTP_REPLY_TEXT_MAX);
}

static void lines_of_classify_are_read(void **state)
{
    static const struct {
        const char *in;
        uint16_t code; /* 0: not a reply */
        const char *enhanced, *text;
    } lines[] = {
        {"550 5.1.1 No such | user", 550, "5.1.1", "No such | user"},
        {"550-5.1.1 No such | 550 5.1.1 user", 550, "5.1.1", "No such | user"},
        {"550-No such | 554 5.7.1 blocked", 554, "5.7.1", "No such | blocked"},
        {"550 5.1.1 A | 550 5.7.1 B", 550, "5.7.1", "A | B"},
        {"550 We have | 452 users waiting", 550, "", "We have | 452 users waiting"},
        {"550-a | 550-b | 550 c", 550, "", "a | b | c"},
        {"550 a | 5.1.1 User unknown", 550, "5.1.1", "a | User unknown"},
        {"  250 ok\r\n", 250, "", "ok"},
        {"250", 250, "", ""},
        {"571 refused", 571, "", "refused"},
        {"550 a|b", 550, "", "a|b"},
        {"550 a | ", 550, "", "a |"},
        {"", 0, NULL, NULL},
        {"No such user", 0, NULL, NULL},
        {"55 x", 0, NULL, NULL},
        {"5500 x", 0, NULL, NULL},
        {"150 x", 0, NULL, NULL},
    };
    static char text[SMTP_REPLY_TEXT_MAX], big[3 * SMTP_REPLY_TEXT_MAX];
    struct smtp_reply reply;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        size_t len = strlen(lines[i].in);
        struct guarded g = guard(lines[i].in, len);
        bool ok = smtp_reply_from_line((struct slice){g.bytes, len}, text, &reply);
        char enhanced[16];

        if (ok != (lines[i].code != 0))
            fail_msg("%s: %d", lines[i].in, ok);
        if (ok) {
            assert_int_equal(reply.code, lines[i].code);
            assert_string_equal(smtp_enhanced_format(reply.enhanced, enhanced), lines[i].enhanced);
            if (!slice_equal(reply.text, slice_from_string(lines[i].text)))
                fail_msg("%s: \"%.*s\"", lines[i].in, SLICE_ARG(reply.text));
        }
        unguard(&g);
    }
    /* What does not fit is cut, never overrun. */
    memset(big, 'x', sizeof(big));
    memcpy(big, "550 ", 4);
    assert_true(smtp_reply_from_line((struct slice){big, sizeof(big)}, text, &reply));
    assert_int_equal(reply.text.len, SMTP_REPLY_TEXT_MAX);
    memcpy(big + SMTP_REPLY_TEXT_MAX + 2, " | ", 3);
    assert_true(smtp_reply_from_line((struct slice){big, sizeof(big)}, text, &reply));
    assert_true(reply.text.len <= SMTP_REPLY_TEXT_MAX);
}

static void enhanced_codes_are_cut_off_with_one_blank(void **state)
{
    struct smtp_enhanced enhanced = {0};
    char out[16];

    assert_int_equal(smtp_enhanced_parse(SLICE("5.1.1 x"), &enhanced), 6);
    assert_int_equal(smtp_enhanced_parse(SLICE("5.1.1"), &enhanced), 5);
    assert_int_equal(smtp_enhanced_parse(SLICE("5.123.999"), &enhanced), 9);
    assert_string_equal(smtp_enhanced_format(enhanced, out), "5.123.999");
    assert_int_equal(smtp_enhanced_parse(SLICE("5.1"), &enhanced), 0);
    assert_int_equal(smtp_enhanced_parse(SLICE("5.1.x"), &enhanced), 0);
    assert_int_equal(smtp_enhanced_parse(SLICE("\0.1.1"), &enhanced), 0);
    assert_string_equal(smtp_enhanced_format((struct smtp_enhanced){0}, out), "");
}

/* How much of `next` the reply before it stands for. */
static size_t again(const char *reply, const char *next)
{
    static struct smtp_reply_parser parser;
    size_t consumed;

    smtp_reply_parser_init(&parser);
    smtp_reply_feed(&parser, reply, strlen(reply), &consumed);
    return smtp_reply_comes_again(&parser, slice_from_string(next));
}

static void a_short_line_is_known_again(void **state)
{
    static struct smtp_reply_parser parser;
    char line[SMTP_REPLY_KNOWN_MAX + 2] = "250 ";
    size_t consumed;

    assert_int_equal(again("250 2.1.5 ok\r\n", "250 2.1.5 ok\r\n250"), 14);
    assert_int_equal(again("250\n", "250\n"), 4);
    assert_int_equal(again("250 ok\r\n250 oh\r\n", "250 ok\r\n"), 8); /* the first alone */
    assert_int_equal(again("250 2.1.5 ok\r\n", "250 2.1.5 ok\r"), 0);
    assert_int_equal(again("250 ok\r\n", "250 ok\n"), 0);
    assert_int_equal(again("250 ok\r\n", "251 ok\r\n"), 0);
    assert_int_equal(again("250 ok\r\n", ""), 0);
    assert_int_equal(again("250-a\r\n250 ok\r\n", "250 ok\r\n"), 0);
    assert_int_equal(again("250-ok\r\n", "250-ok\r\n"), 0);
    assert_int_equal(again("850 ok\r\n", "850 ok\r\n"), 0);
    assert_int_equal(again("250 o", "250 o"), 0);
    memset(line + 4, 'x', SMTP_REPLY_KNOWN_MAX - 5);
    line[SMTP_REPLY_KNOWN_MAX - 1] = '\n';
    assert_int_equal(again(line, line), SMTP_REPLY_KNOWN_MAX);
    line[SMTP_REPLY_KNOWN_MAX - 1] = 'x';
    line[SMTP_REPLY_KNOWN_MAX] = '\n';
    assert_int_equal(again(line, line), 0);
    smtp_reply_parser_init(&parser); /* one that came in two pieces is not */
    smtp_reply_feed(&parser, "250 o", 5, &consumed);
    smtp_reply_feed(&parser, "k\r\n", 3, &consumed);
    assert_int_equal(smtp_reply_comes_again(&parser, SLICE("250 ok\r\n")), 0);
    assert_int_equal(smtp_reply_comes_again(&parser, SLICE("k\r\n")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_whole),
        cmocka_unit_test(replies_split_at_every_byte),
        cmocka_unit_test(lines_have_a_ceiling),
        cmocka_unit_test(replies_have_ceilings),
        cmocka_unit_test(lines_of_classify_are_read),
        cmocka_unit_test(enhanced_codes_are_cut_off_with_one_blank),
        cmocka_unit_test(a_short_line_is_known_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
