#include "bulk/job_offline.h"

#include "base/memory.h"
#include "bulk/job_outcome.h"
#include "bulk/job_seen.h"
#include "probe/offline.h"

#define ROWS_AT_ONCE   4096
#define MEMORY_DEFAULT ((size_t)256 << 20)

struct bulk_offline {
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_offline_options options;
    struct bulk_offline_progress progress;
    struct bulk_seen seen;
    struct probe_offline_memory memory;
    struct buffer scratch;
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
    bulk_seen_init(&offline->seen, options->memory_max != 0 ? options->memory_max : MEMORY_DEFAULT);
    buffer_init(&offline->scratch, 0);
    probe_offline_memory_init(&offline->memory);
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

/* The hash of the row's key; 0: never a duplicate. */
static uint64_t hash_of(struct bulk_offline *offline, struct slice address,
                        const struct address *parsed)
{
    char key[BULK_KEY_SIZE];
    uint64_t hash = bulk_job_key_hash(
        bulk_job_key_parsed(offline->options.dedupe, address, parsed, offline->memory.rules, key));

    bulk_seen_fetch(&offline->seen, hash);
    return hash;
}

static int clean_row(struct bulk_offline *offline, const struct bulk_row *row, struct error *error)
{
    const struct bulk_offline_options *options = &offline->options;
    struct result_options json = {.source = "live"};
    const struct result_options *wanted = options->with_json ? &json : NULL;
    struct slice address = bulk_job_address(row->address);
    char suggestion[ADDRESS_WIRE_SIZE];
    struct store_result result;
    struct bulk_outcome outcome;
    struct evidence evidence;
    struct verdict verdict;
    uint64_t first = 0, hash;
    int code;

    if (row->fault != NULL) {
        offline->progress.faults++;
        code = bulk_job_fault_result(slice_from_string(row->fault), options->unix_ms, wanted,
                                     &offline->scratch, &verdict, &result);
    } else {
        probe_offline_judge(address, &offline->memory, options->lists, options->unix_ms,
                            EVIDENCE_STOP_DEPTH, &evidence, &verdict, suggestion);
        json.pattern = offline->memory.pattern;
        hash = hash_of(offline, address, &evidence.address);
        code = bulk_job_result(&evidence, &verdict, wanted, &offline->scratch, &result);
        if (hash != 0)
            first = bulk_seen_first(&offline->seen, hash, row->number);
    }
    if (code != 0)
        return error_set(error, code, "no memory to clean the list");
    offline->progress.rows++;
    offline->progress.duplicates += first != 0;
    offline->progress.by_reason[verdict.reason]++;
    bulk_job_outcome_of(&result, &outcome);
    outcome.duplicate = first != 0;
    outcome.duplicate_of = first;
    if (options->stats != NULL &&
        bulk_stats_add(options->stats, &outcome, row->fault != NULL, 0) != 0)
        return error_set(error, ERROR_NOMEM, "no memory to count the list");
    return bulk_writer_put(offline->writer, row, &outcome, error);
}

int bulk_offline_step(struct bulk_offline *offline, struct error *error)
{
    bool is_first_step = offline->progress.rows == 0;
    struct bulk_row row;
    int code = 1;

    for (size_t i = 0; i < ROWS_AT_ONCE; i++) {
        code = bulk_reader_next(offline->reader, &row, error);
        if (code <= 0)
            break;
        code = clean_row(offline, &row, error);
        if (code < 0)
            break;
        code = 1;
    }
    if (is_first_step && code == 1)
        expect_rows(offline);
    offline->progress.forgotten = offline->seen.forgotten;
    return code;
}
