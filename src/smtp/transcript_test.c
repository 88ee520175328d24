/* Tests of the transcript: form, escapes, ceilings, lack of memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "smtp/transcript.h"

static void assert_text(const struct smtp_transcript *t, const char *expected)
{
    struct slice text = smtp_transcript_text(t);

    if (!slice_equal(text, slice_from_string(expected)))
        fail_msg("got:\n%.*s", SLICE_ARG(text));
}

static void lines_say_when_and_who(void **state)
{
    struct smtp_transcript t;

    smtp_transcript_init(&t);
    assert_text(&t, "");
    smtp_transcript_start(&t, 1000);
    smtp_transcript_received(&t, SLICE("220-mx.exa"), 1012);
    smtp_transcript_received(&t, SLICE("mple\r\n220 hello\n"), 1013);
    smtp_transcript_sent(&t, SLICE("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n"), 1014);
    smtp_transcript_note(&t, SLICE("closed"), 999);
    assert_text(&t, "      12 S: 220-mx.example\n"
                    "      13 S: 220 hello\n"
                    "      14 C: MAIL FROM:<>\n"
                    "      14 C: RCPT TO:<a@b.example>\n"
                    "       0 * closed\n");
    smtp_transcript_done(&t);
}

static void an_unfinished_line_is_shown_and_closed(void **state)
{
    struct smtp_transcript t;

    smtp_transcript_init(&t);
    smtp_transcript_received(&t, SLICE("220 mx\xc3"), 1);
    smtp_transcript_note(&t, SLICE("closed"), 2);
    assert_text(&t, "       1 S: 220 mx\\xC3\n       2 * closed\n");
    smtp_transcript_done(&t);
}

static void bytes_are_escaped_unless_printable_utf8(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain ~", "plain ~"},
        {"a\\b", "a\\x5Cb"},
        {"\x01\x1b[31m\x7f", "\\x01\\x1B[31m\\x7F"},
        {"a\rb", "a\\x0Db"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc2\x9b", "\\xC2\\x9B"},   /* a control character */
        {"\xe9t\xe9", "\\xE9t\\xE9"}, /* Latin-1 */
        {"\xc3", "\\xC3"},
        {"\xc3\xc3\xa9", "\\xC3\xc3\xa9"},
        {"\xed\xa0\x80", "\\xED\\xA0\\x80"}, /* a surrogate */
        {"\x80\xff", "\\x80\\xFF"},
        {"\xf0\x9f\x98x", "\\xF0\\x9F\\x98x"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t split = 0; split <= strlen(rows[i].in); split++) {
            struct slice in = slice_from_string(rows[i].in);
            struct smtp_transcript t;
            char expected[128];

            smtp_transcript_init(&t);
            smtp_transcript_received(&t, slice_prefix(in, split), 7);
            smtp_transcript_received(&t, slice_from_offset(in, split), 7);
            smtp_transcript_received(&t, SLICE("\n"), 7);
            snprintf(expected, sizeof(expected), "       7 S: %s\n", rows[i].out);
            /* A CR at the end of a piece may belong to the line end: it is not shown. */
            if (!(split > 0 && in.ptr[split - 1] == '\r'))
                assert_text(&t, expected);
            smtp_transcript_done(&t);
        }
    }
}

static void long_lines_are_cut(void **state)
{
    struct smtp_transcript t;
    struct slice text;

    smtp_transcript_init(&t);
    for (unsigned i = 0; i < 5000; i++)
        smtp_transcript_received(&t, SLICE("\xff"), 0);
    smtp_transcript_received(&t, SLICE("\n250 next\n"), 0);
    text = smtp_transcript_text(&t);
    assert_true(slice_ends_with(text, SLICE("\\xFF [cut]\n       0 S: 250 next\n")));
    assert_true(text.len <= SMTP_TRANSCRIPT_LINE_MAX + 32);
    smtp_transcript_done(&t);
}

static void the_middle_makes_room(void **state)
{
    struct smtp_transcript t;
    char line[128], last[160];
    unsigned noted, lines = 0;

    smtp_transcript_init(&t);
    smtp_transcript_received(&t, SLICE("220 the very first\n"), 0);
    for (unsigned i = 0; i < 3000; i++) {
        struct slice text;

        snprintf(line, sizeof(line), "250 reply number %u %.*s\n", i, (int)(i % 60),
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        smtp_transcript_received(&t, slice_from_string(line), i);
        text = smtp_transcript_text(&t);
        assert_true(text.len <= SMTP_TRANSCRIPT_MAX);
        assert_true(slice_starts_with(text, SLICE("       0 S: 220 the very first\n")));
        snprintf(last, sizeof(last), "%8u S: %s", i, line);
        assert_true(slice_ends_with(text, slice_from_string(last)));
    }
    for (struct slice rest = smtp_transcript_text(&t), part; slice_split(&rest, '\n', &part);)
        if (slice_find(part, SLICE("S:")) >= 0)
            lines++;
        else if (slice_find(part, SLICE(" lines left out here")) >= 0) {
            assert_true(slice_to_string(part, last, sizeof(last)));
            assert_int_equal(sscanf(last, " * %u lines", &noted), 1);
        }
    assert_int_equal(noted + lines, 3001);
    assert_true(lines > 100);
    smtp_transcript_done(&t);
}

static void long_lines_and_ceilings_together(void **state)
{
    struct smtp_transcript t;

    smtp_transcript_init(&t);
    for (unsigned i = 0; i < 200000; i++) {
        char c = (char)(i * 2654435761u >> 13);

        if (i % 977 == 0)
            c = '\n';
        smtp_transcript_received(&t, (struct slice){&c, 1}, i);
        if (i % 50000 == 0)
            smtp_transcript_sent(&t, SLICE("NOOP\r\n"), i);
        assert_true(smtp_transcript_text(&t).len <= SMTP_TRANSCRIPT_MAX);
    }
    smtp_transcript_note(&t, SLICE("end"), 0);
    assert_int_equal(utf8_find_invalid(smtp_transcript_text(&t)), -1);
    smtp_transcript_done(&t);
}

static void without_memory_lines_are_missing(void **state)
{
    for (int n = 0; n < 12; n++) {
        struct smtp_transcript t;
        bool was_short;

        smtp_transcript_init(&t);
        memory_fail_after(n);
        for (unsigned i = 0; i < 400; i++)
            smtp_transcript_received(&t, SLICE("250 some reply\r\n"), i);
        was_short = t.text.failed;
        memory_fail_after(-1);
        smtp_transcript_received(&t, SLICE("250 last\r\n"), 5);
        assert_true(slice_ends_with(smtp_transcript_text(&t), SLICE("\n       5 S: 250 last\n")) ||
                    slice_equal(smtp_transcript_text(&t), SLICE("       5 S: 250 last\n")));
        if (was_short)
            assert_true(slice_find(smtp_transcript_text(&t), SLICE("no memory")) >= 0);
        smtp_transcript_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_say_when_and_who),
        cmocka_unit_test(an_unfinished_line_is_shown_and_closed),
        cmocka_unit_test(bytes_are_escaped_unless_printable_utf8),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(the_middle_makes_room),
        cmocka_unit_test(long_lines_and_ceilings_together),
        cmocka_unit_test(without_memory_lines_are_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
