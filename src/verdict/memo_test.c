/* Tests of verdicts that are given again: never another than the evidence's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "lists/builtin.h"
#include "lists/operator.h"
#include "verdict/finding.h"
#include "verdict/memo.h"
#include "verdict/verdict_rig.h"

struct subject {
    struct rig rig;
    uint64_t facts_id;
    const char *domain;
    char address[64];
};

/* --- what there may be of evidence ----------------------------------------------------------- */

/* One reply of a domain's server, mostly to somebody like its others. */
struct base {
    const char *reply; /* "STAGE CODE TEXT" */
    const char *provider;
    enum evidence_catch_all catch_all;
    uint16_t catch_all_code;
    const char *catch_all_text;
};

#define NF "550 5.1.1 <anna.schmidt@example.com>: User unknown"

static const struct base bases[] = {
    {"rcpt 250 2.1.5 Ok", "generic", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
    {"rcpt 250 2.1.5 Ok", "generic", EVIDENCE_CATCH_ALL_ACCEPTS, 250, "2.1.5 Ok"},
    {"rcpt 250 2.1.5 Ok", "generic", EVIDENCE_CATCH_ALL_REFUSES, 550, "No such user here"},
    {"rcpt 250 2.1.5 Ok", "yahoo", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
    {"rcpt 250", "google", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
    {"rcpt 250 2.1.5 Ok", "mimecast", EVIDENCE_CATCH_ALL_REFUSES, 550, "Invalid recipient"},
    {"rcpt 550 5.1.1 No such user here", "generic", EVIDENCE_CATCH_ALL_REFUSES, 550,
     "No such user here"},
    {"rcpt " NF, "generic", EVIDENCE_CATCH_ALL_REFUSES, 550,
     "<mailknock-probe-x7@example.com>: User unknown"},
    {"rcpt 550 5.7.1 <anna.schmidt@example.com>: Not wanted", "generic",
     EVIDENCE_CATCH_ALL_SAME_REFUSAL, 550, "<mailknock-probe-x7@example.com>: Not wanted"},
    {"rcpt 550 Requested action not taken", "generic", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
    {"rcpt 550 5.2.1 The mailbox is disabled", "generic", EVIDENCE_CATCH_ALL_REFUSES, 550,
     "No such user here"},
    {"rcpt 552 5.2.2 Mailbox full", "generic", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
    {"rcpt 450 4.2.0 Greylisted, come back in 300 seconds", "generic", EVIDENCE_CATCH_ALL_UNKNOWN,
     0, ""},
    {"rcpt 421 4.7.0 Too many connections", "generic", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
    {"mail 550 5.7.1 Your address is on a block list", "generic", EVIDENCE_CATCH_ALL_UNKNOWN, 0,
     ""},
    {"rcpt 550 5.7.1 Relaying denied", "generic", EVIDENCE_CATCH_ALL_UNKNOWN, 0, ""},
};

static void make(struct subject *subject, const struct base *base)
{
    struct evidence *evidence = &subject->rig.evidence;
    char line[200];

    subject->domain = "example.com";
    rig_init(&subject->rig, "anna.schmidt@example.com");
    rig_domain(&subject->rig, "mx1 mx2");
    rig_provider(&subject->rig, base->provider);
    snprintf(line, sizeof(line), "mx1 %s", base->reply);
    rig_attempts(&subject->rig, line);
    subject->rig.attempts[0].host = subject->rig.hosts[0].name;
    evidence->catch_all = base->catch_all;
    evidence->catch_all_from_cache = base->catch_all != EVIDENCE_CATCH_ALL_UNKNOWN;
    evidence->catch_all_code = base->catch_all_code;
    evidence->catch_all_text = slice_from_string(base->catch_all_text);
    subject->facts_id = 1;
}

/* Another address, to which the same was said. */
static void rename_to(struct subject *subject, const char *local)
{
    struct evidence *evidence = &subject->rig.evidence;

    snprintf(subject->address, sizeof(subject->address), "%s@%s", local, subject->domain);
    evidence->input = slice_from_string(subject->address);
    address_parse(evidence->input.ptr, evidence->input.len, &evidence->address);
    subject->rig.attempts[0].recipient = evidence->input;
}

/* Other facts have another number, whatever else is changed; or none, and none is no number. */
static void other_facts(struct subject *subject, uint64_t which)
{
    if (subject->facts_id != 0)
        subject->facts_id = subject->facts_id * 32 + which;
}

#define CHANGE(name, statement)                                                                    \
    static void name(struct subject *subject)                                                      \
    {                                                                                              \
        struct evidence *evidence = &subject->rig.evidence;                                        \
                                                                                                   \
        (void)evidence;                                                                            \
        statement;                                                                                 \
    }

#define ATTEMPT (&subject->rig.attempts[0])
#define DOMAIN  (&subject->rig.domain)

CHANGE(nothing, )
CHANGE(local_of_no_name, rename_to(subject, "website"))
CHANGE(local_of_another_name, rename_to(subject, "peter"))
CHANGE(local_of_odd_letters, rename_to(subject, "xkqzv"))
CHANGE(local_of_noise, rename_to(subject, "xkqzvbwtjq"))
CHANGE(local_of_vowels, rename_to(subject, "a1b2c3d4e5f6"))
CHANGE(local_in_quotes, rename_to(subject, "\"anna\""))
CHANGE(local_not_ascii, rename_to(subject, "j\xc3\xb6rg"))
CHANGE(local_of_a_role, rename_to(subject, "info"); evidence->builtin_classes |= LISTS_ROLE)
CHANGE(local_nobody_reads, rename_to(subject, "noreply");
       evidence->builtin_classes |= LISTS_NO_REPLY)
CHANGE(local_too_long, rename_to(subject, "..."))
CHANGE(local_in_capitals, rename_to(subject, "ANNA.SCHMIDT"))
CHANGE(at_gmail, subject->domain = "gmail.com"; rename_to(subject, "anna.schmidt");
       DOMAIN->name = SLICE("gmail.com"); other_facts(subject, 8))
CHANGE(subaddress, evidence->subaddress = true)
CHANGE(free_mail, evidence->builtin_classes |= LISTS_FREE)
CHANGE(disposable, evidence->builtin_classes |= LISTS_DISPOSABLE)
CHANGE(disposable_mx, evidence->disposable_mx = true)
CHANGE(duplicate, evidence->duplicate = true)
CHANGE(breach, evidence->mailbox_breach = "Names there have six letters or more.")
CHANGE(suggestion, evidence->suggestion = SLICE("anna.schmidt@example.org"))
CHANGE(on_list_trap, evidence->operator_matches |= 1U << LISTS_OPERATOR_TRAP)
CHANGE(on_list_listed, evidence->operator_matches |= 1U << LISTS_OPERATOR_LISTED)
CHANGE(on_list_allow, evidence->operator_matches |= 1U << LISTS_OPERATOR_ALLOW)
CHANGE(on_list_opt_out, evidence->operator_matches |= 1U << LISTS_OPERATOR_OPT_OUT)
CHANGE(depth_dns, evidence->depth = EVIDENCE_DEPTH_DNS)
CHANGE(stop_deadline, evidence->stop = EVIDENCE_STOP_DEADLINE)
CHANGE(stop_breaker, evidence->stop = EVIDENCE_STOP_BREAKER)
CHANGE(stop_cancelled, evidence->stop = EVIDENCE_STOP_CANCELLED)
CHANGE(stop_internal, evidence->stop = EVIDENCE_STOP_INTERNAL)
CHANGE(internal, evidence->internal = SLICE("out of memory"))
CHANGE(waited, evidence->greylist_waited_s = 900)
CHANGE(no_domain, evidence->domain = NULL)
CHANGE(domain_of_another_name, DOMAIN->name = SLICE("example.net"); other_facts(subject, 1))
CHANGE(domain_of_one_host, DOMAIN->host_count = 1; other_facts(subject, 2))
CHANGE(domain_implicit, DOMAIN->implicit_mx = true; other_facts(subject, 3))
CHANGE(domain_with_policy, DOMAIN->dmarc = SLICE("v=DMARC1"); DOMAIN->spf_outcome = DNS_FOUND;
       other_facts(subject, 4))
CHANGE(domain_without_policy, DOMAIN->spf_outcome = DNS_NODATA; other_facts(subject, 5))
CHANGE(domain_null_mx, DOMAIN->null_mx = true; other_facts(subject, 6))
CHANGE(domain_left_out, DOMAIN->hosts_left_out = 2; other_facts(subject, 7))
/* These come late, into facts that are held already. */
CHANGE(late_policy, DOMAIN->dmarc = SLICE("v=DMARC1; p=none"))
CHANGE(late_spf, DOMAIN->spf = SLICE("v=spf1 -all"))
CHANGE(late_spf_outcome, DOMAIN->spf_outcome = DNS_NODATA; DOMAIN->dmarc_outcome = DNS_NODATA)
CHANGE(facts_without_number, subject->facts_id = 0)
CHANGE(provider_none, evidence->provider = NULL)
CHANGE(provider_google, rig_provider(&subject->rig, "google"))
CHANGE(provider_gateway, rig_provider(&subject->rig, "proofpoint"))
CHANGE(habit_unknown, evidence->catch_all = EVIDENCE_CATCH_ALL_UNKNOWN)
CHANGE(habit_accepts, evidence->catch_all = EVIDENCE_CATCH_ALL_ACCEPTS)
CHANGE(habit_refuses, evidence->catch_all = EVIDENCE_CATCH_ALL_REFUSES)
CHANGE(habit_same, evidence->catch_all = EVIDENCE_CATCH_ALL_SAME_REFUSAL)
CHANGE(habit_live, evidence->catch_all_from_cache = false)
CHANGE(habit_without_reply, evidence->catch_all_code = 0)
CHANGE(habit_code, evidence->catch_all_code = 554)
CHANGE(habit_text, evidence->catch_all_text = SLICE("Not wanted"))
CHANGE(bounced, evidence->history.known_bounce = true;
       evidence->history.bounced_unix_ms = evidence->checked_unix_ms)
CHANGE(complained, evidence->history.complained = true)
CHANGE(delivered, evidence->history.delivered_unix_ms = 1)
CHANGE(remembered, evidence->is_remembered = true)
CHANGE(later, evidence->checked_unix_ms += 1000000)
CHANGE(peers_alike, evidence->peers.proven = 5; evidence->peers.alike = 5)
CHANGE(peers_differ, evidence->peers.proven = 5)
CHANGE(peers_refused, evidence->peers.refused = 9)
CHANGE(peers_accepted, evidence->peers.accepted = 7)
CHANGE(peers_absent, evidence->peers.absent = 7)
CHANGE(peers_delivered, evidence->peers.delivered = 7)
CHANGE(peers_bounced, evidence->peers.bounced = 7)
CHANGE(no_attempt, evidence->attempt_count = 0)
CHANGE(random_accepted, rig_attempts(&subject->rig, "?mx1 rcpt 250 2.1.5 Ok"))
CHANGE(random_refused, rig_attempts(&subject->rig, "?mx1 rcpt 550 5.1.1 No such user here"))
CHANGE(again, rig_attempts(&subject->rig, "+1000 mx1 rcpt 450 4.1.1 No such user"))
CHANGE(to_random, ATTEMPT->random_recipient = true)
CHANGE(silence, ATTEMPT->outcome = SMTP_OUTCOME_TIMEOUT; ATTEMPT->detail = SLICE("after 300 s"))
CHANGE(silence_without_words, ATTEMPT->outcome = SMTP_OUTCOME_TIMEOUT)
CHANGE(stage_mail, ATTEMPT->stage = SMTP_STAGE_MAIL)
CHANGE(stage_rcpt, ATTEMPT->stage = SMTP_STAGE_RCPT)
CHANGE(code_450, ATTEMPT->reply.code = 450)
CHANGE(code_251, ATTEMPT->reply.code = 251)
CHANGE(enhanced_none, ATTEMPT->reply.enhanced.status_class = 0)
CHANGE(enhanced_subject, ATTEMPT->reply.enhanced.subject = 7)
CHANGE(enhanced_detail, ATTEMPT->reply.enhanced.detail = 9)
CHANGE(text_of_same_length, ATTEMPT->reply.text = SLICE("OK"))
CHANGE(text_longer, ATTEMPT->reply.text = SLICE("Ok, but see <https://example.com/terms>"))
CHANGE(text_too_long,
       ATTEMPT->reply.text = SLICE("a very long answer that says what another said before it, "
                                   "and goes on to say so much of this and that, that it is no "
                                   "use to keep it for others"))
CHANGE(at_other_host, ATTEMPT->host = subject->rig.hosts[1].name)
CHANGE(at_unknown_host, ATTEMPT->host = SLICE("mx9.example.net"))
CHANGE(at_nameless_host, ATTEMPT->host = SLICE_EMPTY)
CHANGE(in_tls, ATTEMPT->tls = SLICE("TLSv1.3"))
CHANGE(classified, finding_classify(evidence, ATTEMPT, &ATTEMPT->classified);
       ATTEMPT->classified_for = evidence->provider != NULL ? evidence->provider->name : NULL)

static void (*const changes[])(struct subject *) = {
    nothing,
    local_of_no_name,
    local_of_another_name,
    local_of_odd_letters,
    local_of_noise,
    local_of_vowels,
    local_in_quotes,
    local_not_ascii,
    local_of_a_role,
    local_nobody_reads,
    local_too_long,
    local_in_capitals,
    at_gmail,
    subaddress,
    free_mail,
    disposable,
    disposable_mx,
    duplicate,
    breach,
    suggestion,
    on_list_trap,
    on_list_listed,
    on_list_allow,
    on_list_opt_out,
    depth_dns,
    stop_deadline,
    stop_breaker,
    stop_cancelled,
    stop_internal,
    internal,
    waited,
    no_domain,
    late_policy,
    late_spf,
    late_spf_outcome,
    facts_without_number,
    domain_of_another_name,
    domain_of_one_host,
    domain_implicit,
    domain_with_policy,
    domain_without_policy,
    domain_null_mx,
    domain_left_out,
    provider_none,
    provider_google,
    provider_gateway,
    habit_unknown,
    habit_accepts,
    habit_refuses,
    habit_same,
    habit_live,
    habit_without_reply,
    habit_code,
    habit_text,
    bounced,
    complained,
    delivered,
    remembered,
    later,
    peers_alike,
    peers_differ,
    peers_refused,
    peers_accepted,
    peers_absent,
    peers_delivered,
    peers_bounced,
    no_attempt,
    random_accepted,
    random_refused,
    again,
    to_random,
    silence,
    silence_without_words,
    stage_mail,
    stage_rcpt,
    code_450,
    code_251,
    enhanced_none,
    enhanced_subject,
    enhanced_detail,
    text_of_same_length,
    text_longer,
    text_too_long,
    at_other_host,
    at_unknown_host,
    at_nameless_host,
    in_tls,
    classified,
};

/* --- judged and held against a fresh judgement ------------------------------------------------ */

static struct verdict_memo memo;
static unsigned long judged_count, kept_count;

static void judge(const struct subject *subject, struct verdict *ret_verdict)
{
    const struct address *address = &subject->rig.evidence.address;
    struct address_traits traits;
    char local[ADDRESS_LOCAL_MAX];
    unsigned kept = memo.next_way;

    if (address->diagnosis == ADDRESS_VALID)
        address_traits_of(slice_from(local, address_unquote_local(address, local)), &traits);
    verdict_memo_judge(&memo, &subject->rig.evidence, subject->facts_id, &traits, ret_verdict);
    judged_count++;
    kept_count += memo.next_way - kept;
}

static void expect_own(const struct subject *subject, size_t base, size_t first, size_t second)
{
    struct verdict verdict, own;

    judge(subject, &verdict);
    verdict_judge(&subject->rig.evidence, &own);
    if (verdict.status != own.status || verdict.reason != own.reason ||
        verdict.action != own.action || verdict.score != own.score || verdict.flags != own.flags ||
        verdict.retry_after_s != own.retry_after_s || verdict.attempt != own.attempt ||
        verdict.classification.reply_class != own.classification.reply_class ||
        verdict.classification.rule != own.classification.rule ||
        verdict.classification.confidence != own.classification.confidence ||
        verdict.classification.retry_after_s != own.classification.retry_after_s ||
        verdict.classification.sentence != own.classification.sentence ||
        verdict.classification.trust != own.classification.trust ||
        strcmp(verdict.explanation, own.explanation) != 0)
        fail_msg("base %zu, changes %zu and %zu: %s %u \"%s\", not %s %u \"%s\"", base, first,
                 second, verdict_reason_name(verdict.reason), verdict.score, verdict.explanation,
                 verdict_reason_name(own.reason), own.score, own.explanation);
}

/* Each part of the evidence changed, and each two, behind the same without the second. */
static void every_change_is_seen(void **state)
{
    static struct subject subject;

    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        for (size_t first = 0; first < ARRAY_LEN(changes); first++) {
            memo = (struct verdict_memo){.next_way = 0};
            for (size_t second = 0; second < ARRAY_LEN(changes); second++) {
                make(&subject, &bases[i]);
                changes[first](&subject);
                expect_own(&subject, i, first, 0);
                changes[second](&subject);
                expect_own(&subject, i, first, second);
            }
        }
    }
    /* It was of use, too. */
    assert_true(kept_count * 3 < judged_count);
}

static unsigned kept_by(const struct subject *subject)
{
    unsigned kept = memo.next_way;
    struct verdict verdict;

    judge(subject, &verdict);
    return memo.next_way - kept;
}

static void what_changes_nothing_is_found_again(void **state)
{
    static void (*const same[])(struct subject *) = {
        nothing, local_of_another_name, later, in_tls, classified,
    };
    static struct subject subject;

    for (size_t i = 0; i < 7; i++) {
        memo = (struct verdict_memo){.next_way = 0};
        make(&subject, &bases[i]);
        assert_int_equal(kept_by(&subject), 1);
        for (size_t change = 0; change < ARRAY_LEN(same); change++) {
            make(&subject, &bases[i]);
            same[change](&subject);
            if (kept_by(&subject) != 0)
                fail_msg("base %zu, change %zu", i, change);
        }
    }
    /* Of what is proven the score looks at nobody else: others are proven all the time. */
    memo = (struct verdict_memo){.next_way = 0};
    make(&subject, &bases[2]);
    assert_int_equal(kept_by(&subject), 1);
    subject.rig.evidence.peers.accepted++;
    assert_int_equal(kept_by(&subject), 0);
    local_of_no_name(&subject);
    assert_int_equal(kept_by(&subject), 0);
}

/* Words that were held against those for another recipient hold for this one only. */
static void what_heeds_names_is_not_kept(void **state)
{
    static struct subject subject;

    memo = (struct verdict_memo){.next_way = 0};
    make(&subject, &bases[8]);
    assert_int_equal(kept_by(&subject), 0);
    make(&subject, &bases[7]); /* plain words are not held against any */
    assert_int_equal(kept_by(&subject), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(what_changes_nothing_is_found_again),
        cmocka_unit_test(what_heeds_names_is_not_kept),
    };

    return cmocka_run_group_tests_name("verdict-memo", tests, NULL, NULL);
}
