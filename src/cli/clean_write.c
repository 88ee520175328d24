/* What is known of a list's rows, laid beside them: by `clean` at the end, by `jobs export` at any
   time. */
#include <string.h>
#include <time.h>

#include "cli/clean.h"
#include "config/prober.h"

bool clean_wants_json(const struct clean *clean)
{
    struct slice name = slice_from_string(clean->output);

    /* Only tables do without. */
    return clean->options->out.format == 2 || slice_equal(name, SLICE("-")) ||
           (clean->options->out.format == 0 && (clean->format.kind == BULK_KIND_NDJSON ||
                                                slice_ends_with_nocase(name, SLICE("json")) ||
                                                slice_ends_with_nocase(name, SLICE("jsonl"))));
}

static int write_rows(struct clean *clean, struct bulk_export *export, uint64_t rows,
                      struct error *error)
{
    int code = 1;

    while (code == 1 && !clean_is_interrupted()) {
        code = bulk_export_step(export, error);
        clean_progress_reading(&clean->progress, bulk_export_rows(export), bulk_export_rows(export),
                               rows, "writing");
    }
    return code;
}

int clean_write(struct clean *clean, struct store *store, const struct store_job *job,
                enum bulk_export_rest rest, struct error *error)
{
    struct bulk_export_options options = {
        .rest = rest,
        .unix_ms = (int64_t)time(NULL) * 1000,
        .with_json = clean_wants_json(clean),
    };
    struct lists_operator *lists = NULL;
    struct bulk_reader *reader = NULL;
    struct bulk_writer *writer = NULL;
    struct bulk_export *export = NULL;
    int code = prober_load_lists(clean->call->config, &lists, error);

    options.lists = lists;
    if (code == 0)
        code = clean_open_reader(clean, &reader, error);
    if (code == 0)
        code = clean_open_writer(clean, reader, &writer, error);
    if (code == 0)
        code = bulk_export_open(store, job->id, reader, writer, &options, &export, error);
    if (code == 0)
        code = write_rows(clean, export, job->rows, error);
    if (code == 0) {
        code = bulk_writer_finish(writer, error);
        writer = NULL;
    }
    bulk_writer_abandon(writer);
    bulk_export_close(export);
    bulk_reader_close(reader);
    lists_operator_free(lists);
    clean_progress_clear(&clean->progress);
    return code;
}
