/*
 * The result as others read it: one JSON object an address, stable field order, `schema: 1`.
 */
#ifndef MK_VERDICT_RESULT_H
#define MK_VERDICT_RESULT_H

#include <stdbool.h>

#include "base/json.h"
#include "verdict/verdict.h"

struct result_options {
    bool with_evidence; /* full transcripts and DNS answers under "evidence" */
    const char *source; /* "cache", "list"; NULL: "live", or "history" of what is remembered */
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
