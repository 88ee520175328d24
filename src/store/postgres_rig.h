/*
 * A PostgreSQL of a test's own (tests/postgres/server.py). Tests only.
 */
#ifndef MK_STORE_POSTGRES_RIG_H
#define MK_STORE_POSTGRES_RIG_H

#include <stddef.h>

struct CMUnitTest;

/* Its URL; "": there is none here, which was said. It ends with us, or with _stop. */
const char *postgres_rig_start(void);
void postgres_rig_stop(void);
/* What a main of tests on one is: starts it, tells its URL, runs them. Exit status; 77: none. */
int postgres_rig_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                       const char **ret_url);
/* Say something to it, on a connection of its own; the test fails when it does. */
void postgres_rig_run(const char *sql);
/* Say `first` on a connection that stays, and `then` without waiting for its end. */
struct postgres_rig_session;
struct postgres_rig_session *postgres_rig_begin(const char *first, const char *then);
/* Wait for it; the test fails when it did. */
void postgres_rig_end(struct postgres_rig_session *session);
/* The test fails unless this is so there. */
void postgres_rig_expect(const char *condition);

#endif
