/*
 * A PostgreSQL of a test's own (tests/postgres/server.py). Tests only.
 */
#ifndef MK_STORE_POSTGRES_RIG_H
#define MK_STORE_POSTGRES_RIG_H

/* Its URL; "": there is none here, which was said. It ends with us, or with _stop. */
const char *postgres_rig_start(void);
void postgres_rig_stop(void);
/* Say something to it, on a connection of its own; the test fails when it does. */
void postgres_rig_run(const char *sql);

#endif
