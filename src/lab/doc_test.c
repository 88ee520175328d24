/*
 * doc/LAB.md says what the tables say: every row of each, and nothing that is not there.
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
#include "lab/behaviour.h"
#include "lab/file.h"
#include "lab/model.h"
#include "lab/preset.h"
#include "lab/scenario.h"
#include "lab/setup.h"
#include "lab/text.h"

static struct buffer doc;

static int doc_read(void **state)
{
    struct error error = {0};
    const char *root = getenv("MK_SOURCE_ROOT");
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/doc/LAB.md", root != NULL ? root : ".");
    buffer_init(&doc, 0);
    if (lab_file_read(path, &doc, &error) < 0)
        fail_msg("%s", error.message);
    return 0;
}

static int doc_free(void **state)
{
    buffer_done(&doc);
    return 0;
}

/* The text between "## TITLE" and the next heading of that kind. */
static struct slice section(const char *title)
{
    char heading[100];
    struct slice text = buffer_slice(&doc);
    ptrdiff_t at, end;

    (void)snprintf(heading, sizeof(heading), "\n## %s\n", title);
    at = slice_find(text, slice_from_string(heading));
    if (at < 0)
        fail_msg("there is no section %s", title);
    text = slice_from_offset(text, (size_t)at + strlen(heading));
    end = slice_find(text, SLICE("\n## "));
    return end < 0 ? text : slice_prefix(text, (size_t)end);
}

static size_t rows_of(struct slice text)
{
    size_t rows = 0;
    struct slice line;

    while (slice_split(&text, '\n', &line))
        rows += slice_starts_with(line, SLICE("- `"));
    return rows;
}

/* A row "- `CODE`: WORDS". */
static void row_must_stand(struct slice text, const char *code, const char *words)
{
    char row[400];

    (void)snprintf(row, sizeof(row), "- `%s`: %s\n", code, words);
    if (slice_find(text, slice_from_string(row)) < 0)
        fail_msg("missing or different: %s", row);
}

static void directives(void **state)
{
    struct slice text = section("Directives");
    const struct lab_directive *d;
    char code[120];
    size_t i;

    for (i = 0; (d = lab_directive_at(i)) != NULL; i++) {
        (void)snprintf(code, sizeof(code), "%s %s", d->name, d->usage);
        row_must_stand(text, code, d->summary);
    }
    assert_int_equal(rows_of(text), i);
}

static void behaviours(void **state)
{
    struct slice text = section("Behaviours");
    const struct lab_behaviour_kind *kind;
    char usage[LAB_BEHAVIOUR_USAGE_SIZE];
    size_t i;

    for (i = 0; (kind = lab_behaviour_at(i)) != NULL; i++)
        row_must_stand(text, lab_behaviour_usage(kind, usage), kind->summary);
    assert_int_equal(rows_of(text), i);
}

static void texts(void **state)
{
    struct slice text = section("Texts");
    unsigned i;

    for (i = 0; i < LAB_TEXT_COUNT; i++) {
        char words[200];

        (void)snprintf(words, sizeof(words), "`%s`", lab_text_default((enum lab_text)i));
        row_must_stand(text, lab_text_name((enum lab_text)i), words);
    }
    assert_int_equal(rows_of(text), i);
}

static void settings(void **state)
{
    struct slice text = section("Settings");
    const struct lab_setting_kind *kind;
    size_t i;

    for (i = 0; (kind = lab_setting_at(i)) != NULL; i++) {
        char code[120];

        (void)snprintf(code, sizeof(code), "%s %s", kind->name, kind->values);
        row_must_stand(text, code, kind->summary);
    }
    assert_int_equal(rows_of(text), i);
}

/* The names of a line "TITLE: `a`, `b`." in order. */
static void names_must_be(const char *title, const char *const *names, size_t count)
{
    struct slice text = buffer_slice(&doc), name;
    ptrdiff_t at = slice_find(text, slice_from_string(title));
    size_t i = 0;

    if (at < 0)
        fail_msg("there is no line %s", title);
    text = slice_from_offset(text, (size_t)at);
    text = slice_prefix(text, (size_t)slice_find(text, SLICE(".\n")));
    (void)slice_split(&text, '`', &name);
    while (slice_split(&text, '`', &name)) {
        if (i == count || !slice_equal(name, slice_from_string(names[i])))
            fail_msg("%s %.*s, not %s", title, SLICE_ARG(name), i < count ? names[i] : "the end");
        i++;
        if (!slice_split(&text, '`', &name))
            break;
    }
    assert_int_equal(i, count);
}

static void words(void **state)
{
    static const char *const states[] = {
#define X(symbol, name, text) name,
        LAB_MAILBOX_STATES(X)
#undef X
    };
    const char *stages[LAB_STAGE_COUNT], *presets[100];
    size_t count = 0;

    for (unsigned i = 0; i < LAB_STAGE_COUNT; i++)
        stages[i] = lab_stage_name((enum lab_stage)i);
    while (lab_preset_at(count) != NULL && count < ARRAY_LEN(presets)) {
        presets[count] = lab_preset_at(count)->name;
        count++;
    }
    names_must_be("States:", states, ARRAY_LEN(states));
    names_must_be("Stages:", stages, LAB_STAGE_COUNT);
    names_must_be("Presets:", presets, count);
}

/* Every scenario in a ``` block is one. */
static void examples(void **state)
{
    struct slice rest = buffer_slice(&doc);
    ptrdiff_t at;
    size_t count = 0;

    while ((at = slice_find(rest, SLICE("\n```scenario\n"))) >= 0) {
        struct error error = {0};
        struct lab_scenario *scenario;

        rest = slice_from_offset(rest, (size_t)at + sizeof("\n```scenario\n") - 1);
        at = slice_find(rest, SLICE("\n```\n"));
        assert_true(at > 0);
        scenario = lab_scenario_parse(slice_prefix(rest, (size_t)at + 1), &error);
        if (scenario == NULL)
            fail_msg("example %zu: %s", count + 1, error.message);
        lab_scenario_free(scenario);
        count++;
    }
    assert_true(count >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directives), cmocka_unit_test(behaviours), cmocka_unit_test(texts),
        cmocka_unit_test(settings),   cmocka_unit_test(words),      cmocka_unit_test(examples),
    };

    return cmocka_run_group_tests_name("lab-doc", tests, doc_read, doc_free);
}
