#include "base/instant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Days since 1970-01-01 to a proleptic Gregorian date, counting eras of 400 years from March. */
static void civil_from_days(uint32_t days, int *year, unsigned *month, unsigned *day)
{
    uint32_t shifted = days + 719468; /* of the year 9999 and more */
    uint32_t era = shifted / 146097;
    unsigned day_of_era = shifted - era * 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = (int)(year_of_era + era * 400) + (*month <= 2);
}

/* The other way round. */
static int64_t days_from_civil(int year, unsigned month, unsigned day)
{
    int64_t shifted_year = (int64_t)year - (month <= 2), era = shifted_year / 400;
    unsigned year_of_era = (unsigned)(shifted_year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

bool instant_from_civil(const struct instant_civil *civil, int64_t *ret_unix_ms)
{
    int64_t days, seconds;
    int year;
    unsigned month, day;

    if (civil->year < 1970 || civil->year > 9999 || civil->month < 1 || civil->month > 12 ||
        civil->day < 1 || civil->hour > 23 || civil->minute > 59 || civil->second > 60 ||
        civil->ms > 999)
        return false;
    days = days_from_civil(civil->year, civil->month, civil->day);
    civil_from_days((uint32_t)days, &year, &month, &day);
    if (month != civil->month || day != civil->day)
        return false;
    seconds = days * 86400 + civil->hour * 3600 + civil->minute * 60 + civil->second -
              civil->east_minutes * 60;
    if (seconds < 0)
        return false;
    *ret_unix_ms = seconds * 1000 + civil->ms;
    return true;
}

/* Exactly `count` digits at *at, followed by `end` (0: anything). */
static bool take_digits(struct slice text, size_t *at, unsigned count, char end, unsigned *ret)
{
    unsigned value = 0;

    for (unsigned i = 0; i < count; i++, (*at)++) {
        if (*at >= text.len || !ascii_is_digit(text.ptr[*at]))
            return false;
        value = value * 10 + (unsigned)(text.ptr[*at] - '0');
    }
    if (end != '\0' && (*at >= text.len || text.ptr[(*at)++] != end))
        return false;
    *ret = value;
    return true;
}

static void take_fraction(struct slice text, size_t *at, unsigned *ret_ms)
{
    unsigned scale = 100;

    if (*at >= text.len || text.ptr[*at] != '.')
        return;
    for (++*at; *at < text.len && ascii_is_digit(text.ptr[*at]); ++*at, scale /= 10)
        *ret_ms += (unsigned)(text.ptr[*at] - '0') * scale;
}

/* "Z", "+01:00", or nothing, which is UTC. */
static bool take_zone(struct slice text, size_t *at, int *ret_east_minutes)
{
    unsigned hours, minutes;
    int sign;

    if (*at == text.len)
        return true;
    sign = text.ptr[*at] == '-' ? -1 : 1;
    switch (text.ptr[(*at)++]) {
    case 'Z':
    case 'z':
        return true;
    case '+':
    case '-':
        if (!take_digits(text, at, 2, ':', &hours) || !take_digits(text, at, 2, '\0', &minutes) ||
            hours > 23 || minutes > 59)
            return false;
        *ret_east_minutes = sign * (int)(hours * 60 + minutes);
        return true;
    default:
        return false;
    }
}

bool instant_parse(struct slice text, int64_t *ret_unix_ms)
{
    struct instant_civil civil = {0};
    unsigned year;
    size_t at = 0;

    if (!take_digits(text, &at, 4, '-', &year) || !take_digits(text, &at, 2, '-', &civil.month) ||
        !take_digits(text, &at, 2, '\0', &civil.day))
        return false;
    civil.year = (int)year;
    if (at < text.len) {
        if (text.ptr[at] != 'T' && text.ptr[at] != 't' && text.ptr[at] != ' ')
            return false;
        at++;
        if (!take_digits(text, &at, 2, ':', &civil.hour) ||
            !take_digits(text, &at, 2, ':', &civil.minute) ||
            !take_digits(text, &at, 2, '\0', &civil.second))
            return false;
        take_fraction(text, &at, &civil.ms);
        if (!take_zone(text, &at, &civil.east_minutes) || at != text.len)
            return false;
    }
    return instant_from_civil(&civil, ret_unix_ms);
}

static void put_two(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
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
    civil_from_days((uint32_t)((uint64_t)unix_ms / DAY_MS), &year, &month, &day);
    ms_of_day = (unsigned)((uint64_t)unix_ms % DAY_MS);
    memcpy(out, "0000-00-00T00:00:00.000Z", INSTANT_TEXT_SIZE);
    put_two(out, (unsigned)year / 100);
    put_two(out + 2, (unsigned)year % 100);
    put_two(out + 5, month);
    put_two(out + 8, day);
    put_two(out + 11, ms_of_day / 3600000);
    put_two(out + 14, ms_of_day / 60000 % 60);
    put_two(out + 17, ms_of_day / 1000 % 60);
    put_two(out + 20, ms_of_day % 1000 / 10);
    out[22] = (char)('0' + ms_of_day % 10);
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
