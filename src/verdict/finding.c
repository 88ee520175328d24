#include "verdict/finding.h"

#include "base/check.h"

/* The walk through the attempts: what was heard last of each kind; -1: nothing. */
struct scan {
    const struct evidence *evidence;
    ptrdiff_t definite;
    struct classification definite_class;
    bool definite_is_soft;
    ptrdiff_t reply; /* an answer that proves nothing of the mailbox */
    struct classification reply_class;
    ptrdiff_t silence; /* no answer */
    int silence_rank;
    ptrdiff_t soft; /* the first "no such user" with a 4xx since the last acceptance */
    enum finding_control control;
    ptrdiff_t random;
    struct classification random_class;
    bool heeds_names;
};

void finding_classify(const struct evidence *evidence, const struct evidence_attempt *attempt,
                      struct classification *ret)
{
    const struct classify_input input = {
        .stage = attempt->stage,
        .provider = evidence->provider != NULL ? evidence->provider->name : NULL,
        .reply = attempt->reply,
    };

    if (attempt->classified.rule != NULL && attempt->classified_for == input.provider)
        *ret = attempt->classified;
    else
        classify_reply(&input, ret);
}

static bool is_plain(const struct classification *classification)
{
    return classification->confidence >= VERDICT_PLAIN_CONFIDENCE;
}

static bool is_permanent(unsigned code)
{
    return code >= 500 && code <= 599;
}

/* A reply that tells of the recipient, if anything does. */
static bool is_to_rcpt(const struct evidence_attempt *attempt)
{
    return attempt->outcome == SMTP_OUTCOME_REPLY && attempt->stage == SMTP_STAGE_RCPT &&
           attempt->reply.code != 421;
}

/* The form may be refused for its rarity, not because no such mailbox is there (REPLIES.md 1). */
static bool has_rare_form(const struct address *address)
{
    return (address->flags & (ADDRESS_FLAG_SMTPUTF8 | ADDRESS_FLAG_QUOTED_LOCAL |
                              ADDRESS_FLAG_ADDRESS_LITERAL)) != 0;
}

static bool is_definite(const struct evidence *evidence, const struct evidence_attempt *attempt,
                        enum smtp_class reply_class)
{
    unsigned code = attempt->reply.code;

    if (!is_to_rcpt(attempt))
        return false;
    switch (reply_class) {
    case SMTP_CLASS_ACCEPTED:
        return code >= 200 && code <= 299;
    case SMTP_CLASS_MAILBOX_FULL:
        return code >= 400;
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
        return is_permanent(code);
    case SMTP_CLASS_SYNTAX_REJECTED:
        return is_permanent(code) && !has_rare_form(&evidence->address);
    default:
        return false;
    }
}

static void note_definite(struct scan *scan, ptrdiff_t index,
                          const struct classification *classification, bool is_soft)
{
    scan->definite = index;
    scan->definite_class = *classification;
    scan->definite_is_soft = is_soft;
    if (classification->reply_class == SMTP_CLASS_ACCEPTED)
        scan->soft = -1;
}

static bool is_later(int64_t first_ms, int64_t second_ms, uint64_t by_ms)
{
    return second_ms > first_ms && (uint64_t)second_ms - (uint64_t)first_ms >= by_ms;
}

static void note_reply(struct scan *scan, ptrdiff_t index)
{
    const struct evidence_attempt *attempt = &scan->evidence->attempts[index];
    struct classification classification;

    finding_classify(scan->evidence, attempt, &classification);
    if (is_definite(scan->evidence, attempt, classification.reply_class)) {
        note_definite(scan, index, &classification, false);
        return;
    }
    scan->reply = index;
    scan->reply_class = classification;
    if (!is_to_rcpt(attempt) || classification.reply_class != SMTP_CLASS_MAILBOX_NOT_FOUND ||
        attempt->reply.code < 400 || attempt->reply.code > 499)
        return;
    if (scan->soft < 0)
        scan->soft = index;
    else if (is_later(scan->evidence->attempts[scan->soft].unix_ms, attempt->unix_ms,
                      FINDING_SOFT_PROOF_MS))
        note_definite(scan, index, &classification, true);
}

/* Of two silences, the one that came further says more. */
static int rank_of_silence(enum smtp_outcome outcome)
{
    switch (outcome) {
    case SMTP_OUTCOME_CONNECT_FAILED:
        return 1;
    case SMTP_OUTCOME_TIMEOUT:
    case SMTP_OUTCOME_DISCONNECTED:
    case SMTP_OUTCOME_PROTOCOL_ERROR:
        return 2;
    case SMTP_OUTCOME_TLS_FAILED:
    case SMTP_OUTCOME_TLS_NOT_OFFERED:
    case SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED:
        return 3;
    default:
        return 0;
    }
}

static void note_real(struct scan *scan, ptrdiff_t index)
{
    enum smtp_outcome outcome = scan->evidence->attempts[index].outcome;
    int rank = rank_of_silence(outcome);

    if (outcome == SMTP_OUTCOME_REPLY) {
        note_reply(scan, index);
    } else if (rank > 0 && rank >= scan->silence_rank) {
        scan->silence = index;
        scan->silence_rank = rank;
    }
}

enum finding_control finding_control_of(enum smtp_stage stage, unsigned code,
                                        enum smtp_class reply_class)
{
    if (stage != SMTP_STAGE_RCPT || code == 421)
        return FINDING_CONTROL_UNCLEAR;
    switch (reply_class) {
    case SMTP_CLASS_ACCEPTED:
        return FINDING_CONTROL_ACCEPTED;
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MOVED:
        return FINDING_CONTROL_REFUSED;
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
    case SMTP_CLASS_RELAY_DENIED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
    case SMTP_CLASS_POLICY_REJECTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
    case SMTP_CLASS_AMBIGUOUS:
        return is_permanent(code) ? FINDING_CONTROL_REFUSED : FINDING_CONTROL_UNCLEAR;
    default:
        return FINDING_CONTROL_UNCLEAR;
    }
}

static void note_random(struct scan *scan, ptrdiff_t index)
{
    const struct evidence_attempt *attempt = &scan->evidence->attempts[index];
    struct classification classification = {.reply_class = SMTP_CLASS_AMBIGUOUS};
    enum finding_control control = FINDING_CONTROL_UNCLEAR;

    if (attempt->outcome == SMTP_OUTCOME_UNTRIED)
        return;
    if (attempt->outcome == SMTP_OUTCOME_REPLY) {
        finding_classify(scan->evidence, attempt, &classification);
        control =
            finding_control_of(attempt->stage, attempt->reply.code, classification.reply_class);
    }
    if (control == FINDING_CONTROL_UNCLEAR && scan->control != FINDING_CONTROL_NONE &&
        scan->control != FINDING_CONTROL_UNCLEAR)
        return;
    scan->control = control;
    scan->random = index;
    scan->random_class = classification;
}

/* What was remembered of the domain speaks where nothing was learnt now. */
static void recall_control(struct scan *scan)
{
    enum evidence_catch_all habit = scan->evidence->catch_all;

    if (scan->control == FINDING_CONTROL_ACCEPTED || scan->control == FINDING_CONTROL_REFUSED)
        return;
    if (habit == EVIDENCE_CATCH_ALL_ACCEPTS)
        scan->control = FINDING_CONTROL_ACCEPTED;
    else if (habit == EVIDENCE_CATCH_ALL_REFUSES)
        scan->control = FINDING_CONTROL_REFUSED;
    else
        return;
    scan->random = -1;
    scan->random_class = (struct classification){.reply_class = SMTP_CLASS_AMBIGUOUS};
}

static void scan_attempts(const struct evidence *evidence, struct scan *scan)
{
    *scan = (struct scan){
        .evidence = evidence,
        .definite = -1,
        .reply = -1,
        .silence = -1,
        .soft = -1,
        .random = -1,
    };
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        if (evidence->attempts[i].random_recipient)
            note_random(scan, (ptrdiff_t)i);
        else
            note_real(scan, (ptrdiff_t)i);
    }
    recall_control(scan);
}

/* Was the random recipient refused in the words of this attempt? */
static bool is_same_refusal(struct scan *scan, const struct evidence_attempt *attempt)
{
    const struct evidence *evidence = scan->evidence;
    const struct smtp_reply remembered = {
        .code = evidence->catch_all_code,
        .enhanced = attempt->reply.enhanced, /* not remembered */
        .text = evidence->catch_all_text,
    };

    for (size_t i = evidence->attempt_count; i-- > 0;) {
        const struct evidence_attempt *other = &evidence->attempts[i];

        if (other->random_recipient && is_to_rcpt(other)) {
            scan->heeds_names = true;
            return finding_same_words(&attempt->reply, attempt->recipient, &other->reply,
                                      other->recipient);
        }
    }
    if (evidence->catch_all_code != 0) {
        scan->heeds_names = true;
        return finding_same_words(&attempt->reply, attempt->recipient, &remembered, SLICE_EMPTY);
    }
    return evidence->catch_all == EVIDENCE_CATCH_ALL_SAME_REFUSAL;
}

/*
 * At a provider's own domain (gmail.com) no customer can make a catch-all. The MX set must be that
 * provider's too: anything may stand behind a domain that only looks like one.
 */
static const struct provider_profile *own_domain_of(const struct evidence *evidence)
{
    const struct provider_profile *own;

    /* The generic one has no domains. */
    if (evidence->provider == NULL || evidence->provider == provider_generic())
        return NULL;
    own = provider_by_domain(slice_from_string(evidence->address.domain_ascii));
    return own != NULL && !own->is_gateway &&
                   slice_equal(slice_from_string(own->name),
                               slice_from_string(evidence->provider->name))
               ? own
               : NULL;
}

static bool is_consumer_domain(const struct evidence *evidence)
{
    const struct provider_profile *own = own_domain_of(evidence);

    return own != NULL && own->trust == PROVIDER_TRUST_FULL;
}

static enum verdict_reason reason_of_silence(enum smtp_outcome outcome, enum evidence_stop stop)
{
    switch (outcome) {
    case SMTP_OUTCOME_CONNECT_FAILED:
        return REASON_CONNECT_FAILED;
    case SMTP_OUTCOME_TIMEOUT:
        return REASON_TIMEOUT;
    case SMTP_OUTCOME_DISCONNECTED:
        return REASON_DISCONNECTED;
    case SMTP_OUTCOME_PROTOCOL_ERROR:
        return REASON_PROTOCOL_ERROR;
    case SMTP_OUTCOME_TLS_FAILED:
        /* Cut off by our own clock: it might have gone on, and in clear as well. */
        return stop == EVIDENCE_STOP_DEADLINE ? REASON_TIMEOUT : REASON_TLS_REQUIRED;
    case SMTP_OUTCOME_TLS_NOT_OFFERED:
        return REASON_TLS_REQUIRED;
    default: /* SMTPUTF8_NOT_OFFERED: the recipient could not even be named; UNTRIED */
        return REASON_NOT_PROBED;
    }
}

/* Accepted, and no word of the random recipient: why is that? */
static enum verdict_reason reason_without_control(const struct scan *scan)
{
    const struct evidence_attempt *random;
    enum verdict_reason reason;

    if (scan->control == FINDING_CONTROL_NONE) {
        if (scan->evidence->stop == EVIDENCE_STOP_BREAKER)
            return REASON_PROBE_BLOCKED;
        if (scan->evidence->stop == EVIDENCE_STOP_DEADLINE)
            return REASON_NOT_PROBED;
        return REASON_RCPT_UNTRUSTED;
    }
    random = &scan->evidence->attempts[scan->random];
    if (random->outcome != SMTP_OUTCOME_REPLY)
        return reason_of_silence(random->outcome, scan->evidence->stop);
    if (scan->random_class.reply_class == SMTP_CLASS_MAILBOX_FULL)
        return REASON_RCPT_UNTRUSTED; /* nobody's box is full: the server says so to everyone */
    reason = finding_reason_of_class(scan->random_class.reply_class, random->reply.code, false);
    return reason != REASON_NOT_PROBED ? reason : REASON_RCPT_UNTRUSTED;
}

static void conclude_accepted(const struct scan *scan, struct finding *finding)
{
    const struct provider_profile *provider = scan->evidence->provider;
    enum provider_trust trust = provider != NULL ? provider->trust : PROVIDER_TRUST_FULL;

    finding->accepted = true;
    if (trust == PROVIDER_TRUST_ACCEPT_NONE) {
        finding->reason = REASON_RCPT_UNTRUSTED;
    } else if (scan->control == FINDING_CONTROL_ACCEPTED) {
        finding->reason = REASON_ACCEPTS_ALL;
    } else if (scan->control == FINDING_CONTROL_REFUSED) {
        finding->reason = REASON_ACCEPTED; /* whatever the profile says, this one refuses */
    } else if (trust == PROVIDER_TRUST_ACCEPTS_ALL) {
        finding->reason = REASON_PROVIDER_ACCEPTS_ALL;
    } else if (is_consumer_domain(scan->evidence)) {
        finding->reason = REASON_ACCEPTED;
        finding->by_consumer = true;
    } else {
        finding->reason = reason_without_control(scan);
    }
}

/* Was a random recipient answered now, and not only some time ago? */
static bool is_another_heard(const struct scan *scan)
{
    return scan->random >= 0 || !scan->evidence->catch_all_from_cache;
}

/* A definite refusal, once the random recipient has been heard. */
static enum verdict_reason reason_of_refusal(struct scan *scan,
                                             const struct evidence_attempt *attempt)
{
    enum smtp_class reply_class = scan->definite_class.reply_class;
    enum verdict_reason reason = finding_reason_of_class(reply_class, 550, true);
    bool is_gone = reply_class == SMTP_CLASS_MAILBOX_NOT_FOUND || reply_class == SMTP_CLASS_MOVED;

    /*
     * An unknown recipient is refused as every other unknown one is: plain words stand by
     * themselves. "It exists, but ..." and "it is disabled" can't be true of the random one.
     */
    if (is_gone && is_plain(&scan->definite_class))
        return reason;
    if (is_same_refusal(scan, attempt))
        return REASON_REFUSES_ALL;
    if (is_plain(&scan->definite_class))
        return reason;
    /* Who accepts a made-up one does not refuse us. */
    if (scan->control == FINDING_CONTROL_ACCEPTED && is_another_heard(scan))
        return reason;
    /* Others are refused in other words: that supports "it is disabled", and not "it is unknown".
     */
    if (scan->control == FINDING_CONTROL_REFUSED && !is_gone)
        return reason;
    return REASON_AMBIGUOUS_REPLY;
}

/* Not for what a code alone or words that are merely likely say. */
#define OWN_WORD_CONFIDENCE 80

/*
 * "Your account is suspended" and "bad address" may be said to everybody, and then of us: nobody
 * else was heard now, and what another one was told before does not say how we stand today. At a
 * provider's own domains nobody else is asked, and it speaks of its own accounts.
 */
static bool is_unheard_refusal(const struct scan *scan)
{
    enum smtp_class reply_class = scan->definite_class.reply_class;
    bool is_heard =
        (scan->control == FINDING_CONTROL_ACCEPTED || scan->control == FINDING_CONTROL_REFUSED) &&
        is_another_heard(scan);

    return (reply_class == SMTP_CLASS_MAILBOX_DISABLED ||
            reply_class == SMTP_CLASS_SYNTAX_REJECTED) &&
           !is_heard &&
           !(own_domain_of(scan->evidence) != NULL &&
             scan->definite_class.confidence >= OWN_WORD_CONFIDENCE);
}

static void conclude_definite(struct scan *scan, struct finding *finding)
{
    const struct evidence_attempt *attempt = &scan->evidence->attempts[scan->definite];

    finding->attempt = scan->definite;
    finding->classification = scan->definite_class;
    if (scan->definite_class.reply_class == SMTP_CLASS_ACCEPTED) {
        conclude_accepted(scan, finding);
    } else if (scan->definite_is_soft) {
        finding->reason =
            is_plain(&scan->definite_class) ? REASON_MAILBOX_NOT_FOUND : REASON_TEMPORARY_FAILURE;
        finding->weak = finding->reason == REASON_MAILBOX_NOT_FOUND;
    } else {
        finding->reason = reason_of_refusal(scan, attempt);
        finding->weak = !is_plain(&scan->definite_class) || is_unheard_refusal(scan);
    }
}

static bool is_domain_refusal(const struct evidence *evidence,
                              const struct evidence_attempt *attempt)
{
    struct classification classification;

    if (!is_to_rcpt(attempt) || !is_permanent(attempt->reply.code))
        return false;
    finding_classify(evidence, attempt, &classification);
    return (classification.reply_class == SMTP_CLASS_RELAY_DENIED ||
            classification.reply_class == SMTP_CLASS_DOMAIN_NOT_ACCEPTED) &&
           is_plain(&classification);
}

/* Is there a later word from the same host? */
static bool is_superseded(const struct evidence *evidence, size_t index)
{
    const struct evidence_attempt *attempt = &evidence->attempts[index];

    for (size_t i = index + 1; i < evidence->attempt_count; i++) {
        const struct evidence_attempt *later = &evidence->attempts[i];

        if (!later->random_recipient && later->outcome != SMTP_OUTCOME_UNTRIED &&
            slice_equal_nocase(later->host, attempt->host))
            return true;
    }
    return false;
}

static bool was_host_asked(const struct evidence *evidence, const struct evidence_host *host)
{
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        const struct evidence_attempt *attempt = &evidence->attempts[i];

        if (!attempt->random_recipient && slice_equal_nocase(attempt->host, host->name))
            return true;
    }
    return false;
}

/*
 * A host that was not asked may be the one that serves: its address could not be looked up, there
 * are too many of them, or the work ended before its turn.
 */
static bool is_any_host_unasked(const struct evidence *evidence)
{
    const struct evidence_domain *domain = evidence->domain;

    if (domain != NULL && domain->hosts_left_out > 0)
        return true;
    for (size_t i = 0; domain != NULL && i < domain->host_count; i++) {
        const struct evidence_host *host = &domain->hosts[i];

        if (dns_outcome_is_failure(host->outcome) ||
            (host->address_count > 0 && !was_host_asked(evidence, host)))
            return true;
    }
    return false;
}

/* The last word of every host is that it does not serve the domain. */
static bool do_all_hosts_refuse_domain(const struct evidence *evidence)
{
    if (is_any_host_unasked(evidence))
        return false;
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        const struct evidence_attempt *attempt = &evidence->attempts[i];

        if (!attempt->random_recipient && attempt->outcome != SMTP_OUTCOME_UNTRIED &&
            !is_domain_refusal(evidence, attempt) && !is_superseded(evidence, i))
            return false;
    }
    return true;
}

/* Refusals that name no subject: only the random recipient tells whom they mean. */
static bool is_vague(enum smtp_class reply_class)
{
    return reply_class == SMTP_CLASS_POLICY_REJECTED || reply_class == SMTP_CLASS_AMBIGUOUS ||
           reply_class == SMTP_CLASS_SERVER_PERMANENT_FAILURE;
}

static void conclude_reply(struct scan *scan, struct finding *finding)
{
    const struct evidence_attempt *attempt = &scan->evidence->attempts[scan->reply];
    enum smtp_class reply_class = scan->reply_class.reply_class;

    finding->attempt = scan->reply;
    finding->classification = scan->reply_class;
    finding->throttled = reply_class == SMTP_CLASS_RECIPIENT_THROTTLED && is_to_rcpt(attempt);
    finding->reason = finding_reason_of_class(reply_class, attempt->reply.code, false);
    if (reply_class == SMTP_CLASS_SYNTAX_REJECTED && is_to_rcpt(attempt))
        finding->reason =
            is_permanent(attempt->reply.code) ? REASON_AMBIGUOUS_REPLY : REASON_TEMPORARY_FAILURE;
    if (is_domain_refusal(scan->evidence, attempt) && do_all_hosts_refuse_domain(scan->evidence) &&
        scan->control != FINDING_CONTROL_ACCEPTED) {
        finding->reason = REASON_DOMAIN_NOT_ACCEPTED;
        finding->weak = reply_class == SMTP_CLASS_RELAY_DENIED;
    } else if (is_to_rcpt(attempt) && is_permanent(attempt->reply.code) && is_vague(reply_class) &&
               is_same_refusal(scan, attempt)) {
        finding->reason = REASON_REFUSES_ALL;
    }
}

void finding_combine(const struct evidence *evidence, struct finding *ret_finding)
{
    struct scan scan;

    scan_attempts(evidence, &scan);
    *ret_finding = (struct finding){
        .reason = REASON_NOT_PROBED,
        .attempt = -1,
        .control = scan.control,
        .random_attempt = scan.random,
        .random_classification = scan.random_class,
    };
    if (scan.definite >= 0) {
        conclude_definite(&scan, ret_finding);
    } else if (scan.reply >= 0) {
        conclude_reply(&scan, ret_finding);
    } else if (scan.silence >= 0) {
        ret_finding->attempt = scan.silence;
        ret_finding->reason =
            reason_of_silence(evidence->attempts[scan.silence].outcome, evidence->stop);
    } else if (evidence->stop == EVIDENCE_STOP_BREAKER) {
        ret_finding->reason = REASON_PROBE_BLOCKED;
    }
    ret_finding->heeds_names = scan.heeds_names;
}

/*
 * Before RCPT, and with codes that are not final, no class tells of the mailbox. A refused form
 * (syntax_rejected) is mailbox_not_found: the server says that no mailbox of that name can be
 * there; bad_syntax would promise a diagnosis by our grammar, which found nothing wrong.
 * VERDICT_REASON_COUNT: nothing is proven.
 */
static enum verdict_reason reason_at_rcpt(enum smtp_class reply_class, bool is_final)
{
    switch (reply_class) {
    case SMTP_CLASS_ACCEPTED:
        return REASON_ACCEPTED;
    case SMTP_CLASS_MAILBOX_FULL:
        return REASON_MAILBOX_FULL;
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_SYNTAX_REJECTED:
        return is_final ? REASON_MAILBOX_NOT_FOUND : VERDICT_REASON_COUNT;
    case SMTP_CLASS_MAILBOX_DISABLED:
        return is_final ? REASON_MAILBOX_DISABLED : VERDICT_REASON_COUNT;
    case SMTP_CLASS_MOVED:
        return is_final ? REASON_MAILBOX_MOVED : VERDICT_REASON_COUNT;
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
        return is_final ? REASON_ACCEPTED_RESTRICTED : VERDICT_REASON_COUNT;
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
        return is_final ? REASON_DOMAIN_NOT_ACCEPTED : VERDICT_REASON_COUNT;
    default:
        return VERDICT_REASON_COUNT;
    }
}

/*
 * Why we do not know. A fault of the server counts as temporary even with a 5xx: it has to be
 * mended, and until then the reply tells nothing of the mailbox.
 */
static enum verdict_reason reason_of_unknown(enum smtp_class reply_class, bool is_final)
{
    switch (reply_class) {
    case SMTP_CLASS_GREYLISTED:
        return REASON_GREYLISTED;
    case SMTP_CLASS_RATE_LIMITED:
    case SMTP_CLASS_RECIPIENT_THROTTLED:
        return REASON_RATE_LIMITED;
    case SMTP_CLASS_SENDER_BLOCKED:
    case SMTP_CLASS_SENDER_REJECTED:
    case SMTP_CLASS_POLICY_REJECTED:
        return REASON_PROBE_BLOCKED;
    case SMTP_CLASS_TLS_REQUIRED:
        return REASON_TLS_REQUIRED;
    case SMTP_CLASS_AUTH_REQUIRED:
        return REASON_AUTH_REQUIRED;
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
    case SMTP_CLASS_SERVER_PERMANENT_FAILURE:
        return REASON_TEMPORARY_FAILURE;
    case SMTP_CLASS_SYNTAX_REJECTED:
    case SMTP_CLASS_PROTOCOL_ERROR:
        return REASON_PROTOCOL_ERROR;
    case SMTP_CLASS_NETWORK:
        return REASON_DISCONNECTED;
    case SMTP_CLASS_AMBIGUOUS:
        return REASON_AMBIGUOUS_REPLY;
    case SMTP_CLASS_ACCEPTED:
        return REASON_NOT_PROBED; /* "go on", said before the question */
    default: /* of the recipient or the domain, but said too early or not for good */
        return is_final ? REASON_PROBE_BLOCKED : REASON_TEMPORARY_FAILURE;
    }
}

enum verdict_reason finding_reason_of_class(enum smtp_class reply_class, unsigned code,
                                            bool at_rcpt)
{
    enum verdict_reason reason = VERDICT_REASON_COUNT;
    bool is_final = is_permanent(code);

    if (at_rcpt && code != 421)
        reason = reason_at_rcpt(reply_class, is_final);
    return reason != VERDICT_REASON_COUNT ? reason : reason_of_unknown(reply_class, is_final);
}
