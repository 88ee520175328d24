/* Tests of what may stand in a command: nothing that ends it or begins another. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "smtp/command.h"

static bool is_safe(struct slice mailbox, uint16_t *ret_domain_at)
{
    bool is_ascii;

    return smtp_mailbox_is_safe(mailbox, ret_domain_at, &is_ascii);
}

static void unsafe_words_are_refused(void **state)
{
    static const char with_nul[] = "a\0b@x.example";
    char longest[SMTP_MAILBOX_MAX + 1];
    uint16_t at;

    assert_true(is_safe(SLICE("a@x"), &at));
    assert_int_equal(at, 2);
    assert_true(is_safe(SLICE("a!#$%&'*+/=?^_`{|}~;-.z[0]@mail-1.example"), &at));
    assert_int_equal(at, 27);
    assert_true(is_safe(SLICE("\"a@b\"@x"), &at));
    assert_int_equal(at, 6);
    assert_false(is_safe((struct slice){with_nul, sizeof(with_nul) - 1}, &at));
    assert_false(is_safe(SLICE("a\r\nDATA@x"), &at));
    assert_false(is_safe(SLICE("a@x\r\nDATA"), &at));
    assert_false(is_safe(SLICE("a@x\n"), &at));
    assert_false(is_safe(SLICE("\"a\r\nDATA\"@x"), &at));
    assert_false(is_safe(SLICE("\"a\\\nb\"@x"), &at));
    assert_false(is_safe(SLICE("\"a\"b@x"), &at));
    assert_false(is_safe(SLICE("\"a\\\"@x"), &at));
    assert_false(is_safe(SLICE("a@x> NOTIFY=NEVER"), &at));
    assert_false(is_safe(SLICE(""), &at));
    memset(longest, 'a', sizeof(longest));
    longest[10] = '@';
    assert_true(is_safe((struct slice){longest, SMTP_MAILBOX_MAX}, &at));
    assert_false(is_safe((struct slice){longest, SMTP_MAILBOX_MAX + 1}, &at));
    assert_true(smtp_helo_name_is_safe(SLICE("[192.0.2.1]")));
    assert_false(smtp_helo_name_is_safe(SLICE("a b")));
    assert_false(smtp_helo_name_is_safe(SLICE("a\r\nDATA")));
    assert_false(smtp_helo_name_is_safe(SLICE("")));
    assert_true(smtp_sender_is_safe(SLICE("")));
    assert_true(smtp_sender_is_safe(SLICE("me@x")));
    assert_false(smtp_sender_is_safe(SLICE("me")));
}

/* With `odd` somewhere in it; the octets stand alone, so that one read too many is seen. */
static void look_at(size_t len, size_t sign_at, size_t odd_at, char odd)
{
    char *bytes = malloc(len);
    bool has_sign = odd_at != sign_at && odd != '@' && sign_at > 0 && sign_at + 1 < len;
    bool is_moved = odd_at == sign_at && odd == '@' && sign_at > 0 && sign_at + 1 < len;
    bool is_plain = (has_sign && odd == 'b') || is_moved, is_ascii = false;
    uint16_t at = 0;

    assert_non_null(bytes);
    memset(bytes, 'a', len);
    bytes[sign_at] = '@';
    bytes[odd_at] = odd;
    assert_int_equal(smtp_mailbox_is_safe(slice_from(bytes, len), &at, &is_ascii), is_plain);
    if (is_plain) {
        assert_int_equal(at, sign_at + 1);
        assert_true(is_ascii);
    }
    free(bytes);
}

static void whatever_is_special_is_seen_wherever_it_stands(void **state)
{
    static const char odd[] = "b@\"\\<> \x7f\x80\xff\n\r\t"; /* and the NUL behind it */
    uint16_t at;
    bool is_ascii = true;

    for (size_t len = 1; len < 70; len += len < 20 || len > 60 ? 1 : 7)
        for (size_t sign_at = 0; sign_at < len; sign_at++)
            for (size_t odd_at = 0; odd_at < len; odd_at++)
                for (size_t i = 0; i < sizeof(odd); i++)
                    look_at(len, sign_at, odd_at, odd[i]);
    assert_true(smtp_mailbox_is_safe(SLICE("\xc3\xbc@x.example"), &at, &is_ascii));
    assert_false(is_ascii);
    assert_true(smtp_mailbox_is_safe(SLICE("a@\xc3\xbc.example"), &at, &is_ascii));
    assert_false(is_ascii);
    assert_true(smtp_mailbox_is_safe(SLICE("\"a b\"@x.example"), &at, &is_ascii));
    assert_true(is_ascii);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsafe_words_are_refused),
        cmocka_unit_test(whatever_is_special_is_seen_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
