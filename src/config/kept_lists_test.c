/* Lists in a store: read, added to those of files, and noticed when they change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/kept_lists.h"

static void keep(struct store *store, const char *list, const char *text)
{
    assert_int_equal(store_note_put(store, KEPT_LISTS_NOTE, list, slice_from_string(text), 0, NULL),
                     0);
}

static unsigned matches(const struct lists_operator *lists, const char *local, const char *domain)
{
    return lists_operator_match(lists, slice_from_string(local), slice_from_string(domain));
}

static void kept_lists_join_the_others(void **state)
{
    struct lists_operator *lists = lists_operator_new();
    struct error error = {0};
    struct store *store;

    (void)state;
    assert_non_null(lists);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    assert_int_equal(
        lists_operator_load(lists, LISTS_OPERATOR_BLOCK, SLICE("file.example\n"), NULL), 0);
    assert_int_equal(kept_lists_add(store, lists, &error), 0);
    assert_int_equal(matches(lists, "ann", "kept.example"), 0);
    keep(store, "opt_out", "ann@kept.example # wrote to us\n");
    keep(store, "not_disposable", "kept.example");
    assert_int_equal(kept_lists_add(store, lists, &error), 0);
    assert_int_equal(matches(lists, "ann", "kept.example"),
                     1u << LISTS_OPERATOR_OPT_OUT | 1u << LISTS_OPERATOR_NOT_DISPOSABLE);
    assert_int_equal(matches(lists, "bob", "kept.example"), 1u << LISTS_OPERATOR_NOT_DISPOSABLE);
    assert_int_equal(matches(lists, "bob", "file.example"), 1u << LISTS_OPERATOR_BLOCK);
    keep(store, "trap", "ok.example\nnot a domain\n");
    assert_int_equal(kept_lists_add(store, lists, &error), ERROR_FORMAT);
    store_close(store);
    lists_operator_free(lists);
}

static void a_change_is_noticed(void **state)
{
    static const struct {
        const char *list, *text;
    } changes[] = {
        {"opt_out", "a@x.example\n"}, {"opt_out", "b@x.example\n"},
        {"block", "a@x.example\n"},   {"opt_out", ""},
        {"not_disposable", "z.zz\n"}, {"block", ""},
    };
    struct store *store;
    uint64_t before, same, after;

    (void)state;
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    assert_int_equal(kept_lists_stamp(store, &before, NULL), 0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        keep(store, changes[i].list, changes[i].text);
        assert_int_equal(kept_lists_stamp(store, &after, NULL), 0);
        assert_int_equal(kept_lists_stamp(store, &same, NULL), 0);
        assert_true(after != before);
        assert_true(after == same);
        before = after;
    }
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_lists_join_the_others),
        cmocka_unit_test(a_change_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
