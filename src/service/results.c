/* /v1/lists/{id}/results: pages of rows, filtered; and one row with its evidence. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "io/pace.h"
#include "service/internal.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX     1000
#define SCANNED      2000 /* rows a look */
#define LOOKS_MS     20   /* for one answer: others wait meanwhile */

/* --- what is asked for ---------------------------------------------------------------------------
 */

static bool add_statuses(struct service_call *call, struct slice words, uint64_t *reasons)
{
    struct slice word;

    while (slice_split(&words, ',', &word)) {
        unsigned i = 0;

        while (i < VERDICT_STATUS_COUNT &&
               !slice_equal(word, slice_from_string(verdict_status_name((enum verdict_status)i))))
            i++;
        if (i == VERDICT_STATUS_COUNT) {
            service_problem(call, 422, "bad_status",
                            "\"status\" takes valid, invalid, catch_all, do_not_mail, unknown and "
                            "skipped, separated by commas, not \"%.*s\"",
                            SLICE_ARG(slice_prefix(word, 40)));
            return false;
        }
        *reasons |= store_filter_status((enum verdict_status)i);
    }
    return true;
}

static bool add_reasons(struct service_call *call, struct slice words, uint64_t *reasons)
{
    struct slice word;

    while (slice_split(&words, ',', &word)) {
        unsigned i = 0;

        while (i < VERDICT_REASON_COUNT &&
               !slice_equal(word, slice_from_string(verdict_reason_name((enum verdict_reason)i))))
            i++;
        if (i == VERDICT_REASON_COUNT) {
            service_problem(call, 422, "bad_reason", "\"%.*s\" is no reason",
                            SLICE_ARG(slice_prefix(word, 40)));
            return false;
        }
        *reasons |= UINT64_C(1) << i;
    }
    return true;
}

static bool add_flags(struct service_call *call, struct slice words, uint32_t *flags)
{
    struct slice word;

    while (slice_split(&words, ',', &word)) {
        unsigned i = 0;

        while (i < VERDICT_FLAG_COUNT &&
               !slice_equal(word, slice_from_string(verdict_flag_name((enum verdict_flag_index)i))))
            i++;
        if (i == VERDICT_FLAG_COUNT) {
            service_problem(call, 422, "bad_flag", "\"%.*s\" is no flag",
                            SLICE_ARG(slice_prefix(word, 40)));
            return false;
        }
        *flags |= UINT32_C(1) << i;
    }
    return true;
}

bool service_read_filter(struct service_call *call, struct store_filter *filter)
{
    uint64_t by_status = 0, by_reason = 0, score_min = 0, score_max = 100;
    struct slice status = service_query_text(call, "status");
    struct slice reason = service_query_text(call, "reason");
    struct slice flag = service_query_text(call, "flag");

    *filter = (struct store_filter){
        .provider = service_query_text(call, "provider"),
        .domain = service_query_text(call, "domain"),
        .text = service_query_text(call, "text"),
    };
    if ((status.len > 0 && !add_statuses(call, status, &by_status)) ||
        (reason.len > 0 && !add_reasons(call, reason, &by_reason)) ||
        (flag.len > 0 && !add_flags(call, flag, &filter->flags)) ||
        !service_query_number(call, "score_min", 0, 100, &score_min) ||
        !service_query_number(call, "score_max", 0, 100, &score_max))
        return false;
    /* Both: what fits both; nothing fits an impossible pair. */
    filter->reasons =
        by_status != 0 && by_reason != 0 ? by_status & by_reason : by_status | by_reason;
    if (by_status != 0 && by_reason != 0 && filter->reasons == 0)
        filter->reasons = UINT64_C(1) << 63;
    if (score_min > 0 || score_max < 100) {
        filter->score_min = (uint8_t)score_min;
        filter->score_max = (uint8_t)score_max;
    }
    return true;
}

/* --- JSON
 * ------------------------------------------------------------------------------------------ */

static void write_text(struct json *json, const char *name, struct slice value)
{
    if (value.len > 0)
        json_name_string(json, name, value);
    else
        json_name_null(json, name);
}

static void write_result(struct json *json, const struct store_result *result)
{
    json_name_cstring(json, "status", verdict_status_name(verdict_reason_status(result->reason)));
    json_name_cstring(json, "reason", verdict_reason_name(result->reason));
    json_name_int(json, "score", result->score);
    json_name_cstring(json, "action", verdict_action_name(result->action));
    json_name(json, "flags");
    json_array_begin(json);
    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++)
        if (result->flags & (UINT32_C(1) << i))
            json_cstring(json, verdict_flag_name((enum verdict_flag_index)i));
    json_array_end(json);
    write_text(json, "suggestion", result->suggestion);
    write_text(json, "provider", result->provider);
    write_text(json, "domain", result->domain);
    write_text(json, "explanation", result->explanation);
}

static void write_line(struct json *json, const struct store_line *line)
{
    json_object_begin(json);
    json_name_int(json, "row", (int64_t)line->row.number);
    json_name_string(json, "address", line->row.address);
    if (line->row.first != 0)
        json_name_int(json, "duplicate_of", (int64_t)line->row.first);
    else
        json_name_null(json, "duplicate_of");
    write_text(json, "fault", line->row.fault);
    if (line->has_result)
        write_result(json, &line->result);
    else
        json_name_null(json, "status");
    write_text(json, "input", line->row.raw);
    json_object_end(json);
}

/* --- pages
 * ------------------------------------------------------------------------------------------- */

static bool read_query(struct service_call *call, struct store_query *query)
{
    uint64_t limit = PAGE_DEFAULT, after = 0;

    *query = (struct store_query){.scope = STORE_SCOPE_ROWS, .scan = SCANNED, .with_raw = true};
    if (!service_query_number(call, "limit", 1, PAGE_MAX, &limit) ||
        !service_query_number(call, "cursor", 0, INT64_MAX, &after) ||
        !service_read_filter(call, &query->filter))
        return false;
    query->limit = (size_t)limit;
    query->after = after;
    return true;
}

void service_results_get(struct service_call *call)
{
    struct service *service = call->service;
    uint64_t id = service_list_id(call);
    struct store_query query;
    struct store_page page;
    struct error error = {0};
    struct buffer body;
    struct json json;
    struct io_pace look;
    size_t wanted;
    int code = 0;

    if (!read_query(call, &query))
        return;
    if (!service_list_exists(call, id))
        return;
    wanted = query.limit;
    buffer_init(&body, 0);
    store_page_init(&page);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    /* A filter that lets little through is looked through for a while; the cursor goes on then. */
    io_pace_init(&look, LOOKS_MS, SCANNED, SCANNED);
    (void)io_pace_begin(&look);
    do {
        code = store_page_read(service->store, id, &query, &page, &error);
        if (code != 0)
            break;
        for (size_t i = 0; i < page.count; i++)
            write_line(&json, &page.lines[i]);
        query.limit -= page.count;
        query.after = page.after;
    } while (!page.at_end && query.limit > 0 && !io_pace_is_over(&look));
    json_array_end(&json);
    if (page.at_end)
        json_name_null(&json, "next");
    else
        buffer_printf(&body, ",\"next\":\"%ju\"", (uintmax_t)query.after);
    json_name_int(&json, "count", (int64_t)(wanted - query.limit));
    json_object_end(&json);
    store_page_done(&page);
    if (code != 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, 200, &body);
    }
}

void service_result_get(struct service_call *call)
{
    struct service *service = call->service;
    uint64_t id = service_list_id(call), row = 0;
    struct store_page page;
    struct error error = {0};
    struct buffer body;
    struct json json;

    if (!service_list_exists(call, id))
        return;
    if (!slice_to_u64(call->match.parts[1], INT64_MAX, &row) || row == 0) {
        service_problem(call, 404, "not_found", "rows are numbered from 1");
        return;
    }
    store_page_init(&page);
    if (store_line_read(service->store, id, row, &page, &error) != 0) {
        service_problem_of(call, &error);
        store_page_done(&page);
        return;
    }
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_int(&json, "row", (int64_t)row);
    json_name_string(&json, "address", page.lines[0].row.address);
    write_text(&json, "input", page.lines[0].row.raw);
    write_text(&json, "fault", page.lines[0].row.fault);
    json_name_int(&json, "duplicate_of", (int64_t)page.lines[0].row.first);
    json_name(&json, "result");
    if (page.lines[0].has_result && page.lines[0].result.json.len > 0)
        json_raw(&json, page.lines[0].result.json);
    else
        json_null(&json);
    json_object_end(&json);
    store_page_done(&page);
    service_answer(call, 200, &body);
}
