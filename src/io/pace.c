#include "io/pace.h"

#include <time.h>

#include "base/check.h"

#define FIRST  8 /* parts of the most that the first step has */
#define FASTER 2 /* a step may be so many times the one before */
#define SLOWER 4 /* or so many times smaller: one slow write does not make a slow disk */

static uint64_t (*other_clock_us)(void);

static uint64_t clock_us(void)
{
    struct timespec now;

    if (other_clock_us != NULL)
        return other_clock_us();
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void io_pace_init(struct io_pace *pace, unsigned limit_ms, size_t least, size_t most)
{
    CHECK(limit_ms > 0 && least > 0 && least <= most);
    *pace = (struct io_pace){
        .limit_us = (uint64_t)limit_ms * 1000,
        .least = least,
        .most = most,
        .amount = most / FIRST > least ? most / FIRST : least,
    };
}

size_t io_pace_begin(struct io_pace *pace)
{
    pace->began_us = clock_us();
    return pace->amount;
}

bool io_pace_is_over(const struct io_pace *pace)
{
    return clock_us() - pace->began_us >= pace->limit_us;
}

/* What would have filled the time exactly, without leaps. */
static size_t fitting(const struct io_pace *pace, size_t done, uint64_t took_us)
{
    uint64_t fits = took_us > 0 ? (uint64_t)done * pace->limit_us / took_us : pace->most;

    if (fits > (uint64_t)pace->amount * FASTER)
        fits = (uint64_t)pace->amount * FASTER;
    if (fits < pace->amount / SLOWER)
        fits = pace->amount / SLOWER;
    if (fits > pace->most)
        fits = pace->most;
    return fits < pace->least ? pace->least : (size_t)fits;
}

uint64_t io_pace_end(struct io_pace *pace, size_t done)
{
    uint64_t took_us = clock_us() - pace->began_us;

    /* Where there was less to do than fits, nothing is learnt, but that it took too long. */
    if (done >= pace->amount || took_us > pace->limit_us)
        pace->amount = fitting(pace, done, took_us);
    return took_us;
}

void io_pace_use_clock(uint64_t (*clock)(void))
{
    other_clock_us = clock;
}
