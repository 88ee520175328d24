#include "verdict/result.h"

#include <string.h>

#include "base/instant.h"
#include "base/memory.h"
#include "lists/operator.h"
#include "verdict/advice.h"
#include "verdict/finding.h"
#include "verdict/score.h"

static void write_ip(struct json *json, const char *name, const struct ip *ip)
{
    char text[IP_TEXT_SIZE];

    json_name_cstring(json, name, ip->family != 0 ? ip_format(ip, text) : NULL);
}

/* "" is null: nothing was said. */
static void write_text(struct json *json, const char *name, struct slice value)
{
    if (value.len == 0)
        json_name_null(json, name);
    else
        json_name_string(json, name, value);
}

static void write_moment(struct json *json, const char *name, int64_t unix_ms)
{
    char text[INSTANT_TEXT_SIZE];

    json_name_word(json, name, instant_format(unix_ms, text));
}

/* code, enhanced, text: null where there is no reply. */
static void write_reply(struct json *json, const struct smtp_reply *reply)
{
    char enhanced[16] = "";

    if (reply->code == 0) {
        json_name_null(json, "code");
        json_name_null(json, "enhanced");
        json_name_null(json, "text");
        return;
    }
    smtp_enhanced_format(reply->enhanced, enhanced);
    json_name_int(json, "code", reply->code);
    json_name_cstring(json, "enhanced", enhanced[0] != '\0' ? enhanced : NULL);
    json_name_string(json, "text", reply->text);
}

static void write_flags(struct json *json, const struct verdict *verdict)
{
    if (verdict->flags == 0) {
        json_members(json, "\"flags\":[]", false);
        return;
    }
    json_name(json, "flags");
    json_array_begin(json);
    for (uint32_t left = verdict->flags; left != 0; left &= left - 1)
        json_plain(json, slice_from_string(
                             verdict_flag_name((enum verdict_flag_index)__builtin_ctz(left))));
    json_array_end(json);
}

/* What goes on the wire is the input as it stands, as a rule. */
static bool is_as_given(const struct evidence *evidence)
{
    const struct address *address = &evidence->address;
    struct slice domain = slice_from(address->domain_ascii, address->domain_ascii_len);

    return address->local.ptr == evidence->input.ptr &&
           evidence->input.len == address->local.len + 1 + domain.len && !address->is_literal &&
           slice_equal(address->domain, domain);
}

static void write_address(struct json *json, const struct evidence *evidence)
{
    const struct address *address = &evidence->address;
    char wire[ADDRESS_WIRE_SIZE];

    json_members(json, "\"schema\":1,\"address\":", true);
    if (address->diagnosis != ADDRESS_VALID) {
        json_string(json, evidence->input);
        json_name_null(json, "normalized");
    } else if (is_as_given(evidence) && json_is_plain(evidence->input)) {
        json_plain(json, evidence->input);
        json_name_plain(json, "normalized", evidence->input);
    } else {
        json_string(json, evidence->input);
        json_name_string(json, "normalized", slice_from(wire, address_format_wire(address, wire)));
    }
}

static void write_verdict(struct json *json, const struct evidence *evidence,
                          const struct verdict *verdict)
{
    json_name_word(json, "status", verdict_status_name(verdict->status));
    json_name_word(json, "reason", verdict_reason_name(verdict->reason));
    json_name_int(json, "score", verdict->score);
    json_name_word(json, "action", verdict_action_name(verdict->action));
    if (verdict->retry_after_s > 0)
        json_name_int(json, "retry_after", verdict->retry_after_s);
    else
        json_name_null(json, "retry_after");
    write_flags(json, verdict);
    write_text(json, "suggestion", evidence->suggestion);
}

static void write_domain(struct json *json, const struct address *address)
{
    if (address->diagnosis != ADDRESS_VALID)
        json_null(json);
    else if (address->is_literal)
        json_string(json, address->domain);
    else
        json_plain(json, slice_from(address->domain_ascii, address->domain_ascii_len));
}

static void write_mail_hosts(struct json *json, const struct evidence *evidence)
{
    const struct evidence_domain *domain = evidence->domain;
    const struct provider_profile *provider = evidence->provider;

    json_name_cstring(json, "provider",
                      provider != NULL && provider != provider_generic() ? provider->name : NULL);
    if (domain == NULL) {
        json_members(json, "\"mx\":[]", false);
        return;
    }
    json_name(json, "mx");
    json_array_begin(json);
    for (size_t i = 0; i < domain->host_count; i++) {
        json_object_begin(json);
        json_name_string(json, "host", domain->hosts[i].name);
        json_name_int(json, "preference", domain->hosts[i].preference);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_syntax(struct json *json, const struct address *address)
{
    bool valid = address->diagnosis == ADDRESS_VALID;

    if (valid && address->flags == 0) { /* as a rule */
        json_members(json,
                     "\"syntax\":{\"valid\":true,\"diagnosis\":null,\"offset\":null,\"flags\":[]}",
                     false);
        return;
    }
    json_name(json, "syntax");
    json_object_begin(json);
    json_name_bool(json, "valid", valid);
    json_name_cstring(json, "diagnosis", valid ? NULL : address_diagnosis_name(address->diagnosis));
    if (valid)
        json_name_null(json, "offset");
    else
        json_name_int(json, "offset", (int64_t)address->offset);
    json_name(json, "flags");
    json_array_begin(json);
    for (unsigned i = 0; valid && i < ADDRESS_FLAG_COUNT; i++)
        if (address->flags & (UINT32_C(1) << i))
            json_cstring(json, address_flag_name((enum address_flag_index)i));
    json_array_end(json);
    json_object_end(json);
}

static const char *control_name(const struct evidence *evidence, enum finding_control control)
{
    switch (control) {
    case FINDING_CONTROL_ACCEPTED:
        return "accepted";
    case FINDING_CONTROL_REFUSED:
        return "refused";
    default:
        return evidence->catch_all == EVIDENCE_CATCH_ALL_SAME_REFUSAL ? "same_refusal" : "unclear";
    }
}

/* What a made-up recipient was told, live or remembered; null when that is not known. */
static void write_random(struct json *json, const struct evidence *evidence,
                         const struct finding *finding)
{
    static const struct evidence_attempt nothing = {.outcome = SMTP_OUTCOME_UNTRIED};
    const struct evidence_attempt *random =
        finding->random_attempt >= 0 ? &evidence->attempts[finding->random_attempt] : &nothing;
    struct smtp_reply reply = random->reply;
    bool is_remembered = finding->random_attempt < 0;

    if (is_remembered && evidence->catch_all == EVIDENCE_CATCH_ALL_UNKNOWN) {
        json_name_null(json, "random_recipient");
        return;
    }
    if (is_remembered)
        reply = (struct smtp_reply){
            .code = evidence->catch_all_code,
            .text = evidence->catch_all_text,
        };
    json_name(json, "random_recipient");
    json_object_begin(json);
    json_name_cstring(json, "result", control_name(evidence, finding->control));
    json_name_bool(json, "remembered", is_remembered || evidence->catch_all_from_cache);
    write_reply(json, &reply);
    json_name_cstring(json, "class",
                      finding->random_classification.rule != NULL
                          ? smtp_class_name(finding->random_classification.reply_class)
                          : NULL);
    json_object_end(json);
}

static void write_smtp(struct json *json, const struct evidence *evidence,
                       const struct verdict *verdict)
{
    const struct evidence_attempt *attempt;
    struct finding finding;

    if (verdict->attempt < 0 || (size_t)verdict->attempt >= evidence->attempt_count) {
        json_name_null(json, "smtp");
        return;
    }
    json_name(json, "smtp");
    finding_combine(evidence, &finding);
    attempt = &evidence->attempts[verdict->attempt];
    json_object_begin(json);
    json_name_string(json, "host", attempt->host);
    write_ip(json, "ip", &attempt->ip);
    json_name_cstring(json, "outcome", smtp_outcome_name(attempt->outcome));
    write_reply(json, &attempt->reply);
    write_text(json, "detail", attempt->detail);
    json_name_cstring(json, "stage", smtp_stage_name(attempt->stage));
    json_name_cstring(json, "class",
                      verdict->classification.rule != NULL
                          ? smtp_class_name(verdict->classification.reply_class)
                          : NULL);
    json_name_cstring(json, "rule", verdict->classification.rule);
    write_text(json, "tls", attempt->tls);
    write_random(json, evidence, &finding);
    json_name_int(json, "attempts", (int64_t)evidence->attempt_count);
    json_object_end(json);
}

static void write_attempts(struct json *json, const struct evidence *evidence)
{
    json_name(json, "attempts");
    json_array_begin(json);
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        const struct evidence_attempt *attempt = &evidence->attempts[i];

        json_object_begin(json);
        write_moment(json, "at", attempt->unix_ms);
        json_name_int(json, "duration_ms", attempt->duration_ms);
        json_name_string(json, "host", attempt->host);
        write_ip(json, "ip", &attempt->ip);
        json_name_bool(json, "random", attempt->random_recipient);
        json_name_string(json, "recipient", attempt->recipient);
        json_name_string(json, "sender", attempt->sender);
        json_name_cstring(json, "outcome", smtp_outcome_name(attempt->outcome));
        json_name_cstring(json, "stage", smtp_stage_name(attempt->stage));
        write_reply(json, &attempt->reply);
        write_text(json, "detail", attempt->detail);
        write_text(json, "tls", attempt->tls);
        write_text(json, "transcript", attempt->transcript);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_hosts(struct json *json, const struct evidence_domain *domain)
{
    json_name(json, "hosts");
    json_array_begin(json);
    for (size_t i = 0; domain != NULL && i < domain->host_count; i++) {
        const struct evidence_host *host = &domain->hosts[i];

        json_object_begin(json);
        json_name_string(json, "host", host->name);
        json_name_int(json, "preference", host->preference);
        json_name_cstring(json, "outcome", dns_outcome_name(host->outcome));
        json_name(json, "addresses");
        json_array_begin(json);
        for (size_t k = 0; k < host->address_count; k++) {
            char text[IP_TEXT_SIZE];

            json_cstring(json, ip_format(&host->addresses[k], text));
        }
        json_array_end(json);
        json_name_int(json, "refused", (int64_t)host->refused_count);
        json_name_cstring(json, "refused_range", host->refused_range);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_dns(struct json *json, const struct evidence_domain *domain)
{
    json_name(json, "dns");
    json_array_begin(json);
    for (size_t i = 0; domain != NULL && i < domain->answer_count; i++) {
        const struct evidence_dns_answer *answer = &domain->answers[i];

        json_object_begin(json);
        json_name_string(json, "name", answer->name);
        json_name_cstring(json, "type", answer->type);
        json_name_cstring(json, "outcome", dns_outcome_name(answer->outcome));
        json_name_int(json, "ttl_s", answer->ttl_s);
        json_name_string(json, "answer", answer->text);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_listings(struct json *json, const struct evidence_domain *domain)
{
    json_name(json, "listings");
    json_array_begin(json);
    for (size_t i = 0; domain != NULL && i < domain->listing_count; i++) {
        const struct evidence_listing *listing = &domain->listings[i];

        json_object_begin(json);
        json_name_string(json, "subject", listing->subject);
        json_name_string(json, "zone", listing->zone);
        write_ip(json, "code", &listing->code);
        write_text(json, "meaning", listing->meaning);
        json_name_bool(json, "refused", listing->is_refused);
        json_object_end(json);
    }
    json_array_end(json);
}

/* What of the domain's facts the answers alone don't say. */
static void write_facts(struct json *json, const struct evidence_domain *domain)
{
    json_name(json, "domain");
    if (domain == NULL) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_name_cstring(json, "mx_outcome", dns_outcome_name(domain->mx_outcome));
    json_name_cstring(json, "address_outcome", dns_outcome_name(domain->address_outcome));
    json_name_bool(json, "null_mx", domain->null_mx);
    json_name_bool(json, "implicit_mx", domain->implicit_mx);
    json_name_int(json, "hosts_left_out", (int64_t)domain->hosts_left_out);
    json_name_cstring(json, "spf_outcome", dns_outcome_name(domain->spf_outcome));
    json_name_cstring(json, "dmarc_outcome", dns_outcome_name(domain->dmarc_outcome));
    json_object_end(json);
}

static void write_habit(struct json *json, const struct evidence *evidence)
{
    json_name(json, "habit");
    if (evidence->catch_all == EVIDENCE_CATCH_ALL_UNKNOWN) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_name_cstring(json, "strangers", evidence_catch_all_name(evidence->catch_all));
    json_name_bool(json, "remembered", evidence->catch_all_from_cache);
    json_name_int(json, "code", evidence->catch_all_code);
    write_text(json, "text", evidence->catch_all_text);
    json_object_end(json);
}

static void write_lists(struct json *json, const struct evidence *evidence)
{
    json_name(json, "lists");
    json_array_begin(json);
    for (unsigned i = 0; i < LISTS_OPERATOR_KIND_COUNT; i++)
        if (evidence->operator_matches & (1U << i))
            json_cstring(json, lists_operator_kind_name((enum lists_operator_kind)i));
    json_array_end(json);
}

static void write_moment_or_null(struct json *json, const char *name, int64_t unix_ms)
{
    if (unix_ms > 0)
        write_moment(json, name, unix_ms);
    else
        json_name_null(json, name);
}

static void write_outcomes(struct json *json, const struct evidence_history *history)
{
    json_name(json, "outcomes");
    if (!history->known_bounce && !history->complained && history->delivered_unix_ms == 0) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    write_moment_or_null(json, "bounced_at", history->known_bounce ? history->bounced_unix_ms : 0);
    write_text(json, "bounce", history->bounce);
    write_moment_or_null(json, "complained_at",
                         history->complained ? history->complained_unix_ms : 0);
    write_moment_or_null(json, "delivered_at", history->delivered_unix_ms);
    json_object_end(json);
}

/* Of other mailboxes of the domain; null when nothing is known. */
static void write_peers(struct json *json, const struct evidence_peers *peers)
{
    json_name(json, "peers");
    if (peers->proven == 0 && peers->refused == 0 && peers->accepted == 0 &&
        peers->delivered == 0 && peers->bounced == 0) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_name_int(json, "proven", peers->proven);
    json_name_int(json, "alike", peers->alike);
    json_name_int(json, "refused", peers->refused);
    json_name_int(json, "accepted", peers->accepted);
    json_name_int(json, "absent", peers->absent);
    json_name_int(json, "delivered", peers->delivered);
    json_name_int(json, "bounced", peers->bounced);
    json_object_end(json);
}

static void write_milli(struct json *json, const char *name, int32_t milli)
{
    json_name(json, name);
    json_milli(json, milli);
}

/* Log odds, and what they are the sum of. */
static void write_score(struct json *json, const struct evidence *evidence)
{
    struct score score;

    verdict_score(evidence, &score);
    json_name(json, "score");
    json_object_begin(json);
    json_name_cstring(json, "basis", score.basis->name);
    write_milli(json, "basis_log_odds", score.basis->milli);
    write_milli(json, "log_odds", score.log_odds_milli);
    json_name(json, "features");
    json_array_begin(json);
    for (size_t i = 0; i < score.term_count; i++) {
        json_object_begin(json);
        json_name_cstring(json, "name", score.terms[i].weight->name);
        write_milli(json, "value", score.terms[i].value_milli);
        write_milli(json, "log_odds", score.terms[i].milli);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void write_evidence(struct json *json, const struct evidence *evidence)
{
    const struct evidence_domain *domain = evidence->domain;

    json_name(json, "evidence");
    json_object_begin(json);
    write_attempts(json, evidence);
    write_hosts(json, domain);
    write_dns(json, domain);
    write_listings(json, domain);
    write_text(json, "spf", domain != NULL ? domain->spf : SLICE_EMPTY);
    write_text(json, "dmarc", domain != NULL ? domain->dmarc : SLICE_EMPTY);
    json_name_int(json, "waited_s", evidence->greylist_waited_s);
    json_name_cstring(json, "depth", evidence_depth_name(evidence->depth));
    json_name_cstring(json, "stop", evidence_stop_name(evidence->stop));
    write_text(json, "internal", evidence->internal);
    write_facts(json, domain);
    write_habit(json, evidence);
    write_lists(json, evidence);
    write_outcomes(json, &evidence->history);
    write_peers(json, &evidence->peers);
    write_score(json, evidence);
    json_object_end(json);
}

/* What is behind the domain, up to the end of the object. */
static void write_behind_domain(struct json *json, const struct evidence *evidence,
                                const struct verdict *verdict, const struct result_options *options)
{
    const char *source = options != NULL ? options->source : NULL;

    write_mail_hosts(json, evidence);
    write_syntax(json, &evidence->address);
    write_smtp(json, evidence, verdict);
    write_moment(json, "checked_at", evidence->checked_unix_ms);
    json_name_int(json, "duration_ms", evidence->duration_ms);
    if (source == NULL)
        source = evidence->is_remembered ? "history" : "live";
    json_name_cstring(json, "source", source);
    json_name_cstring(json, "explanation", verdict->explanation);
    if (options != NULL && options->with_evidence) {
        if (options->ret_brief_len != NULL)
            *options->ret_brief_len = json->out->len;
        write_evidence(json, evidence);
    }
    json_object_end(json);
}

/* Keep what stands in `out` from `before` to `domain`, and from `behind` on. Without memory it is
 * written anew each time. */
static void keep_pattern(struct result_pattern *pattern, const struct buffer *out, size_t before,
                         size_t domain, size_t behind)
{
    if (out->failed)
        return;
    pattern->before_len = domain - before;
    pattern->len = pattern->before_len + out->len - behind;
    pattern->bytes = memory_alloc(pattern->len);
    if (pattern->bytes == NULL)
        return;
    memcpy(pattern->bytes, out->ptr + before, pattern->before_len);
    memcpy(pattern->bytes + pattern->before_len, out->ptr + behind, out->len - behind);
}

void result_pattern_done(struct result_pattern *pattern)
{
    memory_free(pattern->bytes);
    *pattern = (struct result_pattern){NULL, 0, 0};
}

/* What comes after the address. */
static void write_by_pattern(struct json *json, const struct address *address,
                             const struct result_pattern *pattern)
{
    const size_t domain_len = address->domain_ascii_len;
    char *to = buffer_room(json->out, pattern->len + domain_len + 2);

    json_object_is_ended(json);
    if (to == NULL)
        return;
    memcpy(to, pattern->bytes, pattern->before_len);
    to += pattern->before_len;
    *to++ = '"';
    memcpy(to, address->domain_ascii, domain_len);
    to += domain_len;
    *to++ = '"';
    memcpy(to, pattern->bytes + pattern->before_len, pattern->len - pattern->before_len);
    json->out->len += pattern->len + domain_len + 2;
}

static bool is_written(const struct evidence *evidence, const struct verdict *verdict,
                       const struct result_options *options)
{
    return evidence->written.evidence == evidence && evidence->written.verdict == verdict &&
           (options == NULL || (options->source == NULL && options->pattern == NULL));
}

static void copy_written(struct json *json, const struct evidence_written *written,
                         bool with_evidence)
{
    if (with_evidence) {
        json_raw(json, written->json);
        return;
    }
    json_object_begin(json);
    buffer_append(json->out, written->json.ptr + 1, written->brief_len - 1);
    json_object_end(json);
}

void result_write_json(struct json *json, const struct evidence *evidence,
                       const struct verdict *verdict, const struct result_options *options)
{
    struct result_pattern *pattern = options != NULL ? options->pattern : NULL;
    size_t before, domain, behind;

    if (is_written(evidence, verdict, options)) {
        copy_written(json, &evidence->written, options != NULL && options->with_evidence);
        return;
    }
    json_object_begin(json);
    write_address(json, evidence);
    if (pattern != NULL && pattern->bytes != NULL) {
        write_by_pattern(json, &evidence->address, pattern);
        return;
    }
    before = json->out->len;
    write_verdict(json, evidence, verdict);
    json_name(json, "domain");
    domain = json->out->len;
    write_domain(json, &evidence->address);
    behind = json->out->len;
    write_behind_domain(json, evidence, verdict, options);
    if (pattern != NULL)
        keep_pattern(pattern, json->out, before, domain, behind);
}

void result_write_reply(struct json *json, const struct smtp_reply *reply,
                        const struct classification *classified, enum smtp_stage stage)
{
    uint32_t retry_after_s = classified->retry_after_s;
    char enhanced[16] = "";
    enum verdict_reason reason;
    enum verdict_action action;

    verdict_of_reply(classified, reply->code, stage, &reason, &action);
    if (retry_after_s == 0 && action == ACTION_RETRY)
        retry_after_s = advice_retry_after_s(reason);
    smtp_enhanced_format(reply->enhanced, enhanced);
    json_object_begin(json);
    if (reply->code != 0)
        json_name_int(json, "code", reply->code);
    else
        json_name_null(json, "code");
    json_name_cstring(json, "enhanced", enhanced[0] != '\0' ? enhanced : NULL);
    json_name_cstring(json, "class", smtp_class_name(classified->reply_class));
    json_name_cstring(json, "status", verdict_status_name(verdict_reason_status(reason)));
    json_name_cstring(json, "reason", verdict_reason_name(reason));
    json_name_cstring(json, "rule", classified->rule);
    json_name_int(json, "confidence", classified->confidence);
    json_name_cstring(json, "action", verdict_action_name(action));
    if (retry_after_s > 0)
        json_name_int(json, "retry_after", retry_after_s);
    else
        json_name_null(json, "retry_after");
    json_name_cstring(json, "explanation", classified->sentence);
    json_object_end(json);
}
