/*
 * From evidence to what is kept of it, and from what is kept to what is written out and counted.
 */
#ifndef MK_BULK_JOB_OUTCOME_H
#define MK_BULK_JOB_OUTCOME_H

#include "base/buffer.h"
#include "bulk/outcome.h"
#include "bulk/stats.h"
#include "probe/offline.h"
#include "store/store.h"
#include "verdict/result.h"

/*
 * The result of a row. Texts borrow from evidence and verdict; the JSON is written to `scratch`
 * (cleared before). options NULL: no JSON. ERROR_NOMEM.
 */
int bulk_job_result(const struct evidence *evidence, const struct verdict *verdict,
                    const struct result_options *options, struct buffer *scratch,
                    struct store_result *ret_result);

/* Why a kept row can't be read, "": it can. Earlier versions did not see all that is seen today. */
struct slice bulk_job_fault(const struct store_row *row);
/* A kept row as it would be read today, for whoever asks or judges it: with that fault, and without
   what earlier versions kept around its address. */
void bulk_job_row(struct store_row *row);

/*
 * The outcome of a row that can't be read, by its fault: unknown, as an address may stand in it, or
 * bad syntax where there is none. Texts as above, and `ret_verdict`.
 */
int bulk_job_fault_result(struct slice fault, int64_t unix_ms, const struct result_options *options,
                          struct buffer *scratch, struct verdict *ret_verdict,
                          struct store_result *ret_result);

/* Room for what an outcome borrows. */
struct bulk_rest {
    struct probe_offline_case each;
    struct verdict verdict;
};

/*
 * The outcome of a row that an earlier version held to have bad syntax, by its address without what
 * was kept around it: 1, which is unknown, as a rule, as only a server can tell. 0: bad syntax all
 * the same. ERROR_NOMEM. Texts as above.
 */
int bulk_job_address_result(struct slice address, int64_t unix_ms,
                            const struct result_options *options, struct buffer *scratch,
                            struct bulk_rest *rest, struct store_result *ret_result);

/* The outcome of a stored line without result: what needs no asking judges it. Texts as above. */
int bulk_job_rest(const struct store_line *line, const struct probe_offline_terms *terms,
                  struct buffer *scratch, struct bulk_rest *rest, struct bulk_outcome *ret_outcome);

/* What is written of a stored line with a result; borrows from it. */
void bulk_job_outcome(const struct store_line *line, struct bulk_outcome *ret_outcome);

/* The same of a result that was never stored. */
void bulk_job_outcome_of(const struct store_result *result, struct bulk_outcome *ret_outcome);

/*
 * What became of a message since the check, by the records of deliveries and bounces in `outcomes`
 * (NULL: none are known): told beside the score, where that was more than a formality. A failing
 * store costs a line of the report, no more.
 */
void bulk_job_told(const struct store_line *line, struct store *outcomes,
                   struct bulk_reliability *reliability);
/* The store where it has such records, else NULL: nothing is to be looked up. */
struct store *bulk_job_outcomes(struct store *store);

/* A stored line counted, and told. ERROR_NOMEM. */
int bulk_job_count(const struct store_line *line, struct store *outcomes, struct bulk_stats *stats,
                   struct error *error);

#endif
