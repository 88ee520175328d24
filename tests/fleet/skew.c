/*
 * A wall clock that is wrong, for a worker under test (tests/fleet/fleet_test.py; LD_PRELOAD).
 *
 * MK_SKEW_S seconds are added to the time of day; with MK_SKEW_JUMPS set, that is taken away and
 * added again every so many milliseconds of the monotonic clock, which is left as it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t skew_s(void)
{
    const char *text = getenv("MK_SKEW_S"), *jumps = getenv("MK_SKEW_JUMPS");
    int64_t skew = text != NULL ? atoll(text) : 0, every = jumps != NULL ? atoll(jumps) : 0;
    struct timespec now;

    if (every <= 0)
        return skew;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (now.tv_sec * 1000 + now.tv_nsec / 1000000) / every % 2 == 0 ? skew : -skew;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int code = (int)syscall(SYS_clock_gettime, clock, ret_time);

    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec += skew_s();
    return code;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    ret_time->tv_sec = now.tv_sec;
    ret_time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret_time)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time != NULL)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}
