#include "bulk/job_feed.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "bulk/turns.h"
#include "io/pace.h"

/* Rows at once, at most, as far as they fit into a step. */
#define ROWS_AT_ONCE   1000 /* read from the store in the list's order */
#define CLAIM          256  /* read from all over it */
#define SORTED_AT_ONCE 4000 /* looked at, pending or not */
#define LEAST          16

struct bulk_feed {
    struct store *store;
    uint64_t job, rows;
    struct bulk_turns *turns; /* NULL: in order */
    struct io_pace sorting, giving;
    bool is_sorted;
    uint64_t after; /* of the list: looked at up to here */
    bool is_read;   /* nothing comes after the page */
    struct store_page page;
    uint64_t claimed[CLAIM];    /* by turn */
    size_t claim_count;         /* read from the store next */
    size_t order[ROWS_AT_ONCE]; /* lines of the page as they are given */
    size_t at, count;           /* of `order` */
};

int bulk_feed_open(struct store *store, uint64_t job, uint64_t rows, enum bulk_feed_order order,
                   struct bulk_feed **ret_feed, struct error *error)
{
    struct bulk_feed *feed = memory_zalloc(1, sizeof(*feed));

    if (feed == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to go through the list");
    feed->store = store;
    feed->job = job;
    feed->rows = rows;
    store_page_init(&feed->page);
    if (order == BULK_FEED_BY_TURN) {
        feed->turns = bulk_turns_new();
        if (feed->turns == NULL) {
            bulk_feed_close(feed);
            return error_set(error, ERROR_NOMEM, "no memory to go through the list");
        }
    }
    feed->is_sorted = feed->turns == NULL;
    io_pace_init(&feed->sorting, IO_PACE_MS, LEAST, SORTED_AT_ONCE);
    io_pace_init(&feed->giving, IO_PACE_MS, LEAST, feed->turns != NULL ? CLAIM : ROWS_AT_ONCE);
    *ret_feed = feed;
    return 0;
}

void bulk_feed_close(struct bulk_feed *feed)
{
    if (feed == NULL)
        return;
    bulk_turns_free(feed->turns);
    store_page_done(&feed->page);
    memory_free(feed);
}

static int read_page(struct bulk_feed *feed, uint64_t until, size_t limit, struct error *error)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_PENDING,
        .after = feed->after,
        .until = until,
        .limit = limit,
    };

    return store_page_read(feed->store, feed->job, &query, &feed->page, error);
}

/* --- sorting -------------------------------------------------------------------------------- */

int bulk_feed_prepare(struct bulk_feed *feed, struct error *error)
{
    uint64_t until;
    size_t count;
    int code;

    if (feed->is_sorted)
        return 0;
    if (feed->after >= feed->rows) {
        code = bulk_turns_settle(feed->turns, error);
        feed->is_sorted = true;
        return code;
    }
    count = io_pace_begin(&feed->sorting);
    until = feed->after + count;
    code = read_page(feed, until, count, error);
    for (size_t i = 0; code == 0 && i < feed->page.count; i++)
        code = bulk_turns_add(feed->turns, feed->page.lines[i].row.turn,
                              feed->page.lines[i].row.number, error);
    feed->page.count = 0;
    (void)io_pace_end(&feed->sorting, count);
    if (code != 0)
        return code;
    feed->after = until;
    return 1;
}

/* --- giving --------------------------------------------------------------------------------- */

/* Some more rows of the list onto the page, or none and is_read. */
static int read_in_order(struct bulk_feed *feed, struct error *error)
{
    size_t count = io_pace_begin(&feed->giving);
    int code = read_page(feed, 0, count, error);

    (void)io_pace_end(&feed->giving, count);
    if (code != 0)
        return code;
    feed->after = feed->page.after;
    feed->is_read = feed->page.at_end;
    feed->count = feed->page.count;
    for (size_t i = 0; i < feed->count; i++)
        feed->order[i] = i;
    return 0;
}

static int compare_rows(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* The numbers whose turn it is. What was claimed but not read, for an error, stays. */
static int claim(struct bulk_feed *feed, size_t wanted, struct error *error)
{
    uint32_t turn;
    int code = 1;

    while (feed->claim_count < wanted && code == 1) {
        code = bulk_turns_next(feed->turns, &turn, &feed->claimed[feed->claim_count], error);
        feed->claim_count += code == 1;
    }
    if (code == 0)
        feed->is_read = true;
    return code < 0 ? code : 0;
}

/* The line of a row, by its number; page.count: it is not there any more. */
static size_t find_line(const struct bulk_feed *feed, uint64_t row)
{
    size_t low = 0, high = feed->page.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (feed->page.lines[middle].row.number < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < feed->page.count && feed->page.lines[low].row.number == row ? low
                                                                             : feed->page.count;
}

/* The rows whose turn it is onto the page; fewer if some got a result meanwhile. */
static int read_by_turn(struct bulk_feed *feed, struct error *error)
{
    uint64_t rows[CLAIM];
    int code = claim(feed, io_pace_begin(&feed->giving), error);

    if (code != 0 || feed->claim_count == 0)
        return code;
    for (size_t i = 0; i < feed->claim_count; i++)
        rows[i] = feed->claimed[i];
    /* Neighbours stand on the same pages of the store. */
    qsort(rows, feed->claim_count, sizeof(rows[0]), compare_rows);
    code = store_pending_read(feed->store, feed->job, rows, feed->claim_count, &feed->page, error);
    (void)io_pace_end(&feed->giving, feed->claim_count);
    if (code != 0)
        return code;
    for (size_t i = 0; i < feed->claim_count; i++) {
        size_t line = find_line(feed, feed->claimed[i]);

        if (line < feed->page.count)
            feed->order[feed->count++] = line;
    }
    feed->claim_count = 0;
    return 0;
}

int bulk_feed_next(struct bulk_feed *feed, struct store_row *ret_row, struct error *error)
{
    CHECK(feed->is_sorted);
    while (feed->at == feed->count) {
        int code;

        feed->at = feed->count = 0;
        if (feed->is_read && feed->claim_count == 0)
            return 0;
        code = feed->turns != NULL ? read_by_turn(feed, error) : read_in_order(feed, error);
        if (code != 0)
            return code;
    }
    *ret_row = feed->page.lines[feed->order[feed->at++]].row;
    return 1;
}

void bulk_feed_rewind(struct bulk_feed *feed)
{
    bulk_turns_free(feed->turns);
    feed->turns = NULL;
    feed->is_sorted = true;
    feed->after = 0;
    feed->is_read = false;
    feed->claim_count = feed->at = feed->count = 0;
}

void bulk_feed_put_back(struct bulk_feed *feed)
{
    CHECK(feed->at > 0);
    feed->at--;
}
