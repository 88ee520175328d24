#include "verdict/score.h"

#include "base/check.h"
#include "lists/builtin.h"
#include "verdict/naming.h"

#define ONE           1000
#define SURPLUS_BITS  18 /* of odd letters, where they count in full */
#define VALID_LEAST   95
#define UNPROVEN_MOST 94
#define INVALID_MOST  12
#define OTHERS_UNTOLD 4 /* mailboxes of a domain count as much as what domains have in common */

struct estimating {
    const struct evidence *evidence;
    const struct finding *finding; /* or NULL */
    uint32_t flags;
    const struct verdict_local *local;
    struct score *score;
};

static void add_term(struct estimating *on, enum score_feature feature, int64_t value_milli)
{
    const struct score_weight *weight = &score_feature_weights[feature];
    struct score_term *term = &on->score->terms[on->score->term_count];
    int64_t product = value_milli * weight->milli;

    CHECK(value_milli > 0 && value_milli <= ONE);
    *term = (struct score_term){
        .weight = weight,
        .value_milli = (int32_t)value_milli,
        .milli = (int32_t)((product + (product < 0 ? -ONE / 2 : ONE / 2)) / ONE),
    };
    on->score->term_count++;
    on->score->log_odds_milli += term->milli;
}

/* Most features are not there. */
static inline void add(struct estimating *on, enum score_feature feature, int64_t value_milli)
{
    if (value_milli != 0)
        add_term(on, feature, value_milli);
}

static inline void add_if(struct estimating *on, enum score_feature feature, bool holds)
{
    add(on, feature, holds ? ONE : 0);
}

static bool has_flag(const struct estimating *on, enum verdict_flag flag)
{
    return (on->flags & flag) != 0;
}

/* --- features -------------------------------------------------------------------------------- */

static bool has_known_operator(const struct estimating *on)
{
    const struct provider_profile *provider = on->evidence->provider;

    return provider != NULL && provider != provider_generic() && !provider->is_gateway;
}

static void add_of_valid(struct estimating *on)
{
    bool by_consumer = on->finding != NULL && on->finding->by_consumer;

    add_if(on, SCORE_VALID_OPERATOR, has_known_operator(on));
    add_if(on, SCORE_VALID_CONSUMER, by_consumer || has_flag(on, VERDICT_FLAG_FREE));
    add_if(on, SCORE_VALID_REMEMBERED,
           on->finding != NULL && on->finding->random_attempt < 0 && !by_consumer);
    add_if(on, SCORE_VALID_GIBBERISH, has_flag(on, VERDICT_FLAG_GIBBERISH));
}

/* The suggestion names another domain: this one is spelt nearly like a well-known one. */
static bool is_lookalike(const struct evidence *evidence)
{
    ptrdiff_t at = slice_find_byte(evidence->suggestion, '@');
    struct slice domain = evidence->address.domain;

    return at >= 0 &&
           !slice_equal_nocase(slice_from_offset(evidence->suggestion, (size_t)at + 1), domain);
}

static void add_of_local_part(struct estimating *on)
{
    const struct address *address = &on->evidence->address;
    bool is_role = has_flag(on, VERDICT_FLAG_ROLE) || has_flag(on, VERDICT_FLAG_NO_REPLY);
    bool is_gibberish = has_flag(on, VERDICT_FLAG_GIBBERISH);
    int surplus = on->local->letters.surplus_bits;

    add_if(on, SCORE_ROLE, has_flag(on, VERDICT_FLAG_ROLE));
    add_if(on, SCORE_NO_REPLY, has_flag(on, VERDICT_FLAG_NO_REPLY));
    add_if(on, SCORE_GIBBERISH, is_gibberish);
    if (is_role || is_gibberish || address->diagnosis != ADDRESS_VALID)
        return;
    add(on, SCORE_ODD_LETTERS, surplus < SURPLUS_BITS ? surplus * ONE / SURPLUS_BITS : ONE);
    if (surplus != 0)
        return;
    add_if(on, SCORE_KNOWN_NAME, naming_has_known_name(on->local->traits));
}

static void add_of_domain(struct estimating *on)
{
    const struct evidence *evidence = on->evidence;
    const struct evidence_domain *domain = evidence->domain;
    bool is_lookalike_domain = is_lookalike(evidence);

    add_if(on, SCORE_LOOKALIKE_DOMAIN, is_lookalike_domain);
    add_if(on, SCORE_TYPO, evidence->suggestion.len > 0 && !is_lookalike_domain);
    add_if(on, SCORE_NO_MX, has_flag(on, VERDICT_FLAG_IMPLICIT_MX));
    add_if(on, SCORE_NO_POLICY,
           domain != NULL && domain->spf.len == 0 && domain->dmarc.len == 0 &&
               domain->spf_outcome != DNS_NOT_ASKED &&
               !dns_outcome_is_failure(domain->spf_outcome));
    add_if(on, SCORE_DMARC, domain != NULL && domain->dmarc.len > 0);
    add_if(on, SCORE_OPERATOR, has_known_operator(on));
    add_if(on, SCORE_GATEWAY, has_flag(on, VERDICT_FLAG_GATEWAY));
    add_if(on, SCORE_FREE_MAIL, has_flag(on, VERDICT_FLAG_FREE));
}

/* Shares are drawn towards nothing where few are known: some more are counted that tell nothing. */
static int64_t share(uint64_t part, uint64_t whole, unsigned more)
{
    return (int64_t)(part * ONE / (whole + more));
}

/*
 * What became of the domain's others: own messages to them, and what its servers said of them, but
 * where these accept everybody: then only refusals would be seen, of however many.
 */
static void add_of_others(struct estimating *on, bool is_accepted)
{
    const struct evidence_peers *peers = &on->evidence->peers;
    uint64_t live = peers->delivered, gone = peers->bounced;

    if (!is_accepted) {
        live += peers->accepted;
        gone += peers->absent;
    }
    add(on, SCORE_OTHERS_LIVE, share(live, live + gone, OTHERS_UNTOLD));
    add(on, SCORE_OTHERS_GONE, share(gone, live + gone, OTHERS_UNTOLD));
}

static void add_of_peers(struct estimating *on)
{
    const struct evidence_peers *peers = &on->evidence->peers;
    bool is_accepted = on->finding != NULL && on->finding->accepted;

    CHECK(peers->alike <= peers->proven);
    /* Who is accepted where others were refused has passed something. */
    if (is_accepted)
        add(on, SCORE_REFUSES_SOME, share(peers->refused, peers->refused, 1));
    add(on, SCORE_PATTERN_FITS, share(peers->alike, peers->proven, 1));
    if (peers->alike == 0)
        add(on, SCORE_PATTERN_DIFFERS, share(peers->proven, peers->proven, 1));
    add_of_others(on, is_accepted);
    add_if(on, SCORE_OWN_DELIVERY, on->evidence->history.delivered_unix_ms > 0);
    add_if(on, SCORE_OLD_BOUNCE, on->evidence->history.known_bounce);
}

/* --- basis and bounds ------------------------------------------------------------------------ */

static const struct score_weight *basis_of(const struct finding *finding,
                                           enum verdict_reason reason)
{
    enum verdict_status status = verdict_reason_status(reason);

    if (finding != NULL && status == VERDICT_INVALID && finding->weak)
        return &score_special_weights[SCORE_BASIS_WEAK_REFUSAL];
    if (finding == NULL || status != VERDICT_UNKNOWN)
        return &score_reason_weights[reason];
    if (finding->throttled)
        return &score_special_weights[SCORE_BASIS_BUSY];
    if (finding->accepted && reason != REASON_RCPT_UNTRUSTED)
        return &score_special_weights[SCORE_BASIS_ACCEPTED_ALONE];
    if (finding->attempt >= 0 && finding->classification.rule != NULL &&
        finding->classification.reply_class == SMTP_CLASS_MAILBOX_NOT_FOUND)
        return &score_special_weights[SCORE_BASIS_REFUSED_ONCE];
    return &score_reason_weights[reason];
}

static void set_bounds(enum verdict_reason reason, struct score *score)
{
    switch (verdict_reason_status(reason)) {
    case VERDICT_VALID:
        score->least = reason == REASON_ACCEPTED ? VALID_LEAST : 0;
        score->most = 99;
        break;
    case VERDICT_INVALID:
        score->least = 0;
        score->most = INVALID_MOST;
        break;
    case VERDICT_CATCH_ALL:
    case VERDICT_UNKNOWN:
        score->least = 1;
        score->most = UNPROVEN_MOST;
        break;
    default:
        score->least = 0;
        score->most = 100;
        break;
    }
}

/* How many steps of the table, which rises, the log odds have come to. */
static uint8_t percent_of(const struct score *score)
{
    uint8_t percent = 0, above = 100;

    while (percent < above) {
        uint8_t middle = (uint8_t)((percent + above) / 2);

        if (score_percent_steps[middle] <= score->log_odds_milli)
            percent = (uint8_t)(middle + 1);
        else
            above = middle;
    }
    return percent < score->least ? score->least : percent > score->most ? score->most : percent;
}

void score_estimate(const struct evidence *evidence, const struct finding *finding,
                    enum verdict_reason reason, uint32_t flags, const struct verdict_local *local,
                    struct score *ret_score)
{
    struct estimating on = {evidence, finding, flags, local, ret_score};
    enum verdict_status status = verdict_reason_status(reason);

    ret_score->term_count = 0;
    ret_score->basis = basis_of(finding, reason);
    ret_score->log_odds_milli = ret_score->basis->milli;
    set_bounds(reason, ret_score);
    if (reason == REASON_ACCEPTED)
        add_of_valid(&on);
    if (status == VERDICT_CATCH_ALL || status == VERDICT_UNKNOWN) {
        add_of_local_part(&on);
        add_of_domain(&on);
        add_of_peers(&on);
    }
    ret_score->percent = percent_of(ret_score);
}
