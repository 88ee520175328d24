/* Tests of registrable domains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "address/suffix.h"
#include "base/check.h"

static void registrable_domains_follow_the_list(void **state)
{
    static const struct {
        const char *domain;
        const char *expected;
    } rows[] = {
        {"example.com", "example.com"},
        {"mail.example.com", "example.com"},
        {"MAIL.Example.COM", "Example.COM"},
        {"a.b.shop.co.uk", "shop.co.uk"},
        {"co.uk", ""},
        {"com", ""},
        {"", ""},
        {".example.com", ""},
        {"example.com.", ""},
        {"a..com", ""},
        {"x.github.io", "x.github.io"},
        {"y.x.github.io", "x.github.io"},
        {"github.io", ""},
        {"www.ck", "www.ck"},           /* exception rule */
        {"a.b.other.ck", "b.other.ck"}, /* wildcard rule */
        {"a.b.c.unknowntld", "c.unknowntld"},
        {"a.xn--85x722f.com.cn", "xn--85x722f.com.cn"},
        {"a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn"}, /* a suffix with an A-label */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice domain = slice_from_string(rows[i].domain);
        struct slice found = address_registrable_domain(domain);

        if (!slice_equal(found, slice_from_string(rows[i].expected)))
            fail_msg("%s: got %.*s", rows[i].domain, SLICE_ARG(found));
        if (found.len > 0)
            assert_ptr_equal(found.ptr + found.len, domain.ptr + domain.len);
    }
    assert_int_equal(address_registrable_domain(slice_from("a\0b.com", 7)).len, 0);
}

static void over_long_names_have_none(void **state)
{
    char name[300];

    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 10 == 9 ? '.' : 'a';
    assert_int_equal(address_registrable_domain(slice_from(name, 255)).len, 15);
    assert_int_equal(address_registrable_domain(slice_from(name, 256)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registrable_domains_follow_the_list),
        cmocka_unit_test(over_long_names_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
