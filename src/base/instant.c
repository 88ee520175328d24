#include "base/instant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Days since 1970-01-01 to a proleptic Gregorian date, counting eras of 400 years from March. */
static void civil_from_days(int64_t days, int *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = (int)year_of_era + (int)(era * 400) + (*month <= 2);
}

/* The last `count` digits of value. */
static void put_digits(char *out, unsigned value, unsigned count)
{
    for (; count > 0; value /= 10)
        out[--count] = (char)('0' + value % 10);
}

const char *instant_format(int64_t unix_ms, char out[INSTANT_TEXT_SIZE])
{
    const int64_t last = INT64_C(253402300799999);
    unsigned month, day, ms_of_day;
    int year;

    if (unix_ms < 0)
        unix_ms = 0;
    if (unix_ms > last)
        unix_ms = last;
    civil_from_days(unix_ms / (int64_t)DAY_MS, &year, &month, &day);
    ms_of_day = (unsigned)(unix_ms % (int64_t)DAY_MS);
    memcpy(out, "0000-00-00T00:00:00.000Z", INSTANT_TEXT_SIZE);
    put_digits(out, (unsigned)year, 4);
    put_digits(out + 5, month, 2);
    put_digits(out + 8, day, 2);
    put_digits(out + 11, ms_of_day / 3600000, 2);
    put_digits(out + 14, ms_of_day / 60000 % 60, 2);
    put_digits(out + 17, ms_of_day / 1000 % 60, 2);
    put_digits(out + 20, ms_of_day % 1000, 3);
    return out;
}

const char *span_format(uint64_t span_ms, char out[32])
{
    uint64_t s = span_ms / SECOND_MS;

    if (span_ms < SECOND_MS)
        snprintf(out, 32, "%" PRIu64 " ms", span_ms);
    else if (span_ms < MINUTE_MS)
        snprintf(out, 32, "%" PRIu64 ".%" PRIu64 " s", s, span_ms % SECOND_MS / 100);
    else if (span_ms < HOUR_MS)
        snprintf(out, 32, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
    else if (span_ms < DAY_MS)
        snprintf(out, 32, "%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(out, 32, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
    return out;
}
