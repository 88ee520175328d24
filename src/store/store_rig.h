/*
 * For tests of stores: one in memory, one in a file, one in a file without a name, and one in a
 * PostgreSQL, for each test anew; with a job of made-up rows and results.
 */
#ifndef MK_STORE_STORE_RIG_H
#define MK_STORE_STORE_RIG_H

#include "store/store.h"

struct CMUnitTest;

enum kind {
    MEMORY,
    SQLITE_FILE,
    NAMELESS_FILE,
    POSTGRES,
};

struct bench {
    enum kind kind;
    bool is_memory; /* gone when it is closed */
    char folder[64];
    char path[256]; /* or the URL */
    struct store *store;
};

int set_up_memory(void **state);
int set_up_sqlite(void **state);
int set_up_nameless(void **state);
int set_up_postgres(void **state); /* NULL where there is none */
int tear_down(void **state);

/* A test in one of them; EVERYWHERE: in each of the three that need no server. */
#define EVERYWHERE(test)                                                                           \
    {"memory: " #test, test, set_up_memory, tear_down, NULL},                                      \
        {"sqlite: " #test, test, set_up_sqlite, tear_down, NULL},                                  \
    {                                                                                              \
        "sqlite without a name: " #test, test, set_up_nameless, tear_down, NULL                    \
    }
#define SQLITE(test) cmocka_unit_test_setup_teardown(test, set_up_sqlite, tear_down)
#define IN_POSTGRES(test)                                                                          \
    {                                                                                              \
        "postgresql: " #test, test, set_up_postgres, tear_down, NULL                               \
    }

/* Run those that need a PostgreSQL, where there is one. How many failed. */
int store_rig_shared(const struct CMUnitTest *shared, size_t count);
/*
 * What a main of these is: runs `tests`; with the argument "postgresql" those of `shared` alone, in
 * their own time, where there is one. Exit status.
 */
int store_rig_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count,
                   const struct CMUnitTest *shared, size_t shared_count);

/* Close the store, and open it in this mode; the test fails when it can't be. */
void open_again(struct bench *bench, enum store_mode mode);
uint64_t add_job(struct store *store);
/* Its texts are valid until the next call. */
struct store_job get_job(struct store *store, uint64_t id);
/* Rows from..to: every third address is a fault, keys repeat every `period` rows. */
void add_rows(struct store *store, uint64_t job, uint64_t from, uint64_t to, uint64_t period);
struct store_result result_of(uint64_t row, enum verdict_reason reason);
void put(struct store *store, uint64_t job, uint64_t row, enum verdict_reason reason);
struct store_counts counts_of(struct store *store, uint64_t job);
/* What a query gives, page by page of `limit`, as row numbers. */
size_t collect(struct store *store, uint64_t job, struct store_query query, uint64_t numbers[],
               size_t max);

#endif
