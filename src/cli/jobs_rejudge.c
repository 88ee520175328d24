/*
 * `mailknock jobs rejudge`: the kept evidence of a list, judged by the rules and lists of today.
 *
 * Nobody is asked and nothing is changed: it says which rows would come out otherwise, as one JSON
 * object each with --json, and how many of what kind. Rows that were kept without evidence can't be
 * judged again.
 */
#include <inttypes.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/jobs.h"
#include "config/prober.h"
#include "lists/builtin.h"
#include "probe/offline.h"
#include "verdict/recall.h"

#define ROWS_AT_ONCE 500

struct rejudge {
    struct jobs *jobs;
    struct lists_operator *lists;
    uint64_t judged, changed, without_evidence;
    /* From one reason to another. */
    uint64_t moves[VERDICT_REASON_COUNT][VERDICT_REASON_COUNT];
    struct buffer out;
};

/* Today's lists, also of the mail hosts. */
static void lay_lists_over(const struct rejudge *rejudge, struct evidence *evidence)
{
    const struct address *address = &evidence->address;
    struct slice domain =
        address->is_literal ? address->domain : slice_from_string(address->domain_ascii);

    evidence->operator_matches = address->diagnosis == ADDRESS_VALID
                                     ? lists_operator_match(rejudge->lists, address->local, domain)
                                     : 0;
    for (size_t i = 0; evidence->domain != NULL && i < evidence->domain->host_count; i++) {
        struct slice host = evidence->domain->hosts[i].name;

        evidence->disposable_mx |= lists_mx_is_disposable(host);
        evidence->operator_matches |= lists_operator_match_mx(rejudge->lists, host);
    }
}

static bool domain_is_real(void *context, struct slice domain)
{
    const struct evidence_domain *facts = context;

    return probe_offline_domain_is_real(NULL, domain) ||
           (facts != NULL && slice_equal_nocase(domain, facts->name) &&
            facts->mx_outcome == DNS_FOUND && !facts->null_mx);
}

static void say_change(struct rejudge *rejudge, const struct store_line *line,
                       const struct verdict *verdict)
{
    struct json json;

    if (!rejudge->jobs->options->json)
        return;
    json_init(&json, &rejudge->out);
    json_object_begin(&json);
    json_name_int(&json, "row", (int64_t)line->row.number);
    json_name_string(&json, "address", line->row.address);
    json_name_cstring(&json, "status_was", verdict_status_name(line->result.status));
    json_name_cstring(&json, "reason_was", verdict_reason_name(line->result.reason));
    json_name_int(&json, "score_was", line->result.score);
    json_name_cstring(&json, "status", verdict_status_name(verdict->status));
    json_name_cstring(&json, "reason", verdict_reason_name(verdict->reason));
    json_name_int(&json, "score", verdict->score);
    json_name_cstring(&json, "action", verdict_action_name(verdict->action));
    json_name_cstring(&json, "explanation", verdict->explanation);
    json_object_end(&json);
    buffer_append_byte(&rejudge->out, '\n');
}

static int judge_line(struct rejudge *rejudge, const struct store_line *line, struct error *error)
{
    struct suggest_world world = {domain_is_real, NULL};
    char suggestion[ADDRESS_WIRE_SIZE];
    struct evidence evidence;
    struct verdict verdict;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = recall_evidence(line->result.json, &arena, &evidence);
    if (code == 0) {
        world.context = (void *)(uintptr_t)evidence.domain;
        probe_offline_fill(line->row.address, &world, &evidence, suggestion);
        lay_lists_over(rejudge, &evidence);
        verdict_judge(&evidence, &verdict);
        rejudge->judged++;
        if (verdict.reason != line->result.reason || verdict.score != line->result.score ||
            verdict.action != line->result.action) {
            rejudge->changed++;
            rejudge->moves[line->result.reason][verdict.reason]++;
            say_change(rejudge, line, &verdict);
        }
    } else if (code != ERROR_NOMEM) {
        rejudge->without_evidence++;
        code = 0;
    }
    arena_done(&arena);
    return code == 0 ? 0 : error_set(error, code, "out of memory");
}

static int walk(struct rejudge *rejudge, uint64_t job, struct error *error)
{
    struct store_query query = {
        .scope = STORE_SCOPE_MAILBOXES, .limit = ROWS_AT_ONCE, .with_json = true};
    struct store_page page;
    int code = 0;

    store_page_init(&page);
    do {
        code = store_page_read(rejudge->jobs->store, job, &query, &page, error);
        for (size_t i = 0; i < page.count && code == 0; i++)
            if (page.lines[i].has_result && page.lines[i].row.fault.len == 0)
                code = judge_line(rejudge, &page.lines[i], error);
        if (rejudge->out.len > 0)
            fwrite(rejudge->out.ptr, 1, rejudge->out.len, rejudge->jobs->call->out);
        buffer_clear(&rejudge->out);
        query.after = page.after;
    } while (code == 0 && !page.at_end);
    store_page_done(&page);
    return code;
}

static void summary(const struct rejudge *rejudge)
{
    FILE *out = rejudge->jobs->options->json ? rejudge->jobs->call->err : rejudge->jobs->call->out;

    for (unsigned from = 0; from < VERDICT_REASON_COUNT; from++)
        for (unsigned to = 0; to < VERDICT_REASON_COUNT; to++)
            if (rejudge->moves[from][to] > 0)
                fprintf(out, "%8" PRIu64 "  %s -> %s\n", rejudge->moves[from][to],
                        verdict_reason_name((enum verdict_reason)from),
                        from == to ? "another score"
                                   : verdict_reason_name((enum verdict_reason)to));
    fprintf(out, "%" PRIu64 " of %" PRIu64 " judged again would change", rejudge->changed,
            rejudge->judged);
    if (rejudge->without_evidence > 0)
        fprintf(out, "; %" PRIu64 " were kept without evidence (clean --keep-evidence keeps it)",
                rejudge->without_evidence);
    fprintf(out, "\n");
}

int jobs_rejudge(struct jobs *jobs)
{
    struct rejudge *rejudge = memory_zalloc(1, sizeof(*rejudge));
    struct store_job job;
    struct error error = {0};
    int code;

    if (rejudge == NULL)
        return cli_fail(jobs->call, CLI_EXIT_USAGE, "out of memory");
    rejudge->jobs = jobs;
    buffer_init(&rejudge->out, 0);
    code = prober_load_lists(jobs->call->config, &rejudge->lists, &error);
    if (code == 0)
        code = jobs_find(jobs, &job, &error);
    if (code == 0)
        code = walk(rejudge, job.id, &error);
    if (code == 0)
        summary(rejudge);
    lists_operator_free(rejudge->lists);
    buffer_done(&rejudge->out);
    memory_free(rejudge);
    return code == 0 ? CLI_EXIT_OK : jobs_fail(jobs, &error);
}
