/*
 * The kept evidence of a list, judged by the rules and lists of today, and the results that come
 * out otherwise put in the place of the old ones. Nobody is asked.
 *
 * In steps of some milliseconds, so that a loop stays alive beside it. Each step is one transaction
 * and a result is replaced only while it is the one that was read (store_results_replace): killed
 * in between, or beside somebody who asks again or erases, every row holds one whole judgement, and
 * the same again brings the rest. When a moment was found out is not changed, nor is the evidence.
 *
 * What can't be judged again is left as it is: rows kept without evidence, and rows that can't be
 * read. Own messages' outcomes count as they were known then.
 */
#ifndef MK_BULK_JOB_REJUDGE_H
#define MK_BULK_JOB_REJUDGE_H

#include "base/buffer.h"
#include "lists/operator.h"
#include "io/pace.h"
#include "store/store.h"

struct bulk_rejudge_counts {
    uint64_t judged;           /* again, of results with evidence */
    uint64_t changed;          /* with another reason, action, score, flags or suggestion */
    uint64_t without_evidence; /* left as they are */
    uint64_t replaced;         /* of the changed ones; the rest changed hands meanwhile */
    /* Of the changed ones: from one reason to another. */
    uint64_t moves[VERDICT_REASON_COUNT][VERDICT_REASON_COUNT];
};

struct bulk_rejudge {
    struct store *store;
    uint64_t job;
    const struct lists_operator *lists; /* borrowed; NULL: none */
    uint32_t bounce_days;               /* how long a bounce counts; 0: VERDICT_BOUNCE_DAYS */
    bool is_dry_run;                    /* replace nothing */
    /* For each changed row, before it is replaced; NULL: nobody listens. */
    void (*changed)(void *user, const struct store_line *was, const struct verdict *verdict);
    void *user;
    struct bulk_rejudge_counts counts;
    struct io_pace pace; /* in rows */
    struct store_page page;
    struct arena arena;
    struct buffer scratch;
};

void bulk_rejudge_init(struct bulk_rejudge *rejudge, struct store *store, uint64_t job,
                       const struct lists_operator *lists);
void bulk_rejudge_done(struct bulk_rejudge *rejudge);
/* The next bit of work: 1 when there is more, 0 at the end; ERROR_NOMEM, the store's errors. */
int bulk_rejudge_step(struct bulk_rejudge *rejudge, struct error *error);

#endif
