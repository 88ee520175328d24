/*
 * The store in PostgreSQL: many processes on many machines, one database.
 *
 * Nothing is kept here but a connection. Whoever needs more of the database than the interface of
 * all stores gives (the fleet: store/fleet.h) uses the same connection.
 */
#include <string.h>

#include "base/memory.h"
#include "store/postgres_internal.h"

#define DEADLINE_MS 30000

static void close_store(struct store *base)
{
    struct postgres_store *store = postgres_store_of(base);

    postgres_store_disconnect(store);
    postgres_ahead_done(store);
    store_pack_free(store->pack);
    memory_free(store->prepared);
    memory_free(store->place);
    memory_free(store->url);
    memory_free(store);
}

static const struct store_ops postgres_ops = {
    .is_shared = true,
    .close = close_store,
    .advise = postgres_part_advise,
    .may_write = postgres_may_write,
    .job_add = postgres_job_add,
    .job_next = postgres_job_next,
    .job_update = postgres_job_update,
    .job_clear = postgres_job_clear,
    .rows_add = postgres_rows_add,
    .rows_mark = postgres_rows_mark,
    .keys_open = postgres_keys_open,
    .keys_next = postgres_keys_next,
    .keys_close = postgres_keys_close,
    .results_put = postgres_results_put,
    .results_forget = postgres_results_forget,
    .results_replace = postgres_results_replace,
    .rows_fault = postgres_rows_fault,
    .row_erase = postgres_row_erase,
    .counts = postgres_counts,
    .page_read = postgres_page_read,
    .pending_read = postgres_pending_read,
    .note_put = postgres_note_put,
    .note_change = postgres_note_change,
    .note_next = postgres_note_next,
    .notes_mark = postgres_notes_mark,
    .note_remove = postgres_note_remove,
    .note_expire = postgres_note_expire,
    .records_put = postgres_records_put,
    .records_expect = postgres_records_expect,
    .record_get = postgres_record_get,
    .record_next = postgres_record_next,
    .record_remove = postgres_record_remove,
    .records_expire = postgres_records_expire,
    .records_total = postgres_records_total,
};

bool store_has_postgres(void)
{
    return true;
}

/* Its tables were not looked at. */
static int connect_to(const char *url, enum store_mode mode, struct postgres_store **ret_store,
                      struct error *error)
{
    struct postgres_store *store = memory_zalloc(1, sizeof(*store));
    int code;

    if (store == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for the store");
    store->base.ops = &postgres_ops;
    store->mode = mode;
    store->deadline_ms = DEADLINE_MS;
    postgres_ahead_init(store);
    code = postgres_store_place(url, &store->place, error);
    if (code != 0)
        goto done;
    store->url = memory_copy_string(url, strlen(url));
    store->pack = store_pack_new();
    if (store->url == NULL || store->pack == NULL) {
        code = error_set(error, ERROR_NOMEM, "no memory for the store");
        goto done;
    }
    code = postgres_store_connect(store, error);
done:
    if (code == 0)
        *ret_store = store;
    else
        close_store(&store->base);
    return code;
}

int store_postgres_open(const char *url, enum store_mode mode, struct store **ret_store,
                        struct error *error)
{
    struct postgres_store *store = NULL;
    int code = connect_to(url, mode, &store, error);

    if (code != 0)
        return code;
    code = postgres_store_migrate(store, error);
    if (code == 0)
        *ret_store = &store->base;
    else
        close_store(&store->base);
    return code;
}

int store_postgres_may_prepare(const char *url, struct error *error)
{
    struct postgres_store *store = NULL;
    int code = connect_to(url, STORE_MODE_READ_ONLY, &store, error);

    if (code != 0)
        return code;
    code = postgres_may_prepare(store, error);
    close_store(&store->base);
    return code;
}
