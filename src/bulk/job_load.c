#include "bulk/job_load.h"

#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "bulk/order.h"
#include "bulk/turns.h"
#include "io/pace.h"

#define BATCH       1000
#define BATCH_LEAST 50
#define BATCH_BYTES (1U << 20)
#define TWINS_MAX   8 /* different keys with the same 32 bits of hash; two are rare */

enum phase {
    PHASE_CLEARING,
    PHASE_READING,
    PHASE_SORTING,
    PHASE_LOADED,
};

/* One of the keys that share a hash, and the row that had it first. */
struct twin {
    uint64_t row;
    bool is_read; /* key is known */
    size_t key_len;
    char key[BULK_KEY_SIZE];
    char *long_key; /* of an address that is no mailbox and long */
};

struct bulk_load {
    struct store *store;
    uint64_t job;
    struct bulk_reader *reader;
    struct bulk_load_options options;
    enum phase phase;
    struct io_pace pace; /* of the phase; in rows */
    struct bulk_load_progress progress;
    struct bulk_order *order;
    struct arena arena; /* of the batch */
    struct store_row rows[BATCH];
    size_t row_count;
    struct bulk_turns *hashes; /* of mailboxes: equal ones side by side; NULL: not wanted */
    uint32_t hash;             /* of the group of rows looked at */
    struct twin twins[TWINS_MAX];
    size_t twin_count;
    struct store_mark marks[BATCH];
    size_t mark_count;
    struct store_page page;
};

int bulk_load_open(struct store *store, uint64_t job, struct bulk_reader *reader,
                   const struct bulk_load_options *options, struct bulk_load **ret_load,
                   struct error *error)
{
    struct bulk_load *load = memory_zalloc(1, sizeof(*load));

    if (load == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to load the list");
    load->store = store;
    load->job = job;
    load->reader = reader;
    load->options = *options;
    io_pace_init(&load->pace, IO_PACE_MS, BATCH_LEAST, BATCH);
    arena_init(&load->arena);
    store_page_init(&load->page);
    load->order = bulk_order_new(job);
    if (options->dedupe != BULK_DEDUPE_OFF)
        load->hashes = bulk_turns_new();
    if (load->order == NULL || (load->hashes == NULL && options->dedupe != BULK_DEDUPE_OFF)) {
        bulk_load_close(load);
        return error_set(error, ERROR_NOMEM, "no memory to load the list");
    }
    *ret_load = load;
    return 0;
}

static void forget_twins(struct bulk_load *load)
{
    for (size_t i = 0; i < load->twin_count; i++)
        memory_free(load->twins[i].long_key);
    load->twin_count = 0;
}

void bulk_load_close(struct bulk_load *load)
{
    if (load == NULL)
        return;
    forget_twins(load);
    bulk_order_free(load->order);
    bulk_turns_free(load->hashes);
    store_page_done(&load->page);
    arena_done(&load->arena);
    memory_free(load);
}

struct bulk_load_progress bulk_load_progress(const struct bulk_load *load)
{
    return load->progress;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Near enough for the order: what does not parse needs no server. */
static uint32_t turn_of(struct bulk_load *load, struct slice address)
{
    char lower[ADDRESS_DOMAIN_MAX];
    struct slice domain = slice_from_offset(address, (size_t)(slice_rfind_byte(address, '@') + 1));

    domain = slice_prefix(domain, sizeof(lower));
    memcpy(lower, domain.len > 0 ? domain.ptr : "", domain.len);
    ascii_lower_bytes(lower, domain.len);
    return bulk_order_key(load->order, slice_from(lower, domain.len));
}

static int add_row(struct bulk_load *load, const struct bulk_row *from, struct error *error)
{
    struct store_row *row = &load->rows[load->row_count];
    struct slice address = bulk_job_address(from->address);
    char key[BULK_KEY_SIZE];

    CHECK(from->number == load->progress.rows + 1);
    *row = (struct store_row){
        .number = from->number,
        .turn = turn_of(load, address),
        .address = arena_slice(&load->arena, address),
        .fault = slice_from_string(from->fault),
        .raw = load->options.keep_raw ? arena_slice(&load->arena, from->raw) : SLICE_EMPTY,
        .is_doubtful = from->is_doubtful,
    };
    if (row->address.ptr == NULL || row->raw.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to load the list");
    if (from->fault == NULL)
        row->key = bulk_job_key_hash(bulk_job_key(load->options.dedupe, address, key));
    load->row_count++;
    load->progress.rows++;
    load->progress.faults += from->fault != NULL;
    load->progress.doubts += from->is_doubtful;
    /* No key: no address, and never a duplicate of another row that has none. */
    return load->hashes != NULL && row->key != 0
               ? bulk_turns_add(load->hashes, (uint32_t)(row->key >> 32), row->number, error)
               : 0;
}

static int keep_rows(struct bulk_load *load, struct error *error)
{
    int code = 0;

    if (load->row_count > 0)
        code = store_rows_add(load->store, load->job, load->rows, load->row_count, error);
    load->row_count = 0;
    arena_reset(&load->arena);
    return code;
}

static int read_rows(struct bulk_load *load, struct error *error)
{
    size_t wanted = io_pace_begin(&load->pace), count;
    struct bulk_row row;
    int code = 1;

    while (load->row_count < wanted && load->arena.used_bytes < BATCH_BYTES) {
        code = bulk_reader_next(load->reader, &row, error);
        if (code <= 0)
            break;
        code = add_row(load, &row, error);
        if (code != 0)
            return code;
        code = 1;
    }
    if (code < 0)
        return code;
    if (code == 0)
        load->phase = load->hashes == NULL ? PHASE_LOADED : PHASE_SORTING;
    count = load->row_count;
    code = keep_rows(load, error);
    (void)io_pace_end(&load->pace, count);
    return code;
}

/* --- duplicates ---------------------------------------------------------------------------- */

/* The key of a row, from its address; on load->page or in `out`. */
static int key_of(struct bulk_load *load, uint64_t row, char out[BULK_KEY_SIZE],
                  struct slice *ret_key, struct error *error)
{
    int code = store_line_read(load->store, load->job, row, &load->page, error);

    if (code == 0)
        *ret_key = bulk_job_key(load->options.dedupe, load->page.lines[0].row.address, out);
    return code;
}

static int read_twin(struct bulk_load *load, struct twin *twin, struct error *error)
{
    struct slice key;
    int code = key_of(load, twin->row, twin->key, &key, error);

    if (code != 0)
        return code;
    twin->is_read = true;
    twin->key_len = key.len;
    if (key.ptr == twin->key)
        return 0;
    if (key.len <= sizeof(twin->key)) {
        memcpy(twin->key, key.ptr, key.len);
        return 0;
    }
    twin->long_key = memory_copy_string(key.ptr, key.len);
    return twin->long_key != NULL ? 0 : error_set(error, ERROR_NOMEM, "no memory for a row");
}

static struct slice twin_key(const struct twin *twin)
{
    return slice_from(twin->long_key != NULL ? twin->long_key : twin->key, twin->key_len);
}

static int keep_marks(struct bulk_load *load, struct error *error)
{
    int code = 0;

    if (load->mark_count > 0)
        code = store_rows_mark(load->store, load->job, load->marks, load->mark_count, error);
    load->progress.duplicates += load->mark_count;
    load->mark_count = 0;
    return code;
}

static void add_twin(struct bulk_load *load, uint64_t row)
{
    if (load->twin_count == TWINS_MAX)
        return; /* it stays a mailbox of its own: asked once more, nothing worse */
    load->twins[load->twin_count++] = (struct twin){.row = row};
}

/* A row whose hash was there before: whose key is it? */
static int place_row(struct bulk_load *load, uint64_t row, struct error *error)
{
    char own[BULK_KEY_SIZE];
    struct slice key;
    int code;

    for (size_t i = 0; i < load->twin_count; i++) {
        code = load->twins[i].is_read ? 0 : read_twin(load, &load->twins[i], error);
        if (code != 0)
            return code;
    }
    code = key_of(load, row, own, &key, error);
    if (code != 0)
        return code;
    for (size_t i = 0; i < load->twin_count; i++) {
        if (!slice_equal(key, twin_key(&load->twins[i])))
            continue;
        load->marks[load->mark_count++] = (struct store_mark){row, load->twins[i].row};
        return 0;
    }
    add_twin(load, row);
    return 0;
}

static int find_duplicates(struct bulk_load *load, struct error *error)
{
    uint32_t hash;
    uint64_t row;
    int code = 1;

    (void)io_pace_begin(&load->pace);
    for (size_t i = 0; i < BATCH && (i == 0 || !io_pace_is_over(&load->pace)); i++) {
        code = bulk_turns_next(load->hashes, &hash, &row, error);
        if (code <= 0)
            break;
        if (hash == load->hash && load->twin_count > 0) {
            code = place_row(load, row, error);
            if (code < 0)
                break;
            code = 1; /* the step may end here, and the rows have not */
            continue;
        }
        forget_twins(load);
        load->hash = hash;
        add_twin(load, row);
    }
    if (code < 0)
        return code;
    if (code == 0)
        load->phase = PHASE_LOADED;
    return keep_marks(load, error);
}

/* What a process before this one had loaded. */
static int clear(struct bulk_load *load, struct error *error)
{
    size_t count = io_pace_begin(&load->pace);
    int code = store_job_clear(load->store, load->job, count, error);

    (void)io_pace_end(&load->pace, code > 0 ? count : 0);
    if (code == 0)
        load->phase = PHASE_READING;
    return code;
}

int bulk_load_step(struct bulk_load *load, struct error *error)
{
    int code = 0;

    switch (load->phase) {
    case PHASE_CLEARING:
        code = clear(load, error);
        break;
    case PHASE_READING:
        code = read_rows(load, error);
        break;
    case PHASE_SORTING:
        if (!load->progress.is_sorting)
            code = bulk_turns_settle(load->hashes, error);
        load->progress.is_sorting = true;
        if (code == 0)
            code = find_duplicates(load, error);
        break;
    case PHASE_LOADED:
        break;
    }
    if (code < 0)
        return code;
    return load->phase != PHASE_LOADED;
}
