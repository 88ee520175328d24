#include "cli/demo_list.h"

#include "base/check.h"
#include "bulk/job_export.h"
#include "bulk/job_load.h"
#include "bulk/reader.h"
#include "bulk/writer.h"

#define PAGE 500 /* lines read at once */

static int reader_open(struct demo_list *list, struct bulk_reader **ret_reader, struct error *error)
{
    const char *const files[] = {list->path};
    const struct bulk_format wanted = {.has_header = -1, .column = SIZE_MAX};

    return bulk_reader_open(files, 1, &wanted, ret_reader, error);
}

/* --- loading --------------------------------------------------------------------------------- */

static int job_make(struct demo_list *list, struct error *error)
{
    const struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = slice_from_string(list->path),
        .sources = SLICE("[]"),
        .fingerprint = SLICE_EMPTY,
        .options = SLICE("{}"),
        .note = SLICE_EMPTY,
    };
    uint64_t id;
    int code = store_open("memory:", STORE_MODE_CREATE, &list->store, error);

    if (code == 0)
        code = store_job_add(list->store, &job, &id, error);
    return code == 0 ? store_job_get(list->store, id, &list->arena, &list->job, error) : code;
}

static int rows_load(struct demo_list *list, struct error *error)
{
    const struct bulk_load_options options = {.dedupe = BULK_DEDUPE_MAILBOX};
    struct bulk_reader *reader = NULL;
    struct bulk_load *load = NULL;
    int code = reader_open(list, &reader, error);

    if (code == 0)
        code = bulk_load_open(list->store, list->job.id, reader, &options, &load, error);
    if (code == 0)
        do
            code = bulk_load_step(load, error);
        while (code == 1);
    bulk_load_close(load);
    bulk_reader_close(reader);
    return code;
}

static int job_look(struct demo_list *list, struct error *error)
{
    return store_job_get(list->store, list->job.id, &list->arena, &list->job, error);
}

int demo_list_open(struct demo_list *list, const char *path, struct error *error)
{
    int code;

    *list = (struct demo_list){.path = path};
    arena_init(&list->arena);
    code = job_make(list, error);
    if (code == 0)
        code = rows_load(list, error);
    if (code == 0)
        code = job_look(list, error);
    if (code == 0) {
        list->job.state = STORE_JOB_READY;
        code = store_job_update(list->store, &list->job, error);
    }
    return code;
}

/* --- probing --------------------------------------------------------------------------------- */

static void work_ended(void *user, enum bulk_job_end end)
{
    struct demo_list *list = user;

    list->end = end;
    list->ended(list);
}

int demo_list_start(struct demo_list *list, struct prober *prober,
                    void (*ended)(struct demo_list *list), void *user, struct error *error)
{
    const struct bulk_job_options options = {
        .window = prober->settings.cases_max,
        .order = BULK_FEED_BY_TURN,
        .depth = prober->settings.depth,
        .patience = prober->settings.patience,
    };
    const struct bulk_job_events events = {.ended = work_ended};
    int code;

    list->ended = ended;
    list->user = user;
    code = bulk_job_open(prober->loop, prober->engine, list->store, list->job.id, &options, &events,
                         list, &list->work, error);
    return code == 0 ? bulk_job_start(list->work, error) : code;
}

uint64_t demo_list_done(struct demo_list *list)
{
    struct bulk_job_progress progress;

    bulk_job_progress(list->work, &progress);
    return progress.done;
}

/* --- what came out --------------------------------------------------------------------------- */

int demo_list_write(struct demo_list *list, const char *path, struct error *error)
{
    const struct bulk_export_options options = {.rest = BULK_EXPORT_REST_EMPTY};
    struct bulk_writer_options wanted = {.duplicates = BULK_DUPLICATES_ANSWER};
    struct bulk_reader *reader = NULL;
    struct bulk_writer *writer = NULL;
    struct bulk_export *export = NULL;
    int code = reader_open(list, &reader, error);

    if (code == 0) {
        wanted.input = bulk_reader_format(reader);
        wanted.header = bulk_reader_header(reader);
        code = bulk_writer_open(path, &wanted, &writer, error);
    }
    if (code == 0)
        code =
            bulk_export_open(list->store, list->job.id, reader, writer, &options, &export, error);
    if (code == 0)
        do
            code = bulk_export_step(export, error);
        while (code == 1);
    bulk_export_close(export);
    if (code == 0) {
        code = bulk_writer_finish(writer, error);
        writer = NULL;
    }
    bulk_writer_abandon(writer);
    bulk_reader_close(reader);
    return code;
}

static void line_show(const struct store_line *line, struct buffer *out,
                      const struct view_style *style)
{
    const struct view_line view = {
        .address = line->row.address,
        .status = line->result.status,
        .reason = line->result.reason,
        .score = line->result.score,
        .explanation = line->result.explanation,
        .suggestion = line->result.suggestion,
    };

    view_line(out, &view, style);
}

/* The numbers of the first rows of each reason; 0: there is none. */
static int firsts_find(struct demo_list *list, struct store_page *page,
                       uint64_t ret_firsts[VERDICT_REASON_COUNT], struct error *error)
{
    struct store_query query = {.limit = PAGE};
    int code;

    do {
        code = store_page_read(list->store, list->job.id, &query, page, error);
        for (size_t i = 0; code == 0 && i < page->count; i++) {
            const struct store_line *line = &page->lines[i];

            if (line->has_result && ret_firsts[line->result.reason] == 0)
                ret_firsts[line->result.reason] = line->row.number;
        }
        query.after = page->after;
    } while (code == 0 && !page->at_end);
    return code;
}

int demo_list_tell(struct demo_list *list, struct view_summary *ret_summary,
                   struct buffer *examples, const struct view_style *style, struct error *error)
{
    uint64_t firsts[VERDICT_REASON_COUNT] = {0};
    struct store_counts counts;
    struct store_page page;
    int code;

    store_page_init(&page);
    *ret_summary = (struct view_summary){0};
    code = store_counts(list->store, list->job.id, &counts, error);
    if (code == 0)
        code = firsts_find(list, &page, firsts, error);
    for (unsigned i = 0; code == 0 && i < VERDICT_REASON_COUNT;
         i++) { /* they are sorted by status */
        ret_summary->by_reason[i] = counts.rows[i];
        ret_summary->by_status[verdict_reason_status((enum verdict_reason)i)] += counts.rows[i];
        ret_summary->total += counts.rows[i];
        if (firsts[i] == 0)
            continue;
        code = store_line_read(list->store, list->job.id, firsts[i], &page, error);
        if (code == 0)
            line_show(&page.lines[0], examples, style);
    }
    store_page_done(&page);
    return code;
}

void demo_list_close(struct demo_list *list)
{
    bulk_job_free(list->work);
    store_close(list->store);
    arena_done(&list->arena);
    *list = (struct demo_list){0};
}
