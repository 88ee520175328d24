/* Tests of lines: ends of all kinds, pieces of all sizes, lines beyond the ceiling. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "cli/lines.h"

#define LINE_MAX_TESTED 10

/* Write `text` in pieces of `piece` octets and gather the lines, each ended by "|". */
static void gather(struct slice text, size_t piece, struct buffer *out)
{
    struct cli_lines lines;
    struct slice line;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    cli_lines_init(&lines, ends[0], LINE_MAX_TESTED);
    while (!lines.ended) {
        struct slice part = slice_prefix(text, piece);

        if (part.len > 0)
            assert_int_equal(write(ends[1], part.ptr, part.len), part.len);
        text = slice_from_offset(text, part.len);
        if (part.len == 0 && ends[1] >= 0) {
            close(ends[1]);
            ends[1] = -1;
        }
        assert_int_equal(cli_lines_fill(&lines, NULL), 0);
        while (cli_lines_next(&lines, &line)) {
            buffer_append_slice(out, line);
            buffer_append_byte(out, '|');
        }
    }
    assert_false(cli_lines_next(&lines, &line));
    cli_lines_done(&lines);
    close(ends[0]);
}

static void lines_come_out_whole(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *lines;
        size_t lines_len;
    } cases[] = {
#define CASE(text, lines) {text, sizeof(text) - 1, lines, sizeof(lines) - 1}
        CASE("", ""),
        CASE("a\nbc\n", "a|bc|"),
        CASE("a\nbc", "a|bc|"),
        CASE("\n\n", "||"),
        CASE("a\r\n\r\nb\r", "a||b\r|"),
        CASE("a\0b\n\0\n", "a\0b|\0|"),
        CASE("0123456789\nx\n", "0123456789|x|"),
        CASE("0123456789abc\nx\n", "0123456789|x|"),
        CASE("0123456789abcdefghijklmnop", "0123456789|"),
        CASE("012345678\r\nx", "012345678|x|"),
#undef CASE
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= 30; piece++) {
            struct buffer out;

            buffer_init(&out, 0);
            gather(slice_from(cases[i].text, cases[i].len), piece, &out);
            if (!slice_equal(buffer_slice(&out), slice_from(cases[i].lines, cases[i].lines_len)))
                fail_msg("case %zu in pieces of %zu: %.*s", i, piece,
                         SLICE_ARG(buffer_slice(&out)));
            buffer_done(&out);
        }
    }
}

static void a_failed_read_is_an_error(void **state)
{
    struct cli_lines lines;
    struct error error;

    cli_lines_init(&lines, -1, LINE_MAX_TESTED);
    assert_int_equal(cli_lines_fill(&lines, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "Bad file descriptor"));
    cli_lines_done(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_whole),
        cmocka_unit_test(a_failed_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
