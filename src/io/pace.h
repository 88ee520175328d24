/*
 * How much of a long work is done in one step, so that everything else on the loop waits no longer
 * than some milliseconds.
 *
 * Rows differ a thousandfold in what they cost, and so do disks: a step of a fixed number of rows
 * is too long on one machine and too short on another. So each step is timed, and the next one is
 * as large as fits. Only the real clock tells, as the loop's own stands still during a step; a
 * simulation that is to be repeated brings one of its own (io_pace_use_clock).
 */
#ifndef MK_IO_PACE_H
#define MK_IO_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a step of anything may take; several may come in one turn of the loop. */
#define IO_PACE_MS 5

struct io_pace {
    uint64_t limit_us, began_us;
    size_t amount;      /* that fits, as far as is known */
    size_t least, most; /* of whatever is counted: rows, lines */
};

/* limit_ms, least and most: at least 1. The first step is a small one. */
void io_pace_init(struct io_pace *pace, unsigned limit_ms, size_t least, size_t most);
/* A step begins: how much to do in it. */
size_t io_pace_begin(struct io_pace *pace);
/* Its time is up; for steps that can stop at any point. */
bool io_pace_is_over(const struct io_pace *pace);
/* It ends, having done so much. Returns what it took, in microseconds. */
uint64_t io_pace_end(struct io_pace *pace, size_t done);

/*
 * Tests only: the clock that steps are timed by from now on, in microseconds; NULL: the real one.
 * How steps fall decides what comes before what, so a run that shall be repeatable needs it.
 */
void io_pace_use_clock(uint64_t (*clock_us)(void));

#endif
