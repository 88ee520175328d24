/*
 * What is told in a sentence about a verdict, and the parts that such sentences are made of: the
 * host, the domain and the operator by their names, what was replied. Only for those who explain.
 */
#ifndef MK_VERDICT_TELLING_H
#define MK_VERDICT_TELLING_H

#include "verdict/finding.h"
#include "verdict/sentence.h"

/* Bytes of foreign words in one sentence: two replies, a host and a domain always fit. */
#define TELLING_REPLY_MAX        140
#define TELLING_SECOND_REPLY_MAX 70
#define TELLING_NAME_MAX         64

struct telling {
    struct sentence sentence;
    const struct evidence *evidence;
    const struct finding *finding; /* or NULL */
    const struct verdict *verdict;
    const struct evidence_attempt *attempt; /* that decided, or NULL */
    const struct evidence_attempt *random;  /* the control, or NULL */
};

#define say(telling, words) sentence_add_literal(&(telling)->sentence, words)

void say_words(struct telling *telling, const char *words); /* of the source; plain ASCII */
/* Of the attempt that decided; "The mail server" where none did. */
void say_host(struct telling *telling);
void say_domain(struct telling *telling);
void say_provider(struct telling *telling);
void say_quote_of(struct telling *telling, const struct evidence_attempt *attempt, size_t max);
/* "HOST words: "550 ..."." */
void say_quoting(struct telling *telling, const char *words);
void say_detail(struct telling *telling, struct slice detail); /* in brackets; "": nothing */
/* Our own full sentences become parts of one. */
void say_without_stop(struct telling *telling, const char *words);
void say_accepted_so_far(struct telling *telling);
void say_where(struct telling *telling); /* " at RCPT TO" */

/* --- verdict/explain_address.c: what the address, DNS and lists tell ------------------------- */

void explain_syntax(struct telling *telling);
void explain_domain(struct telling *telling);
void explain_list(struct telling *telling);

/* --- verdict/explain_answer.c: what servers said, or did not ---------------------------------- */

/* Accepted, but the random recipient was not heard. */
void explain_no_control(struct telling *telling);
void explain_accepted(struct telling *telling);
void explain_not_found(struct telling *telling);
void explain_domain_not_accepted(struct telling *telling);
void explain_catch_all(struct telling *telling);
void explain_greylisted(struct telling *telling);
void explain_temporary(struct telling *telling);
void explain_connect_failed(struct telling *telling);
void explain_silence(struct telling *telling);
void explain_blocked(struct telling *telling);
void explain_tls(struct telling *telling);
void explain_untrusted(struct telling *telling);
void explain_ambiguous(struct telling *telling);
void explain_rate(struct telling *telling);
void explain_refusal(struct telling *telling);

#endif
