/*
 * Moments and spans as numbers: milliseconds, passed in by whoever has a clock.
 *
 * Two scales, never mixed: `now_ms` (uint64_t) is the loop's monotonic clock; `unix_ms` (int64_t)
 * counts from 1970-01-01T00:00:00Z and is only for people.
 */
#ifndef MK_BASE_INSTANT_H
#define MK_BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define INSTANT_NEVER UINT64_MAX
#define SECOND_MS     UINT64_C(1000)
#define MINUTE_MS     (60 * SECOND_MS)
#define HOUR_MS       (60 * MINUTE_MS)
#define DAY_MS        (24 * HOUR_MS)

#define INSTANT_TEXT_SIZE 25 /* "2026-11-24T03:04:05.678Z" and NUL */

/* RFC 3339 in UTC with milliseconds; years 1970 to 9999, others are clamped. Returns out. */
const char *instant_format(int64_t unix_ms, char out[INSTANT_TEXT_SIZE]);

/* A moment as calendars and clocks say it. */
struct instant_civil {
    int year; /* 1970 to 9999 */
    unsigned month, day, hour, minute, second, ms;
    int east_minutes; /* of UTC */
};

/* False when there is no such moment, or it is before 1970. */
bool instant_from_civil(const struct instant_civil *civil, int64_t *ret_unix_ms);

/*
 * A moment as RFC 3339 writes it ("2026-11-24T03:04:05.678Z", "2026-11-24 03:04:05+01:00"; "T" may
 * be a blank), or a day alone, which is its beginning in UTC. Digits below milliseconds are cut
 * off. False when it is none, or before 1970.
 */
bool instant_parse(struct slice text, int64_t *ret_unix_ms);

/* "850 ms", "12.3 s", "4 min 05 s", "2 h 10 min", "3 d 4 h". Returns out. */
const char *span_format(uint64_t span_ms, char out[32]);

#endif
