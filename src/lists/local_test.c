/*
 * Tests of the classes of local parts against the plain reading of the rules: byte by byte, every
 * run of words, each looked for among all names of the lists.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "base/table.h"
#include "lists/builtin.h"

enum {
    ROLE = LISTS_ROLE,
    NO_REPLY = LISTS_NO_REPLY,
    PART = 1 << 8, /* a no-reply name that may be a part of a longer one */
    NAMES_MAX = 4000,
    WORDS_MAX = 8,
};

static struct table names; /* squeezed, to their bits */
static char *spelt[NAMES_MAX];
static size_t spelt_count;

static bool is_separator(char c)
{
    return c == '.' || c == '-' || c == '_' || c == ' ';
}

static void read_names(const char *file_name, unsigned bits)
{
    char path[1024], line[512];
    FILE *file;

    assert_non_null(getenv("MK_SOURCE_ROOT"));
    snprintf(path, sizeof(path), "%s/data/lists/%s", getenv("MK_SOURCE_ROOT"), file_name);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        struct slice name = slice_from(line, strcspn(line, "#\n"));
        char squeezed[512];
        uintptr_t all = bits;
        size_t len = 0;

        name = slice_trim(name);
        if (name.len == 0)
            continue;
        if (name.ptr[0] == '[') {
            name = slice_from(name.ptr + 1, name.len - 2);
            all |= PART;
        }
        for (size_t i = 0; i < name.len; i++)
            if (!is_separator(name.ptr[i]))
                squeezed[len++] = name.ptr[i];
        all |= (uintptr_t)table_get(&names, slice_from(squeezed, len));
        assert_int_equal(table_put(&names, slice_from(squeezed, len), (void *)all), 0);
        assert_true(spelt_count < NAMES_MAX);
        spelt[spelt_count] = strndup(name.ptr, name.len);
        assert_non_null(spelt[spelt_count++]);
    }
    fclose(file);
}

static int read_lists(void **state)
{
    table_init(&names, 1);
    read_names("role_names.txt", ROLE);
    read_names("role_names_own.txt", ROLE);
    read_names("no_reply_names.txt", NO_REPLY);
    return 0;
}

static int forget_lists(void **state)
{
    table_done(&names);
    while (spelt_count > 0)
        free(spelt[--spelt_count]);
    return 0;
}

static unsigned bits_of(const char *bytes, size_t len)
{
    return (unsigned)(uintptr_t)table_get(&names, slice_from(bytes, len));
}

/* What src/lists/builtin.h promises. */
static unsigned expected(struct slice local)
{
    size_t starts[WORDS_MAX + 1], count = 0, len = 0, end;
    unsigned classes;
    char bytes[64];

    for (size_t i = 0; i < local.len && (i == 0 || local.ptr[i] != '+'); i++) {
        if (is_separator(local.ptr[i]))
            continue;
        if ((i == 0 || is_separator(local.ptr[i - 1])) && count < WORDS_MAX)
            starts[count++] = len;
        bytes[len++] = ascii_lower(local.ptr[i]);
    }
    if (len == 0)
        return 0;
    starts[count] = len;
    classes = bits_of(bytes, len) & (ROLE | NO_REPLY);
    for (end = len; end > 0 && ascii_is_digit(bytes[end - 1]);)
        end--;
    if (end >= 2)
        classes |= bits_of(bytes, end) & ROLE;
    if (count == 2 && len - starts[1] >= 2 && len - starts[1] <= 3)
        classes |= bits_of(bytes, starts[1]) & ROLE;
    if (slice_find(slice_from(bytes, len), SLICE("noreply")) >= 0)
        classes |= NO_REPLY;
    for (size_t from = 0; from < count; from++)
        for (size_t to = from + 1; to <= count; to++)
            if (bits_of(bytes + starts[from], starts[to] - starts[from]) & PART)
                classes |= NO_REPLY;
    return classes;
}

static void check(struct slice local)
{
    if (lists_local_classes(local) != expected(local))
        fail_msg("%.*s: %#x, not %#x", SLICE_ARG(local), lists_local_classes(local),
                 expected(local));
}

static void every_name_is_found(void **state)
{
    for (size_t i = 0; i < spelt_count; i++) {
        char bytes[128];

        check(slice_from_string(spelt[i]));
        assert_true(lists_local_classes(slice_from_string(spelt[i])) != 0);
        snprintf(bytes, sizeof(bytes), "%s2", spelt[i]);
        check(slice_from_string(bytes));
        snprintf(bytes, sizeof(bytes), "x.%s+y", spelt[i]);
        check(slice_from_string(bytes));
    }
}

static void made_up_names_have_the_classes_of_their_words(void **state)
{
    static const char *const others[] = {"anna", "smith", "no",    "reply", "y",   "x",
                                         "12",   "7",     "2024",  "uk",    "de",  "kay",
                                         "a",    "ab",    "Maria", "mary",  "not", "longerword"};
    struct random random;
    unsigned found = 0;

    random_init(&random, 1);
    for (int round = 0; round < 300000; round++) {
        size_t len = 0, words = 1 + random_below(&random, random_chance(&random, 1, 8) ? 10 : 3);
        char bytes[64];

        for (size_t i = 0; i < words; i++) {
            const char *word = random_chance(&random, 1, 2)
                                   ? spelt[random_below(&random, spelt_count)]
                                   : others[random_below(&random, ARRAY_LEN(others))];

            if (len + strlen(word) + 1 > sizeof(bytes))
                break;
            if (i > 0 && random_chance(&random, 3, 4))
                bytes[len++] = "...--__ +'"[random_below(&random, 10)];
            memcpy(bytes + len, word, strlen(word));
            len += strlen(word);
            if (random_chance(&random, 1, 8))
                bytes[random_below(&random, len)] ^= (char)random_below(&random, 64);
        }
        if (bytes[0] == '"')
            continue; /* quotes are looked through first */
        check(slice_from(bytes, len));
        found += expected(slice_from(bytes, len)) != 0;
    }
    assert_in_range(found, 30000, 270000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found),
        cmocka_unit_test(made_up_names_have_the_classes_of_their_words),
    };

    return cmocka_run_group_tests(tests, read_lists, forget_lists);
}
