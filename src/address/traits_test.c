/* Tests of what a local part is made of: byte by byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "address/traits.h"
#include "base/random.h"

static void check(struct slice local)
{
    struct address_traits traits;

    address_traits_of(local, &traits);
    assert_int_equal(traits.len, local.len);
    for (size_t i = 0; i < ADDRESS_LOCAL_MAX; i++) {
        char c = i < local.len ? local.ptr[i] : '\0', lower = ascii_lower(c);

        assert_true(i >= local.len || traits.lower[i] == lower);
        assert_int_equal(traits.letters >> i & 1, ascii_is_alpha(c));
        assert_int_equal(traits.vowels >> i & 1, c != '\0' && strchr("aeiouy", lower) != NULL);
        assert_int_equal(traits.digits >> i & 1, ascii_is_digit(c));
        assert_int_equal(traits.hexadecimals >> i & 1, ascii_hex_value(c) >= 0);
        assert_int_equal(traits.dots >> i & 1, c == '.');
        assert_int_equal(traits.hyphens >> i & 1, c == '-');
        assert_int_equal(traits.underscores >> i & 1, c == '_');
        assert_int_equal(traits.blanks >> i & 1, c == ' ');
        assert_int_equal(traits.pluses >> i & 1, c == '+');
        assert_int_equal(traits.high >> i & 1, (unsigned char)c >= 0x80);
    }
}

/* Every length, all bytes; nothing is read before or behind. */
static void each_byte_is_what_it_is(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct random random;

    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_READ | PROT_WRITE), 0);
    random_init(&random, 1);
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(&random, ADDRESS_LOCAL_MAX + 1);
        char *bytes = pages + page + (round % 2 == 0 ? 0 : page - len);

        for (size_t i = 0; i < len; i++)
            bytes[i] = random_below(&random, 2) == 0 ? "aZ.z@[Af-_ +09`{"[random_below(&random, 16)]
                                                     : (char)random_below(&random, 256);
        check(slice_from(bytes, len));
    }
    munmap(pages, 3 * page);
}

static size_t untagged(struct slice local)
{
    struct address_traits traits;

    address_traits_of(local, &traits);
    return address_traits_untagged(&traits);
}

static void a_tag_begins_with_the_first_plus_that_is_not_in_front(void **state)
{
    assert_int_equal(untagged(SLICE("anna+shop+x")), 4);
    assert_int_equal(untagged(SLICE("+anna")), 5);
    assert_int_equal(untagged(SLICE("+anna+x")), 5);
    assert_int_equal(untagged(SLICE("anna")), 4);
    assert_int_equal(untagged(SLICE("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_is_what_it_is),
        cmocka_unit_test(a_tag_begins_with_the_first_plus_that_is_not_in_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
