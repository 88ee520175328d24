/*
 * One address explained: the layers in the order they were asked, then what was said.
 */
#include <inttypes.h>
#include <string.h>

#include "base/instant.h"
#include "cli/help.h"
#include "cli/view.h"
#include "lists/builtin.h"
#include "lists/operator.h"
#include "verdict/explain.h"
#include "verdict/finding.h"
#include "verdict/score.h"

#define LAYER_WIDTH 11 /* "catch-all" and two blanks */

enum mark {
    MARK_GOOD,
    MARK_BAD,
    MARK_UNSURE,
    MARK_NOT_ASKED,
};

struct explaining {
    struct buffer *out;
    const struct evidence *evidence;
    const struct verdict *verdict;
    const struct view_style *style;
};

/* --- small pieces ----------------------------------------------------------------------------- */

static void dim(struct explaining *to, const char *words)
{
    buffer_printf(to->out, to->style->colour ? "\033[2m%s\033[0m" : "%s", words);
}

static void heading(struct explaining *to, struct slice words)
{
    buffer_append_string(to->out, to->style->colour ? "\n\033[1m" : "\n");
    view_clean(to->out, words);
    buffer_append_string(to->out, view_plain(to->style));
    buffer_append_byte(to->out, '\n');
}

/* "  ✓ domain     what it says", the rest of the words below each other; time at the end. */
static void layer(struct explaining *to, enum mark mark, const char *name, struct buffer *words,
                  uint64_t span_ms)
{
    static const struct {
        const char *sign, *colour;
    } marks[] = {
        [MARK_GOOD] = {"✓", "\033[32m"},
        [MARK_BAD] = {"✗", "\033[31m"},
        [MARK_UNSURE] = {"?", "\033[36m"},
        [MARK_NOT_ASKED] = {"-", "\033[2m"},
    };
    struct buffer clean;
    char span[32];

    buffer_init(&clean, 0);
    view_clean(&clean, buffer_slice(words));
    if (span_ms > 0)
        buffer_printf(&clean, " (%s)", span_format(span_ms, span));
    buffer_printf(to->out, "  %s%s%s %-*s", to->style->colour ? marks[mark].colour : "",
                  marks[mark].sign, view_plain(to->style), LAYER_WIDTH, name);
    help_fill(to->out, buffer_slice(&clean), 4 + LAYER_WIDTH, 4 + LAYER_WIDTH, to->style->width);
    buffer_append_byte(to->out, '\n');
    to->out->failed |= clean.failed || words->failed;
    buffer_done(&clean);
    buffer_clear(words);
}

static void name_bits(struct buffer *words, unsigned bits, const char *(*name_of)(unsigned index))
{
    const char *before = "";

    for (unsigned i = 0; i < 32; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        buffer_printf(words, "%s%s", before, name_of(i));
        before = ", ";
    }
}

/* --- the layers ------------------------------------------------------------------------------- */

static const char *flag_name(unsigned index)
{
    return address_flag_name((enum address_flag_index)index);
}

static const char *builtin_name(unsigned index)
{
    static const char *const names[] = {"disposable", "free mail", "role name", "no-reply name",
                                        "popular provider"};

    return index < sizeof(names) / sizeof(names[0]) ? names[index] : "other";
}

static const char *operator_name(unsigned index)
{
    return lists_operator_kind_name((enum lists_operator_kind)index);
}

static void layer_syntax(struct explaining *to, struct buffer *words)
{
    const struct address *address = &to->evidence->address;
    char wire[ADDRESS_WIRE_SIZE];

    if (address->diagnosis != ADDRESS_VALID) {
        buffer_printf(words, "%s (%s, byte %zu)", address_diagnosis_sentence(address->diagnosis),
                      address_diagnosis_name(address->diagnosis), address->offset + 1);
        layer(to, MARK_BAD, "syntax", words, 0);
        return;
    }
    address_format_wire(address, wire);
    buffer_printf(words, "%s", wire);
    if (address->flags != 0) {
        buffer_append_string(words, ": ");
        name_bits(words, address->flags, flag_name);
    }
    if (to->evidence->mailbox_breach != NULL)
        buffer_printf(words, ". No such mailbox can exist there: %s", to->evidence->mailbox_breach);
    layer(to, to->evidence->mailbox_breach != NULL ? MARK_BAD : MARK_GOOD, "syntax", words, 0);
}

/* Block lists in DNS; one that would not answer is named too, so that it is mended. */
static void say_listings(struct buffer *words, const struct evidence_domain *domain)
{
    for (size_t i = 0; domain != NULL && i < domain->listing_count; i++) {
        const struct evidence_listing *listing = &domain->listings[i];
        const char *before = words->len > 0 ? "; " : "";

        if (listing->is_refused)
            buffer_printf(words, "%s%.*s refuses to answer us", before, SLICE_ARG(listing->zone));
        else
            buffer_printf(words, "%s%.*s is in %.*s%s%.*s", before, SLICE_ARG(listing->subject),
                          SLICE_ARG(listing->zone), listing->meaning.len > 0 ? ": " : "",
                          SLICE_ARG(listing->meaning));
    }
}

static void layer_lists(struct explaining *to, struct buffer *words)
{
    const struct evidence *evidence = to->evidence;
    enum verdict_reason reason = to->verdict->reason;
    bool is_listed = reason == REASON_DISPOSABLE || reason == REASON_SPAM_TRAP ||
                     reason == REASON_COMPLAINER || reason == REASON_LISTED_DOMAIN ||
                     reason == REASON_OPTED_OUT || reason == REASON_BLOCKED_DOMAIN ||
                     reason == REASON_KNOWN_BOUNCE;

    if (evidence->address.diagnosis != ADDRESS_VALID) {
        layer(to, MARK_NOT_ASKED, "lists", words, 0);
        return;
    }
    name_bits(words, evidence->builtin_classes, builtin_name);
    if (evidence->disposable_mx)
        buffer_printf(words, "%smail host of a throwaway service", words->len > 0 ? ", " : "");
    if (evidence->operator_matches != 0) {
        buffer_append_string(words, words->len > 0 ? "; your list " : "your list ");
        name_bits(words, evidence->operator_matches, operator_name);
    }
    if (evidence->history.known_bounce)
        buffer_printf(words, "%sa bounce in your own records", words->len > 0 ? "; " : "");
    say_listings(words, evidence->domain);
    if (words->len == 0)
        buffer_append_string(words, "on none");
    layer(to, is_listed ? MARK_BAD : MARK_GOOD, "lists", words, 0);
}

static void say_mail_hosts(struct explaining *to, struct buffer *words)
{
    const struct evidence_domain *domain = to->evidence->domain;

    if (domain->null_mx)
        buffer_append_string(words, "takes no mail (null MX)");
    else if (domain->implicit_mx)
        buffer_append_string(words, "no MX record; its own address serves");
    else if (domain->host_count > 0)
        buffer_printf(words, "%zu mail host%s", domain->host_count,
                      domain->host_count == 1 ? "" : "s");
    else
        buffer_printf(words, "MX: %s", dns_outcome_name(domain->mx_outcome));
    if (to->evidence->provider != NULL && to->evidence->provider != provider_generic())
        buffer_printf(words, ", %s", to->evidence->provider->title);
    if (domain->spf.len > 0 || domain->dmarc.len > 0)
        buffer_printf(words, ", %s",
                      domain->spf.len == 0     ? "DMARC"
                      : domain->dmarc.len == 0 ? "SPF"
                                               : "SPF and DMARC");
}

static enum mark domain_mark(const struct explaining *to)
{
    switch (to->verdict->reason) {
    case REASON_DOMAIN_NOT_FOUND:
    case REASON_NO_MAIL_SERVER:
    case REASON_NULL_MX:
    case REASON_UNROUTABLE_MX:
        return MARK_BAD;
    case REASON_DNS_ERROR:
        return MARK_UNSURE;
    default:
        return MARK_GOOD;
    }
}

static void domain_hosts(struct explaining *to)
{
    const struct evidence_domain *domain = to->evidence->domain;

    for (size_t i = 0; i < domain->host_count; i++) {
        const struct evidence_host *host = &domain->hosts[i];
        struct buffer line;
        char ip[IP_TEXT_SIZE];

        buffer_init(&line, 0);
        buffer_printf(&line, "%2u %.*s", host->preference, SLICE_ARG(host->name));
        for (size_t k = 0; k < host->address_count; k++)
            buffer_printf(&line, " %s", ip_format(&host->addresses[k], ip));
        if (host->address_count == 0)
            buffer_printf(&line, " %s",
                          host->refused_range != NULL ? host->refused_range
                                                      : dns_outcome_name(host->outcome));
        buffer_printf(to->out, "%*s", 4 + LAYER_WIDTH, "");
        view_cell(to->out, buffer_slice(&line), to->style->width - 4 - LAYER_WIDTH, false);
        buffer_append_byte(to->out, '\n');
        to->out->failed |= line.failed;
        buffer_done(&line);
    }
}

static void layer_domain(struct explaining *to, struct buffer *words)
{
    const struct evidence_domain *domain = to->evidence->domain;

    if (domain == NULL) {
        buffer_append_string(words, "not asked");
        layer(to, MARK_NOT_ASKED, "domain", words, 0);
        return;
    }
    buffer_append_slice(words, domain->name);
    buffer_append_string(words, ": ");
    say_mail_hosts(to, words);
    layer(to, domain_mark(to), "domain", words, domain->duration_ms);
    domain_hosts(to);
}

/* What came of one question to a server. */
static void say_attempt(struct buffer *words, const struct evidence_attempt *attempt)
{
    char ip[IP_TEXT_SIZE], enhanced[16];

    buffer_printf(words, "%.*s [%s] ", SLICE_ARG(attempt->host), ip_format(&attempt->ip, ip));
    if (attempt->outcome == SMTP_OUTCOME_REPLY) {
        smtp_enhanced_format(attempt->reply.enhanced, enhanced);
        buffer_printf(words, "at %s: %u%s%s %.*s", explain_stage(attempt->stage),
                      attempt->reply.code, enhanced[0] != '\0' ? " " : "", enhanced,
                      SLICE_ARG(attempt->reply.text));
    } else {
        buffer_printf(words, "at %s: %s", explain_stage(attempt->stage),
                      smtp_outcome_name(attempt->outcome));
        if (attempt->detail.len > 0)
            buffer_printf(words, " (%.*s)", SLICE_ARG(attempt->detail));
    }
    if (attempt->tls.len > 0)
        buffer_append_string(words, ", encrypted");
}

static enum mark attempt_mark(const struct explaining *to, const struct evidence_attempt *attempt)
{
    struct classification classified;
    enum verdict_reason reason;
    enum verdict_action action;

    if (attempt->outcome != SMTP_OUTCOME_REPLY)
        return MARK_UNSURE;
    finding_classify(to->evidence, attempt, &classified);
    verdict_of_reply(&classified, attempt->reply.code, attempt->stage, &reason, &action);
    return verdict_reason_status(reason) == VERDICT_VALID     ? MARK_GOOD
           : verdict_reason_status(reason) == VERDICT_UNKNOWN ? MARK_UNSURE
                                                              : MARK_BAD;
}

static void layer_mailbox(struct explaining *to, struct buffer *words)
{
    const struct evidence *evidence = to->evidence;
    size_t asked = 0;

    for (size_t i = 0; i < evidence->attempt_count; i++) {
        const struct evidence_attempt *attempt = &evidence->attempts[i];

        if (attempt->random_recipient)
            continue;
        say_attempt(words, attempt);
        layer(to, attempt_mark(to, attempt), asked++ == 0 ? "mailbox" : "", words,
              attempt->duration_ms);
    }
    if (asked == 0) {
        buffer_append_string(words, "not asked");
        layer(to, MARK_NOT_ASKED, "mailbox", words, 0);
    }
    if (evidence->greylist_waited_s > 0) {
        char span[32];

        buffer_printf(to->out, "%*swaited %s as the server asked\n", 4 + LAYER_WIDTH, "",
                      span_format(evidence->greylist_waited_s * SECOND_MS, span));
    }
}

/* A made-up recipient refused is good news. */
static void layer_catch_all(struct explaining *to, struct buffer *words)
{
    static const char *const remembered[] = {
        [EVIDENCE_CATCH_ALL_UNKNOWN] = "not asked",
        [EVIDENCE_CATCH_ALL_ACCEPTS] = "made-up addresses are accepted, as was seen before",
        [EVIDENCE_CATCH_ALL_REFUSES] = "made-up addresses are refused, as was seen before",
        [EVIDENCE_CATCH_ALL_SAME_REFUSAL] = "made-up addresses are refused in the same words",
    };
    static const enum mark marks[] = {
        [EVIDENCE_CATCH_ALL_UNKNOWN] = MARK_NOT_ASKED,
        [EVIDENCE_CATCH_ALL_ACCEPTS] = MARK_BAD,
        [EVIDENCE_CATCH_ALL_REFUSES] = MARK_GOOD,
        [EVIDENCE_CATCH_ALL_SAME_REFUSAL] = MARK_UNSURE,
    };
    const struct evidence *evidence = to->evidence;
    size_t asked = 0;

    for (size_t i = 0; i < evidence->attempt_count; i++) {
        const struct evidence_attempt *attempt = &evidence->attempts[i];
        enum mark mark;

        if (!attempt->random_recipient)
            continue;
        mark = evidence->catch_all != EVIDENCE_CATCH_ALL_UNKNOWN ? marks[evidence->catch_all]
                                                                 : MARK_UNSURE;
        buffer_printf(words, "%.*s, made up: ", SLICE_ARG(attempt->recipient));
        say_attempt(words, attempt);
        layer(to, mark, asked++ == 0 ? "catch-all" : "", words, attempt->duration_ms);
    }
    if (asked > 0)
        return;
    buffer_append_string(words, evidence->catch_all == EVIDENCE_CATCH_ALL_UNKNOWN &&
                                        (to->verdict->status == VERDICT_VALID ||
                                         to->verdict->status == VERDICT_INVALID)
                                    ? "not needed"
                                    : remembered[evidence->catch_all]);
    layer(to, marks[evidence->catch_all], "catch-all", words, 0);
}

/* What the score is made of: log odds, so that the parts can be added up. */
static void layer_score(struct explaining *to, struct buffer *words)
{
    struct score score;

    verdict_score(to->evidence, &score);
    buffer_printf(words, "%u %%: %s %+.2f", to->verdict->score, score.basis->meaning,
                  score.basis->milli / 1000.0);
    for (size_t i = 0; i < score.term_count; i++)
        buffer_printf(words, "; %s %+.2f", score.terms[i].weight->meaning,
                      score.terms[i].milli / 1000.0);
    if (score.term_count > 0)
        buffer_printf(words, "; in all %+.2f", score.log_odds_milli / 1000.0);
    layer(to, MARK_NOT_ASKED, "score", words, 0);
}

/* --- what was said ---------------------------------------------------------------------------- */

static void dns_answers(struct explaining *to)
{
    const struct evidence_domain *domain = to->evidence->domain;

    if (domain == NULL || domain->answer_count == 0)
        return;
    heading(to, SLICE("DNS answers"));
    for (size_t i = 0; i < domain->answer_count; i++) {
        const struct evidence_dns_answer *answer = &domain->answers[i];
        struct buffer line;

        buffer_init(&line, 0);
        buffer_printf(&line, "%-5s %.*s  ", answer->type, SLICE_ARG(answer->name));
        if (answer->outcome == DNS_FOUND)
            buffer_printf(&line, "%.*s  (for %" PRIu32 " s)", SLICE_ARG(answer->text),
                          answer->ttl_s);
        else
            buffer_append_string(&line, dns_outcome_name(answer->outcome));
        buffer_append_string(to->out, "  ");
        view_cell(to->out, buffer_slice(&line), to->style->width - 2, false);
        buffer_append_byte(to->out, '\n');
        to->out->failed |= line.failed;
        buffer_done(&line);
    }
}

static void transcript_line(struct explaining *to, struct slice line)
{
    bool is_ours = slice_find(line, SLICE(" C: ")) >= 0;

    buffer_append_string(to->out, to->style->colour && is_ours ? "\033[36m" : "");
    view_clean(to->out, line);
    if (is_ours)
        buffer_append_string(to->out, view_plain(to->style));
    buffer_append_byte(to->out, '\n');
}

static void transcripts(struct explaining *to)
{
    for (size_t i = 0; i < to->evidence->attempt_count; i++) {
        const struct evidence_attempt *attempt = &to->evidence->attempts[i];
        struct slice rest = attempt->transcript, line;
        char at[INSTANT_TEXT_SIZE], ip[IP_TEXT_SIZE];
        struct buffer words;

        if (rest.len == 0)
            continue;
        buffer_init(&words, 0);
        buffer_printf(&words, "Conversation with %.*s [%s], %s", SLICE_ARG(attempt->host),
                      ip_format(&attempt->ip, ip), instant_format(attempt->unix_ms, at));
        heading(to, buffer_slice(&words));
        to->out->failed |= words.failed;
        buffer_done(&words);
        dim(to, "      ms   S: the server  C: we\n");
        while (slice_split(&rest, '\n', &line))
            if (line.len > 0)
                transcript_line(to, line);
    }
}

void view_explain(struct buffer *out, const struct evidence *evidence,
                  const struct verdict *verdict, const struct view_style *style)
{
    struct explaining to = {out, evidence, verdict, style};
    struct view_style head = *style;
    const struct view_line line = {
        .address = evidence->input,
        .status = verdict->status,
        .reason = verdict->reason,
        .score = verdict->score,
        .explanation = slice_from_string(verdict->explanation),
        .suggestion = evidence->suggestion,
    };
    struct buffer words;

    head.explain_below = true;
    view_line(out, &line, &head);
    buffer_append_byte(out, '\n');
    buffer_init(&words, 0);
    layer_syntax(&to, &words);
    layer_lists(&to, &words);
    layer_domain(&to, &words);
    layer_mailbox(&to, &words);
    layer_catch_all(&to, &words);
    layer_score(&to, &words);
    buffer_done(&words);
    dns_answers(&to);
    transcripts(&to);
    buffer_append_byte(out, '\n');
}
