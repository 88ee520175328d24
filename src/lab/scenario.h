/*
 * Scenario files: the text form of a simulated internet, parsed. Format: doc/LAB.md.
 */
#ifndef MK_LAB_SCENARIO_H
#define MK_LAB_SCENARIO_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

struct lab_scenario;

/* Parse text (copied). NULL and *error (with the line number) when it is not understood. */
struct lab_scenario *lab_scenario_parse(struct slice text, struct error *error);
void lab_scenario_free(struct lab_scenario *scenario); /* NULL accepted */

/* What a line may begin with; NULL past the end. */
struct lab_directive {
    const char *name, *usage, *summary;
};
const struct lab_directive *lab_directive_at(size_t index);

/* What the scenario says each address must end as; `ask` says nothing but the address. */
struct lab_expectation {
    struct slice address; /* escapes resolved */
    struct slice status;  /* "valid", ...; "" when it does not matter */
    struct slice reason;
    struct slice explanation; /* a part of the explanation; "" when it does not matter */
    struct slice suggestion;  /* "" when it does not matter */
    unsigned line;
};
size_t lab_scenario_expectation_count(const struct lab_scenario *scenario);
const struct lab_expectation *lab_scenario_expectation(const struct lab_scenario *scenario,
                                                       size_t index);
/* A `set NAME VALUE` line for the engine ("patience", "depth", ...), or "" . */
struct slice lab_scenario_setting(const struct lab_scenario *scenario, struct slice name);

/* The i-th `list KIND ENTRY` line for the operator's lists; false past the end. */
bool lab_scenario_list_entry(const struct lab_scenario *scenario, size_t index,
                             struct slice *ret_kind, struct slice *ret_entry);

#endif
