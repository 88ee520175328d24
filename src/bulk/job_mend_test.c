/* Tests of results that are put right: of rows that can't be read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/check.h"
#include "bulk/job_carry.h"
#include "bulk/job_mend.h"
#include "bulk/job_outcome.h"
#include "bulk/job_rig.h"

#define SAID "The row can't be read: of itself."

/* A list as an earlier version left it. */
struct subject {
    struct store *store;
    uint64_t id;
    struct store_job job;
    struct arena arena;
    struct bulk_mend mend;
};

static void add_job(struct subject *list, enum store_job_state state)
{
    const struct store_job job = {.state = state, .name = SLICE("list")};

    assert_int_equal(store_job_add(list->store, &job, &list->id, NULL), 0);
}

static void begin_in(struct subject *list, struct store *store, enum store_job_state state)
{
    *list = (struct subject){.store = store};
    arena_init(&list->arena);
    add_job(list, state);
}

static void begin(struct subject *list, enum store_job_state state)
{
    begin_in(list, memory_store(), state);
}

static void end(struct subject *list)
{
    arena_done(&list->arena);
    store_close(list->store);
}

/* A row that was held to have no address, for the reason that is said. */
static void add_row(struct subject *list, const struct store_row *row, struct slice explanation)
{
    const struct store_result result = {
        .row = row->number,
        .status = VERDICT_INVALID,
        .reason = REASON_BAD_SYNTAX,
        .checked_unix_ms = 1000,
        .explanation = explanation,
        .json = explanation.len > 0 ? SLICE("{}") : SLICE_EMPTY,
    };

    assert_int_equal(store_rows_add(list->store, list->id, row, 1, NULL), 0);
    assert_int_equal(store_results_put(list->store, list->id, &result, 1, NULL), 0);
}

static void look_again(struct subject *list)
{
    assert_int_equal(store_job_get(list->store, list->id, &list->arena, &list->job, NULL), 0);
}

/* Row by row, to its end: one is mended. */
static void mend_one(struct subject *list)
{
    int code;

    assert_int_equal(bulk_mend_begin(&list->mend, &list->job, NULL), 1);
    while ((code = bulk_mend_step(&list->mend, 1, NULL)) == 1) {
    }
    assert_int_equal(code, 0);
    assert_int_equal(list->mend.mended, 1);
}

static void read_page(const struct subject *list, const struct store_query *query,
                      struct store_page *ret_page)
{
    store_page_init(ret_page);
    assert_int_equal(store_page_read(list->store, list->id, query, ret_page, NULL), 0);
}

/* Earlier versions held all of them to have no address. */
static void unreadable_rows_are_unknown(void **state)
{
    static const struct {
        struct slice fault, explanation;
        enum verdict_reason reason; /* afterwards */
        const char *address;
    } rows[] = {
        {SLICE("it can't be told which cell is the address"), SLICE(SAID), REASON_NOT_PROBED},
        {SLICE("too few columns: there is none for the address"), SLICE(SAID), REASON_BAD_SYNTAX},
        {SLICE("the object lacks the field"), SLICE(SAID), REASON_BAD_SYNTAX},
        {SLICE(""), SLICE("It has no @."), REASON_BAD_SYNTAX, "a.example"},
        {SLICE("erased on request"), SLICE(""), REASON_BAD_SYNTAX},
    };
    enum {
        COUNT = sizeof(rows) / sizeof(*rows)
    };
    const struct store_query query = {.limit = COUNT, .with_json = true};
    struct store_counts counts;
    struct store_page page;
    struct subject list;

    begin(&list, STORE_JOB_PAUSED);
    for (unsigned i = 0; i < COUNT; i++)
        add_row(&list,
                &(struct store_row){.number = i + 1,
                                    .turn = i,
                                    .address = slice_from_string(rows[i].address),
                                    .fault = rows[i].fault},
                rows[i].explanation);
    look_again(&list);
    bulk_mend_init(&list.mend, list.store);
    mend_one(&list);
    mend_one(&list); /* also once more */
    bulk_mend_done(&list.mend);
    look_again(&list);
    assert_int_equal(store_job_left(&list.job), 0);
    assert_int_equal(store_counts(list.store, list.id, &counts, NULL), 0);
    assert_int_equal(counts.rows[REASON_NOT_PROBED], 1);
    assert_int_equal(counts.rows[REASON_BAD_SYNTAX], COUNT - 1);
    read_page(&list, &query, &page);
    assert_int_equal(page.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        const struct store_result *result = &page.lines[i].result;

        assert_int_equal(result->reason, rows[i].reason);
        assert_int_equal(result->checked_unix_ms, 1000);
        assert_int_equal(result->json.len > 0, rows[i].explanation.len > 0);
    }
    assert_true(slice_starts_with(page.lines[0].result.explanation,
                                  SLICE("The row can't be read: it can't be told")));
    store_page_done(&page);
    end(&list);
}

/* Their cells were held to be addresses that are none, and no row of the list to be unreadable. */
static void cells_with_several_addresses_are_unknown(void **state)
{
    static const struct store_row row = {.number = 1, .address = SLICE("a@x.example; b@x.example")};
    static const struct probe_offline_terms terms = {.unix_ms = 1000};
    static struct bulk_rest rest;
    const struct store_query query = {.limit = 1};
    struct bulk_outcome outcome;
    struct buffer scratch;
    struct store_page page;
    struct subject list;

    begin(&list, STORE_JOB_FINISHED);
    add_row(&list, &row, SLICE("It has two @."));
    look_again(&list);
    assert_int_equal(list.job.faults, 0);
    bulk_mend_init(&list.mend, list.store);
    mend_one(&list);
    assert_int_equal(bulk_mend_begin(&list.mend, &list.job, NULL), 0); /* there is none any more */
    bulk_mend_done(&list.mend);
    look_again(&list);
    assert_int_equal(list.job.faults, 1);
    read_page(&list, &query, &page);
    assert_int_equal(page.lines[0].result.status, VERDICT_UNKNOWN);
    assert_true(slice_starts_with(page.lines[0].result.explanation,
                                  SLICE("The row can't be read: several addresses")));
    page.lines[0].has_result = false;
    buffer_init(&scratch, 0);
    assert_int_equal(bulk_job_rest(&page.lines[0], &terms, &scratch, &rest, &outcome), 0);
    assert_int_equal(outcome.status, VERDICT_UNKNOWN);
    buffer_done(&scratch);
    store_page_done(&page);
    end(&list);
}

/* A list of objects, as an earlier version kept it without its rows' bytes. */
static const char objects[] = "{\"email\":\"a@x\"}\n{\"Email\":\"b@x.example\"}\n"
                              "{\"email\":[\"c@x.example\"]}\n{\"name\":\"D\"}\n"
                              "{\"Email\":\"e@x.example\"}\n{\"email\":[\"f@x.example\"]}\n"
                              "{\"email\":\"g@x.example\"}\n";
static const struct {
    const char *address, *fault;
    bool has_result;
    enum verdict_reason reason; /* afterwards; of a row without result DUPLICATE: none */
} kept[] = {
    {"a@x", "", true, REASON_BAD_SYNTAX},
    {"", "the object lacks the field", true, REASON_NOT_PROBED},
    {"", "", true, REASON_NOT_PROBED},
    {"", "the object lacks the field", true, REASON_BAD_SYNTAX},
    {"", "the object lacks the field", false, REASON_NOT_PROBED},
    {"", "", false, REASON_NOT_PROBED},
    {"g@x.example", "", false, REASON_DUPLICATE},
};

static int open_objects(void *user, struct bulk_reader **ret_reader, struct error *error)
{
    const char *text = user;

    return bulk_reader_open_bytes("a.ndjson", slice_from_string(text), 0, NULL, ret_reader, error);
}

static void add_kept(struct subject *list)
{
    for (unsigned i = 0; i < ARRAY_LEN(kept); i++) {
        const struct store_row row = {.number = i + 1,
                                      .turn = i,
                                      .address = slice_from_string(kept[i].address),
                                      .fault = slice_from_string(kept[i].fault)};

        if (kept[i].has_result)
            add_row(list, &row, SLICE("It is none."));
        else
            assert_int_equal(store_rows_add(list->store, list->id, &row, 1, NULL), 0);
    }
    look_again(list);
}

/* What is mended of them, by this list: how many. */
static uint64_t mend_by(struct subject *list, const char *text)
{
    uint64_t mended;
    int code;

    bulk_mend_init(&list->mend, list->store);
    list->mend.open = text != NULL ? open_objects : NULL;
    list->mend.user = (void *)text;
    list->mend.unix_ms = 2000;
    assert_int_equal(bulk_mend_begin(&list->mend, &list->job, NULL), 1);
    while ((code = bulk_mend_step(&list->mend, 2, NULL)) == 1) {
    }
    assert_int_equal(code, 0);
    mended = list->mend.mended;
    bulk_mend_done(&list->mend);
    return mended;
}

static void rows_are_read_again(void **state)
{
    /* Another list: nothing in it is believed. */
    static const char other[] = "{\"email\":\"b@x\"}\n{\"Email\":\"b@x.example\"}\n";
    const struct store_query query = {.limit = ARRAY_LEN(kept)};
    struct subject list;
    struct store_page page;

    begin(&list, STORE_JOB_PAUSED);
    add_kept(&list);
    assert_int_equal(mend_by(&list, NULL), 0); /* it can't be had */
    assert_int_equal(mend_by(&list, other), 0);
    end(&list);

    begin(&list, STORE_JOB_PAUSED);
    add_kept(&list);
    assert_int_equal(mend_by(&list, objects), 4);
    look_again(&list);
    assert_int_equal(store_job_left(&list.job), 1);
    read_page(&list, &query, &page);
    for (unsigned i = 0; i < ARRAY_LEN(kept); i++) {
        const struct store_line *line = &page.lines[i];

        assert_int_equal(line->has_result, kept[i].reason != REASON_DUPLICATE);
        if (!line->has_result)
            continue;
        assert_int_equal(line->result.reason, kept[i].reason);
        assert_int_equal(line->result.checked_unix_ms, kept[i].has_result ? 1000 : 2000);
    }
    store_page_done(&page);
    end(&list);
}

/* As a service keeps them, with their bytes. */
static void see_kept_rows(struct store *store)
{
    static const struct {
        struct slice raw;
        enum verdict_reason reason; /* of a row without result: none */
    } rows[] = {
        {SLICE("b@x.example"), REASON_NOT_PROBED},
        {SLICE("B"), REASON_BAD_SYNTAX},
        {SLICE("d@x.example"), REASON_NOT_PROBED}, /* from here on without result */
        {SLICE("D"), REASON_DUPLICATE},
    };
    const struct store_query query = {.limit = ARRAY_LEN(rows)};
    struct subject list;
    struct store_page page;

    begin_in(&list, store, STORE_JOB_PAUSED);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct store_row row = {.number = i + 1,
                                      .turn = i,
                                      .fault =
                                          SLICE("too few columns: there is none for the address"),
                                      .raw = rows[i].raw};

        if (i < 2)
            add_row(&list, &row, SLICE(SAID));
        else
            assert_int_equal(store_rows_add(list.store, list.id, &row, 1, NULL), 0);
    }
    look_again(&list);
    assert_int_equal(mend_by(&list, NULL), 2);
    read_page(&list, &query, &page);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(page.lines[i].has_result, rows[i].reason != REASON_DUPLICATE);
        if (page.lines[i].has_result)
            assert_int_equal(page.lines[i].result.reason, rows[i].reason);
    }
    store_page_done(&page);
    end(&list);
}

static void kept_rows_are_read_again(void **state)
{
    char folder[] = "/tmp/mk-mend-test-XXXXXX", path[64], command[64];
    struct store *store;

    see_kept_rows(memory_store());
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/lists.db", folder);
    assert_int_equal(store_open(path, STORE_MODE_CREATE, &store, NULL), 0);
    see_kept_rows(store);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Whatever it gives a row while that is looked for. */
static void lists_that_run_are_mended(void **state)
{
    static const struct store_row row = {
        .number = 1,
        .fault = SLICE("too few columns: there is none for the address"),
        .raw = SLICE("a@x.example"),
    };
    static const struct store_result result = {
        .row = 1,
        .status = VERDICT_INVALID,
        .reason = REASON_BAD_SYNTAX,
        .explanation = SLICE(SAID),
    };
    const struct store_query query = {.limit = 1};

    for (unsigned steps = 0; steps < 2; steps++) { /* before the result comes */
        struct subject list;
        struct store_page page;
        unsigned done = 0;

        begin(&list, STORE_JOB_RUNNING);
        assert_int_equal(store_rows_add(list.store, list.id, &row, 1, NULL), 0);
        look_again(&list);
        bulk_mend_init(&list.mend, list.store);
        assert_int_equal(bulk_mend_begin(&list.mend, &list.job, NULL), 1);
        do {
            if (done == steps)
                assert_int_equal(store_results_put(list.store, list.id, &result, 1, NULL), 0);
            done++;
        } while (bulk_mend_step(&list.mend, 10, NULL) == 1);
        assert_int_equal(done, 2);
        bulk_mend_done(&list.mend);
        read_page(&list, &query, &page);
        assert_int_equal(page.lines[0].result.reason, REASON_NOT_PROBED);
        store_page_done(&page);
        end(&list);
    }
}

/* They were part of it: what is left may be anybody's, and is asked where somebody asks. */
static void blanks_around_an_address_are_none_of_it(void **state)
{
    static const struct store_row rows[] = {
        {.number = 1, .address = SLICE("\xc2\xa0\"a@x.org\"")},
        {.number = 2, .address = SLICE("\xc2\xa0x.org")},
    };
    const struct store_query query = {.limit = 2};

    for (int asks_again = 0; asks_again < 2; asks_again++) {
        struct subject list;
        struct store_page page;

        begin(&list, STORE_JOB_FINISHED);
        for (unsigned i = 0; i < 2; i++)
            add_row(&list, &rows[i], SLICE("It has a strange character."));
        look_again(&list);
        bulk_mend_init(&list.mend, list.store);
        list.mend.asks_again = asks_again;
        assert_int_equal(bulk_mend_begin(&list.mend, &list.job, NULL), 1);
        assert_int_equal(bulk_mend_step(&list.mend, 10, NULL), 0);
        assert_int_equal(list.mend.mended, !asks_again);
        assert_int_equal(list.mend.forgotten, asks_again);
        bulk_mend_done(&list.mend);
        read_page(&list, &query, &page);
        assert_int_equal(page.lines[0].has_result, !asks_again);
        if (!asks_again)
            assert_int_equal(page.lines[0].result.status, VERDICT_UNKNOWN);
        assert_int_equal(page.lines[1].result.reason, REASON_BAD_SYNTAX);
        store_page_done(&page);
        end(&list);
    }
}

/* Nobody is asked for what another row knows. */
static void addresses_are_known_from_other_rows(void **state)
{
    static const struct {
        const char *address;
        enum verdict_reason reason; /* DUPLICATE: none, so far */
        bool is_given;
    } rows[] = {
        {"a@x.example", REASON_ACCEPTED, false},    {"'a@x.example'", REASON_DUPLICATE, true},
        {"'b@x.example'", REASON_DUPLICATE, false}, {"\va@x.example", REASON_DUPLICATE, true},
        {"'c@x.example'", REASON_DUPLICATE, false}, {"c@x.example", REASON_DUPLICATE, false},
        {"d@x.example", REASON_BAD_SYNTAX, false},  {"'d@x.example'", REASON_DUPLICATE, false},
    };
    const struct store_query query = {.limit = ARRAY_LEN(rows)};
    struct subject list;
    struct store_page page;
    uint64_t carried = 0;

    begin(&list, STORE_JOB_PAUSED);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct slice address = slice_from_string(rows[i].address);
        const struct store_row row = {
            .number = i + 1, .turn = i, .address = address, .key = bulk_job_key_hash(address)};
        const struct store_result result = {.row = i + 1,
                                            .reason = rows[i].reason,
                                            .status = verdict_reason_status(rows[i].reason),
                                            .explanation = SLICE(SAID)};

        assert_int_equal(store_rows_add(list.store, list.id, &row, 1, NULL), 0);
        if (rows[i].reason != REASON_DUPLICATE)
            assert_int_equal(store_results_put(list.store, list.id, &result, 1, NULL), 0);
    }
    for (int i = 0; i < 2; i++) { /* also once more */
        assert_int_equal(
            bulk_job_carry_within(list.store, list.id, BULK_DEDUPE_EXACT, &carried, NULL), 0);
        assert_int_equal(carried, i == 0 ? 2 : 0);
    }
    read_page(&list, &query, &page);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(page.lines[i].has_result,
                         rows[i].is_given || rows[i].reason != REASON_DUPLICATE);
        if (rows[i].is_given)
            assert_int_equal(page.lines[i].result.reason, REASON_ACCEPTED);
    }
    store_page_done(&page);
    end(&list);
}

/* Each list is looked at once, also where the walk was ended between two of them. */
static void what_was_mended_is_remembered(void **state)
{
    static const struct store_row row = {.number = 1, .address = SLICE("a.example")};
    static const uint64_t afters[] = {0, 0, 1, 3, 3};
    struct subject list;
    uint64_t after;

    begin(&list, STORE_JOB_FINISHED);
    add_row(&list, &row, SLICE("It has no @."));
    add_job(&list, STORE_JOB_FINISHED);
    add_row(&list, &row, SLICE("It has no @."));
    add_job(&list, STORE_JOB_FINISHED); /* nothing is wrong in it */
    assert_int_equal(list.id, 3);
    for (unsigned i = 0; i < 5; i++) {
        bulk_mend_init(&list.mend, list.store);
        assert_int_equal(bulk_mend_recall(&list.mend, &after, NULL), 0);
        assert_int_equal(after, afters[i]);
        for (list.id = after + 1; list.id <= 3; list.id++) {
            look_again(&list);
            assert_int_equal(bulk_mend_begin(&list.mend, &list.job, NULL), list.id < 3);
            if (i == 0) /* killed before it looked */
                break;
            if (list.id < 3)
                assert_int_equal(bulk_mend_step(&list.mend, 10, NULL), 0);
            if (i == 1)
                break;
        }
        assert_int_equal(bulk_mend_keep(&list.mend, NULL), 0);
        bulk_mend_done(&list.mend);
    }
    end(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreadable_rows_are_unknown),
        cmocka_unit_test(cells_with_several_addresses_are_unknown),
        cmocka_unit_test(rows_are_read_again),
        cmocka_unit_test(kept_rows_are_read_again),
        cmocka_unit_test(lists_that_run_are_mended),
        cmocka_unit_test(blanks_around_an_address_are_none_of_it),
        cmocka_unit_test(addresses_are_known_from_other_rows),
        cmocka_unit_test(what_was_mended_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
