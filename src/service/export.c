/* GET /v1/lists/{id}/export: the list as it came, with what was found out behind every row. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "bulk/job_export.h"
#include "bulk/job_outcome.h"
#include "service/errand.h"
#include "service/export_zip.h"
#include "service/internal.h"

struct export
{
    struct service_errand errand; /* first */
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_export *export;
    struct service_export_zip *zip; /* NULL: another format */
    char path[4096];
    char content_type[80];
    int fd;       /* of the finished file, already without a name */
    uint64_t cut; /* cells that a workbook doesn't hold whole */
};

static void export_ended(struct service_errand *errand)
{
    struct export *self = LIST_ELEMENT(errand, struct export, errand);

    bulk_export_close(self->export);
    bulk_writer_abandon(self->writer);
    bulk_reader_close(self->reader);
    service_export_zip_close(self->zip);
    if (self->fd >= 0)
        close(self->fd);
    if (self->path[0] != '\0')
        (void)unlink(self->path);
    memory_free(self);
}

/* --- what is asked for -------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    unsigned statuses;
} presets[] = {
    {"all", 0},
    {"safe", 1 << VERDICT_VALID},
    {"safe+catch-all", 1 << VERDICT_VALID | 1 << VERDICT_CATCH_ALL},
    /* A "+" in a query is a blank. */
    {"safe catch-all", 1 << VERDICT_VALID | 1 << VERDICT_CATCH_ALL},
    {"not-invalid", ((1 << VERDICT_STATUS_COUNT) - 1) & ~(1 << VERDICT_INVALID)},
    {"unknown", 1 << VERDICT_UNKNOWN},
    {"remove", 1 << VERDICT_INVALID | 1 << VERDICT_DO_NOT_MAIL},
};

static bool read_preset(struct service_call *call, struct bulk_writer_options *options)
{
    struct slice wanted = service_query_text(call, "preset");

    if (wanted.len == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        if (!slice_equal(wanted, slice_from_string(presets[i].name)))
            continue;
        for (unsigned k = 0; k < VERDICT_STATUS_COUNT; k++)
            options->only[k] = (presets[i].statuses & (1U << k)) != 0;
        return true;
    }
    service_problem(call, 422, "bad_preset",
                    "\"preset\" must be all, safe, safe+catch-all, not-invalid, unknown or remove");
    return false;
}

/* The filters of results; the writer has its reasons too, for rows that it marks as duplicates. */
static bool read_filter(struct service_call *call, struct bulk_writer_options *options,
                        struct store_filter *filter)
{
    if (!service_read_filter(call, filter))
        return false;
    for (unsigned i = 0; i < VERDICT_REASON_COUNT && filter->reasons != 0; i++)
        options->want_reason[i] = (filter->reasons & (UINT64_C(1) << i)) != 0;
    return true;
}

static bool read_columns(struct service_call *call, struct bulk_writer_options *options)
{
    static const char *const names[APPENDED_COLUMN_COUNT] = {
        [APPENDED_STATUS] = "status",     [APPENDED_REASON] = "reason",
        [APPENDED_SCORE] = "score",       [APPENDED_ACTION] = "action",
        [APPENDED_FLAGS] = "flags",       [APPENDED_SUGGESTION] = "suggestion",
        [APPENDED_PROVIDER] = "provider", [APPENDED_EXPLANATION] = "explanation",
        [APPENDED_SEND_TO] = "send_to",
    };
    struct slice words = service_query_text(call, "columns"), word;

    while (words.len > 0 && slice_split(&words, ',', &word)) {
        size_t i = 0;

        while (i < APPENDED_COLUMN_COUNT && !slice_equal(word, slice_from_string(names[i])))
            i++;
        if (i == APPENDED_COLUMN_COUNT) {
            service_problem(call, 422, "bad_columns",
                            "\"columns\" takes status, reason, score, action, flags, suggestion, "
                            "provider, explanation and send_to, separated by commas, not \"%.*s\"",
                            SLICE_ARG(slice_prefix(word, 40)));
            return false;
        }
        options->columns |= 1U << i;
    }
    return true;
}

/* suggestions=apply: a column with the address that is to be mailed; the list's own stays. */
static bool read_suggestions(struct service_call *call, struct bulk_writer_options *options)
{
    struct slice wanted = service_query_text(call, "suggestions");

    if (wanted.len == 0 || slice_equal(wanted, SLICE("keep")))
        return true;
    if (!slice_equal(wanted, SLICE("apply"))) {
        service_problem(call, 422, "bad_suggestions", "\"suggestions\" must be keep or apply");
        return false;
    }
    if (options->kind == BULK_KIND_NDJSON) {
        service_problem(call, 422, "bad_suggestions",
                        "suggestions are applied in csv and xlsx; in ndjson every result has its "
                        "\"suggestion\"");
        return false;
    }
    options->columns =
        (options->columns != 0 ? options->columns : APPENDED_USUAL) | 1U << APPENDED_SEND_TO;
    return true;
}

static bool read_format(struct service_call *call, struct bulk_writer_options *options,
                        const char **ret_ending, const char **ret_type)
{
    static const struct {
        const char *name, *ending, *type;
        enum bulk_kind kind;
        bool is_zip;
    } formats[] = {
        {"csv", ".csv", "text/csv; charset=utf-8", BULK_KIND_CSV, false},
        {"ndjson", ".ndjson", "application/x-ndjson", BULK_KIND_NDJSON, false},
        {"xlsx", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
         BULK_KIND_XLSX, false},
        {"zip", ".zip", "application/zip", BULK_KIND_CSV, true},
    };
    struct slice wanted = service_query_text(call, "format");

    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (!slice_equal(wanted, slice_from_string(formats[i].name)) &&
            !(wanted.len == 0 && i == 0))
            continue;
        options->kind = formats[i].kind;
        options->split = options->with_all = formats[i].is_zip;
        *ret_ending = formats[i].ending;
        *ret_type = formats[i].type;
        return true;
    }
    service_problem(call, 422, "bad_format", "\"format\" must be csv, ndjson, xlsx or zip");
    return false;
}

/* A ZIP has every row, in the file of its status: there is nothing to choose. */
static bool fits_format(struct service_call *call, const struct bulk_writer_options *options,
                        const struct store_filter *filter)
{
    bool is_part = !store_filter_is_empty(filter);

    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        is_part |= options->only[i];
    if (!options->split || !is_part)
        return true;
    service_problem(call, 422, "bad_format",
                    "a zip has every row, in one file a status: leave preset and filters away, or "
                    "take csv, ndjson or xlsx");
    return false;
}

static bool read_words(struct service_call *call, struct bulk_writer_options *options)
{
    static const char *const duplicates[] = {"answer", "skip", "drop"};
    struct slice profile = service_query_text(call, "profile");
    struct slice wanted = service_query_text(call, "duplicates");
    size_t i = 0;

    if (profile.len > 0 && !dialect_by_name(profile, &options->dialect)) {
        service_problem(call, 422, "bad_profile", "\"profile\" names no vendor that is known");
        return false;
    }
    while (wanted.len > 0 && i < ARRAY_LEN(duplicates) &&
           !slice_equal(wanted, slice_from_string(duplicates[i])))
        i++;
    if (i == ARRAY_LEN(duplicates)) {
        service_problem(call, 422, "bad_duplicates", "\"duplicates\" must be answer, skip or drop");
        return false;
    }
    options->duplicates = (enum bulk_duplicates)i;
    options->prefix = http_request_query(call->request, "prefix");
    return true;
}

/* --- the work
 * ------------------------------------------------------------------------------------- */

static int open_finished(struct export *self, struct error *error)
{
    self->fd = open(self->path, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0)
        return error_set(error, ERROR_IO, "the export can't be read: %s", strerror(errno));
    (void)unlink(self->path); /* gone when the client is */
    return 0;
}

/* 0: files of all rows are there. */
static int write_step(struct export *self, struct error *error)
{
    int code;

    bulk_export_set_lists(self->export, self->errand.call->service->prober->lists);
    code = bulk_export_step(self->export, error);
    if (code != 0)
        return code;
    self->cut = bulk_writer_cut(self->writer);
    code = bulk_writer_finish(self->writer, error);
    self->writer = NULL;
    return code;
}

static int export_step(struct service_errand *errand, struct error *error)
{
    struct export *self = LIST_ELEMENT(errand, struct export, errand);
    int code;

    if (self->writer != NULL) {
        code = write_step(self, error);
        if (code != 0)
            return code;
        return self->zip != NULL ? 1 : open_finished(self, error);
    }
    code = service_export_zip_step(self->zip, &errand->pace, error);
    if (code == 0)
        self->fd = service_export_zip_take(self->zip);
    return code;
}

static ptrdiff_t read_file(void *user, char *out, size_t size)
{
    struct export *self = user;
    ssize_t len = read(self->fd, out, size);

    return len > 0 ? len : len == 0 ? HTTP_READ_END : HTTP_READ_ABORT;
}

static void export_done(struct service_errand *errand)
{
    struct export *self = LIST_ELEMENT(errand, struct export, errand);
    char number[24];

    snprintf(number, sizeof(number), "%ju", (uintmax_t)self->cut);
    if (self->cut > 0)
        http_response_header(errand->call->request, "X-Mailknock-Cut", number);
    http_respond_stream(errand->call->request, 200, self->content_type, read_file, self);
}

#define PLAIN_NAME_SIZE 64

/* "customers.csv": "customers"; only characters that need no quoting survive. */
static void make_plain(struct slice list_name, char name[PLAIN_NAME_SIZE])
{
    size_t len = 0;

    for (size_t i = 0; i < list_name.len && len < PLAIN_NAME_SIZE - 1; i++) {
        char c = list_name.ptr[i];

        if (c == '.' && i > 0)
            break;
        name[len++] = ascii_is_alnum(c) || c == '-' ? c : '_';
    }
    name[len] = '\0';
    if (len == 0)
        snprintf(name, PLAIN_NAME_SIZE, "list");
}

static void name_file(struct service_call *call, struct slice list_name, const char *ending)
{
    char name[PLAIN_NAME_SIZE], header[160];

    make_plain(list_name, name);
    snprintf(header, sizeof(header), "attachment; filename=\"%s.cleaned%s\"", name, ending);
    http_response_header(call->request, "Content-Disposition", header);
}

/* Where the file is written; or files, with what packs them. */
static int choose_path(struct export *self, struct service *service, const struct store_job *job,
                       const char *ending, bool is_zip, struct error *error)
{
    char stem[sizeof(self->path) - 16], name[PLAIN_NAME_SIZE], token[17];

    service_random_text(token, 16);
    if (snprintf(stem, sizeof(stem), "%s/export-%s", service->desk.folder, token) >=
        (int)sizeof(stem))
        return error_set(error, ERROR_IO, "the data folder's name is too long");
    snprintf(self->path, sizeof(self->path), "%s%s", stem, is_zip ? ".csv" : ending);
    make_plain(job->name, name);
    return is_zip ? service_export_zip_open(service, job, stem, name, &self->zip, error) : 0;
}

static int open_parts(struct export *self, struct service_call *call, const struct store_job *job,
                      struct bulk_writer_options *options, const struct store_filter *filter,
                      const char *ending, struct error *error)
{
    struct service *service = call->service;
    struct bulk_export_options how = {
        .rest = BULK_EXPORT_REST_EMPTY,
        .lists = service->prober->lists,
        .unix_ms = service_unix_ms(service),
        .with_json = options->kind == BULK_KIND_NDJSON,
        .filter = *filter,
    };
    int code = service_desk_open_reader(&service->desk, job->id, &self->reader, error);

    if (code == 0)
        code = choose_path(self, service, job, ending, options->split, error);
    if (code != 0)
        return code;
    if (self->zip != NULL) {
        how.stats = service_export_zip_stats(self->zip);
        how.outcomes = bulk_job_outcomes(service->store);
    }
    options->is_passing = true;
    options->input = bulk_reader_format(self->reader);
    options->header = bulk_reader_header(self->reader);
    options->lead = bulk_reader_lead(self->reader);
    code = bulk_writer_open(self->path, options, &self->writer, error);
    return code == 0 ? bulk_export_open(service->store, job->id, self->reader, self->writer, &how,
                                        &self->export, error)
                     : code;
}

void service_export_get(struct service_call *call)
{
    struct service *service = call->service;
    struct bulk_writer_options options = {0};
    struct store_filter filter;
    uint64_t id = service_list_id(call);
    const char *ending, *type;
    struct export *self;
    struct store_job job;
    struct error error = {0};
    struct arena arena;

    if (!read_preset(call, &options) || !read_filter(call, &options, &filter) ||
        !read_format(call, &options, &ending, &type) || !read_words(call, &options) ||
        !read_columns(call, &options) || !read_suggestions(call, &options) ||
        !fits_format(call, &options, &filter))
        return;
    arena_init(&arena);
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL || id == 0) {
        memory_free(self);
        if (id == 0)
            service_problem(call, 404, "not_found", "there is no such list");
        else
            service_no_memory(call);
        arena_done(&arena);
        return;
    }
    self->fd = -1;
    self->errand.step = export_step;
    self->errand.done = export_done;
    self->errand.ended = export_ended;
    snprintf(self->content_type, sizeof(self->content_type), "%s", type);
    if (store_job_get(service->store, id, &arena, &job, &error) != 0 ||
        open_parts(self, call, &job, &options, &filter, ending, &error) != 0) {
        service_problem_of(call, &error);
        export_ended(&self->errand);
    } else {
        name_file(call, job.name, ending);
        service_errand_run(&self->errand, call);
    }
    arena_done(&arena);
}
