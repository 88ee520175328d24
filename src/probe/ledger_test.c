/* Tests of the ledger: what one process opened counts for the next, and nothing else does for long.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/random.h"
#include "probe/ledger.h"

#define PER_MINUTE 5

static char folder[] = "/tmp/mk-ledger-XXXXXX";
static char path[64];

/* When a site that was met at now_ms may be asked. */
static uint64_t next_open(struct probe_ledger *ledger, const char *site, uint64_t now_ms)
{
    const struct provider_limits ceiling = {PER_MINUTE, PER_MINUTE, 1, 1, 0, 0};
    struct probe_limits limits;
    uint64_t at;

    assert_int_equal(probe_limits_init(&limits, &ceiling), 0);
    probe_ledger_recall(ledger, site, now_ms, &limits);
    at = probe_limits_next_open(&limits, now_ms);
    probe_limits_done(&limits);
    return at;
}

static struct probe_ledger *open_at(const char *boot, size_t slots, uint64_t now_ms)
{
    struct probe_ledger *ledger = NULL;
    struct error error = {0};

    if (probe_ledger_open(path, slots, boot, now_ms, &ledger, &error) != 0)
        fail_msg("%s", error.message);
    return ledger;
}

static void note(struct probe_ledger *ledger, const char *site, unsigned times, uint64_t now_ms)
{
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(probe_ledger_note(ledger, site, now_ms), 0);
}

static void what_was_opened_counts_for_a_minute(void **state)
{
    const uint64_t t = 5 * MINUTE_MS;
    struct probe_ledger *ledger = open_at("a", 0, t);

    assert_int_equal(next_open(ledger, "busy", t), t);
    note(ledger, "busy", 2, t);
    note(ledger, "other", 1, t + 10);
    note(ledger, "busy", PER_MINUTE - 2, t + 20000);
    note(ledger, "nearly", PER_MINUTE - 1, t + 20000);
    assert_int_equal(next_open(ledger, "busy", t + 21000), t + 21000); /* its own: not by this */
    probe_ledger_close(ledger);

    ledger = open_at("a", 0, t + 30000);
    assert_int_equal(next_open(ledger, "busy", t + 30000), t + PROBE_LIMITS_WINDOW_MS);
    assert_int_equal(next_open(ledger, "nearly", t + 30000), t + 30000);
    assert_int_equal(next_open(ledger, "unheard-of", t + 30000), t + 30000);
    note(ledger, "nearly", 1, t + 40000);
    probe_ledger_close(ledger);

    ledger = open_at("a", 0, t + 70000);
    assert_int_equal(next_open(ledger, "busy", t + 70000), t + 70000); /* two of them are too old */
    assert_int_equal(next_open(ledger, "nearly", t + 70000), t + 20000 + PROBE_LIMITS_WINDOW_MS);
    /* Met later, when all of it is forgotten. */
    assert_int_equal(next_open(ledger, "nearly", t + 140000), t + 140000);
    assert_int_equal(next_open(ledger, "busy", t + 140001), t + 140001);
    probe_ledger_close(ledger);
}

/* A connection that could not be made, for want of descriptors: nobody has seen it. */
static void what_was_not_opened_is_taken_back(void **state)
{
    const uint64_t t = 5 * MINUTE_MS;
    struct probe_ledger *ledger = open_at("a", 4, t);

    note(ledger, "busy", PER_MINUTE - 2, t); /* of four slots three */
    for (unsigned i = 0; i < 10; i++) {
        note(ledger, "busy", 1, t + 1000 * i);
        probe_ledger_take_back(ledger);
    }
    probe_ledger_close(ledger);
    ledger = open_at("a", 4, t + 10000);
    assert_int_equal(next_open(ledger, "busy", t + 10000), t + 10000);
    note(ledger, "other", 1, t + 10000);
    note(ledger, "other", 1, t + 11000); /* the ring is full: one that counts is overwritten ... */
    probe_ledger_take_back(ledger);      /* ... and comes back, with what its loss held */
    probe_ledger_close(ledger);
    ledger = open_at("a", 4, t + 20000);
    assert_int_equal(next_open(ledger, "busy", t + 20000), t + 20000);
    note(ledger, "busy", 1, t + 20000);
    probe_ledger_close(ledger);
    ledger = open_at("a", 4, t + 20000);
    assert_int_equal(next_open(ledger, "third", t + 20000), t + PROBE_LIMITS_WINDOW_MS);
    probe_ledger_close(ledger);
}

static void before_the_machine_started_anything_may_have_been(void **state)
{
    struct probe_ledger *ledger = open_at("a", 0, HOUR_MS);

    note(ledger, "busy", 1, HOUR_MS);
    probe_ledger_close(ledger);
    ledger = open_at("b", 0, 20000);
    assert_int_equal(next_open(ledger, "busy", 20000), PROBE_LIMITS_WINDOW_MS);
    assert_int_equal(next_open(ledger, "other", 30000), PROBE_LIMITS_WINDOW_MS);
    probe_ledger_close(ledger);
    ledger = open_at("b", 0, 25000); /* and killed again */
    assert_int_equal(next_open(ledger, "other", 30000), PROBE_LIMITS_WINDOW_MS);
    probe_ledger_close(ledger);
    ledger = open_at("c", 0, 90000);
    assert_int_equal(next_open(ledger, "busy", 90000), 90000);
    probe_ledger_close(ledger);
}

/* A machine whose starts cannot be told apart: what is of another one holds for a minute, once. */
static void times_to_come_hold_a_minute(void **state)
{
    const uint64_t before = 100 * 24 * HOUR_MS, t = 5 * MINUTE_MS;
    static const char *const boots[] = {"a", ""};

    for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
        struct probe_ledger *ledger;

        (void)unlink(path);
        ledger = open_at(boots[i], 4, before);
        note(ledger, "busy", 9, before); /* full, and more: the head holds, too */
        probe_ledger_close(ledger);
        ledger = open_at(boots[i], 4, t); /* the clock is lower */
        assert_int_equal(next_open(ledger, "other", t), t + PROBE_LIMITS_WINDOW_MS);
        note(ledger, "busy", 1, t + 2 * MINUTE_MS);
        probe_ledger_close(ledger);
        for (uint64_t now = t + 4 * MINUTE_MS; now < t + HOUR_MS; now += 20 * MINUTE_MS) {
            ledger = open_at(boots[i], 4, now);
            assert_int_equal(next_open(ledger, "busy", now),
                             boots[i][0] == '\0' ? now + PROBE_LIMITS_WINDOW_MS : now);
            note(ledger, "busy", 1, now + MINUTE_MS);
            probe_ledger_close(ledger);
        }
    }
}

/* An older build may not have known the start; what it wrote may be of this one. */
static void of_an_unknown_start_it_may_be_any(void **state)
{
    struct probe_ledger *ledger = open_at("", 10, HOUR_MS);

    note(ledger, "busy", PER_MINUTE, HOUR_MS);
    probe_ledger_close(ledger);
    ledger = open_at("a", 10, HOUR_MS + 1000);
    assert_true(next_open(ledger, "busy", HOUR_MS + 1000) >= HOUR_MS + PROBE_LIMITS_WINDOW_MS);
    probe_ledger_close(ledger);
}

static void what_cannot_be_read_holds_everything(void **state)
{
    static const struct {
        long at;
        const char *bytes;
        long cut;
    } rows[] = {{0, "x", -1}, {0, "", 20}, {0, "", 1000}, {56, "\377\377\377\377\377", -1}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe_ledger *ledger;
        FILE *file;

        (void)unlink(path);
        ledger = open_at("a", 100, HOUR_MS);
        note(ledger, "busy", 1, HOUR_MS);
        probe_ledger_close(ledger);
        file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, rows[i].at, SEEK_SET), 0);
        (void)fputs(rows[i].bytes, file);
        assert_int_equal(fclose(file), 0);
        if (rows[i].cut >= 0)
            assert_int_equal(truncate(path, rows[i].cut), 0);
        ledger = open_at("a", 100, HOUR_MS + 1000);
        assert_int_equal(next_open(ledger, "other", HOUR_MS + 1000),
                         HOUR_MS + 1000 + PROBE_LIMITS_WINDOW_MS);
        probe_ledger_close(ledger);
        ledger = open_at("a", 100, HOUR_MS + 2 * MINUTE_MS);
        assert_int_equal(next_open(ledger, "other", HOUR_MS + 2 * MINUTE_MS),
                         HOUR_MS + 2 * MINUTE_MS);
        probe_ledger_close(ledger);
    }
}

/*
 * Against a record of everything, with processes that end at any time: never is more allowed, and
 * where the ring is large enough, never less.
 */
static void never_more_is_allowed(void **state)
{
    enum {
        OPENINGS = 4000,
        SITES = 6
    };
    uint64_t *times = memory_zalloc(OPENINGS * SITES, sizeof(*times));
    uint64_t seed = (uint64_t)getpid(), now = HOUR_MS;
    size_t counts[SITES] = {0};
    struct random random;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&random, seed);
    for (unsigned round = 0; round < 400; round++) {
        bool is_small = round % 100 >= 50;
        struct probe_ledger *ledger;

        if (round % 50 == 0) {
            (void)unlink(path);
            memset(counts, 0, sizeof(counts));
            now += HOUR_MS;
        }
        ledger = open_at("a", is_small ? 8 : 100, now);
        for (unsigned i = 0; i < SITES; i++) {
            char site[2] = {(char)('a' + i), '\0'};
            uint64_t at = next_open(ledger, site, now);
            uint64_t true_at =
                counts[i] >= PER_MINUTE
                    ? times[i * OPENINGS + counts[i] - PER_MINUTE] + PROBE_LIMITS_WINDOW_MS
                    : 0;

            true_at = true_at > now ? true_at : now;
            assert_true(at >= true_at);
            if (!is_small)
                assert_int_equal(at, true_at);
        }
        for (unsigned left = (unsigned)random_below(&random, 12); left > 0; left--) {
            unsigned i = (unsigned)random_below(&random, SITES);
            char site[2] = {(char)('a' + i), '\0'};

            note(ledger, site, 1, now);
            times[i * OPENINGS + counts[i]++] = now;
            now += random_below(&random, 3000);
        }
        probe_ledger_close(ledger);
        now += random_below(&random, 20000);
    }
    memory_free(times);
}

static void rest(struct probe_ledger *ledger, const char *site, uint64_t until_ms, uint64_t span_ms,
                 uint64_t now_ms)
{
    const struct probe_breaker breaker = {.until_ms = until_ms, .span_ms = (uint32_t)span_ms};

    probe_ledger_rest(ledger, site, &breaker, now_ms);
}

static struct probe_breaker recalled(const struct probe_ledger *ledger, const char *site,
                                     uint64_t now_ms)
{
    struct probe_breaker breaker = {0};

    probe_ledger_recall_rest(ledger, site, now_ms, &breaker);
    return breaker;
}

static uint64_t rests_until(const struct probe_ledger *ledger, const char *site, uint64_t now_ms)
{
    return recalled(ledger, site, now_ms).until_ms;
}

/* Where we were refused: for as long as it rests and once more, not in another start of the
 * machine. */
static void rests_outlive_a_process(void **state)
{
    const uint64_t t = HOUR_MS;
    struct probe_ledger *ledger = open_at("a", 10, t);

    assert_int_equal(rests_until(ledger, "sore", t), 0);
    rest(ledger, "sore", t + 2 * HOUR_MS, 2 * HOUR_MS, t);
    rest(ledger, "short", t + MINUTE_MS, MINUTE_MS, t);
    note(ledger, "sore", 30, t); /* round and round */
    for (int life = 0; life < 2; life++) {
        assert_int_equal(rests_until(ledger, "sore", t), t + 2 * HOUR_MS);
        assert_int_equal(rests_until(ledger, "short", t), t + MINUTE_MS);
        assert_int_equal(rests_until(ledger, "other", t), 0);
        probe_ledger_close(ledger);
        ledger = open_at("a", 10, t + 1000);
    }
    assert_int_equal(rests_until(ledger, "short", t + 2 * MINUTE_MS - 1), t + MINUTE_MS);
    assert_int_equal(rests_until(ledger, "short", t + 2 * MINUTE_MS), 0);
    rest(ledger, "short", t + 3 * HOUR_MS, HOUR_MS, t + 2 * HOUR_MS); /* again */
    probe_ledger_close(ledger);
    ledger = open_at("a", 10, t + 2 * HOUR_MS);
    assert_int_equal(rests_until(ledger, "short", t + 2 * HOUR_MS), t + 3 * HOUR_MS);
    assert_int_equal(rests_until(ledger, "sore", t + 4 * HOUR_MS), 0);
    rest(ledger, "short", 0, 0, t + 3 * HOUR_MS); /* it answered */
    probe_ledger_close(ledger);
    ledger = open_at("a", 10, t + 3 * HOUR_MS);
    assert_int_equal(rests_until(ledger, "short", t + 3 * HOUR_MS), 0);
    rest(ledger, "sore", t + 4 * HOUR_MS, HOUR_MS, t + 3 * HOUR_MS);
    probe_ledger_close(ledger);
    ledger = open_at("b", 10, MINUTE_MS);
    assert_int_equal(rests_until(ledger, "sore", MINUTE_MS), 0);
    probe_ledger_close(ledger);
}

/* Refused over and over, by processes that each live for a moment: as by one that lives on. */
static void rests_grow_over_processes(void **state)
{
    uint64_t t = HOUR_MS;
    struct probe_breaker lasting = {0};

    for (int life = 0; life < 8; life++) {
        struct probe_ledger *ledger = open_at("a", 10, t);
        struct probe_breaker breaker = recalled(ledger, "sore", t);

        assert_int_equal(probe_breaker_is_half_open(&breaker, t), life > 0);
        assert_true(probe_breaker_refused(&breaker, PROBE_REFUSAL_SLOW_DOWN, t));
        assert_true(probe_breaker_refused(&lasting, PROBE_REFUSAL_SLOW_DOWN, t));
        assert_int_equal(breaker.until_ms, lasting.until_ms);
        probe_ledger_rest(ledger, "sore", &breaker, t);
        probe_ledger_close(ledger);
        t = breaker.until_ms + 1000;
    }
    assert_int_equal(lasting.span_ms, HOUR_MS);
}

/* Of too many those go that are forgotten first. */
static void long_rests_are_kept_before_short_ones(void **state)
{
    const uint64_t t = HOUR_MS;
    struct probe_ledger *ledger = open_at("a", 10, t);
    char site[16];

    for (unsigned i = 0; i < PROBE_LEDGER_RESTS + 100; i++) {
        (void)snprintf(site, sizeof(site), "site%u", i);
        rest(ledger, site, t + HOUR_MS + i, HOUR_MS + i, t);
    }
    rest(ledger, "short", t + MINUTE_MS, MINUTE_MS, t);
    probe_ledger_close(ledger);
    ledger = open_at("a", 10, t);
    for (unsigned i = 0; i < PROBE_LEDGER_RESTS + 100; i++) {
        (void)snprintf(site, sizeof(site), "site%u", i);
        assert_int_equal(rests_until(ledger, site, t), i < 100 ? 0 : t + HOUR_MS + i);
    }
    assert_int_equal(rests_until(ledger, "short", t), 0);
    probe_ledger_close(ledger);
}

/* Who cannot note a connection must hear it: it is not to be opened. */
static void what_cannot_be_noted_is_told(void **state)
{
    struct probe_ledger *ledger = open_at("a", 10, HOUR_MS);
    struct rlimit before, nothing;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    nothing = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &nothing), 0);
    rest(ledger, "sore", 2 * HOUR_MS, HOUR_MS, HOUR_MS);
    assert_int_equal(probe_ledger_note(ledger, "busy", HOUR_MS), ERROR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    note(ledger, "busy", PER_MINUTE, HOUR_MS); /* what was not noted takes no room */
    note(ledger, "other", 10 - PER_MINUTE, HOUR_MS);
    probe_ledger_close(ledger);
    ledger = open_at("a", 10, HOUR_MS + 1);
    assert_int_equal(rests_until(ledger, "sore", HOUR_MS + 1), 2 * HOUR_MS);
    assert_int_equal(next_open(ledger, "unheard-of", HOUR_MS + 1), HOUR_MS + 1);
    assert_int_equal(next_open(ledger, "busy", HOUR_MS + 1), HOUR_MS + PROBE_LIMITS_WINDOW_MS);
    probe_ledger_close(ledger);
}

/* No room to begin one: nothing is left that would hold every site when there is. */
static void half_a_beginning_is_none(void **state)
{
    struct probe_ledger *ledger = NULL;
    struct rlimit before, little;
    struct error error = {0};

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(probe_ledger_open(path, 100, "a", HOUR_MS, &ledger, &error), ERROR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(error.message, path));
    ledger = open_at("a", 100, HOUR_MS + 1000);
    assert_int_equal(next_open(ledger, "other", HOUR_MS + 1000), HOUR_MS + 1000);
    probe_ledger_close(ledger);
}

/* Whoever may write the list's own file must be able to go on with it. */
static void its_mode_is_the_umasks(void **state)
{
    mode_t before = umask(0007);
    struct probe_ledger *ledger = open_at("a", 10, HOUR_MS);
    struct stat about;

    (void)umask(before);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0660);
    probe_ledger_close(ledger);
}

static void the_file_may_not_be_had(void **state)
{
    struct probe_ledger *ledger = NULL;
    struct error error = {0};

    assert_int_equal(probe_ledger_open("/nonexistent/ledger", 0, NULL, 1, &ledger, &error),
                     ERROR_IO);
    assert_non_null(strstr(error.message, "/nonexistent/ledger"));
    assert_null(ledger);
    ledger = open_at(NULL, 10, HOUR_MS);
    probe_ledger_close(ledger);
    for (int64_t n = 0;; n++) {
        int code;

        ledger = NULL;
        (void)memory_fail_after(n);
        code = probe_ledger_open(path, 10, NULL, HOUR_MS, &ledger, &error);
        (void)memory_fail_after(-1);
        if (code == 0)
            break;
        assert_int_equal(code, ERROR_NOMEM);
        assert_null(ledger);
    }
    probe_ledger_close(ledger);
}

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/ledger", folder);
    return 0;
}

static int clear(void **state)
{
    (void)unlink(path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_opened_counts_for_a_minute, clear),
        cmocka_unit_test_setup(what_was_not_opened_is_taken_back, clear),
        cmocka_unit_test_setup(before_the_machine_started_anything_may_have_been, clear),
        cmocka_unit_test_setup(times_to_come_hold_a_minute, clear),
        cmocka_unit_test_setup(of_an_unknown_start_it_may_be_any, clear),
        cmocka_unit_test_setup(what_cannot_be_read_holds_everything, clear),
        cmocka_unit_test_setup(never_more_is_allowed, clear),
        cmocka_unit_test_setup(rests_outlive_a_process, clear),
        cmocka_unit_test_setup(rests_grow_over_processes, clear),
        cmocka_unit_test_setup(long_rests_are_kept_before_short_ones, clear),
        cmocka_unit_test_setup(what_cannot_be_noted_is_told, clear),
        cmocka_unit_test_setup(half_a_beginning_is_none, clear),
        cmocka_unit_test_setup(its_mode_is_the_umasks, clear),
        cmocka_unit_test_setup(the_file_may_not_be_had, clear),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
