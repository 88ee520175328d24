/*
 * Verdicts that were given lately. A server says the same of a thousand recipients of a domain, and
 * of all that a verdict depends on their names decide little: so most are given again and again, to
 * the letter. Whoever asks servers for many addresses need not have each judged and explained.
 *
 * It cannot be seen in any verdict: one is given again only where all that it depends on is the
 * same. What a verdict comes to depend on must be in the key (memo.c); verdict/memo_test.c changes
 * each part of the evidence in turn, and the simulation (tests/soak) judges all it is told again.
 */
#ifndef MK_VERDICT_MEMO_H
#define MK_VERDICT_MEMO_H

#include "verdict/verdict.h"

#define VERDICT_MEMO_SETS_LOG2 5
#define VERDICT_MEMO_SETS      (1 << VERDICT_MEMO_SETS_LOG2)
#define VERDICT_MEMO_WAYS      4 /* verdicts that look alike at first */
#define VERDICT_MEMO_TEXT      120 /* longer replies mostly name the recipient: never the same again */
#define VERDICT_MEMO_WORDS     7

struct verdict_memo_entry {
    uint64_t key[VERDICT_MEMO_WORDS]; /* zeros: nothing is here */
    uint16_t explanation_len;
    bool is_scored; /* the score looked at the two below */
    bool has_known_name;
    struct evidence_peers peers;
    char text[VERDICT_MEMO_TEXT]; /* of the reply */
    struct verdict verdict;
};

/* All zero: nothing was judged. */
struct verdict_memo {
    struct verdict_memo_entry entries[VERDICT_MEMO_SETS][VERDICT_MEMO_WAYS];
    unsigned next_way; /* that is given up for another */
};

/*
 * As verdict_judge. facts_id: a number that evidence->domain alone has had in the memo's life
 * (what its TXT records say may have come since); 0: none, then it is judged by itself. traits: of
 * a valid address's local part, without quotes.
 */
void verdict_memo_judge(struct verdict_memo *memo, const struct evidence *evidence,
                        uint64_t facts_id, const struct address_traits *traits,
                        struct verdict *ret_verdict);

#endif
