#include "bulk/job_rejudge.h"

#include "bulk/job_key.h"
#include "bulk/job_outcome.h"
#include "lists/builtin.h"
#include "probe/offline.h"
#include "verdict/recall.h"

#define ROWS_AT_ONCE 200 /* at most, as far as they fit into a step */
#define ROWS_LEAST   16

void bulk_rejudge_init(struct bulk_rejudge *rejudge, struct store *store, uint64_t job,
                       const struct lists_operator *lists)
{
    *rejudge = (struct bulk_rejudge){.store = store, .job = job, .lists = lists};
    io_pace_init(&rejudge->pace, IO_PACE_MS, ROWS_LEAST, ROWS_AT_ONCE);
    store_page_init(&rejudge->page);
    arena_init(&rejudge->arena);
    buffer_init(&rejudge->scratch, 0);
}

void bulk_rejudge_done(struct bulk_rejudge *rejudge)
{
    buffer_done(&rejudge->scratch);
    arena_done(&rejudge->arena);
    store_page_done(&rejudge->page);
}

/* Today's lists, also of the mail hosts. */
static void lay_lists_over(const struct lists_operator *lists, struct evidence *evidence)
{
    const struct address *address = &evidence->address;
    struct slice domain =
        address->is_literal ? address->domain : slice_from_string(address->domain_ascii);

    evidence->operator_matches = lists != NULL && address->diagnosis == ADDRESS_VALID
                                     ? lists_operator_match(lists, address->local, domain)
                                     : 0;
    for (size_t i = 0; evidence->domain != NULL && i < evidence->domain->host_count; i++) {
        struct slice host = evidence->domain->hosts[i].name;

        evidence->disposable_mx |= lists_mx_is_disposable(host);
        if (lists != NULL)
            evidence->operator_matches |= lists_operator_match_mx(lists, host);
    }
}

/* What the answers that are kept say of domains, where DNS would be asked. */
struct known {
    const struct evidence_domain *domain;
    struct slice suggested; /* was found to be real when it was suggested */
};

static bool domain_is_real(void *context, struct slice domain)
{
    const struct known *known = context;

    return probe_offline_domain_is_real(NULL, domain) ||
           (known->suggested.len > 0 && slice_equal_nocase(domain, known->suggested)) ||
           (known->domain != NULL && slice_equal_nocase(domain, known->domain->name) &&
            known->domain->mx_outcome == DNS_FOUND && !known->domain->null_mx);
}

/* 0; ERROR_NOT_FOUND and ERROR_FORMAT: there is nothing to judge by; ERROR_NOMEM. */
static int recall_line(struct bulk_rejudge *rejudge, const struct store_line *line,
                       struct evidence *ret_evidence)
{
    char *suggestion = arena_alloc(&rejudge->arena, ADDRESS_WIRE_SIZE);
    struct suggest_world world = {domain_is_real, NULL};
    struct known known = {NULL, SLICE_EMPTY};
    struct address_traits traits;
    int code = recall_evidence(line->result.json, &rejudge->arena, ret_evidence);
    ptrdiff_t at;

    if (code != 0 || suggestion == NULL)
        return code != 0 ? code : ERROR_NOMEM;
    at = slice_rfind_byte(ret_evidence->suggestion, '@');
    if (at >= 0)
        known.suggested = slice_from_offset(ret_evidence->suggestion, (size_t)at + 1);
    known.domain = ret_evidence->domain;
    world.context = &known;
    probe_offline_fill(bulk_job_address(line->row.address), (struct address_memo){0}, NULL, &world,
                       ret_evidence, &traits, suggestion);
    lay_lists_over(rejudge->lists, ret_evidence);
    return 0;
}

static bool is_changed(const struct store_result *was, const struct store_result *is)
{
    return was->reason != is->reason || was->action != is->action || was->score != is->score ||
           was->flags != is->flags || !slice_equal(was->suggestion, is->suggestion);
}

/* 1: *ret_result is to be put in the place of the line's, its texts on the arena. */
static int judge_line(struct bulk_rejudge *rejudge, const struct store_line *line,
                      struct store_result *ret_result)
{
    const struct result_options with_evidence = {.with_evidence = true};
    struct arena *arena = &rejudge->arena;
    struct evidence *evidence = arena_alloc(arena, sizeof(*evidence));
    struct verdict *verdict = arena_alloc(arena, sizeof(*verdict));
    int code =
        evidence != NULL && verdict != NULL ? recall_line(rejudge, line, evidence) : ERROR_NOMEM;

    if (code != 0) {
        rejudge->counts.without_evidence += code != ERROR_NOMEM;
        return code != ERROR_NOMEM ? 0 : code;
    }
    evidence->history.bounce_days = rejudge->bounce_days;
    verdict_judge(evidence, verdict);
    rejudge->counts.judged++;
    code = bulk_job_result(evidence, verdict, &with_evidence, &rejudge->scratch, ret_result);
    if (code != 0 || !is_changed(&line->result, ret_result))
        return code;
    rejudge->counts.changed++;
    rejudge->counts.moves[line->result.reason][verdict->reason]++;
    if (rejudge->changed != NULL)
        rejudge->changed(rejudge->user, line, verdict);
    ret_result->row = line->row.number;
    ret_result->copies = line->row.copies;
    ret_result->checked_unix_ms = line->result.checked_unix_ms;
    ret_result->json = arena_slice(arena, ret_result->json);
    return ret_result->json.ptr != NULL ? 1 : ERROR_NOMEM;
}

int bulk_rejudge_step(struct bulk_rejudge *rejudge, struct error *error)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_MAILBOXES,
        .after = rejudge->page.after,
        .limit = io_pace_begin(&rejudge->pace),
        .with_json = true,
    };
    struct store_result results[ROWS_AT_ONCE];
    uint64_t replaced = 0;
    size_t count = 0;
    int code = store_page_read(rejudge->store, rejudge->job, &query, &rejudge->page, error);

    if (code != 0)
        return code;
    for (size_t i = 0; i < rejudge->page.count && code >= 0; i++) {
        const struct store_line *line = &rejudge->page.lines[i];

        if (!line->has_result || bulk_job_fault(&line->row).len > 0)
            continue;
        code = judge_line(rejudge, line, &results[count]);
        count += code == 1;
    }
    if (code < 0)
        code = error_set(error, code, "no memory to judge the list again");
    else if (count > 0 && !rejudge->is_dry_run)
        code =
            store_results_replace(rejudge->store, rejudge->job, results, count, &replaced, error);
    (void)io_pace_end(&rejudge->pace, query.limit);
    rejudge->counts.replaced += replaced;
    arena_reset(&rejudge->arena);
    return code < 0 ? code : !rejudge->page.at_end;
}
