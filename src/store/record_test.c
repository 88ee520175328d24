/* One suite over every store: notes, and records of mailboxes and domains. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "store/store_rig.h"

static void notes_are_kept_in_order_and_expire(void **state)
{
    struct bench *bench = *state;
    static const char *const ids[] = {"b", "a", "ab", "c"};
    struct slice id = SLICE_EMPTY, body;
    struct arena arena;
    char walked[64] = "";

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_int_equal(store_note_put(bench->store, "key", ids[i], slice_from_string(ids[i]),
                                        i == 2 ? 500 : 0, NULL),
                         0);
    assert_int_equal(store_note_put(bench->store, "kez", "a", SLICE("other"), 0, NULL), 0);
    assert_int_equal(store_note_put(bench->store, "kex", "z", SLICE("other"), 0, NULL), 0);
    assert_int_equal(store_note_put(bench->store, "key", "b", SLICE("b\0b"), 0, NULL), 0);
    open_again(bench, STORE_MODE_CREATE);
    if (bench->is_memory) { /* it forgets: say it again */
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            store_note_put(bench->store, "key", ids[i], slice_from_string(ids[i]), i == 2 ? 500 : 0,
                           NULL);
        store_note_put(bench->store, "key", "b", SLICE("b\0b"), 0, NULL);
        store_note_put(bench->store, "kez", "a", SLICE("other"), 0, NULL);
        store_note_put(bench->store, "kex", "z", SLICE("other"), 0, NULL);
    }
    while (store_note_next(bench->store, "key", id, &arena, &id, &body, NULL) == 1)
        snprintf(walked + strlen(walked), sizeof(walked) - strlen(walked), "%.*s ", SLICE_ARG(id));
    assert_string_equal(walked, "a ab b c ");
    assert_int_equal(store_note_get(bench->store, "key", "b", &arena, &body, NULL), 0);
    assert_true(slice_equal(body, SLICE("b\0b")));
    assert_int_equal(store_note_expire(bench->store, 499, 10, NULL), 0);
    assert_int_equal(store_note_expire(bench->store, 500, 10, NULL), 1);
    assert_int_equal(store_note_get(bench->store, "key", "ab", &arena, &body, NULL),
                     ERROR_NOT_FOUND);
    assert_int_equal(store_note_remove(bench->store, "key", "a", NULL), 0);
    assert_int_equal(store_note_remove(bench->store, "key", "a", NULL), 0);
    assert_int_equal(store_note_get(bench->store, "key", "a", &arena, &body, NULL),
                     ERROR_NOT_FOUND);
    assert_int_equal(store_note_get(bench->store, "kez", "a", &arena, &body, NULL), 0);
    arena_done(&arena);
}

static void notes_have_a_mark(void **state)
{
    struct bench *bench = *state;
    uint64_t before, same, after;

    assert_int_equal(store_notes_mark(bench->store, "key", &before, NULL), 0);
    for (unsigned i = 0; i < 6; i++) {
        const char *id = i % 2 == 0 ? "a" : "b";
        struct slice body = slice_from_string(i < 2 ? "x" : "y");

        if (i < 4)
            assert_int_equal(store_note_put(bench->store, "key", id, body, 0, NULL), 0);
        else
            assert_int_equal(store_note_remove(bench->store, "key", id, NULL), 0);
        assert_int_equal(store_note_put(bench->store, "other", id, body, 0, NULL), 0);
        assert_int_equal(store_notes_mark(bench->store, "key", &after, NULL), 0);
        assert_int_equal(store_notes_mark(bench->store, "key", &same, NULL), 0);
        assert_true(after != before);
        assert_true(after == same);
        before = after;
    }
}

static void a_note_is_changed_only_as_it_was_read(void **state)
{
    struct bench *bench = *state;
    struct store *store = bench->store, *other = store;
    struct slice body;
    struct arena arena;

    if (!bench->is_memory)
        assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    arena_init(&arena);
    /* Both saw nothing; the other is quicker. */
    assert_int_equal(store_note_change(other, "list", "a", SLICE_EMPTY, SLICE("x"), NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE_EMPTY, SLICE("y"), NULL), 0);
    assert_int_equal(store_note_get(store, "list", "a", &arena, &body, NULL), 0);
    assert_true(slice_equal(body, SLICE("x")));
    /* Said twice, since the answer was lost. */
    assert_int_equal(store_note_change(other, "list", "a", SLICE_EMPTY, SLICE("x"), NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE("x"), SLICE("xy"), NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE("x"), SLICE("xy"), NULL), 1);
    assert_int_equal(store_note_change(other, "list", "a", SLICE("x"), SLICE("xz"), NULL), 0);
    assert_int_equal(store_note_change(other, "list", "b", SLICE("x"), SLICE("z"), NULL), 0);
    assert_int_equal(store_note_get(store, "list", "b", &arena, &body, NULL), ERROR_NOT_FOUND);
    assert_int_equal(store_note_change(other, "list", "a", SLICE("xy"), SLICE_EMPTY, NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE_EMPTY, SLICE("w"), NULL), 1);
    assert_int_equal(store_note_get(other, "list", "a", &arena, &body, NULL), 0);
    assert_true(slice_equal(body, SLICE("w")));
    arena_done(&arena);
    if (other != store)
        store_close(other);
}

static struct store_record record_of(const char *key, int64_t checked, int64_t expires,
                                     bool is_proof, const char *body)
{
    return (struct store_record){
        .kind = STORE_RECORD_MAILBOX,
        .key = slice_from_string(key),
        .group = SLICE("a.example"),
        .value = 7,
        .is_proof = is_proof,
        .checked_unix_ms = checked,
        .expires_unix_ms = expires,
        .body = slice_from_string(body),
    };
}

/* What is kept after a second record, of what a first one says. */
static void a_failure_never_takes_the_place_of_a_proof(void **state)
{
    static const struct {
        const char *what;
        int64_t checked, expires;
        bool is_proof;
        int64_t checked_2;
        bool is_proof_2;
        const char *kept;
        uint32_t failures;
    } rows[] = {
        {"a later proof replaces a proof", 100, 500, true, 200, true, "second", 0},
        {"an older proof does not", 100, 500, true, 99, true, "first", 0},
        {"a failure is counted beside a proof", 100, 500, true, 200, false, "first", 1},
        {"not twice at the same moment", 100, 500, true, 200, false, "first", 1},
        {"an older failure is not", 100, 500, true, 99, false, "first", 0},
        {"a failure replaces an expired proof", 100, 500, true, 500, false, "second", 0},
        {"a failure replaces a failure", 100, 500, false, 200, false, "second", 0},
        {"a proof replaces a failure", 100, 500, false, 200, true, "second", 0},
    };
    struct bench *bench = *state;
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct store_record both[] = {
            record_of("k", rows[i].checked, rows[i].expires, rows[i].is_proof, "first"),
            record_of("k", rows[i].checked_2, 900, rows[i].is_proof_2, "second"),
        };
        struct store_record got;

        (void)store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("k"), NULL);
        assert_int_equal(store_records_put(bench->store, both, 2, NULL), 0);
        assert_int_equal(store_records_put(bench->store, &both[1], 1, NULL), 0);
        assert_int_equal(
            store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("k"), &arena, &got, NULL),
            1);
        if (!slice_equal(got.body, slice_from_string(rows[i].kept)) ||
            got.failures != rows[i].failures)
            fail_msg("%s: kept %.*s, %u failures", rows[i].what, SLICE_ARG(got.body), got.failures);
        assert_int_equal(got.failed_unix_ms, rows[i].failures > 0 ? rows[i].checked_2 : 0);
        assert_true(slice_equal(got.group, SLICE("a.example")));
        assert_int_equal(got.value, 7);
    }
    arena_done(&arena);
}

static void records_are_walked_counted_and_removed(void **state)
{
    struct bench *bench = *state;
    struct store_record_total total;
    struct store_record record = record_of("b\0b", 1, 10, true, "body");
    struct store_record got = {.key = SLICE_EMPTY};
    struct arena arena;
    char found[16] = "";

    arena_init(&arena);
    record.key = SLICE("b\0b");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    for (const char *at = "dac"; *at != '\0'; at++) {
        record.key = slice_from(at, 1);
        record.group = *at == 'c' ? SLICE("c.example") : SLICE_EMPTY;
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    }
    record.kind = STORE_RECORD_BOUNCE;
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    if (!bench->is_memory)
        open_again(bench, STORE_MODE_EXISTING);
    while (store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE_EMPTY, got.key, &arena, &got,
                             NULL) == 1)
        strncat(found, got.key.ptr, 1);
    assert_string_equal(found, "abcd");
    assert_int_equal(store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE("c.example"),
                                       SLICE_EMPTY, &arena, &got, NULL),
                     1);
    assert_true(slice_equal(got.key, SLICE("c")));
    assert_int_equal(store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE("c.example"),
                                       got.key, &arena, &got, NULL),
                     0);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 4);
    assert_in_range(total.bytes, 4 * STORE_RECORD_OVERHEAD, 4 * (STORE_RECORD_OVERHEAD + 40));
    assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("b\0b"), NULL),
                     1);
    assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("b\0b"), NULL),
                     0);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 3);
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_BOUNCE, SLICE("c"), &arena, &got, NULL), 1);
    arena_done(&arena);
}

static void records_of_several_kinds_are_read_at_once(void **state)
{
    struct bench *bench = *state;
    struct store_record put[3], got[STORE_RECORD_KIND_COUNT];
    struct arena arena;
    unsigned found = 77;

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(put); i++)
        put[i] = record_of("a", 1, 10, true, "of a");
    put[1].kind = STORE_RECORD_COMPLAINT;
    put[1].body = SLICE("angry");
    put[2].key = SLICE("b");
    put[2].kind = STORE_RECORD_BOUNCE;
    assert_int_equal(store_records_put(bench->store, put, ARRAY_LEN(put), NULL), 0);
    for (unsigned kinds = 0; kinds < 1U << STORE_RECORD_KIND_COUNT; kinds++) {
        const unsigned there = 1U << STORE_RECORD_MAILBOX | 1U << STORE_RECORD_COMPLAINT;

        assert_int_equal(
            store_records_get(bench->store, kinds, SLICE("a"), &arena, got, &found, NULL), 0);
        assert_int_equal(found, kinds & there);
        if ((found >> STORE_RECORD_MAILBOX & 1) != 0)
            assert_true(slice_equal(got[STORE_RECORD_MAILBOX].body, SLICE("of a")));
        if ((found >> STORE_RECORD_COMPLAINT & 1) != 0) {
            assert_int_equal(got[STORE_RECORD_COMPLAINT].kind, STORE_RECORD_COMPLAINT);
            assert_true(slice_equal(got[STORE_RECORD_COMPLAINT].body, SLICE("angry")));
        }
    }
    arena_done(&arena);
}

/* Whatever was said to be expected, what is read is what is there. */
static void records_that_are_expected_are_those_that_are_there(void **state)
{
    struct bench *bench = *state;
    const struct store_record_name names[] = {
        {STORE_RECORD_MAILBOX, SLICE("a")}, {STORE_RECORD_BOUNCE, SLICE("a")},
        {STORE_RECORD_MAILBOX, SLICE("b")}, {STORE_RECORD_MAILBOX, SLICE("c")},
        {STORE_RECORD_MAILBOX, SLICE("c")},
    };
    struct store_record record = record_of("a", 1, 10, true, "first"), got;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    record = record_of("c", 1, 10, true, "of c");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    store_records_expect(bench->store, names, ARRAY_LEN(names));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(
            store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("a"), &arena, &got, NULL),
            1);
        assert_true(slice_equal(got.body, SLICE("first")));
        assert_true(slice_equal(got.key, SLICE("a")));
        assert_int_equal(
            store_record_get(bench->store, STORE_RECORD_BOUNCE, SLICE("a"), &arena, &got, NULL), 0);
    }
    /* What changes meanwhile is not answered as it was. */
    store_records_expect(bench->store, names, ARRAY_LEN(names));
    record = record_of("b", 1, 10, true, "new");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    record = record_of("a", 2, 10, true, "second");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("c"), NULL), 1);
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("b"), &arena, &got, NULL), 1);
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("a"), &arena, &got, NULL), 1);
    assert_true(slice_equal(got.body, SLICE("second")));
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("c"), &arena, &got, NULL), 0);
    arena_done(&arena);
}

/* A walk over more than is read at once, while some of what it will meet changes. */
static void a_long_walk_meets_every_record_as_it_is(void **state)
{
    struct bench *bench = *state;
    struct store_record record, got = {.key = SLICE_EMPTY};
    struct arena arena;
    char key[16];
    unsigned seen = 0;

    arena_init(&arena);
    for (unsigned i = 0; i < 150; i++) {
        snprintf(key, sizeof(key), "k%03u", i);
        record = record_of(key, 1, 10, true, "body");
        record.group = SLICE("g.example");
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    }
    while (store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE("g.example"), got.key,
                             &arena, &got, NULL) == 1) {
        snprintf(key, sizeof(key), "k%03u", seen);
        assert_true(slice_equal(got.key, slice_from_string(key)));
        if (seen == 20) { /* of those that come, one goes; and so does the one we stand on */
            assert_int_equal(
                store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("k021"), NULL), 1);
            assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, got.key, NULL),
                             1);
            seen++;
        }
        seen++;
    }
    assert_int_equal(seen, 150);
    arena_done(&arena);
}

static void records_expire_oldest_first_and_keep_below_a_size(void **state)
{
    struct bench *bench = *state;
    struct store_record_total total;
    char key[16], body[201];

    memset(body, 'x', 200);
    body[200] = '\0';
    for (int i = 0; i < 100; i++) {
        struct store_record record;

        snprintf(key, sizeof(key), "k%02d", i * 37 % 100);
        record = record_of(key, 1, 1000 + i * 37 % 100, true, body);
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
        record.is_proof = true; /* replaced by itself: counted once */
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    }
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 100);
    assert_int_equal(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 999, UINT64_MAX, 1000, NULL), 0);
    assert_int_equal(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 1009, UINT64_MAX, 4, NULL), 4);
    assert_int_equal(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 1009, UINT64_MAX, 1000, NULL), 6);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 90);
    assert_in_range(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 1009, total.bytes / 2, 1000, NULL),
        44, 46);
    for (int i = 0; i < 100; i++) {
        struct store_record got;
        struct arena arena;

        arena_init(&arena);
        snprintf(key, sizeof(key), "k%02d", i);
        if (i < 54 || i >= 56)
            assert_int_equal(store_record_get(bench->store, STORE_RECORD_MAILBOX,
                                              slice_from_string(key), &arena, &got, NULL),
                             i >= 56);
        arena_done(&arena);
    }
}

#define SUITE(each)                                                                                \
    each(notes_are_kept_in_order_and_expire), each(notes_have_a_mark),                             \
        each(a_note_is_changed_only_as_it_was_read),                                               \
        each(a_failure_never_takes_the_place_of_a_proof),                                          \
        each(records_are_walked_counted_and_removed),                                              \
        each(records_of_several_kinds_are_read_at_once),                                           \
        each(records_that_are_expected_are_those_that_are_there),                                  \
        each(a_long_walk_meets_every_record_as_it_is),                                             \
        each(records_expire_oldest_first_and_keep_below_a_size)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUITE(EVERYWHERE),
    };
    const struct CMUnitTest shared[] = {SUITE(IN_POSTGRES)};

    return store_rig_main(argc, argv, tests, ARRAY_LEN(tests), shared, ARRAY_LEN(shared));
}
