#include "bulk/writer.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/table.h"
#include "bulk/format.h"
#include "bulk/writer_internal.h"
#include "bulk/zip.h"
#include "verdict/advice.h"

#define SHEET_ROWS_MAX 1048576u /* that a sheet of XLSX can have */
/* Of its XML, before the last row: more needs ZIP64, which spreadsheets do not read there. */
#define SHEET_OCTETS_MAX (UINT64_C(3) << 30)

/* Whatever stands in that row: of one octet XML makes seven at most ("_x0001_"). */
_Static_assert(SHEET_OCTETS_MAX + 8 * (uint64_t)BULK_CSV_ROW_MAX < BULK_ZIP_PLAIN_MAX,
               "a sheet's last row may lead beyond what an entry without ZIP64 holds");

/* One file of the result. */
struct sink {
    struct bulk_output *output; /* NULL: not opened */
    struct writer_sheet *sheet; /* XLSX */
};

/* With --split, behind those of the statuses. */
#define SINK_PENDING VERDICT_STATUS_COUNT /* rows that are not determined yet */
#define SINK_ALL     (SINK_PENDING + 1)
#define SINK_COUNT   (SINK_ALL + 1)

struct bulk_writer {
    struct writer_context context;
    struct bulk_writer_options options;
    char *path;
    bool is_stream, gathers;
    bool some_status, some_reason; /* not all are wanted */
    uint64_t rows;                 /* that were */
    uint64_t unreadable;
    struct sink sinks[SINK_COUNT]; /* one a status, or the first alone */
};

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory to write the list");
}

static enum bulk_kind kind_of_name(const char *path)
{
    static const struct {
        struct slice ending;
        enum bulk_kind kind;
    } endings[] = {
        {{".csv", 4}, BULK_KIND_CSV},      {{".tsv", 4}, BULK_KIND_CSV},
        {{".txt", 4}, BULK_KIND_CSV},      {{".ndjson", 7}, BULK_KIND_NDJSON},
        {{".jsonl", 6}, BULK_KIND_NDJSON}, {{".json", 5}, BULK_KIND_NDJSON},
        {{".xlsx", 5}, BULK_KIND_XLSX},
    };
    struct slice name = slice_from_string(path);

    if (slice_ends_with_nocase(name, SLICE(".gz")))
        name.len -= 3;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (slice_ends_with_nocase(name, endings[i].ending))
            return endings[i].kind;
    return BULK_KIND_UNKNOWN;
}

static enum bulk_kind choose_kind(const char *path, const struct bulk_writer_options *options)
{
    enum bulk_kind kind = options->kind;

    if (kind == BULK_KIND_UNKNOWN)
        kind = kind_of_name(path);
    if (kind == BULK_KIND_UNKNOWN)
        kind = options->input->kind;
    return kind == BULK_KIND_TEXT ? BULK_KIND_CSV : kind; /* a line has no room for a verdict */
}

static size_t count_header(const struct bulk_csv_shape *shape, struct slice header)
{
    return header.len > 0 ? bulk_csv_count_cells(shape, header) : 0;
}

/* Of the list's own table; what has none is a column or two. */
static size_t column_count(const struct bulk_csv_shape *shape, const struct bulk_format *input,
                           size_t header_cells)
{
    if (!shape->quotes)
        return input->kind == BULK_KIND_NDJSON ? 2 : 1;
    return header_cells > input->columns ? header_cells : input->columns;
}

int bulk_writer_check(const char *path, const struct bulk_writer_options *options,
                      struct error *error)
{
    const struct bulk_csv_shape shape = bulk_format_shape(options->input);

    if (options->split && strcmp(path, "-") == 0)
        return error_set(error, ERROR_USAGE,
                         "one file a status needs a name; standard output has none");
    if (choose_kind(path, options) != BULK_KIND_XLSX)
        return 0;
    if (slice_ends_with_nocase(slice_from_string(path), SLICE(".gz")))
        return error_set(error, ERROR_USAGE, "%s: XLSX is compressed already; leave .gz away",
                         path);
    if (column_count(&shape, options->input, count_header(&shape, options->header)) +
            APPENDED_COLUMN_COUNT >
        WRITER_SHEET_COLUMNS)
        return error_set(error, ERROR_USAGE,
                         "%s: a workbook holds %u columns, too few for the list's and ours; "
                         "write CSV",
                         path, WRITER_SHEET_COLUMNS);
    return 0;
}

/* Names of columns that are taken, and of each the number that the next of this name gets. */
struct taken {
    struct table table;
    unsigned *next;
};

static bool take_name(struct writer_context *context, struct taken *taken, size_t index)
{
    taken->next[index] = 2;
    return table_put(&taken->table, context->columns[index], &taken->next[index]) == 0;
}

/* The same name twice would make an object lose a member: "name", "name_2". */
static bool make_unique(struct writer_context *context, struct taken *taken, size_t index)
{
    struct slice wanted = context->columns[index];
    unsigned *number = table_get(&taken->table, wanted);
    const char *name;

    if (number == NULL)
        return take_name(context, taken, index);
    do {
        name = arena_printf(&context->arena, "%.*s_%u", SLICE_ARG(wanted), (*number)++);
        if (name == NULL)
            return false;
        context->columns[index] = slice_from_string(name);
    } while (table_get(&taken->table, context->columns[index]) != NULL);
    return take_name(context, taken, index);
}

/* Names of the list's own columns. */
static bool name_each(struct writer_context *context, struct taken *taken)
{
    struct slice rest = context->header, cell, text;
    size_t i = 0;

    while (i < context->header_cells && bulk_csv_next_cell(&context->shape, &rest, &cell)) {
        if (!bulk_format_text(&context->input, cell, context->scratch, &text))
            return false;
        context->columns[i] = arena_slice(&context->arena, slice_trim(text));
        if (context->columns[i].ptr == NULL || !make_unique(context, taken, i))
            return false;
        i++;
    }
    for (; i < context->column_count; i++) {
        const char *name = !context->shape.quotes
                               ? (i == 0 ? WRITER_LINE_COLUMN : WRITER_OBJECT_COLUMN)
                               : arena_printf(&context->arena, "column_%zu", i + 1);

        if (name == NULL)
            return false;
        context->columns[i] = slice_from_string(name);
        if (!make_unique(context, taken, i))
            return false;
    }
    return true;
}

static bool name_columns(struct writer_context *context)
{
    struct taken taken;
    bool is_done;

    context->header_cells = count_header(&context->shape, context->header);
    context->column_count = column_count(&context->shape, &context->input, context->header_cells);
    context->columns =
        arena_array(&context->arena, context->column_count + 1, sizeof(*context->columns));
    taken.next = arena_array(&context->arena, context->column_count + 1, sizeof(*taken.next));
    if (context->columns == NULL || taken.next == NULL)
        return false;
    table_init_borrowing(&taken.table, hash_bytes(&context, sizeof(context), 0));
    is_done = name_each(context, &taken);
    table_done(&taken.table);
    return is_done;
}

static int prepare(struct bulk_writer *writer, struct error *error)
{
    struct writer_context *context = &writer->context;
    unsigned wanted = writer->options.columns != 0 ? writer->options.columns : APPENDED_USUAL;

    context->kind = choose_kind(writer->path, &writer->options);
    context->shape = bulk_format_shape(&context->input);
    context->header = arena_slice(&context->arena, writer->options.header);
    context->lead = arena_slice(&context->arena, writer->options.lead);
    if (context->header.ptr == NULL || context->lead.ptr == NULL || !name_columns(context) ||
        !appended_name(context->dialect, writer->options.prefix, context->columns,
                       context->column_count, &context->arena, &context->names))
        return no_memory(error);
    for (size_t i = 0; i < APPENDED_COLUMN_COUNT; i++)
        if (!(wanted & (1U << i)))
            context->names.names[i] = NULL;
    context->has_header = context->input.has_header == 1 || !context->shape.quotes;
    if (!context->shape.quotes) /* a table of its own, with nobody's delimiter */
        context->shape.delimiter = ',';
    return context->kind != BULK_KIND_NDJSON || writer_ndjson_prepare(context) ? 0
                                                                               : no_memory(error);
}

/* Where a line for this sink is made. */
static void begin_line(struct bulk_writer *writer, struct sink *sink)
{
    writer->context.line = bulk_output_buffer(sink->output);
}

static int end_line(struct bulk_writer *writer, struct sink *sink, struct error *error)
{
    struct writer_context *context = &writer->context;
    bool has_own = context->kind == BULK_KIND_CSV && context->shape.quotes;

    if (!(has_own ? buffer_append_string(context->line, context->input.line_end)
                  : buffer_append_byte(context->line, '\n')))
        return no_memory(error);
    return bulk_output_push(sink->output, error);
}

static int open_sink(struct bulk_writer *writer, struct sink *sink, const char *path,
                     struct error *error)
{
    struct writer_context *context = &writer->context;
    int code = bulk_output_open(path, &sink->output, error);

    if (code != 0)
        return code;
    bulk_output_heed(sink->output, writer->options.stops);
    if (writer->options.is_passing)
        bulk_output_skip_sync(sink->output);
    if (context->kind == BULK_KIND_XLSX) {
        int fd = -1;

        code = bulk_output_file(sink->output, &fd, error);
        return code == 0 ? writer_sheet_open(fd, path, context, &sink->sheet, error) : code;
    }
    if (context->kind != BULK_KIND_CSV)
        return 0;
    begin_line(writer, sink);
    if (!writer_csv_begin(context))
        return no_memory(error);
    if (!context->has_header)
        return 0;
    return writer_csv_header(context) ? end_line(writer, sink, error) : no_memory(error);
}

const char *bulk_writer_split_path(const char *whole, const char *word, struct arena *arena)
{
    struct slice path = slice_from_string(whole), stem = path;
    ptrdiff_t slash = slice_rfind_byte(path, '/'), dot;

    if (slice_ends_with_nocase(stem, SLICE(".gz")))
        stem.len -= 3;
    dot = slice_rfind_byte(stem, '.');
    if (dot > slash + 1)
        stem = slice_prefix(stem, (size_t)dot);
    return arena_printf(arena, "%.*s.%s%.*s", SLICE_ARG(stem), word,
                        SLICE_ARG(slice_from_offset(path, stem.len)));
}

static int open_split(struct bulk_writer *writer, size_t sink, const char *word,
                      struct error *error)
{
    const char *path = bulk_writer_split_path(writer->path, word, &writer->context.arena);

    return path != NULL ? open_sink(writer, &writer->sinks[sink], path, error) : no_memory(error);
}

static bool wants_any(const bool *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wanted[i])
            return true;
    return false;
}

/* Every status has its file, also an empty one: none of an earlier run stays to mislead. */
static int open_sinks(struct bulk_writer *writer, struct error *error)
{
    int code = 0;

    writer->some_status = wants_any(writer->options.only, VERDICT_STATUS_COUNT);
    writer->some_reason = wants_any(writer->options.want_reason, VERDICT_REASON_COUNT);
    if (!writer->options.split)
        return open_sink(writer, &writer->sinks[0], writer->path, error);
    for (size_t i = 0; code == 0 && i < VERDICT_STATUS_COUNT; i++) {
        if (writer->some_status && !writer->options.only[i])
            continue;
        code = open_split(writer, i, verdict_status_name((enum verdict_status)i), error);
    }
    return code == 0 && writer->options.with_all ? open_split(writer, SINK_ALL, "all", error)
                                                 : code;
}

int bulk_writer_open(const char *path, const struct bulk_writer_options *options,
                     struct bulk_writer **ret_writer, struct error *error)
{
    struct bulk_writer *writer = memory_zalloc(1, sizeof(*writer));
    int code;

    if (writer == NULL)
        return no_memory(error);
    writer->options = *options;
    writer->context.input = *options->input;
    writer->context.dialect = options->dialect;
    writer->context.sheet_rows = options->sheet_rows != 0 ? options->sheet_rows : SHEET_ROWS_MAX;
    writer->context.sheet_octets =
        options->sheet_octets != 0 ? options->sheet_octets : SHEET_OCTETS_MAX;
    writer->is_stream = strcmp(path, "-") == 0;
    arena_init(&writer->context.arena);
    appended_init(&writer->context.cells);
    buffer_init(&writer->context.extra, 0);
    buffer_init(&writer->context.scratch[0], 0);
    buffer_init(&writer->context.scratch[1], 0);
    writer->path = memory_copy_string(path, strlen(path));
    if (writer->path == NULL)
        code = no_memory(error);
    else
        code = bulk_writer_check(path, options, error);
    if (code == 0)
        code = prepare(writer, error);
    if (code == 0)
        code = open_sinks(writer, error);
    if (code != 0) {
        bulk_writer_abandon(writer);
        return code;
    }
    *ret_writer = writer;
    return 0;
}

static bool is_wanted(const struct bulk_writer *writer, const struct bulk_outcome *outcome)
{
    const struct bulk_writer_options *options = &writer->options;
    if (outcome == NULL)
        return !writer->some_status && !writer->some_reason;
    if (outcome->duplicate && options->duplicates == BULK_DUPLICATES_DROP)
        return false;
    return (!writer->some_status || options->only[outcome->status]) &&
           (!writer->some_reason || options->want_reason[outcome->reason]);
}

static struct sink *sink_of(struct bulk_writer *writer, const struct bulk_outcome *outcome)
{
    if (!writer->options.split)
        return &writer->sinks[0];
    return &writer->sinks[outcome != NULL ? (size_t)outcome->status : SINK_PENDING];
}

static int put_row(struct bulk_writer *writer, struct sink *sink, const struct bulk_row *row,
                   const struct bulk_outcome *outcome, struct error *error)
{
    struct writer_context *context = &writer->context;
    int code;

    if (sink->sheet != NULL)
        return writer_sheet_put(sink->sheet, row, outcome, error);
    begin_line(writer, sink);
    if (!(context->kind == BULK_KIND_NDJSON ? writer_ndjson_row(context, row, outcome)
                                            : writer_csv_row(context, row, outcome)))
        return no_memory(error);
    code = end_line(writer, sink, error);
    return code == 0 && writer->is_stream && !writer->gathers
               ? bulk_output_flush(sink->output, error)
               : code;
}

void bulk_writer_gather(struct bulk_writer *writer)
{
    writer->gathers = true;
}

int bulk_writer_flush(struct bulk_writer *writer, struct error *error)
{
    struct bulk_output *output = writer->sinks[0].output; /* a stream has one */

    return writer->is_stream && output != NULL ? bulk_output_flush(output, error) : 0;
}

/* What is said of a row whose mailbox stands further up. */
static void skip_duplicate(const struct bulk_outcome *outcome, char *explanation, size_t size,
                           struct bulk_outcome *ret_skipped)
{
    snprintf(explanation, size, "The same mailbox stands in row %llu.",
             (unsigned long long)outcome->duplicate_of);
    *ret_skipped = *outcome;
    ret_skipped->status = VERDICT_SKIPPED;
    ret_skipped->reason = REASON_DUPLICATE;
    ret_skipped->action = advice_action(REASON_DUPLICATE);
    ret_skipped->retry_after_s = 0;
    ret_skipped->explanation = slice_from_string(explanation);
    ret_skipped->json = SLICE_EMPTY;
}

int bulk_writer_put(struct bulk_writer *writer, const struct bulk_row *row,
                    const struct bulk_outcome *outcome, struct error *error)
{
    struct bulk_outcome skipped;
    char explanation[64];
    struct sink *sink;
    int code = 0;

    if (outcome != NULL && outcome->duplicate &&
        writer->options.duplicates == BULK_DUPLICATES_SKIP) {
        skip_duplicate(outcome, explanation, sizeof(explanation), &skipped);
        outcome = &skipped;
    }
    writer->unreadable +=
        row->fault != NULL && outcome != NULL && outcome->status == VERDICT_UNKNOWN;
    if (!is_wanted(writer, outcome))
        return 0;
    writer->rows++;
    sink = sink_of(writer, outcome);
    /* Rows without outcome are rare: their file is made for the first. */
    if (sink->output == NULL)
        code = open_split(writer, SINK_PENDING, "pending", error);
    if (code == 0)
        code = put_row(writer, sink, row, outcome, error);
    return code == 0 && writer->options.with_all
               ? put_row(writer, &writer->sinks[SINK_ALL], row, outcome, error)
               : code;
}

int bulk_writer_put_pending(struct bulk_writer *writer, const struct bulk_row *row, uint64_t first,
                            struct error *error)
{
    const struct bulk_outcome later = {
        .suggestion = SLICE_EMPTY,
        .provider = SLICE_EMPTY,
        .domain = SLICE_EMPTY,
        .explanation = SLICE_EMPTY,
        .json = SLICE_EMPTY,
        .duplicate = true,
        .duplicate_of = first,
    };
    bool needs_first = writer->options.duplicates == BULK_DUPLICATES_ANSWER;

    return bulk_writer_put(writer, row, first != 0 && !needs_first ? &later : NULL, error);
}

bool bulk_writer_is_stream(const struct bulk_writer *writer)
{
    return writer->is_stream;
}

bool bulk_writer_wants_json(const struct bulk_writer *writer)
{
    return writer->context.kind == BULK_KIND_NDJSON;
}

uint64_t bulk_writer_rows(const struct bulk_writer *writer)
{
    return writer->rows;
}

const char *bulk_writer_renamed(const struct bulk_writer *writer)
{
    const struct writer_context *context = &writer->context;

    for (size_t i = 0; i < APPENDED_COLUMN_COUNT && context->kind != BULK_KIND_NDJSON; i++)
        if (context->names.number > 1 && context->names.names[i] != NULL)
            return context->names.names[i];
    return NULL;
}

uint64_t bulk_writer_unreadable(const struct bulk_writer *writer)
{
    return writer->unreadable;
}

unsigned bulk_writer_sheets(const struct bulk_writer *writer)
{
    unsigned most = 0;

    for (size_t i = 0; i < SINK_COUNT; i++)
        if (writer->sinks[i].sheet != NULL && writer_sheet_number(writer->sinks[i].sheet) > most)
            most = writer_sheet_number(writer->sinks[i].sheet);
    return most;
}

uint64_t bulk_writer_cut(const struct bulk_writer *writer)
{
    uint64_t cut = 0;

    for (size_t i = 0; i < SINK_COUNT; i++)
        cut += writer->sinks[i].sheet != NULL ? writer_sheet_cut(writer->sinks[i].sheet) : 0;
    return cut;
}

static int finish_sink(struct sink *sink, struct error *error)
{
    struct bulk_output *output = sink->output;
    int code = 0;

    if (sink->sheet != NULL)
        code = writer_sheet_finish(sink->sheet, error);
    sink->sheet = NULL;
    sink->output = NULL;
    if (output == NULL)
        return code;
    if (code == 0)
        return bulk_output_finish(output, error);
    bulk_output_abandon(output);
    return code;
}

int bulk_writer_finish(struct bulk_writer *writer, struct error *error)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < SINK_COUNT; i++)
        code = finish_sink(&writer->sinks[i], error);
    bulk_writer_abandon(writer);
    return code;
}

void bulk_writer_abandon(struct bulk_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < SINK_COUNT; i++) {
        writer_sheet_abandon(writer->sinks[i].sheet);
        bulk_output_abandon(writer->sinks[i].output);
    }
    appended_done(&writer->context.cells);
    buffer_done(&writer->context.extra);
    buffer_done(&writer->context.scratch[0]);
    buffer_done(&writer->context.scratch[1]);
    arena_done(&writer->context.arena);
    memory_free(writer->path);
    memory_free(writer);
}
