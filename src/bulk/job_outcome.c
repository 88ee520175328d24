#include "bulk/job_outcome.h"

#include <stdio.h>

#include "base/check.h"
#include "bulk/job_key.h"
#include "bulk/reader.h"
#include "provider/mailbox.h"
#include "verdict/advice.h"

static struct slice domain_of(const struct evidence *evidence)
{
    const struct address *address = &evidence->address;

    if (address->diagnosis != ADDRESS_VALID)
        return SLICE_EMPTY;
    return address->is_literal ? address->domain
                               : slice_from(address->domain_ascii, address->domain_ascii_len);
}

static struct slice provider_of(const struct evidence *evidence)
{
    const struct provider_profile *provider = evidence->provider;

    if (provider == NULL || provider == provider_generic())
        return SLICE_EMPTY;
    return slice_from_string(provider->name);
}

int bulk_job_result(const struct evidence *evidence, const struct verdict *verdict,
                    const struct result_options *options, struct buffer *scratch,
                    struct store_result *ret_result)
{
    struct json json;

    buffer_clear(scratch);
    if (options != NULL) {
        json_init(&json, scratch);
        result_write_json(&json, evidence, verdict, options);
        if (scratch->failed)
            return ERROR_NOMEM;
    }
    /* Field by field: to zero the whole first takes longer than all of this. */
    ret_result->row = ret_result->copies = 0;
    ret_result->status = verdict->status;
    ret_result->reason = verdict->reason;
    ret_result->action = verdict->action;
    ret_result->score = verdict->score;
    ret_result->flags = verdict->flags;
    ret_result->retry_after_s = verdict->retry_after_s;
    ret_result->checked_unix_ms = evidence->checked_unix_ms;
    ret_result->provider = provider_of(evidence);
    ret_result->domain = domain_of(evidence);
    ret_result->suggestion = evidence->suggestion;
    ret_result->explanation = slice_from_string(verdict->explanation);
    ret_result->json = buffer_slice(scratch);
    return 0;
}

struct slice bulk_job_fault(const struct store_row *row)
{
    return row->fault.len > 0 ? row->fault : slice_from_string(bulk_fault_of_address(row->address));
}

void bulk_job_row(struct store_row *row)
{
    row->fault = bulk_job_fault(row);
    row->address = bulk_job_address(row->address);
}

int bulk_job_fault_result(struct slice fault, int64_t unix_ms, const struct result_options *options,
                          struct buffer *scratch, struct verdict *ret_verdict,
                          struct store_result *ret_result)
{
    const struct probe_offline_terms terms = {.unix_ms = unix_ms, .stop = EVIDENCE_STOP_NONE};
    struct probe_offline_case empty;
    int code;

    probe_offline_judge(SLICE_EMPTY, NULL, &terms, &empty, ret_verdict);
    if (!bulk_fault_is_no_address(fault)) {
        ret_verdict->reason = REASON_NOT_PROBED;
        ret_verdict->status = verdict_reason_status(ret_verdict->reason);
        ret_verdict->action = advice_action(ret_verdict->reason);
    }
    snprintf(ret_verdict->explanation, sizeof(ret_verdict->explanation),
             "The row can't be read: %.*s.", SLICE_ARG(slice_prefix(fault, 200)));
    empty.evidence.suggestion = SLICE_EMPTY;
    code = bulk_job_result(&empty.evidence, ret_verdict, options, scratch, ret_result);
    ret_result->domain = SLICE_EMPTY; /* it has none, and what it would lie in goes */
    return code;
}

int bulk_job_address_result(struct slice address, int64_t unix_ms,
                            const struct result_options *options, struct buffer *scratch,
                            struct bulk_rest *rest, struct store_result *ret_result)
{
    const struct probe_offline_terms terms = {.unix_ms = unix_ms, .stop = EVIDENCE_STOP_DEADLINE};
    struct verdict *verdict = &rest->verdict;
    int code;

    probe_offline_judge(address, NULL, &terms, &rest->each, verdict);
    if (verdict->reason == REASON_BAD_SYNTAX)
        return 0;
    if (verdict->reason == REASON_NOT_PROBED)
        snprintf(verdict->explanation, sizeof(verdict->explanation),
                 "No server was asked: what stands around the address was taken for a part of it.");
    code = bulk_job_result(&rest->each.evidence, verdict, options, scratch, ret_result);
    return code == 0 ? 1 : code;
}

int bulk_job_rest(const struct store_line *line, const struct probe_offline_terms *terms,
                  struct buffer *scratch, struct bulk_rest *rest, struct bulk_outcome *ret_outcome)
{
    const struct result_options json = {.source = "live"};
    struct store_row row = line->row;
    struct store_result result;
    int code;

    bulk_job_row(&row);
    if (row.fault.len > 0) {
        code = bulk_job_fault_result(row.fault, terms->unix_ms, &json, scratch, &rest->verdict,
                                     &result);
    } else {
        probe_offline_judge(row.address, NULL, terms, &rest->each, &rest->verdict);
        code = bulk_job_result(&rest->each.evidence, &rest->verdict, &json, scratch, &result);
    }
    if (code != 0)
        return code;
    bulk_job_outcome_of(&result, ret_outcome);
    ret_outcome->duplicate = line->row.first != 0;
    ret_outcome->duplicate_of = line->row.first;
    return 0;
}

void bulk_job_outcome_of(const struct store_result *result, struct bulk_outcome *ret_outcome)
{
    ret_outcome->status = result->status;
    ret_outcome->reason = result->reason;
    ret_outcome->action = result->action;
    ret_outcome->score = result->score;
    ret_outcome->flags = result->flags;
    ret_outcome->retry_after_s = result->retry_after_s;
    ret_outcome->duplicate = ret_outcome->is_suggestion_unwelcome = false;
    ret_outcome->duplicate_of = 0;
    ret_outcome->suggestion = result->suggestion;
    ret_outcome->provider = result->provider;
    ret_outcome->domain = result->domain;
    ret_outcome->explanation = result->explanation;
    ret_outcome->json = result->json;
}

void bulk_job_outcome(const struct store_line *line, struct bulk_outcome *ret_outcome)
{
    bulk_job_outcome_of(&line->result, ret_outcome);
    ret_outcome->duplicate = line->row.first != 0;
    ret_outcome->duplicate_of = line->row.first;
}

/* 0: there is none since `after`. */
static int64_t when(struct store *outcomes, enum store_record_kind kind, struct slice key,
                    struct arena *arena, int64_t after)
{
    struct store_record record;

    if (store_record_get(outcomes, kind, key, arena, &record, NULL) != 1 ||
        record.checked_unix_ms <= after)
        return 0;
    return record.checked_unix_ms;
}

void bulk_job_told(const struct store_line *line, struct store *outcomes,
                   struct bulk_reliability *reliability)
{
    const struct store_result *result = &line->result;
    struct slice text = bulk_job_address(line->row.address);
    int64_t delivered, bounced;
    char bytes[PROVIDER_KEY_SIZE];
    struct address address;
    struct arena arena;
    struct slice key;

    if (outcomes == NULL || !line->has_result || line->row.first != 0 ||
        (result->status != VERDICT_CATCH_ALL && result->status != VERDICT_UNKNOWN) ||
        !address_parse(text.ptr, text.len, &address))
        return;
    arena_init(&arena);
    key = slice_from(bytes, provider_mailbox_key(&address, NULL, bytes));
    delivered = when(outcomes, STORE_RECORD_DELIVERY, key, &arena, result->checked_unix_ms);
    bounced = when(outcomes, STORE_RECORD_BOUNCE, key, &arena, result->checked_unix_ms);
    if (delivered > 0 || bounced > 0)
        bulk_reliability_add(reliability, result->score, delivered > bounced);
    arena_done(&arena);
}

struct store *bulk_job_outcomes(struct store *store)
{
    static const enum store_record_kind kinds[] = {STORE_RECORD_DELIVERY, STORE_RECORD_BOUNCE};
    struct store_record_total total;

    for (size_t i = 0; store != NULL && i < ARRAY_LEN(kinds); i++)
        if (store_records_total(store, kinds[i], &total, NULL) == 0 && total.records > 0)
            return store;
    return NULL;
}

int bulk_job_count(const struct store_line *line, struct store *outcomes, struct bulk_stats *stats,
                   struct error *error)
{
    struct bulk_outcome outcome;

    if (line->has_result)
        bulk_job_outcome(line, &outcome);
    if (bulk_stats_add(stats, line->has_result ? &outcome : NULL, line->row.fault.len > 0,
                       line->has_result ? line->result.checked_unix_ms : 0) != 0)
        return error_set(error, ERROR_NOMEM, "no memory to count the list");
    bulk_job_told(line, outcomes, &stats->reliability);
    return 0;
}
