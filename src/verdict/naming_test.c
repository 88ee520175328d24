/* Tests of names of people: which are known, how local parts are made of them, how odd letters are.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "verdict/letters.h"
#include "verdict/naming.h"

static void names_are_known_whatever_their_case(void **state)
{
    assert_true(letters_is_given_name(SLICE("anna")));
    assert_true(letters_is_given_name(SLICE("Anna")));
    assert_true(letters_is_surname(SLICE("kowalczyk")));
    assert_true(letters_is_surname(SLICE("Schmidt")));
    assert_false(letters_is_surname(SLICE("xkqzvbwt")));
    assert_false(letters_is_given_name(SLICE("")));
    assert_false(letters_is_given_name(SLICE("a")));
    assert_false(letters_is_given_name(SLICE("abcdefghijklmnopqrstuvwxyz")));
}

static void names_have_no_surplus_and_noise_has(void **state)
{
    static const struct {
        const char *word;
        int least, most;
    } rows[] = {
        {"", 0, 0},
        {"anna", -100, 0},
        {"anna1", 0, 0},
        {"johnson", -100, 0},
        {"schwarzschild", -100, 0},
        {"mkowalczyk", -100, 0},
        {"jschmidt", -100, 10},
        {"janed", -100, 5},
        {"wstrzemiezliwy", -100, 17},
        {"xkqzvbwt", 30, 200},
        {"SDFGHJKL", 18, 200},
        {"asdkjhqwgk", 30, 200},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int surplus = letters_surplus_bits(slice_from_string(rows[i].word));

        if (surplus < rows[i].least || surplus > rows[i].most)
            fail_msg("%s: %d bits", rows[i].word, surplus);
    }
}

/* What letters_surplus_bits says, put down plainly: each word with and without an initial. */
static int plain_surplus(struct slice word)
{
    unsigned first = 26, second = 26;
    int surplus = -(int)word.len * 19;

    for (size_t i = 0; i <= word.len; i++) {
        unsigned third = i < word.len ? (unsigned)(ascii_lower(word.ptr[i]) - 'a') : 26;

        surplus += letters_costs[(first * 27 + second) * 27 + third];
        first = second;
        second = third;
    }
    return surplus;
}

static int plain_surplus_bits(struct slice word)
{
    int least = plain_surplus(word);

    for (size_t from = 0; from < 2 && least > 0 && word.len > 3; from++) {
        int without = plain_surplus(slice_from(word.ptr + from, word.len - 1)) + 8;

        least = without < least ? without : least;
    }
    return least / 4;
}

static void random_word(struct random *random, char *word, size_t len)
{
    static const char often[] = "aeiouannaschmidtJONES";

    for (size_t i = 0; i < len; i++)
        word[i] = random_below(random, 2) == 0 ? (char)('a' + random_below(random, 26))
                                               : often[random_below(random, sizeof(often) - 1)];
}

/* The quick ways come to what the plain ones come to. */
static void words_and_their_beginnings_are_looked_at_alike(void **state)
{
    struct random random;
    char word[24];

    random_init(&random, 7);
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = 1 + (size_t)random_below(&random, sizeof(word));
        struct letters_heads heads;

        random_word(&random, word, len);
        assert_int_equal(letters_surplus_bits(slice_from(word, len)),
                         plain_surplus_bits(slice_from(word, len)));
        letters_heads_of(slice_from(word, len), &heads);
        for (size_t head = 0; head <= len; head++)
            assert_int_equal(letters_head_kinds(&heads, head),
                             letters_name_kinds(slice_from(word, head)));
    }
}

static void patterns_are_told_apart(void **state)
{
    static const struct {
        const char *local;
        enum naming_pattern pattern;
    } rows[] = {
        {"", NAMING_NONE},
        {"j", NAMING_NONE},
        {"12345", NAMING_NONE},
        {"a1b2c3", NAMING_NONE},
        {"..", NAMING_NONE},
        {"j\xc3\xb6rg", NAMING_NONE},
        {"xkqzvbwt", NAMING_NONE},
        {"anna", NAMING_FIRST},
        {"anna2", NAMING_FIRST},
        {"anna+news", NAMING_FIRST},
        {"schmidt", NAMING_LAST},
        {"webshop", NAMING_WORD},
        {"jkowalczyk", NAMING_INITIAL_LAST},
        {"christophw", NAMING_FIRST_INITIAL},
        {"annaschmidt", NAMING_FIRST_LAST},
        {"schmidtanna", NAMING_LAST_FIRST},
        {"anna.schmidt", NAMING_FIRST_DOT_LAST},
        {"Anna.Schmidt", NAMING_FIRST_DOT_LAST},
        {"anna_schmidt", NAMING_FIRST_LINE_LAST},
        {"anna-schmidt", NAMING_FIRST_DASH_LAST},
        {"kowalczyk.anna", NAMING_LAST_DOT_FIRST},
        {"kowalczyk_anna", NAMING_LAST_LINE_FIRST},
        {"kowalczyk-anna", NAMING_LAST_DASH_FIRST},
        {"a.schmidt", NAMING_INITIAL_DOT_LAST},
        {"a_schmidt", NAMING_INITIAL_LINE_LAST},
        {"a-schmidt", NAMING_INITIAL_DASH_LAST},
        {"anna.s", NAMING_FIRST_DOT_INITIAL},
        {"anna_s", NAMING_FIRST_LINE_INITIAL},
        {"anna-s", NAMING_FIRST_DASH_INITIAL},
        {"a.s", NAMING_NONE},
        {"anna.m.schmidt", NAMING_THREE},
        {"anna.maria.von.schmidt", NAMING_THREE},
        {"a.b.c.d.e", NAMING_NONE},
        {"anna..schmidt", NAMING_NONE},
        {"xkqzvbwtq.schmidt", NAMING_NONE},
        /* Names that nobody knows are read as most people write theirs. */
        {"qorwyn.blenthorpe", NAMING_FIRST_DOT_LAST},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum naming_pattern pattern = naming_pattern_of(slice_from_string(rows[i].local));

        if (pattern != rows[i].pattern)
            fail_msg("\"%s\": %s, not %s", rows[i].local, naming_pattern_name(pattern),
                     naming_pattern_name(rows[i].pattern));
    }
}

static bool has_known_name(struct slice local)
{
    struct address_traits traits;

    address_traits_of(local, &traits);
    return naming_has_known_name(&traits);
}

static void known_names_are_found_in_patterns(void **state)
{
    assert_true(has_known_name(SLICE("anna")));
    assert_true(has_known_name(SLICE("anna.blenthorpe")));
    assert_true(has_known_name(SLICE("jkowalczyk")));
    assert_false(has_known_name(SLICE("qorwyn.blenthorpe")));
    assert_false(has_known_name(SLICE("webshop")));
    assert_false(has_known_name(SLICE("12345")));
    assert_true(has_known_name(SLICE("ANNA_12.3+shop")));
    assert_true(has_known_name(SLICE("x.y.z.anna")));
    assert_false(has_known_name(SLICE("x.y.z.a.anna")));
    assert_false(has_known_name(SLICE("anna..b")));
    assert_false(has_known_name(SLICE(".anna")));
    assert_false(has_known_name(SLICE("anna b")));
    assert_false(has_known_name(SLICE("7.7")));
    assert_false(has_known_name(SLICE("")));
}

static void habits_are_counted_and_fade(void **state)
{
    struct naming_habits habits = {{0}};

    naming_learn(&habits, NAMING_NONE);
    assert_int_equal(naming_total(&habits), 0);
    for (unsigned i = 0; i < 10; i++)
        naming_learn(&habits, NAMING_FIRST_DOT_LAST);
    naming_learn(&habits, NAMING_FIRST);
    assert_int_equal(naming_total(&habits), 11);
    assert_int_equal(naming_alike(&habits, NAMING_FIRST_DOT_LAST), 10);
    assert_int_equal(naming_alike(&habits, NAMING_LAST), 0);
    for (unsigned i = 0; i < 100000; i++) {
        naming_learn(&habits, i % 2 == 0 ? NAMING_FIRST : NAMING_LAST);
        assert_true(naming_alike(&habits, NAMING_FIRST) <= naming_total(&habits));
    }
    assert_true(naming_total(&habits) <= 2 * UINT8_MAX);
    assert_int_equal(naming_alike(&habits, NAMING_FIRST_DOT_LAST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known_whatever_their_case),
        cmocka_unit_test(names_have_no_surplus_and_noise_has),
        cmocka_unit_test(words_and_their_beginnings_are_looked_at_alike),
        cmocka_unit_test(patterns_are_told_apart),
        cmocka_unit_test(known_names_are_found_in_patterns),
        cmocka_unit_test(habits_are_counted_and_fade),
    };

    return cmocka_run_group_tests_name("naming", tests, NULL, NULL);
}
