/*
 * The score: how likely a message sent now is delivered, in percent, and what made it so.
 *
 * A logistic model that anybody can follow by hand: a basis, which is what was found out (mostly
 * the reason), plus for each feature its value times its weight, in log odds; the percentage is
 * what the sum stands for. The weights are rows of data/score_weights.tsv, fitted by
 * tools/train-score (doc/SCORING.md). Sums are whole thousandths, so that every machine comes to
 * the same percentage. Nothing here changes a status or a reason: bounds by status keep an address
 * that is not proven below one that is.
 */
#ifndef MK_VERDICT_SCORE_H
#define MK_VERDICT_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/finding.h"

/* Findings that tell more than the reason does, in its place: symbol, name. */
#define SCORE_BASES(X)                                                                             \
    X(WEAK_REFUSAL, "weak_refusal")     /* an `invalid` that is not beyond doubt */                \
    X(BUSY, "busy")                     /* the mailbox gets too much mail just now */              \
    X(ACCEPTED_ALONE, "accepted_alone") /* accepted, and the made-up recipient was not heard */    \
    X(REFUSED_ONCE, "refused_once")     /* said once, with a temporary code, to be unknown */

enum score_basis {
#define X(symbol, name) SCORE_BASIS_##symbol,
    SCORE_BASES(X)
#undef X
    SCORE_BASIS_COUNT,
};

/* symbol, name; values are between 0 and 1 (1000 thousandths), and 0 has no effect. */
#define SCORE_FEATURES(X)                                                                          \
    X(VALID_OPERATOR, "valid_operator")                                                            \
    X(VALID_CONSUMER, "valid_consumer")                                                            \
    X(VALID_REMEMBERED, "valid_remembered")                                                        \
    X(VALID_GIBBERISH, "valid_gibberish")                                                          \
    X(GIBBERISH, "gibberish")                                                                      \
    X(ODD_LETTERS, "odd_letters")                                                                  \
    X(KNOWN_NAME, "known_name")                                                                    \
    X(ROLE, "role")                                                                                \
    X(NO_REPLY, "no_reply")                                                                        \
    X(TYPO, "typo")                                                                                \
    X(LOOKALIKE_DOMAIN, "lookalike_domain")                                                        \
    X(NO_MX, "no_mx")                                                                              \
    X(NO_POLICY, "no_policy")                                                                      \
    X(DMARC, "dmarc")                                                                              \
    X(OPERATOR, "operator")                                                                        \
    X(GATEWAY, "gateway")                                                                          \
    X(FREE_MAIL, "free_mail")                                                                      \
    X(REFUSES_SOME, "refuses_some")                                                                \
    X(PATTERN_FITS, "pattern_fits")                                                                \
    X(PATTERN_DIFFERS, "pattern_differs")                                                          \
    X(OTHERS_LIVE, "others_live")                                                                  \
    X(OTHERS_GONE, "others_gone")                                                                  \
    X(OWN_DELIVERY, "own_delivery")                                                                \
    X(OLD_BOUNCE, "old_bounce")

enum score_feature {
#define X(symbol, name) SCORE_##symbol,
    SCORE_FEATURES(X)
#undef X
    SCORE_FEATURE_COUNT,
};

struct score_weight {
    const char *name;
    const char *meaning; /* for people: an English phrase */
    int32_t milli;       /* thousandths of log odds at value 1 */
};

struct score_term {
    const struct score_weight *weight;
    int32_t value_milli; /* never 0 */
    int32_t milli;       /* what it adds */
};

struct score {
    const struct score_weight *basis;
    struct score_term terms[SCORE_FEATURE_COUNT];
    size_t term_count;
    int32_t log_odds_milli; /* the sum */
    uint8_t percent;        /* what it stands for, within the bounds of the status */
    uint8_t least, most;    /* those bounds */
};

/*
 * Estimate for `reason`, the one that stands without the operator's lists: these say "unwise", not
 * "undeliverable". finding is NULL when no server was asked; flags are the verdict's. Pure.
 */
void score_estimate(const struct evidence *evidence, const struct finding *finding,
                    enum verdict_reason reason, uint32_t flags, const struct verdict_local *local,
                    struct score *ret_score);

/* --- the compiled table ---------------------------------------------------------------------- */

extern const struct score_weight score_reason_weights[VERDICT_REASON_COUNT];
extern const struct score_weight score_special_weights[SCORE_BASIS_COUNT];
extern const struct score_weight score_feature_weights[SCORE_FEATURE_COUNT];
extern const int32_t score_percent_steps[100]; /* least log odds of 1, 2, ... 100 percent */

#endif
