#include "store/sqlite_place.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/sqlite_internal.h"

#define HELD_MAX  131072 /* places of a job in memory: 2 MiB */
#define JOBS_HELD 16     /* whose places are in memory at once */

/* Places that the log may say for each that may be held: two rounds stand in it, and some. */
#define LOGGED_ROUNDS 4

#define CHUNKS_HELD 8
#define JOINED_MAX  3600 /* bytes of a log entry that the next commit may still add to: a page */
#define SPARE       16   /* chunks that a commit writes beyond two for each of its places */

#define VACANT_LEAST    64                  /* words of bits */
#define VACANT_ROWS_MAX (UINT64_C(1) << 27) /* 16 MiB of bits */

#define WHAT "find results"

/* The latest places of a job. */
struct held {
    uint64_t job; /* 0: free */
    uint64_t used;
    struct place_list list;
    uint64_t cursor;    /* row: those below have been written in this round */
    uint64_t number;    /* of the last entry of the log; 0: none */
    uint64_t round;     /* entries up to this one are in the chunks when the round ends */
    size_t logged;      /* places that the log says, some more than once */
    size_t logged_late; /* of them, in entries behind `round` */
    struct buffer last; /* that entry, as long as it may be added to; else empty */
    uint64_t *vacant;   /* bits by row: set where a look found no result */
    size_t vacant_words;
};

struct chunk {
    int64_t id; /* 0: free */
    bool is_there;
    char bytes[PLACE_CHUNK_BYTES];
};

struct sqlite_places {
    uint64_t others; /* mark of what others wrote (data_version) when all this was read */
    bool is_current; /* that was looked at in this transaction */
    uint64_t clock;
    struct held *recent;
    struct held held[JOBS_HELD];
    struct chunk chunks[CHUNKS_HELD];
    size_t most; /* places of a job that are held */
    struct buffer work;
};

int64_t sqlite_place_key(uint64_t job, uint64_t number)
{
    return (int64_t)(job << 32 | number);
}

static void forget_vacant(struct held *held)
{
    memory_free(held->vacant);
    held->vacant = NULL;
    held->vacant_words = 0;
}

static void release(struct held *held)
{
    place_list_done(&held->list);
    buffer_done(&held->last);
    forget_vacant(held);
    *held = (struct held){0};
}

static void drop(struct sqlite_places *places)
{
    for (size_t i = 0; i < JOBS_HELD; i++)
        release(&places->held[i]);
    for (size_t i = 0; i < CHUNKS_HELD; i++)
        places->chunks[i].id = 0;
    places->recent = NULL;
}

struct sqlite_places *sqlite_places_new(void)
{
    struct sqlite_places *places = memory_zalloc(1, sizeof(*places));

    if (places == NULL)
        return NULL;
    buffer_init(&places->work, 0);
    places->most = HELD_MAX;
    return places;
}

void sqlite_places_free(struct sqlite_places *places)
{
    if (places == NULL)
        return;
    drop(places);
    buffer_done(&places->work);
    memory_free(places);
}

void sqlite_places_rest(struct sqlite_store *store, uint64_t job)
{
    for (struct held *held = store->places->held; held < store->places->held + JOBS_HELD; held++)
        if (held->job == job)
            forget_vacant(held);
}

size_t sqlite_places_beside(const struct sqlite_store *store)
{
    size_t octets = 0;

    for (size_t i = 0; i < JOBS_HELD; i++)
        octets += store->places->held[i].vacant_words * sizeof(uint64_t);
    return octets;
}

void sqlite_places_hold(struct sqlite_store *store, size_t most)
{
    store->places->most = most;
}

void sqlite_places_begin(struct sqlite_store *store)
{
    store->places->is_current = false;
}

void sqlite_places_drop(struct sqlite_store *store)
{
    drop(store->places);
}

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory for the places of results");
}

int sqlite_place_damaged(const struct sqlite_store *store, struct error *error)
{
    return error_set(error, ERROR_FORMAT,
                     "cannot " WHAT " in %s: the file is damaged; take it away to start over",
                     store->path);
}

sqlite3_stmt *sqlite_place_prepare(struct sqlite_store *store, enum sqlite_statement which,
                                   int64_t first, int64_t second)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);

    if (statement == NULL)
        return NULL;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_int64(statement, 2, second);
    return statement;
}

int sqlite_place_run(struct sqlite_store *store, enum sqlite_statement which, int64_t first,
                     int64_t second, struct error *error)
{
    sqlite3_stmt *statement = sqlite_place_prepare(store, which, first, second);

    return statement == NULL ? sqlite_store_fail(store, WHAT, error)
                             : sqlite_store_do(store, statement, WHAT, error);
}

int sqlite_place_put(struct sqlite_store *store, enum sqlite_statement which, int64_t key,
                     struct slice bytes, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);

    if (statement == NULL)
        return sqlite_store_fail(store, "keep results", error);
    sqlite3_bind_int64(statement, 1, key);
    sqlite_store_bind_blob(statement, 2, bytes);
    return sqlite_store_do(store, statement, "keep results", error);
}

/* --- what is held ------------------------------------------------------------------------------
 */

/* Of a row that the log names more than once, what it says last. */
struct logged {
    struct place place;
    size_t order;
};

static int compare_logged(const void *left, const void *right)
{
    const struct logged *a = left, *b = right;

    if (a->place.row != b->place.row)
        return a->place.row < b->place.row ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

/* All that the log says of a job, in its order, as struct logged in a buffer. */
static int read_log(struct sqlite_store *store, struct held *held, struct buffer *all,
                    struct error *error)
{
    sqlite3_stmt *statement =
        sqlite_place_prepare(store, STATEMENT_PLACES_LOGGED, sqlite_place_key(held->job, 0),
                             sqlite_place_key(held->job + 1, 0));
    int result = SQLITE_ROW, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, WHAT, error);
    while (code == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct slice log = sqlite_store_column(statement, 1);
        size_t count = place_log_count(log);

        held->number = (uint64_t)sqlite3_column_int64(statement, 0) & UINT32_MAX;
        if (count == SIZE_MAX)
            code = sqlite_place_damaged(store, error);
        for (size_t i = 0; code == 0 && i < count; i++) {
            struct logged logged = {place_log_read(log, i), all->len};

            buffer_append(all, (const char *)&logged, sizeof(logged));
        }
        if (all->failed)
            code = no_memory(error);
    }
    if (code == 0 && result != SQLITE_DONE)
        code = sqlite_store_fail(store, WHAT, error);
    sqlite3_reset(statement);
    return code;
}

static int load(struct sqlite_store *store, struct held *held, struct error *error)
{
    struct place_list *list = &held->list;
    struct buffer all;
    struct logged *logged;
    size_t count;
    int code;

    buffer_init(&all, 0);
    code = read_log(store, held, &all, error);
    logged = (struct logged *)(void *)all.ptr;
    count = all.len / sizeof(*logged);
    if (code == 0 && count > 0) {
        qsort(logged, count, sizeof(*logged), compare_logged);
        list->places = memory_zalloc(count, sizeof(*list->places));
        list->room = count;
        if (list->places == NULL)
            code = no_memory(error);
    }
    for (size_t i = 0; code == 0 && i < count; i++)
        if (i + 1 == count || logged[i + 1].place.row != logged[i].place.row)
            list->places[list->count++] = logged[i].place;
    held->round = held->number;
    held->logged = count;
    buffer_done(&all);
    return code;
}

/* What is kept of this job; NULL: see *ret_code. */
static struct held *use(struct sqlite_store *store, uint64_t job, int *ret_code,
                        struct error *error)
{
    struct sqlite_places *places = store->places;
    struct held *held = places->recent, *oldest = places->held;
    uint64_t others;

    bool is_current = places->is_current && sqlite3_get_autocommit(store->db) == 0;

    if (is_current && held != NULL && held->job == job)
        return held;
    if (!is_current) {
        *ret_code = store->base.ops->others_mark(&store->base, &others, error);
        if (*ret_code != 0)
            return NULL;
        if (others != places->others)
            drop(places);
        places->others = others;
        places->is_current = true;
    }
    for (held = places->held; held < places->held + JOBS_HELD && held->job != job; held++)
        if (held->used < oldest->used)
            oldest = held;
    if (held == places->held + JOBS_HELD) {
        held = oldest;
        release(held);
        held->job = job;
        buffer_init(&held->last, 0);
        places->recent = NULL;
        *ret_code = load(store, held, error);
        if (*ret_code != 0) {
            release(held);
            return NULL;
        }
    }
    held->used = ++places->clock;
    places->recent = held;
    return held;
}

/* --- chunks ------------------------------------------------------------------------------------
 */

/* NULL: see *ret_code. Valid until another one is read. */
static struct chunk *read_chunk(struct sqlite_store *store, int64_t id, int *ret_code,
                                struct error *error)
{
    struct chunk *chunk = &store->places->chunks[(uint64_t)id % CHUNKS_HELD];
    sqlite3_stmt *statement;
    int result;

    if (chunk->id == id)
        return chunk;
    statement = sqlite_place_prepare(store, STATEMENT_PLACE_READ, id, 0);
    result = statement == NULL ? SQLITE_ERROR : sqlite3_step(statement);
    *ret_code = 0;
    chunk->id = 0;
    if (result == SQLITE_ROW) {
        struct slice bytes = sqlite_store_column(statement, 0);

        if (bytes.len == PLACE_CHUNK_BYTES)
            memcpy(chunk->bytes, bytes.ptr, bytes.len);
        else
            *ret_code = sqlite_place_damaged(store, error);
    } else if (result == SQLITE_DONE) {
        memset(chunk->bytes, 0, sizeof(chunk->bytes));
    } else {
        *ret_code = sqlite_store_fail(store, WHAT, error);
    }
    sqlite3_reset(statement);
    if (*ret_code != 0)
        return NULL;
    chunk->is_there = result == SQLITE_ROW;
    chunk->id = id;
    return chunk;
}

/*
 * Most rows are looked at three times before they have a result: when the list is sorted, when
 * their turn comes, and when the result does. Only the first, in the list's order, reads a chunk.
 */
static bool is_vacant(const struct held *held, uint64_t row)
{
    return row / 64 < held->vacant_words && (held->vacant[row / 64] >> (row % 64) & 1) != 0;
}

static void fill(struct held *held, uint64_t row)
{
    if (row / 64 < held->vacant_words)
        held->vacant[row / 64] &= ~(UINT64_C(1) << (row % 64));
}

/* Where there is no memory for it, chunks are read. */
static void note_vacant(struct held *held, uint64_t row)
{
    if (row / 64 >= held->vacant_words) {
        size_t words = row / 64 * 2 > VACANT_LEAST ? (size_t)(row / 64) * 2 : VACANT_LEAST;
        uint64_t *vacant;

        if (words > VACANT_ROWS_MAX / 64 + 1)
            words = VACANT_ROWS_MAX / 64 + 1;
        vacant =
            row <= VACANT_ROWS_MAX ? memory_resize(held->vacant, words, sizeof(*vacant)) : NULL;

        if (vacant == NULL)
            return;
        memset(vacant + held->vacant_words, 0, (words - held->vacant_words) * sizeof(*vacant));
        held->vacant = vacant;
        held->vacant_words = words;
    }
    held->vacant[row / 64] |= UINT64_C(1) << (row % 64);
}

int sqlite_places_find(struct sqlite_store *store, uint64_t job, uint64_t row, uint64_t *ret_at,
                       struct error *error)
{
    int code = 0;
    struct held *held = use(store, job, &code, error);
    const struct chunk *chunk;
    size_t index;

    if (held == NULL)
        return code;
    *ret_at = 0;
    if (is_vacant(held, row))
        return 0;
    index = place_list_find(&held->list, row);
    if (index < held->list.count && held->list.places[index].row == row) {
        *ret_at = held->list.places[index].at;
        return 0;
    }
    chunk = read_chunk(store, sqlite_place_key(job, place_chunk(row)), &code, error);
    if (chunk == NULL)
        return code;
    if (chunk->is_there)
        *ret_at = place_read(chunk->bytes, (row - 1) % PLACE_CHUNK_ROWS);
    if (*ret_at == 0)
        note_vacant(held, row);
    return 0;
}

static bool is_of(uint64_t at, uint64_t reasons)
{
    return at != 0 && (reasons >> (place_reason(at) & 63) & 1) != 0;
}

/* In the rows `row` up to `last` of a chunk, beginning at `index` of what is held: 0 or a row. */
static uint64_t look_through(const struct chunk *chunk, const struct place_list *list, size_t index,
                             uint64_t row, uint64_t last, uint64_t reasons)
{
    if (!chunk->is_there) {
        for (; index < list->count && list->places[index].row <= last; index++)
            if (is_of(list->places[index].at, reasons))
                return list->places[index].row;
        return 0;
    }
    for (; row <= last; row++) {
        bool is_held = index < list->count && list->places[index].row == row;
        uint64_t at = is_held ? list->places[index++].at
                              : place_read(chunk->bytes, (row - 1) % PLACE_CHUNK_ROWS);

        if (is_of(at, reasons))
            return row;
    }
    return 0;
}

int sqlite_places_next(struct sqlite_store *store, uint64_t job, uint64_t after, uint64_t until,
                       uint64_t reasons, uint64_t *ret_row, struct error *error)
{
    int code = 0;
    const struct held *held = use(store, job, &code, error);

    if (held == NULL)
        return code;
    while (after < until) {
        uint64_t number = place_chunk(after + 1), end = (number + 1) * PLACE_CHUNK_ROWS;
        uint64_t last = end < until ? end : until;
        const struct chunk *chunk = read_chunk(store, sqlite_place_key(job, number), &code, error);

        if (chunk == NULL)
            return code;
        *ret_row = look_through(chunk, &held->list, place_list_find(&held->list, after + 1),
                                after + 1, last, reasons);
        if (*ret_row != 0)
            return 1;
        after = last;
    }
    return 0;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static int write_log(struct sqlite_store *store, struct held *held, const struct place *places,
                     size_t count, struct error *error)
{
    size_t bytes = count * PLACE_LOG_BYTES;
    bool is_joined = held->last.len > 0 && held->last.len + bytes <= JOINED_MAX;
    struct buffer *log = bytes <= JOINED_MAX ? &held->last : &store->places->work;

    if (!is_joined) {
        buffer_clear(&held->last);
        buffer_clear(&store->places->work);
        if (held->number == UINT32_MAX)
            return error_set(error, ERROR_LIMIT, "list %llu has been written to too often",
                             (unsigned long long)held->job);
        held->number++;
    }
    for (size_t i = 0; i < count; i++)
        place_log_append(log, &places[i]);
    if (log->failed)
        return no_memory(error);
    held->logged += count;
    held->logged_late += count;
    return sqlite_place_put(store, STATEMENT_PLACES_LOG, sqlite_place_key(held->job, held->number),
                            slice_from(log->ptr, log->len), error);
}

/* What is held of the chunk of place number `from` on, into the chunk. *ret_end: past them. */
static int write_chunk(struct sqlite_store *store, const struct held *held, size_t from,
                       size_t *ret_end, struct error *error)
{
    const struct place_list *list = &held->list;
    uint64_t number = place_chunk(list->places[from].row);
    int64_t id = sqlite_place_key(held->job, number);
    int code = 0;
    struct chunk *chunk = read_chunk(store, id, &code, error);
    bool is_other = false;
    size_t at = from;

    if (chunk == NULL)
        return code;
    for (; at < list->count && place_chunk(list->places[at].row) == number; at++) {
        size_t index = (size_t)((list->places[at].row - 1) % PLACE_CHUNK_ROWS);

        is_other |= place_read(chunk->bytes, index) != list->places[at].at;
        place_write(chunk->bytes, index, list->places[at].at);
    }
    *ret_end = at;
    if (!is_other)
        return 0;
    chunk->is_there = true;
    return sqlite_place_put(store, STATEMENT_PLACE_WRITE, id,
                            slice_from(chunk->bytes, PLACE_CHUNK_BYTES), error);
}

/* A round has come to its end: all that was held when it began has been written. */
static int end_round(struct sqlite_store *store, struct held *held, struct error *error)
{
    int code = sqlite_place_run(store, STATEMENT_PLACES_FORGET, sqlite_place_key(held->job, 0),
                                sqlite_place_key(held->job, held->round), error);

    held->cursor = 0;
    held->round = held->number;
    held->logged = held->logged_late;
    held->logged_late = 0;
    buffer_clear(&held->last); /* complete: it belongs to this round */
    return code;
}

/* More is held than should be; or the log says the same rows again and again, as of a list that is
 * rechecked every night, and is to be shortened. */
static bool is_too_much(const struct sqlite_store *store, const struct held *held, size_t count)
{
    return count > store->places->most || held->logged > LOGGED_ROUNDS * store->places->most;
}

/* Into the chunks with what is too much, in the order of the list from where the last one ended. */
static int settle(struct sqlite_store *store, struct held *held, size_t chunks_max,
                  struct error *error)
{
    struct place_list *list = &held->list;
    size_t from = place_list_find(list, held->cursor), at = from;
    int code = 0;

    while (code == 0 && is_too_much(store, held, list->count - (at - from)) && chunks_max-- > 0) {
        if (at == list->count) {
            place_list_remove(list, from, at);
            from = at = 0;
            code = end_round(store, held, error);
            continue;
        }
        code = write_chunk(store, held, at, &at, error);
        if (code == 0)
            held->cursor = list->places[at - 1].row + 1;
    }
    place_list_remove(list, from, at);
    return code;
}

int sqlite_places_add(struct sqlite_store *store, uint64_t job, const struct place *places,
                      size_t count, struct error *error)
{
    int code = 0;
    struct held *held = use(store, job, &code, error);

    if (held == NULL || count == 0)
        return code;
    if (places[count - 1].row >= PLACE_CHUNK_ROWS * (uint64_t)UINT32_MAX || job > INT32_MAX - 1)
        return error_set(error, ERROR_LIMIT, "list %llu is too long", (unsigned long long)job);
    code = write_log(store, held, places, count, error);
    if (code != 0)
        return code;
    if (place_list_merge(&held->list, places, count) != 0)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        fill(held, places[i].row);
    return settle(store, held, count * 2 + SPARE, error);
}
