/*
 * The places of results in SQLite: which row has which result, and for what reason.
 *
 * Results are appended. An index of them by row cost as much as all else together: in a long list
 * each result read and changed a page of its own. Instead the places of a commit are logged in one
 * piece (table `place_log`), and the latest of a job, some hundred thousand, are held in memory in
 * order of rows. What is more is written into chunks of neighbouring rows (table `place`), round
 * and round through the list: each chunk takes what has gathered for it since the last round, so
 * that a page is changed for a dozen results, and a commit changes about as many pages as the one
 * before. What a round has written is taken out of the log; places held are in it, always. So
 * nothing is lost with the memory: whoever opens the file, or finds that somebody else has written,
 * reads the log again.
 *
 * In SQL it is a function: place(job, row) is the number of the row's result (outcome.seq) or NULL.
 * All calls are for within a transaction.
 */
#ifndef MK_STORE_SQLITE_PLACE_H
#define MK_STORE_SQLITE_PLACE_H

#include <sqlite3.h>

#include "base/error.h"
#include "base/slice.h"
#include "store/place.h"

struct sqlite_store;
struct sqlite_places; /* of a handle */

struct sqlite_places *sqlite_places_new(void); /* NULL: no memory */
void sqlite_places_free(struct sqlite_places *places);

/* Make place() known, and pack_places(), which older files are renewed with. SQLITE_OK. */
int sqlite_places_register(struct sqlite_store *store);
/* A transaction begins: others may have written. */
void sqlite_places_begin(struct sqlite_store *store);
/* It was rolled back. */
void sqlite_places_drop(struct sqlite_store *store);
/* Nobody works on the job any more: what only that needs is not kept. */
void sqlite_places_rest(struct sqlite_store *store, uint64_t job);
/* Tests only: hold so many places of a job, instead of more than they want to write. */
void sqlite_places_hold(struct sqlite_store *store, size_t most);
/* Tests only: memory beside the places themselves, in octets. */
size_t sqlite_places_beside(const struct sqlite_store *store);

/* *ret_at: as place_at(); 0: the row has no result. */
int sqlite_places_find(struct sqlite_store *store, uint64_t job, uint64_t row, uint64_t *ret_at,
                       struct error *error);
/*
 * The next row above `after` up to `until` whose result has one of the reasons (bits): 1; 0: there
 * is none. Looks through all rows between, a nanosecond each.
 */
int sqlite_places_next(struct sqlite_store *store, uint64_t job, uint64_t after, uint64_t until,
                       uint64_t reasons, uint64_t *ret_row, struct error *error);
/* Places that are new or others, or 0: taken back. By rising row, each once. */
int sqlite_places_add(struct sqlite_store *store, uint64_t job, const struct place *places,
                      size_t count, struct error *error);
/*
 * Take results of a job away, and their places, at most *left, which is lowered by their number;
 * set to 0 when there is more to do.
 */
int sqlite_places_clear(struct sqlite_store *store, uint64_t job, size_t *left,
                        struct error *error);

#endif
