#include "bulk/job_export.h"

#include "base/memory.h"
#include "bulk/job_key.h"
#include "bulk/job_outcome.h"
#include "io/pace.h"
#include "probe/offline.h"

#define LINES_AT_ONCE 500 /* at most, as far as they fit into a step */
#define LINES_LEAST   16
/*
 * Where somebody else works on the list, each page, or view, begins with reading what was written
 * meanwhile: with few lines to it that is nearly all there is to do.
 */
#define LINES_ALONE   2048
#define LINES_OF_VIEW 131072     /* a second or so */
#define PAGE_OCTETS   (4U << 20) /* of JSON: after a page with more (evidence kept) fewer lines */

struct bulk_export {
    struct store *store;
    uint64_t job;
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_export_options options;
    uint64_t rows;
    uint64_t unknown; /* rows passed over (next_row) */
    uint64_t above;   /* rows of the store that are none (look_above) */
    struct bulk_row first;
    bool is_first_held;
    struct io_pace pace; /* in lines */
    struct store_page page;
    size_t page_octets; /* of the last one's JSON */
    bool is_viewing;
    uint64_t view_until; /* row */
    struct buffer scratch;
};

int bulk_export_open(struct store *store, uint64_t job, struct bulk_reader *reader,
                     struct bulk_writer *writer, const struct bulk_export_options *options,
                     struct bulk_export **ret_export, struct error *error)
{
    struct bulk_export *export = memory_zalloc(1, sizeof(*export));

    if (export == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to write the list");
    if (options->is_alone)
        io_pace_init(&export->pace, IO_PACE_MS, LINES_ALONE, LINES_ALONE);
    else
        io_pace_init(&export->pace, IO_PACE_MS, LINES_LEAST, LINES_AT_ONCE);
    export->store = store;
    export->job = job;
    export->reader = reader;
    export->writer = writer;
    export->options = *options;
    store_page_init(&export->page);
    buffer_init(&export->scratch, 0);
    *ret_export = export;
    return 0;
}

static void end_view(struct bulk_export *export)
{
    if (export->is_viewing)
        store_reads_end(export->store);
    export->is_viewing = false;
}

static void see_to_view(struct bulk_export *export)
{
    if (!export->options.keeps_view ||
        (export->is_viewing && export->page.after < export->view_until))
        return;
    end_view(export);
    store_reads_begin(export->store);
    export->is_viewing = true;
    export->view_until = export->page.after + LINES_OF_VIEW;
}

void bulk_export_close(struct bulk_export *export)
{
    if (export == NULL)
        return;
    end_view(export);
    store_page_done(&export->page);
    buffer_done(&export->scratch);
    memory_free(export);
}

void bulk_export_set_lists(struct bulk_export *export, const struct lists_operator *lists)
{
    export->options.lists = lists;
}

uint64_t bulk_export_rows(const struct bulk_export *export)
{
    return export->rows;
}

/* outcome NULL: not known. */
static int count(struct bulk_export *export, const struct bulk_row *row,
                 const struct bulk_outcome *outcome, int64_t unix_ms, struct error *error)
{
    struct bulk_stats *stats = export->options.stats;

    return stats == NULL || bulk_stats_add(stats, outcome, row->fault != NULL, unix_ms) == 0
               ? 0
               : error_set(error, ERROR_NOMEM, "no memory to count the list");
}

/* Out it goes, counted where that is wanted. */
static int put(struct bulk_export *export, const struct bulk_row *row,
               const struct bulk_outcome *outcome, int64_t unix_ms, struct error *error)
{
    int code = count(export, row, outcome, unix_ms, error);

    return code == 0 ? bulk_writer_put(export->writer, row, outcome, error) : code;
}

static int put_pending(struct bulk_export *export, const struct bulk_row *row, uint64_t first,
                       struct error *error)
{
    int code = count(export, row, NULL, 0, error);

    return code == 0 ? bulk_writer_put_pending(export->writer, row, first, error) : code;
}

/* A row without result, judged by what needs no asking. */
static int write_rest(struct bulk_export *export, const struct bulk_row *row,
                      const struct store_line *line, struct error *error)
{
    const struct bulk_export_options *options = &export->options;
    const struct probe_offline_terms terms = {
        .lists = options->lists,
        .unix_ms = options->unix_ms,
        .stop = options->rest == BULK_EXPORT_REST_CANCELLED ? EVIDENCE_STOP_CANCELLED
                                                            : EVIDENCE_STOP_DEADLINE,
    };
    struct bulk_outcome outcome;
    struct bulk_rest rest;
    int code;

    if (options->rest == BULK_EXPORT_REST_EMPTY)
        return put_pending(export, row, line->row.first, error);
    code = bulk_job_rest(line, &terms, &export->scratch, &rest, &outcome);
    if (code != 0)
        return error_set(error, code, "no memory to write the list");
    return put(export, row, &outcome, 0, error);
}

/* Would mail to the suggestion go to somebody whom the operator's lists keep from it? */
static bool is_unwelcome(const struct lists_operator *lists, struct slice suggestion)
{
    struct address address;

    return lists != NULL && suggestion.len > 0 &&
           address_parse(suggestion.ptr, suggestion.len, &address) &&
           probe_offline_is_unwelcome(lists_operator_match(
               lists, address.local,
               address.is_literal ? address.domain : slice_from_string(address.domain_ascii)));
}

/* An earlier version kept more blanks around it. */
static bool is_same(struct slice cell, struct slice kept)
{
    struct slice address = bulk_job_address(cell);

    return slice_equal(address, kept) || slice_equal(address, bulk_job_address(kept));
}

/* As bulk_reader_next. Earlier versions did not see the rows of a workbook that have no text. */
static int next_row(struct bulk_export *export, const struct store_line *line, struct bulk_row *row,
                    struct error *error)
{
    bool is_sheet = bulk_reader_format(export->reader)->kind == BULK_KIND_XLSX;
    int code;

    while ((code = bulk_reader_next(export->reader, row, error)) == 1 && is_sheet &&
           row->raw.len == 0 && row->fault == NULL &&
           (line->row.address.len > 0 || line->row.fault.len > 0))
        export->unknown++;
    if (code == 1)
        row->number -= export->unknown;
    return code;
}

/*
 * Earlier versions took what stands above a header, and that too, for rows of the list. The row of
 * the reader is its first, and is held while those are passed over.
 */
static bool look_above(struct bulk_export *export, const struct store_line *line,
                       const struct bulk_row *row)
{
    unsigned lead = bulk_reader_format(export->reader)->lead;

    if (lead == 0 || line->row.number != 1 || is_same(row->address, line->row.address))
        return false;
    export->above = lead + 1;
    export->first = *row;
    export->is_first_held = true;
    return true;
}

/* Does it say of a row that no address is in it? Of what was erased nothing is said. */
static bool is_doubtful(const struct store_line *line)
{
    return line->result.reason == REASON_BAD_SYNTAX && line->result.explanation.len > 0;
}

/*
 * What bulk_mend will make of a line, as many look at a job before they go on with it: of a row in
 * which an address may stand elsewhere, or without what was kept around it. Its texts lie in *rest
 * and the scratch. 1; 0: it is as it was; ERROR_NOMEM.
 */
static int read_anew(struct bulk_export *export, const struct bulk_row *row,
                     struct store_line *line, struct bulk_rest *rest)
{
    static const struct result_options with_json = {.source = "live"};
    const struct result_options *json = export->options.with_json ? &with_json : NULL;
    struct slice kept = line->row.fault, address;
    struct store_result *result = &line->result;
    int code;

    if (kept.len > 0 && !bulk_fault_is_no_address(kept)) /* so it was seen, or erased */
        return 0;
    if (row->fault != NULL && !bulk_fault_is_no_address(slice_from_string(row->fault))) {
        line->row.fault = slice_from_string(row->fault);
        code = line->has_result
                   ? bulk_job_fault_result(line->row.fault, result->checked_unix_ms, json,
                                           &export->scratch, &rest->verdict, result)
                   : 0;
        return code == 0 ? 1 : code;
    }
    if (!line->has_result || kept.len > 0)
        return 0;
    address = bulk_job_address(line->row.address);
    if (slice_equal(address, line->row.address))
        return 0;
    return bulk_job_address_result(address, result->checked_unix_ms, json, &export->scratch, rest,
                                   result);
}

static int write_line(struct bulk_export *export, const struct store_line *line,
                      struct error *error)
{
    struct store_line anew;
    struct bulk_outcome outcome;
    struct bulk_rest rest;
    struct bulk_row row;
    int code = 1;

    if (line->row.number <= export->above)
        return 0;
    if (export->is_first_held)
        row = export->first;
    else
        code = next_row(export, line, &row, error);
    export->is_first_held = false;
    if (code == 1 && look_above(export, line, &row))
        return 0;
    if (code == 1)
        row.number += export->above;
    if (code < 0 || (code == 0 && line->row.address.len == 0 && line->row.fault.len == 0))
        return code;
    if (code == 0 || row.number != line->row.number || !is_same(row.address, line->row.address))
        return error_set(error, ERROR_RANGE,
                         "the list is not the one that was checked, or an earlier version of "
                         "mailknock read it otherwise: its row %llu differs",
                         (unsigned long long)line->row.number);
    export->rows++;
    if (!line->has_result || is_doubtful(line)) {
        anew = *line;
        line = &anew;
        if (read_anew(export, &row, &anew, &rest) < 0)
            return error_set(error, ERROR_NOMEM, "no memory to write the list");
    }
    if (!store_filter_passes(&export->options.filter, line))
        return 0;
    if (!line->has_result)
        return write_rest(export, &row, line, error);
    bulk_job_outcome(line, &outcome);
    outcome.is_suggestion_unwelcome = is_unwelcome(export->options.lists, outcome.suggestion);
    if (export->options.stats != NULL)
        bulk_job_told(line, export->options.outcomes, &export->options.stats->reliability);
    return put(export, &row, &outcome, line->result.checked_unix_ms, error);
}

int bulk_export_step(struct bulk_export *export, struct error *error)
{
    size_t paced = io_pace_begin(&export->pace);
    size_t count =
        export->page_octets > PAGE_OCTETS && paced > LINES_AT_ONCE ? LINES_AT_ONCE : paced;
    const struct store_query query = {
        .scope = STORE_SCOPE_ROWS,
        .after = export->page.after,
        .limit = count,
        .with_json = export->options.with_json,
    };
    int code;

    see_to_view(export);
    code = store_page_read(export->store, export->job, &query, &export->page, error);
    export->page_octets = 0;
    for (size_t i = 0; i < export->page.count && code == 0; i++) {
        export->page_octets += export->page.lines[i].result.json.len;
        code = write_line(export, &export->page.lines[i], error);
    }
    (void)io_pace_end(&export->pace, paced);
    if (code != 0)
        return code;
    return !export->page.at_end;
}
