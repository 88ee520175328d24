/*
 * Where the result of a row stands: places, as they are kept in bytes and gathered in memory.
 *
 * Results come in no order of rows. An index of them by row would change a page for nearly each
 * one, so whoever keeps results (store/sqlite_place.h) gathers places in a list, logs them as they
 * come, and writes them into chunks of neighbouring rows many at a time. Knows no database.
 */
#ifndef MK_STORE_PLACE_H
#define MK_STORE_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* Rows of a chunk: as many as fit on a page of 4 KiB of SQLite's. */
#define PLACE_CHUNK_ROWS  672
#define PLACE_BYTES       6 /* of a place in a chunk: little endian */
#define PLACE_CHUNK_BYTES (PLACE_CHUNK_ROWS * PLACE_BYTES)
#define PLACE_LOG_BYTES   (6 + PLACE_BYTES) /* of one in the log: row, place */

#define PLACE_NUMBER_MAX (UINT64_C(1) << 40) /* results are numbered below */

struct place {
    uint64_t row;
    uint64_t at; /* place_at(); 0: the row has no result */
};

/* reason: below 255. */
static inline uint64_t place_at(uint64_t number, unsigned reason)
{
    return number << 8 | (reason + 1);
}

static inline uint64_t place_number(uint64_t at)
{
    return at >> 8;
}

static inline unsigned place_reason(uint64_t at)
{
    return (unsigned)(at & 0xff) - 1;
}

/* Rows are numbered from 1, chunks from 0. */
static inline uint64_t place_chunk(uint64_t row)
{
    return (row - 1) / PLACE_CHUNK_ROWS;
}

/* index: of the row in its chunk. */
uint64_t place_read(const char *chunk, size_t index);
void place_write(char *chunk, size_t index, uint64_t at);

/* The log: look at buffer->failed once. */
void place_log_append(struct buffer *log, const struct place *place);
/* Places in a piece of the log; SIZE_MAX: it is damaged. */
size_t place_log_count(struct slice log);
struct place place_log_read(struct slice log, size_t index);

/* --- in order of rows, each row once -----------------------------------------------------------
 */

struct place_list {
    struct place *places;
    size_t count, room;
};

void place_list_done(struct place_list *list);
/* The first of this row or one above; list->count: there is none. */
size_t place_list_find(const struct place_list *list, uint64_t row);
/* By rising row, each once; they replace what is there. 0, ERROR_NOMEM and nothing is changed. */
int place_list_merge(struct place_list *list, const struct place *more, size_t count);
/* Without those from `first` up to, but not with, `end`. */
void place_list_remove(struct place_list *list, size_t first, size_t end);

#endif
