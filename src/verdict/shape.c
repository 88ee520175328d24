#include "verdict/shape.h"

#include "base/check.h"
#include "lists/builtin.h"
#include "verdict/gibberish.h"
#include "verdict/naming.h"

#define CLASSES_BITS 8
#define SURPLUS_BITS 8

/* Nobody was asked, nothing is remembered, and that is as it was wished. */
static bool is_of_address_alone(const struct evidence *evidence)
{
    const struct evidence_history *history = &evidence->history;
    const struct evidence_peers *peers = &evidence->peers;

    return evidence->depth == EVIDENCE_DEPTH_SYNTAX && evidence->stop == EVIDENCE_STOP_DEPTH &&
           evidence->domain == NULL && evidence->attempt_count == 0 &&
           evidence->catch_all == EVIDENCE_CATCH_ALL_UNKNOWN && !evidence->is_remembered &&
           !history->known_bounce && !history->complained && history->delivered_unix_ms == 0 &&
           (peers->proven | peers->refused | peers->accepted | peers->absent | peers->delivered |
            peers->bounced) == 0;
}

/* Nothing is to be said of just this one, or of its domain by name. */
static bool is_nothing_special(const struct evidence *evidence)
{
    return evidence->address.diagnosis == ADDRESS_VALID && !evidence->address.is_literal &&
           evidence->suggestion.len == 0 && evidence->provider == NULL &&
           evidence->mailbox_breach == NULL && evidence->operator_matches == 0 &&
           !evidence->disposable_mx && !evidence->duplicate &&
           (evidence->builtin_classes & LISTS_DISPOSABLE) == 0;
}

uint64_t verdict_shape_of(const struct evidence *evidence, const struct address_traits *traits)
{
    const unsigned classes = evidence->builtin_classes;
    struct gibberish letters = {false, 0};
    bool has_known_name = false;

    if (!is_of_address_alone(evidence) || !is_nothing_special(evidence))
        return 0;
    if ((classes & (LISTS_ROLE | LISTS_NO_REPLY)) == 0) {
        gibberish_look(traits, &letters);
        if (!letters.is_suspected && letters.surplus_bits == 0)
            has_known_name = naming_has_known_name(traits);
    }
    CHECK(classes < 1U << CLASSES_BITS);
    if (letters.surplus_bits >= 1 << SURPLUS_BITS)
        return 0;
    return (uint64_t)evidence->address.flags << 32 | (uint64_t)classes << (4 + SURPLUS_BITS) |
           (uint64_t)(unsigned)letters.surplus_bits << 4 | (uint64_t)has_known_name << 3 |
           (uint64_t)letters.is_suspected << 2 | (uint64_t)evidence->subaddress << 1 | 1;
}
