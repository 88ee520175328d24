/*
 * The result as others read it: one JSON object an address, stable field order, `schema: 1`.
 */
#ifndef MK_VERDICT_RESULT_H
#define MK_VERDICT_RESULT_H

#include <stdbool.h>

#include "base/json.h"
#include "verdict/verdict.h"

/*
 * What the objects of addresses of one shape (verdict/shape.h) have in common, given the same
 * options and moment: all but the address and the domain. The members before the domain and what
 * stands behind it.
 */
struct result_pattern {
    char *bytes; /* owned; NULL: not made yet */
    size_t before_len, len;
};
void result_pattern_done(struct result_pattern *pattern); /* may be made again */

struct result_options {
    bool with_evidence; /* full transcripts and DNS answers under "evidence" */
    const char *source; /* "cache", "list"; NULL: "live", or "history" of what is remembered */
    struct result_pattern *pattern; /* of the address's shape; made when it is not; NULL: none */
    size_t *ret_brief_len; /* with evidence: see evidence_written; NULL: nobody wants to know */
};

/* Write one object (DESIGN 1). An out-of-memory shows in the buffer of `json`. */
void result_write_json(struct json *json, const struct evidence *evidence,
                       const struct verdict *verdict, const struct result_options *options);

/*
 * Write what one reply alone means at its stage (verdict_of_reply), as `mailknock classify` and the
 * API say it: code, enhanced, class, status, reason, rule, confidence, action, retry_after
 * (seconds), explanation.
 */
void result_write_reply(struct json *json, const struct smtp_reply *reply,
                        const struct classification *classified, enum smtp_stage stage);

#endif
