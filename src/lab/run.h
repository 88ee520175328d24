/*
 * A scenario acted out on the virtual clock: every address that it expects something of is asked by
 * a real engine, and every verdict compared.
 *
 * Hours of greylisting take milliseconds, and a run is repeatable from its seed, which decides the
 * network's latency, how replies are cut into pieces, the order of equal MX, and so on.
 */
#ifndef MK_LAB_RUN_H
#define MK_LAB_RUN_H

#include "base/buffer.h"
#include "lab/world.h"

struct lab_run {
    size_t asked;        /* addresses */
    size_t faults;       /* verdicts that differ, and violations */
    uint64_t virtual_ms; /* until the last verdict */
    struct lab_counts counts;
};

/*
 * 0 when the run took place; ERROR_FORMAT, ERROR_NOMEM. Each fault is a line of `report`, and with
 * `log` the wire log of a faulty run follows. Unless `verdicts` is NULL, every address gets a line
 * there as it ends, "ADDRESS<TAB>STATUS<TAB>REASON".
 */
int lab_run_virtual(const struct lab_scenario *scenario, uint64_t seed, bool log,
                    struct buffer *report, struct buffer *verdicts, struct lab_run *ret_run,
                    struct error *error);

/*
 * One verdict against what was expected: appends a line for each difference and returns how many.
 * "line 12: ann@a.example is unknown/greylisted, not valid/accepted: EXPLANATION"
 */
size_t lab_run_compare(const struct lab_expectation *expected, struct slice status,
                       struct slice reason, struct slice explanation, struct slice suggestion,
                       struct buffer *report);

#endif
