/* Tests of the guess at random local parts, and of comparing replies. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "verdict/finding.h"
#include "verdict/gibberish.h"

static bool is_suspected(struct slice local)
{
    struct address_traits traits;
    struct gibberish gibberish;

    address_traits_of(local, &traits);
    gibberish_look(&traits, &gibberish);
    return gibberish.is_suspected;
}

static void names_are_left_alone_and_noise_is_not(void **state)
{
    static const struct {
        const char *local;
        bool expected;
    } rows[] = {
        {"", false},
        {"jane.doe", false},
        {"jschmidt", false},
        {"hirschschrott", false},
        {"knightsbridge", false},
        {"krzysztof.brzeczyszczykiewicz", false},
        {"wstrzemiezliwy", false},
        {"jrr.tolkien", false},
        {"strzlk", false},
        {"bjmw", false},
        {"support24x7", false},
        {"anna1987", false},
        {"j\xc3\xb6rgkqzvbwtxx", false},
        {"info+xkqzvbwtxkq", false},
        {"1234567890123456", false},
        {"xkqzvbwt", true},
        {"sdfghjkl", true},
        {"qwrtzpsdfg", true},
        {"a1b2c3d4e5f6", true},
        {"x7k2q9z1p4m8", true},
        {"9f86d081884c7d65", true},
        {"asdkjhqwgk", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (is_suspected(slice_from_string(rows[i].local)) != rows[i].expected)
            fail_msg("%s", rows[i].local);
}

/* Of names, half of them in no table, hardly one is called noise; of noise most is (SCORING.md). */
static void names_and_noise_are_told_apart_by_the_thousand(void **state)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    size_t names = 0, names_called = 0, noise_called = 0;
    char path[4096], line[64];
    struct random random;
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/score/names.tsv", root != NULL ? root : ".");
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        struct slice rest = slice_from_string(line), name;

        if (line[0] == '#' || !slice_split(&rest, '\t', &name))
            continue;
        names++;
        names_called += is_suspected(name);
    }
    fclose(file);
    random_init(&random, 7);
    for (size_t i = 0; i < 1000; i++) {
        size_t len = 7 + random_below(&random, 6);

        for (size_t k = 0; k < len; k++)
            line[k] = (char)('a' + random_below(&random, 26));
        noise_called += is_suspected(slice_from(line, len));
    }
    print_message("of %zu names %zu are called gibberish, of 1000 random strings %zu\n", names,
                  names_called, noise_called);
    assert_true(names >= 1000);
    assert_true(names_called <= 2);
    assert_true(noise_called >= 750);
}

static void replies_are_compared_without_names_and_numbers(void **state)
{
    static const struct {
        unsigned code_a, code_b;
        const char *a, *b;
        bool same;
    } rows[] = {
        {550, 550, "<jane@example.com>: rejected", "<probe@example.com>: Rejected", true},
        {550, 550, "jane rejected", "probe rejected", true},
        {550, 550, "jane... rejected q1A2b3", "probe... rejected q9Z8y7", true},
        {550, 550, "rejected", "rejected by policy", false},
        {550, 550, "user unknown", "access denied", false},
        {550, 554, "rejected", "rejected", false},
        {550, 550, "", "", true},
        {550, 550, "", "rejected", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct smtp_reply a = {.code = (uint16_t)rows[i].code_a,
                                     .text = slice_from_string(rows[i].a)};
        const struct smtp_reply b = {.code = (uint16_t)rows[i].code_b,
                                     .text = slice_from_string(rows[i].b)};

        if (finding_same_words(&a, SLICE("jane@example.com"), &b, SLICE("probe@example.com")) !=
                rows[i].same ||
            finding_same_words(&b, SLICE("probe@example.com"), &a, SLICE("jane@example.com")) !=
                rows[i].same)
            fail_msg("%s / %s", rows[i].a, rows[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_left_alone_and_noise_is_not),
        cmocka_unit_test(names_and_noise_are_told_apart_by_the_thousand),
        cmocka_unit_test(replies_are_compared_without_names_and_numbers),
    };

    return cmocka_run_group_tests_name("verdict-words", tests, NULL, NULL);
}
