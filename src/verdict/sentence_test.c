#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "verdict/sentence.h"

static const char words[] = "no-such-mailbox-here-(Ref-4711)";

/* What put_safely makes of one odd byte in words without another, a byte at a time. */
static size_t spell(char *out, size_t len, size_t at, char odd)
{
    size_t written = 0;

    for (size_t i = 0; i < len; i++) {
        char c = i == at ? odd : words[i];

        if (c == '"')
            c = '\'';
        if (c == '\t' || c == 0x7f)
            c = ' ';
        if (c == ' ' && (i == 0 || i + 1 == len)) /* trimmed, or none at the beginning */
            continue;
        if (c == '\xff') {
            memcpy(out + written, "\xef\xbf\xbd", 3);
            written += 3;
        } else {
            out[written++] = c;
        }
    }
    return written;
}

/* Eight bytes are looked at together: each length, and each place for what is not plain. */
static void words_of_strangers_are_made_safe_wherever_it_needs_it(void **state)
{
    static const char odd[] = {' ', '\t', '"', '!', '~', '\xff'};

    for (size_t len = 1; len < sizeof(words); len++) {
        for (size_t at = 0; at < len; at++) {
            for (size_t i = 0; i < sizeof(odd); i++) {
                char foreign[sizeof(words)], out[120], expected[120] = "\"";
                struct sentence sentence;
                size_t expected_len;

                memcpy(foreign, words, len);
                foreign[at] = odd[i];
                expected_len = 1 + spell(expected + 1, len, at, odd[i]);
                expected[expected_len++] = '"';
                expected[expected_len] = '\0';
                sentence_init(&sentence, out, sizeof(out));
                sentence_add_quoted(&sentence, slice_from(foreign, len), 100);
                assert_string_equal(out, expected);
            }
        }
    }
}

/* Wherever the room ends: what fits stands there, and nothing behind it. */
static void a_reply_ends_where_the_room_does(void **state)
{
    static const struct smtp_reply reply = {550, {5, 1, 1}, {"No such user", 12}};
    static const char whole[] = "\"550 5.1.1 No such user\"";
    char out[64];

    for (size_t size = 1; size <= sizeof(whole); size++) {
        struct sentence sentence;

        sentence_init(&sentence, out, size);
        sentence_add_reply(&sentence, &reply, 100);
        assert_int_equal(strlen(out), sentence.len);
        assert_true(sentence.len < size);
        if (size < 12 || size == sizeof(whole)) /* the code; later words are taken whole */
            assert_int_equal(strncmp(out, whole, size - 1), 0);
    }
    assert_string_equal(out, whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_strangers_are_made_safe_wherever_it_needs_it),
        cmocka_unit_test(a_reply_ends_where_the_room_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
