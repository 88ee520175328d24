/*
 * What is spoken of in a reply: concepts heard by the phrase automaton, clause by clause.
 *
 * A concept is heard when one of its phrases (data/reply_lexicon.tsv) stands in the wording; a
 * compound (data/reply_compounds.tsv) when its parts are heard in the same clause, as a subject
 * ("mailbox") and a state ("unknown") are. The result is the union over all clauses.
 */
#ifndef MK_PROVIDER_CONCEPTS_H
#define MK_PROVIDER_CONCEPTS_H

#include "provider/reply_tables.h"
#include "provider/wording.h"

/* Whether `heard` has all of `all`, one of `any` (unless that is empty) and nothing of `none`. */
bool concepts_fit(const struct reply_concepts *heard, const struct reply_concepts *all,
                  const struct reply_concepts *any, const struct reply_concepts *none);

void concepts_from_wording(const struct wording *wording, struct reply_concepts *ret_heard);

#endif
