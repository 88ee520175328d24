#include "bulk/job_offline.h"

#include <string.h>

#include "base/memory.h"
#include "bulk/job_outcome.h"
#include "bulk/job_seen.h"
#include "probe/offline.h"

#define ROWS_A_STEP    4096
#define ROWS_ABREAST   16
#define BYTES_ABREAST  ((size_t)64 << 10) /* of rows; one that is longer stands alone */
#define MEMORY_DEFAULT ((size_t)256 << 20)

/* A row that was read; its bytes lie in bulk_offline.bytes. */
struct kept_row {
    struct bulk_row row;
    struct slice address; /* of its cell */
    struct probe_offline_case each;
    uint64_t hash; /* of its key; 0: never a duplicate */
};

/*
 * Rows go through some together, step by step: what a step looks up in a large table is fetched
 * from memory since the step before (probe/offline.h, bulk_seen_fetch).
 */
struct bulk_offline {
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_offline_options options;
    struct probe_offline_terms terms;
    struct bulk_offline_progress progress;
    struct bulk_seen seen;
    struct probe_offline_memory memory;
    struct buffer scratch;
    struct kept_row kept[ROWS_ABREAST];
    size_t kept_count, kept_most;
    struct buffer bytes;
};

int bulk_offline_open(struct bulk_reader *reader, struct bulk_writer *writer,
                      const struct bulk_offline_options *options, struct bulk_offline **ret_offline,
                      struct error *error)
{
    struct bulk_offline *offline = memory_zalloc(1, sizeof(*offline));

    if (offline == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to clean the list");
    offline->reader = reader;
    offline->writer = writer;
    offline->options = *options;
    offline->terms = (struct probe_offline_terms){
        .lists = options->lists, .unix_ms = options->unix_ms, .stop = EVIDENCE_STOP_DEPTH};
    offline->kept_most = bulk_writer_is_stream(writer) ? 1 : ROWS_ABREAST;
    bulk_seen_init(&offline->seen, options->memory_max != 0 ? options->memory_max : MEMORY_DEFAULT);
    buffer_init(&offline->scratch, 0);
    buffer_init(&offline->bytes, 0);
    probe_offline_memory_init(&offline->memory);
    for (size_t i = 0; i < ROWS_ABREAST; i++)
        probe_offline_begin(&offline->terms, &offline->kept[i].each);
    *ret_offline = offline;
    return 0;
}

void bulk_offline_close(struct bulk_offline *offline)
{
    if (offline == NULL)
        return;
    bulk_seen_done(&offline->seen);
    probe_offline_memory_done(&offline->memory);
    buffer_done(&offline->scratch);
    buffer_done(&offline->bytes);
    memory_free(offline);
}

const struct bulk_offline_progress *bulk_offline_progress(const struct bulk_offline *offline)
{
    return &offline->progress;
}

/* After the first rows it can be told how many there will be. */
static void expect_rows(struct bulk_offline *offline)
{
    uint64_t offset = bulk_reader_offset(offline->reader);
    uint64_t size = bulk_reader_size(offline->reader);
    uint64_t rows = offline->progress.rows;

    if (offset > 0 && size > offset && offline->options.dedupe != BULK_DEDUPE_OFF)
        bulk_seen_expect(&offline->seen, (uint64_t)((double)size / (double)offset * (double)rows));
}

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory to clean the list");
}

/* --- the steps of some rows ------------------------------------------------------------------ */

static void parse_row(struct bulk_offline *offline, struct kept_row *kept)
{
    kept->hash = 0;
    kept->address = bulk_job_address(kept->row.address);
    probe_offline_parse(kept->address, &offline->memory, &kept->each);
}

static void look_row_up(struct bulk_offline *offline, struct kept_row *kept)
{
    char key[BULK_KEY_SIZE];

    if (kept->row.fault != NULL)
        return;
    probe_offline_look_up(&offline->memory, &kept->each);
    kept->hash = bulk_job_key_hash(bulk_job_key_parsed(offline->options.dedupe, kept->address,
                                                       &kept->each.evidence.address,
                                                       &kept->each.known.rules, key));
}

/* room: for the verdict, to which the result points. */
static int judge_row(struct bulk_offline *offline, struct kept_row *kept, struct verdict *room,
                     struct store_result *ret_result)
{
    const struct bulk_offline_options *options = &offline->options;
    struct result_options json = {.source = "live"};
    const struct result_options *wanted = options->with_json ? &json : NULL;
    const struct verdict *verdict;

    if (kept->row.fault != NULL)
        return bulk_job_fault_result(slice_from_string(kept->row.fault), options->unix_ms, wanted,
                                     &offline->scratch, room, ret_result);
    verdict = probe_offline_conclude(&offline->memory, &offline->terms, &kept->each, room);
    json.pattern = kept->each.pattern;
    return bulk_job_result(&kept->each.evidence, verdict, wanted, &offline->scratch, ret_result);
}

static int write_row(struct bulk_offline *offline, struct kept_row *kept, struct error *error)
{
    struct bulk_offline_progress *progress = &offline->progress;
    bool is_fault = kept->row.fault != NULL;
    struct store_result result;
    struct bulk_outcome outcome;
    struct verdict room;
    uint64_t first = 0;

    if (judge_row(offline, kept, &room, &result) != 0)
        return no_memory(error);
    if (kept->hash != 0)
        first = bulk_seen_first(&offline->seen, kept->hash, kept->row.number);
    progress->rows++;
    progress->faults += is_fault;
    progress->duplicates += first != 0;
    progress->by_reason[result.reason]++;
    bulk_job_outcome_of(&result, &outcome);
    outcome.duplicate = first != 0;
    outcome.duplicate_of = first;
    if (offline->options.stats != NULL &&
        bulk_stats_add(offline->options.stats, &outcome, is_fault, 0) != 0)
        return error_set(error, ERROR_NOMEM, "no memory to count the list");
    return bulk_writer_put(offline->writer, &kept->row, &outcome, error);
}

static int clean_kept(struct bulk_offline *offline, struct error *error)
{
    size_t count = offline->kept_count;
    int code = 0;

    for (size_t i = 0; i < count; i++)
        parse_row(offline, &offline->kept[i]);
    for (size_t i = 0; i < count; i++)
        probe_offline_fetch(&offline->memory, &offline->kept[i].each);
    for (size_t i = 0; i < count; i++)
        look_row_up(offline, &offline->kept[i]);
    for (size_t i = 0; i < count; i++)
        bulk_seen_fetch(&offline->seen, offline->kept[i].hash);
    for (size_t i = 0; code == 0 && i < count; i++)
        code = write_row(offline, &offline->kept[i], error);
    offline->kept_count = 0;
    buffer_clear(&offline->bytes);
    return code;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Does another row with so many bytes go with those that are kept? */
static bool has_room(const struct bulk_offline *offline, size_t len)
{
    return offline->kept_count == 0 || (offline->kept_count < offline->kept_most &&
                                        offline->bytes.capacity - offline->bytes.len >= len);
}

static struct slice keep_bytes(struct bulk_offline *offline, struct slice bytes)
{
    char *to = offline->bytes.ptr + offline->bytes.len;

    memcpy(to, bytes.ptr, bytes.len);
    offline->bytes.len += bytes.len;
    return slice_from(to, bytes.len);
}

/* The reader's row is good until the next is read. There is room for it. */
static int keep_row(struct bulk_offline *offline, const struct bulk_row *row, struct error *error)
{
    struct kept_row *kept = &offline->kept[offline->kept_count];
    size_t offset = (size_t)((uintptr_t)row->address.ptr - (uintptr_t)row->raw.ptr);
    size_t len = row->raw.len + row->address.len;

    if (offline->kept_count == 0 &&
        buffer_reserve(&offline->bytes, len > BYTES_ABREAST ? len : BYTES_ABREAST) == NULL)
        return no_memory(error);
    kept->row = *row;
    kept->row.raw = keep_bytes(offline, row->raw);
    if (offset < row->raw.len) /* the cell as it stands in the row */
        kept->row.address.ptr = kept->row.raw.ptr + offset;
    else
        kept->row.address = keep_bytes(offline, row->address);
    offline->kept_count++;
    return 0;
}

/* A row more, and those before it cleaned where it finds no room: as bulk_reader_next. */
static int take_row(struct bulk_offline *offline, struct error *error)
{
    struct bulk_row row;
    int more = bulk_reader_next(offline->reader, &row, error), code = 0;

    if (more <= 0)
        return more;
    if (!has_room(offline, row.raw.len + row.address.len))
        code = clean_kept(offline, error);
    if (code == 0)
        code = keep_row(offline, &row, error);
    /* Nothing is gained by waiting for the next one, which may be long in coming. */
    if (code == 0 && offline->kept_count == offline->kept_most)
        code = clean_kept(offline, error);
    return code == 0 ? 1 : code;
}

int bulk_offline_step(struct bulk_offline *offline, struct error *error)
{
    bool is_first_step = offline->progress.rows == 0;
    int code = 1, cleaned;

    for (size_t i = 0; code == 1 && i < ROWS_A_STEP; i++)
        code = take_row(offline, error);
    /* Also of a list that breaks off: what was read is cleaned, and the reader's error told. */
    cleaned = clean_kept(offline, code < 0 ? NULL : error);
    code = code >= 0 && cleaned < 0 ? cleaned : code;
    if (is_first_step && code == 1)
        expect_rows(offline);
    offline->progress.forgotten = offline->seen.forgotten;
    return code;
}
