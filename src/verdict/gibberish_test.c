/* Tests of the guess at random local parts, and of comparing replies. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "verdict/finding.h"
#include "verdict/gibberish.h"

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
        if (gibberish_suspected(slice_from_string(rows[i].local)) != rows[i].expected)
            fail_msg("%s", rows[i].local);
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
        cmocka_unit_test(replies_are_compared_without_names_and_numbers),
    };

    return cmocka_run_group_tests_name("verdict-words", tests, NULL, NULL);
}
