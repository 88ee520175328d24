/* Tests of options: every type, its bounds, its words, and that nothing changes on failure. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/option.h"

struct values {
    bool flag;
    uint64_t number, span_ms, size, least;
    const char *text;
    unsigned choice;
    struct config_list list;
};

static int check_short(const char *value, struct error *error)
{
    return strlen(value) <= 5 ? 0 : error_set(error, ERROR_USAGE, "is longer than five");
}

static const struct config_option rows[] = {
    {.name = "flag", .type = CONFIG_BOOL, .offset = offsetof(struct values, flag)},
    {.name = "number",
     .type = CONFIG_NUMBER,
     .offset = offsetof(struct values, number),
     .min = 1,
     .max = 65535,
     .fallback = "25"},
    {.name = "span",
     .type = CONFIG_DURATION,
     .offset = offsetof(struct values, span_ms),
     .min = 100,
     .max = DAY_MS,
     .fallback = "90s"},
    {.name = "size", .type = CONFIG_SIZE, .offset = offsetof(struct values, size)},
    {.name = "least",
     .type = CONFIG_SIZE,
     .offset = offsetof(struct values, least),
     .min = 1024,
     .max = 4096,
     .or_zero = true},
    {.name = "text",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct values, text),
     .check = check_short},
    {.name = "choice",
     .type = CONFIG_CHOICE,
     .offset = offsetof(struct values, choice),
     .choices = "low|middle|high",
     .fallback = "middle"},
    {.name = "list", .letter = 'l', .type = CONFIG_LIST, .offset = offsetof(struct values, list)},
};
static const struct config_table table = {rows, ARRAY_LEN(rows)};

static int set(struct values *values, struct arena *arena, const char *name, const char *value,
               struct error *error)
{
    const struct config_option *option = config_find(&table, slice_from_string(name));

    assert_non_null(option);
    return config_set(option, slice_from_string(value), "here", values, arena, error);
}

static void shows(const struct values *values, const char *name, size_t index, const char *wanted)
{
    struct buffer out;

    buffer_init(&out, 0);
    assert_int_equal(
        config_format_value(config_find(&table, slice_from_string(name)), values, index, &out),
        wanted != NULL);
    if (wanted != NULL && !slice_equal(buffer_slice(&out), slice_from_string(wanted)))
        fail_msg("%s is shown as %.*s, not %s", name, SLICE_ARG(buffer_slice(&out)), wanted);
    buffer_done(&out);
}

/* name, text, as it is shown again; NULL: refused with these words in the message */
static const struct {
    const char *name, *text, *shown, *message;
} cases[] = {
    {"flag", "yes", "yes", NULL},
    {"flag", "ON", "yes", NULL},
    {"flag", "0", "no", NULL},
    {"flag", "maybe", NULL, "here: 'maybe' is not allowed; give yes or no"},
    {"flag", "", NULL, "yes or no"},
    {"number", "1", "1", NULL},
    {"number", "65535", "65535", NULL},
    {"number", "0", NULL, "a whole number from 1 to 65535"},
    {"number", "65536", NULL, "from 1 to 65535"},
    {"number", "-1", NULL, "from 1 to 65535"},
    {"number", "12x", NULL, "'12x'"},
    {"number", "99999999999999999999999", NULL, "not allowed"},
    {"span", "90", "90s", NULL},
    {"span", "500ms", "500ms", NULL},
    {"span", "2 h", "2h", NULL},
    {"span", "60s", "1m", NULL},
    {"span", "24h", "1d", NULL},
    {"span", "99ms", NULL, "from 100ms to 1d"},
    {"span", "25h", NULL, "from 100ms to 1d"},
    {"span", "5 parsecs", NULL, "a time such as"},
    {"span", "s", NULL, "a time such as"},
    {"span", "18446744073709551615d", NULL, "a time such as"},
    {"size", "64k", "64k", NULL},
    {"size", "1024K", "1M", NULL},
    {"size", "3", "3", NULL},
    {"size", "2G", "2G", NULL},
    {"least", "0", "0", NULL},
    {"least", "1k", "1k", NULL},
    {"least", "1", NULL, "from 1k to 4k, or 0"},
    {"least", "5k", NULL, "from 1k to 4k, or 0"},
    {"size", "18446744073709551615G", NULL, "a size such as"},
    {"text", "abc", "abc", NULL},
    {"text", " a ", "\" a \"", NULL},
    {"text", "a\"#", "\"a\\\"#\"", NULL},
    {"text", "", "\"\"", NULL},
    {"text", "abcdef", NULL, "here: 'abcdef' is longer than five"},
    {"text", "a\nb", NULL, "control character"},
    {"text", "a\xff", NULL, "is not UTF-8"},
    {"choice", "high", "high", NULL},
    {"choice", "LOW", "low", NULL},
    {"choice", "lo", NULL, "one of low, middle, high"},
};

static void values_are_taken_or_refused(void **state)
{
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct values values, before;
        struct error error = {0};
        int code;

        memset(&values, 0, sizeof(values));
        assert_int_equal(config_set_defaults(&table, &values, &arena), 0);
        before = values;
        code = set(&values, &arena, cases[i].name, cases[i].text, &error);
        if (cases[i].shown != NULL) {
            if (code != 0)
                fail_msg("%s = %s: %s", cases[i].name, cases[i].text, error.message);
            shows(&values, cases[i].name, 0, cases[i].shown);
            continue;
        }
        if (code != ERROR_USAGE || strstr(error.message, cases[i].message) == NULL)
            fail_msg("%s = %s gives %d: %s", cases[i].name, cases[i].text, code, error.message);
        assert_memory_equal(&values, &before, sizeof(values));
    }
    arena_done(&arena);
}

static void what_is_shown_reads_the_same(void **state)
{
    struct arena arena;
    struct config_target target = {&table, NULL};

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct values values = {0};
        struct buffer line;
        struct error error = {0};

        if (cases[i].shown == NULL)
            continue;
        target.values = &values;
        buffer_init(&line, 0);
        buffer_printf(&line, "%s = %s # a comment\n", cases[i].name, cases[i].shown);
        if (config_read_text(buffer_slice(&line), "f", &target, 1, &arena, &error) != 0)
            fail_msg("%.*s: %s", SLICE_ARG(buffer_slice(&line)), error.message);
        shows(&values, cases[i].name, 0, cases[i].shown);
        buffer_done(&line);
    }
    arena_done(&arena);
}

static void lists_grow_and_are_cleared(void **state)
{
    struct values values = {0};
    struct arena arena;
    char text[16];

    arena_init(&arena);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(set(&values, &arena, "list", text, NULL), 0);
    }
    assert_int_equal(values.list.count, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_string_equal(values.list.values[i], text);
    }
    shows(&values, "list", 999, "999");
    shows(&values, "list", 1000, NULL);
    config_list_clear(config_find(&table, SLICE("list")), &values);
    assert_int_equal(values.list.count, 0);
    config_list_clear(config_find(&table, SLICE("number")), &values);
    arena_done(&arena);
}

static void a_slip_is_understood(void **state)
{
    static const struct {
        const char *typed, *meant;
    } slips[] = {
        {"depht", "depth"},
        {"resolvr", "resolver"},
        {"resolv", "resolver"},
        {"mail_from", "mail-from"},
        {"patiense", "patience"},
        {"hello", "helo"},
        {"zzzzzz", NULL},
        {"x", NULL},
        {"", NULL},
        {"colour", "color"},
    };

    for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
        const char *best = NULL;
        unsigned distance = 0;

        for (size_t k = 0; k < config_common.count; k++)
            config_nearer(slice_from_string(slips[i].typed), config_common.options[k].name, &best,
                          &distance);
        if (slips[i].meant == NULL ? best != NULL
                                   : best == NULL || strcmp(best, slips[i].meant) != 0)
            fail_msg("%s is taken for %s", slips[i].typed, best != NULL ? best : "nothing");
    }
}

/* Every row of the table that everybody uses: complete, and with a default that it allows. */
static void common_rows_are_whole(void **state)
{
    char variable[CONFIG_ENVIRONMENT_NAME_SIZE];
    struct config config = {0};
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(config_set_defaults(&config_common, &config, &arena), 0);
    for (size_t i = 0; i < config_common.count; i++) {
        const struct config_option *option = &config_common.options[i];

        assert_ptr_equal(config_find(&config_common, slice_from_string(option->name)), option);
        assert_non_null(option->help);
        assert_int_equal(option->help[strlen(option->help) - 1], '.');
        assert_true(option->type == CONFIG_BOOL || option->value_name != NULL);
        assert_true((option->type == CONFIG_CHOICE) == (option->choices != NULL));
        assert_true(strncmp(config_environment_name(option, variable), "MAILKNOCK_", 10) == 0);
    }
    assert_string_equal(
        config_environment_name(config_find(&config_common, SLICE("mail-from")), variable),
        "MAILKNOCK_MAIL_FROM");
    arena_done(&arena);
}

static void secrets_stay_secret(void **state)
{
    static const struct config_option secret = {.name = "text",
                                                .type = CONFIG_TEXT,
                                                .offset = offsetof(struct values, text),
                                                .secret = true};
    struct values values = {.text = "hunter2"};
    struct buffer out;

    buffer_init(&out, 0);
    assert_true(config_format_value(&secret, &values, 0, &out));
    assert_true(slice_equal(buffer_slice(&out), SLICE("(secret)")));
    buffer_done(&out);
}

/* In a URL the password is one, whatever option the URL is for. */
static void passwords_of_urls(void **state)
{
    static const struct config_option option = {.name = "text", .type = CONFIG_TEXT};
    static const struct {
        const char *text, *password;
    } urls[] = {
        {"postgresql://knock:hunter2@db.example.org/knock", "hunter2"},
        {"postgresql://knock:a@b:c@db.example.org", "a@b:c"},
        {"postgresql://knock@db.example.org:5432/knock", ""},
        {"postgresql://db.example.org:5432", ""},
        {"sqlite:/var/lib/a:b@c", ""},
        {"x://:p@", "p"},
        {"x://", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct slice found = config_url_password(slice_from_string(urls[i].text));
        const char *text = urls[i].text;
        struct buffer out;

        assert_int_equal(found.len, strlen(urls[i].password));
        assert_memory_equal(found.ptr, urls[i].password, found.len);
        buffer_init(&out, 0);
        assert_true(config_format_value(&option, &text, 0, &out));
        assert_int_equal(slice_equal(buffer_slice(&out), SLICE("(secret)")), found.len > 0);
        buffer_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_taken_or_refused),
        cmocka_unit_test(what_is_shown_reads_the_same),
        cmocka_unit_test(lists_grow_and_are_cleared),
        cmocka_unit_test(a_slip_is_understood),
        cmocka_unit_test(common_rows_are_whole),
        cmocka_unit_test(secrets_stay_secret),
        cmocka_unit_test(passwords_of_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
