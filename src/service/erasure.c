#include "service/erasure.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define ROWS_AT_ONCE 1000 /* at most, as far as they fit into a step */
#define ROWS_LEAST   16
#define FAULT        "erased on request"

/* What is remembered of it, also what became of messages. */
static int erase_records(struct service_erasure *erasure, struct slice text, struct error *error)
{
    struct address address;

    if (!address_parse(text.ptr, text.len, &address))
        return 0;
    return history_erase(erasure->history, erasure->store, &address, &erasure->records, error);
}

int service_erasure_open(struct service_erasure *erasure, struct store *store,
                         struct history *history, struct slice address, struct error *error)
{
    address = bulk_job_address(address);
    memset(erasure, 0, sizeof(*erasure));
    if (address.len == 0 || address.len > sizeof(erasure->address))
        return error_set(error, ERROR_USAGE, "say the address that is to be erased");
    memcpy(erasure->address, address.ptr, address.len);
    address.ptr = erasure->address;
    erasure->store = store;
    erasure->history = history;
    erasure->key = bulk_job_key(BULK_DEDUPE_MAILBOX, address, erasure->key_bytes);
    store_page_init(&erasure->page);
    io_pace_init(&erasure->pace, IO_PACE_MS, ROWS_LEAST, ROWS_AT_ONCE);
    buffer_init(&erasure->lists, 0);
    return erase_records(erasure, address, error);
}

void service_erasure_close(struct service_erasure *erasure)
{
    if (erasure->store == NULL)
        return;
    store_page_done(&erasure->page);
    buffer_done(&erasure->lists);
}

static bool is_the_same(const struct service_erasure *erasure, struct slice address)
{
    char bytes[BULK_KEY_SIZE];

    return address.len > 0 &&
           slice_equal(bulk_job_key(BULK_DEDUPE_MAILBOX, bulk_job_address(address), bytes),
                       erasure->key);
}

static int note_list(struct service_erasure *erasure, struct error *error)
{
    struct store_job job;
    struct arena arena;
    struct json json;
    char id[24];
    int code;

    if (erasure->rows_of_list == 0)
        return 0;
    arena_init(&arena);
    code = store_job_get(erasure->store, erasure->list, &arena, &job, error);
    if (code == 0) {
        if (erasure->lists.len > 0)
            buffer_append_byte(&erasure->lists, ',');
        snprintf(id, sizeof(id), "%ju", (uintmax_t)erasure->list);
        json_init(&json, &erasure->lists);
        json_object_begin(&json);
        json_name_cstring(&json, "id", id);
        json_name_string(&json, "name", job.name);
        json_name_int(&json, "rows", (int64_t)erasure->rows_of_list);
        json_name_bool(&json, "file_holds_it", true);
        json_object_end(&json);
    }
    arena_done(&arena);
    erasure->rows += erasure->rows_of_list;
    erasure->rows_of_list = 0;
    return code;
}

/* 1: there is one; 0: that was the last. */
static int next_list(struct service_erasure *erasure, struct error *error)
{
    struct store_job job;
    struct arena arena;
    int code = note_list(erasure, error);

    if (code != 0)
        return code;
    arena_init(&arena);
    code = store_job_next(erasure->store, erasure->list, &arena, &job, error);
    if (code == 1) {
        erasure->list = job.id;
        erasure->is_busy = job.state == STORE_JOB_RUNNING || job.state == STORE_JOB_LOADING;
        store_page_done(&erasure->page);
        store_page_init(&erasure->page);
    }
    arena_done(&arena);
    return code;
}

int service_erasure_step(struct service_erasure *erasure, struct error *error)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .after = erasure->page.after};
    int code;

    if (erasure->list == 0 || erasure->page.at_end)
        return next_list(erasure, error);
    query.limit = io_pace_begin(&erasure->pace);
    code = store_page_read(erasure->store, erasure->list, &query, &erasure->page, error);
    if (code == ERROR_NOT_FOUND) { /* removed meanwhile */
        erasure->page.at_end = true;
        erasure->rows_of_list = 0;
        return 1;
    }
    for (size_t i = 0; i < erasure->page.count && code == 0; i++) {
        const struct store_row *row = &erasure->page.lines[i].row;

        if (!is_the_same(erasure, row->address))
            continue;
        if (erasure->is_busy)
            return error_set(error, ERROR_BUSY,
                             "list %ju holds the address and is being worked on: pause it, and "
                             "erase then",
                             (uintmax_t)erasure->list);
        code = store_row_erase(erasure->store, erasure->list, row->number, SLICE(FAULT), error);
        erasure->rows_of_list++;
    }
    (void)io_pace_end(&erasure->pace, query.limit);
    return code != 0 ? code : 1;
}
