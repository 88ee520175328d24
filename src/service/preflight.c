/*
 * GET /v1/lists/{id}/preflight: what a list looks like before it is started: its columns with
 * samples, its first rows, and to whom its addresses belong by their domains. No network.
 */
#include <stdio.h>
#include <string.h>

#include "address/address.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/csv.h"
#include "bulk/format.h"
#include "bulk/tally.h"
#include "provider/profile.h"
#include "service/errand.h"
#include "service/internal.h"

#define SAMPLE_ROWS   200 /* that shares are counted over */
#define FIRST_ROWS    10  /* that are shown */
#define SAMPLES       3   /* a column */
#define COLUMNS_MAX   100
#define CELL_BYTES    200
#define TOP           10
#define TALLY_DOMAINS 4096

struct column {
    struct slice name; /* "": none */
    struct slice samples[SAMPLES];
    unsigned sample_count, filled, addresses;
};

struct preflight {
    struct service_errand errand; /* first */
    uint64_t id;
    struct store_job job, same; /* same.id 0: there is none */
    struct arena arena;
    struct bulk_reader *reader;
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    unsigned sampled;
    struct slice rows[FIRST_ROWS];
    size_t row_count;
    struct store_page page;
    struct bulk_tally domains, providers;
};

static void preflight_ended(struct service_errand *errand)
{
    struct preflight *self = LIST_ELEMENT(errand, struct preflight, errand);

    bulk_reader_close(self->reader);
    store_page_done(&self->page);
    bulk_tally_done(&self->domains);
    bulk_tally_done(&self->providers);
    arena_done(&self->arena);
    memory_free(self);
}

/* --- the file's first rows -----------------------------------------------------------------------
 */

/* Call `each` with every cell of a row; a list without columns has one. */
static int each_cell(struct preflight *self, struct slice raw, bool is_header, struct error *error)
{
    const struct bulk_format *format = bulk_reader_format(self->reader);
    struct bulk_csv_shape shape = bulk_format_shape(format);
    bool is_table = format->kind == BULK_KIND_CSV || format->kind == BULK_KIND_XLSX;
    struct slice rest = raw, cell = raw, text;
    struct buffer scratch;
    int code = 0;

    buffer_init(&scratch, 0);
    for (size_t i = 0; i < COLUMNS_MAX && code == 0; i++) {
        struct column *column = &self->columns[i];

        if (is_table ? !bulk_csv_next_cell(&shape, &rest, &cell) : i > 0)
            break;
        text = cell;
        if (is_table && !bulk_csv_unquote(cell, &scratch, &text))
            code = ERROR_NOMEM;
        text = slice_trim(slice_prefix(text, CELL_BYTES));
        if (i >= self->column_count)
            self->column_count = i + 1;
        if (text.len == 0)
            continue;
        column->filled += !is_header;
        column->addresses += !is_header && slice_find_byte(text, '@') > 0;
        text = is_header || column->sample_count < SAMPLES ? arena_slice(&self->arena, text) : text;
        if (text.ptr == NULL)
            code = ERROR_NOMEM;
        else if (is_header)
            column->name = text;
        else if (column->sample_count < SAMPLES)
            column->samples[column->sample_count++] = text;
    }
    buffer_done(&scratch);
    return code == 0 ? 0 : error_set(error, code, "out of memory");
}

static int read_sample(struct preflight *self, struct error *error)
{
    struct bulk_row row;
    int code = 0;

    if (bulk_reader_header(self->reader).len > 0)
        code = each_cell(self, bulk_reader_header(self->reader), true, error);
    while (code == 0 && self->sampled < SAMPLE_ROWS) {
        code = bulk_reader_next(self->reader, &row, error);
        if (code != 1)
            return code;
        self->sampled++;
        code = each_cell(self, row.raw, false, error);
        if (code == 0 && self->row_count < FIRST_ROWS) {
            self->rows[self->row_count] =
                arena_slice(&self->arena, slice_prefix(row.raw, 10 * CELL_BYTES));
            if (self->rows[self->row_count++].ptr == NULL)
                code = error_set(error, ERROR_NOMEM, "out of memory");
        }
    }
    return code;
}

/* --- all addresses -------------------------------------------------------------------------------
 */

static int count_address(struct preflight *self, struct slice text)
{
    const struct provider_profile *provider;
    struct address address;
    struct slice domain;
    int code;

    if (!address_parse(text.ptr, text.len, &address))
        return 0;
    domain = arena_slice(&self->page.arena, address.domain);
    if (domain.ptr == NULL)
        return ERROR_NOMEM;
    ascii_lower_bytes((char *)(uintptr_t)domain.ptr, domain.len);
    code = bulk_tally_add(&self->domains, domain, VERDICT_UNKNOWN);
    provider = provider_by_domain(domain);
    if (code == 0 && provider != NULL)
        code = bulk_tally_add(&self->providers, slice_from_string(provider->name), VERDICT_UNKNOWN);
    return code;
}

static int preflight_step(struct service_errand *errand, struct error *error)
{
    struct preflight *self = LIST_ELEMENT(errand, struct preflight, errand);
    const struct store_query query = {
        .scope = STORE_SCOPE_MAILBOXES,
        .after = self->page.after,
        .limit = errand->amount,
    };
    int code = store_page_read(errand->call->service->store, self->id, &query, &self->page, error);

    for (size_t i = 0; i < self->page.count && code == 0; i++) {
        code = count_address(self, self->page.lines[i].row.address);
        if (code != 0)
            error_set(error, code, "out of memory");
    }
    return code != 0 ? code : !self->page.at_end;
}

/* --- the answer ----------------------------------------------------------------------------------
 */

static void write_columns(struct json *json, const struct preflight *self)
{
    json_name(json, "columns");
    json_array_begin(json);
    for (size_t i = 0; i < self->column_count; i++) {
        const struct column *column = &self->columns[i];

        json_object_begin(json);
        json_name_int(json, "index", (int64_t)i + 1);
        if (column->name.len > 0)
            json_name_string(json, "name", column->name);
        else
            json_name_null(json, "name");
        json_name(json, "samples");
        json_array_begin(json);
        for (unsigned k = 0; k < column->sample_count; k++)
            json_string(json, column->samples[k]);
        json_array_end(json);
        json_name(json, "address_share");
        json_double(json, column->filled > 0 ? (double)column->addresses / column->filled : 0, 3);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_top(struct json *json, const char *name, const char *what,
                      struct bulk_tally *tally)
{
    bulk_tally_sort(tally, bulk_tally_total);
    json_name(json, name);
    json_array_begin(json);
    for (size_t i = 0; i < tally->count && i < TOP; i++) {
        json_object_begin(json);
        json_name_string(json, what, tally->entries[i]->name);
        json_name_int(json, "unique", (int64_t)tally->entries[i]->total);
        json_object_end(json);
    }
    json_array_end(json);
}

/* The lower bound that the operators' limits allow: that of the one who takes longest. */
static double least_seconds(const struct bulk_tally *tally, bool by_domain)
{
    double longest = 0;

    for (size_t i = 0; i < tally->count; i++) {
        const struct bulk_tally_entry *entry = tally->entries[i];
        const struct provider_profile *profile =
            by_domain ? provider_by_domain(entry->name) : provider_by_name(entry->name);
        double seconds;

        if (by_domain && profile != NULL)
            continue; /* counted with its operator's other domains */
        seconds = provider_limits_seconds(&(profile != NULL ? profile : provider_generic())->limits,
                                          entry->total);
        if (seconds > longest)
            longest = seconds;
    }
    return longest;
}

static void write_estimate(struct json *json, const struct preflight *self)
{
    double of_domains = least_seconds(&self->domains, true);
    double of_providers = least_seconds(&self->providers, false);

    json_name(json, "estimate_s");
    json_double(json, of_domains > of_providers ? of_domains : of_providers, 0);
}

/* The newest other list that was made of the same bytes. */
static int find_same(struct preflight *self, struct store *store, struct error *error)
{
    struct store_job job = {0};
    int code;

    if (self->job.fingerprint.len == 0)
        return 0;
    while ((code = store_job_next(store, job.id, &self->arena, &job, error)) == 1)
        if (job.id != self->id && slice_equal(job.fingerprint, self->job.fingerprint))
            self->same = job;
    return code;
}

static void write_same(struct json *json, const struct store_job *job)
{
    char id[24], at[INSTANT_TEXT_SIZE];

    json_name(json, "seen_before");
    if (job->id == 0) {
        json_null(json);
        return;
    }
    snprintf(id, sizeof(id), "%ju", (uintmax_t)job->id);
    json_object_begin(json);
    json_name_cstring(json, "id", id);
    json_name_string(json, "name", job->name);
    json_name_cstring(json, "created_at", instant_format(job->created_unix_ms, at));
    json_object_end(json);
}

static void preflight_done(struct service_errand *errand)
{
    struct preflight *self = LIST_ELEMENT(errand, struct preflight, errand);
    const struct bulk_format *format = bulk_reader_format(self->reader);
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "format", format->note);
    if (format->column != SIZE_MAX)
        json_name_int(&json, "column", (int64_t)format->column + 1);
    else
        json_name_null(&json, "column");
    json_name_bool(&json, "header", format->has_header == 1);
    write_columns(&json, self);
    json_name(&json, "first_rows");
    json_array_begin(&json);
    for (size_t i = 0; i < self->row_count; i++)
        json_string(&json, self->rows[i]);
    json_array_end(&json);
    json_name_int(&json, "rows", (int64_t)self->job.rows);
    json_name_int(&json, "unique", (int64_t)(self->job.rows - self->job.duplicates));
    json_name_int(&json, "duplicates", (int64_t)self->job.duplicates);
    json_name_int(&json, "unreadable", (int64_t)self->job.faults);
    json_name_int(&json, "doubtful", (int64_t)self->job.doubts);
    write_top(&json, "top_domains", "domain", &self->domains);
    write_top(&json, "top_providers", "provider", &self->providers);
    write_estimate(&json, self);
    write_same(&json, &self->same);
    json_object_end(&json);
    service_answer(errand->call, 200, &body);
}

static int open_parts(struct preflight *self, struct service_call *call, struct error *error)
{
    struct service *service = call->service;
    int code = self->id != 0
                   ? store_job_get(service->store, self->id, &self->arena, &self->job, error)
                   : error_set(error, ERROR_NOT_FOUND, "there is no such list");

    if (code == 0 && self->job.state == STORE_JOB_LOADING)
        code = error_set(error, ERROR_BUSY, "the list is being loaded; ask again in a moment");
    if (code == 0)
        code = service_desk_open_reader(&service->desk, self->id, &self->reader, error);
    if (code == 0)
        code = find_same(self, service->store, error);
    return code == 0 ? read_sample(self, error) : code;
}

void service_preflight_get(struct service_call *call)
{
    uint64_t seed = call->service->prober->settings.seed;
    struct preflight *self = memory_zalloc(1, sizeof(*self));
    struct error error = {0};

    if (self == NULL) {
        service_no_memory(call);
        return;
    }
    self->id = service_list_id(call);
    arena_init(&self->arena);
    store_page_init(&self->page);
    bulk_tally_init(&self->domains, TALLY_DOMAINS, seed);
    bulk_tally_init(&self->providers, TALLY_DOMAINS, seed);
    self->errand.step = preflight_step;
    self->errand.done = preflight_done;
    self->errand.ended = preflight_ended;
    if (open_parts(self, call, &error) == 0) {
        service_errand_run(&self->errand, call);
    } else {
        service_problem_of(call, &error);
        preflight_ended(&self->errand);
    }
}
