#include "bulk/job_feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define ROWS_AT_ONCE 1000 /* read from the store in the list's order */

struct bulk_feed {
    struct store *store;
    uint64_t job;
    FILE *turns; /* row numbers; NULL: in order */
    uint64_t after;
    bool is_read; /* nothing comes after the page */
    struct store_page page;
    size_t at; /* of the page: the next row to give */
};

static int cannot_spool(struct error *error)
{
    return error_set(error, ERROR_IO, "cannot write a temporary file: %s", strerror(errno));
}

static int spool_turns(struct bulk_feed *feed, struct error *error)
{
    struct store_keys *keys = NULL;
    uint64_t turn, row;
    int code;

    feed->turns = tmpfile();
    if (feed->turns == NULL)
        return cannot_spool(error);
    code = store_keys_open(feed->store, feed->job, STORE_WALK_TURNS, &keys, error);
    while (code == 0 && (code = store_keys_next(keys, &turn, &row, error)) == 1)
        code = fwrite(&row, sizeof(row), 1, feed->turns) == 1 ? 0 : cannot_spool(error);
    store_keys_close(keys);
    if (code == 0 && (fflush(feed->turns) != 0 || fseek(feed->turns, 0, SEEK_SET) != 0))
        code = cannot_spool(error);
    return code;
}

int bulk_feed_open(struct store *store, uint64_t job, enum bulk_feed_order order,
                   struct bulk_feed **ret_feed, struct error *error)
{
    struct bulk_feed *feed = memory_zalloc(1, sizeof(*feed));
    int code;

    if (feed == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to go through the list");
    feed->store = store;
    feed->job = job;
    store_page_init(&feed->page);
    code = order == BULK_FEED_BY_TURN ? spool_turns(feed, error) : 0;
    if (code != 0)
        bulk_feed_close(feed);
    else
        *ret_feed = feed;
    return code;
}

void bulk_feed_close(struct bulk_feed *feed)
{
    if (feed == NULL)
        return;
    if (feed->turns != NULL)
        fclose(feed->turns);
    store_page_done(&feed->page);
    memory_free(feed);
}

static int read_page(struct bulk_feed *feed, uint64_t after, uint64_t until, size_t limit,
                     struct error *error)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_PENDING,
        .after = after,
        .until = until,
        .limit = limit,
    };

    feed->at = 0;
    return store_page_read(feed->store, feed->job, &query, &feed->page, error);
}

/* Some more rows of the list onto the page, or none and is_read. */
static int read_in_order(struct bulk_feed *feed, struct error *error)
{
    int code = read_page(feed, feed->after, 0, ROWS_AT_ONCE, error);

    if (code == 0) {
        feed->after = feed->page.after;
        feed->is_read = feed->page.at_end;
    }
    return code;
}

/* The row whose turn it is onto the page; none if it got a result meanwhile. */
static int read_by_turn(struct bulk_feed *feed, struct error *error)
{
    uint64_t row = feed->after;
    int code;

    /* A number that was read but whose row was not, for an error, comes again. */
    if (row == 0 && fread(&row, sizeof(row), 1, feed->turns) != 1) {
        if (ferror(feed->turns))
            return error_set(error, ERROR_IO, "cannot read a temporary file: %s", strerror(errno));
        feed->is_read = true;
        return 0;
    }
    code = read_page(feed, row - 1, row, 1, error);
    feed->after = code == 0 ? 0 : row;
    return code;
}

int bulk_feed_next(struct bulk_feed *feed, struct store_row *ret_row, struct error *error)
{
    while (feed->at == feed->page.count) {
        int code;

        if (feed->is_read)
            return 0;
        code = feed->turns != NULL ? read_by_turn(feed, error) : read_in_order(feed, error);
        if (code != 0) {
            feed->page.count = feed->at = 0;
            return code;
        }
    }
    *ret_row = feed->page.lines[feed->at++].row;
    return 1;
}

void bulk_feed_put_back(struct bulk_feed *feed)
{
    CHECK(feed->at > 0);
    feed->at--;
}
