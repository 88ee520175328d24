/*
 * Made-up people, domains and lists, with what would become of a message to each: to fit and to
 * test the score where nobody has outcomes of real mail yet. doc/SCORING.md tells what is assumed.
 *
 * A population is a number of domains, each with a naming convention, staff and people who left,
 * kept well or badly. A list names some of them, guesses others by the wrong convention, and holds
 * junk. Own messages have met some mailboxes of some domains before. Two thirds of the domains
 * accept everybody; at the others something kept the server from telling (greylisting, silence,
 * blocks). What is given to the score is evidence as the engine makes it, nothing else: it does not
 * see the convention, nor who lives.
 */
#ifndef MK_TESTS_SCORE_POPULATION_H
#define MK_TESTS_SCORE_POPULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/evidence.h"

/* evidence lives for the call. */
typedef void population_visit(void *user, const struct evidence *evidence, bool is_delivered);

/*
 * names: text of tests/score/names.tsv. The same seed gives the same population. live_percent:
 * 0, or the share of living mailboxes of the average domain instead of the usual 58.
 */
void population_make(uint64_t seed, size_t domains, unsigned live_percent, struct slice names,
                     population_visit *visit, void *user);

/* The file's text; aborts when it can't be read. The caller frees it. */
struct slice population_names(const char *source_root);

#endif
