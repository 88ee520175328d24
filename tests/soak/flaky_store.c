#include "flaky_store.h"

#include "base/random.h"

enum fate {
    FATE_GOOD,
    FATE_FAIL,      /* without effect */
    FATE_FAIL_LATE, /* with it, and said to have failed */
};

static struct store *laid_over;
static const struct store_ops *sound;
static struct flaky_store_plan plan;
static struct flaky_store_counts seen;
static struct random faults;
static bool is_dead;

static int fail(struct error *error)
{
    return random_chance(&faults, 1, 4) ? error_set(error, ERROR_BUSY, "the store is locked")
                                        : error_set(error, ERROR_IO, "the disk is full");
}

static enum fate draw(void)
{
    bool fails = random_chance(&faults, plan.fail_permille, 1000);

    if (is_dead)
        return FATE_FAIL;
    if (++seen.calls == plan.dies_at) {
        is_dead = true;
        plan.died(plan.user);
        return plan.dies_after ? FATE_FAIL_LATE : FATE_FAIL;
    }
    seen.failures += fails;
    return !fails ? FATE_GOOD : random_chance(&faults, 1, 2) ? FATE_FAIL : FATE_FAIL_LATE;
}

/* What changes something, and what only looks: that has no effect to be late for. */
#define CHANGE(name, parameters, arguments)                                                        \
    static int name parameters                                                                     \
    {                                                                                              \
        enum fate fate = draw();                                                                   \
        int code = fate == FATE_FAIL ? fail(error) : sound->name arguments;                        \
                                                                                                   \
        return fate == FATE_FAIL_LATE && code >= 0 ? fail(error) : code;                           \
    }
#define LOOK(name, parameters, arguments)                                                          \
    static int name parameters                                                                     \
    {                                                                                              \
        return draw() == FATE_GOOD ? sound->name arguments : fail(error);                          \
    }

CHANGE(job_update,
       (struct store * store, const struct store_job *before, const struct store_job *job,
        struct error *error),
       (store, before, job, error))
CHANGE(job_clear,
       (struct store * store, uint64_t id, size_t max, bool job_too, struct error *error),
       (store, id, max, job_too, error))
CHANGE(rows_add,
       (struct store * store, uint64_t job, const struct store_row *rows, size_t count,
        struct error *error),
       (store, job, rows, count, error))
CHANGE(rows_mark,
       (struct store * store, uint64_t job, const struct store_mark *marks, size_t count,
        struct error *error),
       (store, job, marks, count, error))
CHANGE(results_put,
       (struct store * store, uint64_t job, const struct store_result *results, size_t count,
        struct error *error),
       (store, job, results, count, error))
CHANGE(records_put,
       (struct store * store, const struct store_record *records, size_t count,
        struct error *error),
       (store, records, count, error))
LOOK(job_next,
     (struct store * store, uint64_t after, struct arena *arena, struct store_job *ret_job,
      struct error *error),
     (store, after, arena, ret_job, error))
LOOK(counts,
     (struct store * store, uint64_t job, struct store_counts *ret_counts, struct error *error),
     (store, job, ret_counts, error))
LOOK(page_read,
     (struct store * store, uint64_t job, const struct store_query *query, struct store_page *page,
      struct error *error),
     (store, job, query, page, error))
LOOK(pending_read,
     (struct store * store, uint64_t job, const uint64_t *rows, size_t count,
      struct store_page *page, struct error *error),
     (store, job, rows, count, page, error))
LOOK(record_get,
     (struct store * store, enum store_record_kind kind, struct slice key, struct arena *arena,
      struct store_record *ret_record, struct error *error),
     (store, kind, key, arena, ret_record, error))
LOOK(record_next,
     (struct store * store, enum store_record_kind kind, struct slice group, struct slice after,
      struct arena *arena, struct store_record *ret_record, struct error *error),
     (store, kind, group, after, arena, ret_record, error))

void flaky_store_begin(struct store *store, const struct flaky_store_plan *with)
{
    static struct store_ops ops;

    laid_over = store;
    sound = store->ops;
    plan = *with;
    seen = (struct flaky_store_counts){0};
    is_dead = false;
    random_init(&faults, plan.seed);
    ops = *sound;
    ops.job_update = job_update;
    ops.job_clear = job_clear;
    ops.job_next = job_next;
    ops.rows_add = rows_add;
    ops.rows_mark = rows_mark;
    ops.results_put = results_put;
    ops.counts = counts;
    ops.page_read = page_read;
    ops.pending_read = sound->pending_read != NULL ? pending_read : NULL;
    ops.records_put = records_put;
    ops.record_get = record_get;
    ops.record_next = record_next;
    store->ops = &ops;
}

void flaky_store_die(void)
{
    is_dead = true;
}

void flaky_store_end(void)
{
    laid_over->ops = sound;
}

struct flaky_store_counts flaky_store_counts(void)
{
    return seen;
}
