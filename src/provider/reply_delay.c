#include "provider/reply_delay.h"

#include <stdbool.h>

#include "base/check.h"

#define NUMBER_MAX 1000000

/* Words before the number that make it a time to wait; "in" and "for" need a unit behind it. */
static bool asks_to_wait(struct slice before)
{
    static const struct slice words[] = {{"in", 2},    {"for", 3},     {"after", 5},  {"wait", 4},
                                         {"least", 5}, {"retry", 5},   {"within", 6}, {"nach", 4},
                                         {"dans", 4},  {"another", 7}, {"next", 4}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_ends_with_nocase(before, words[i]) &&
            (before.len == words[i].len ||
             !ascii_is_alnum(before.ptr[before.len - words[i].len - 1])))
            return true;
    }
    return false;
}

static uint32_t unit_seconds(struct slice after)
{
    static const struct {
        struct slice unit;
        uint32_t seconds;
    } units[] = {
        {{"seconds", 7}, 1},  {{"second", 6}, 1},   {{"secs", 4}, 1},       {{"sec", 3}, 1},
        {{"s", 1}, 1},        {{"sekunden", 8}, 1}, {{"secondes", 8}, 1},   {{"minutes", 7}, 60},
        {{"minute", 6}, 60},  {{"mins", 4}, 60},    {{"min", 3}, 60},       {{"m", 1}, 60},
        {{"minuten", 7}, 60}, {{"minutos", 7}, 60}, {{"hours", 5}, 3600},   {{"hour", 4}, 3600},
        {{"hrs", 3}, 3600},   {{"h", 1}, 3600},     {{"stunden", 7}, 3600}, {{"heures", 6}, 3600},
    };
    size_t len = 0;

    while (after.len > 0 && (after.ptr[0] == ' ' || after.ptr[0] == '-'))
        after = slice_from_offset(after, 1);
    while (len < after.len && ascii_is_alpha(after.ptr[len]))
        len++;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (slice_equal_nocase(slice_prefix(after, len), units[i].unit))
            return units[i].seconds;
    }
    return 0;
}

static uint32_t take_number(struct slice text, size_t *at)
{
    uint32_t number = 0;

    while (*at < text.len && ascii_is_digit(text.ptr[*at])) {
        if (number < NUMBER_MAX)
            number = number * 10 + (uint32_t)(text.ptr[*at] - '0');
        ++*at;
    }
    return number;
}

static size_t number_end(struct slice text, size_t at)
{
    while (at < text.len &&
           (ascii_is_alnum(text.ptr[at]) || text.ptr[at] == '.' || text.ptr[at] == ':'))
        at++;
    return at;
}

/* "04:59" and "00:04:59" at *at, of which `first` has been read. */
static bool take_clock(struct slice text, size_t *at, uint32_t first, uint32_t *ret_seconds)
{
    uint32_t parts[3] = {first};
    unsigned count = 1;

    while (count < 3 && *at + 2 < text.len && text.ptr[*at] == ':' &&
           ascii_is_digit(text.ptr[*at + 1]) && ascii_is_digit(text.ptr[*at + 2])) {
        ++*at;
        parts[count++] = take_number(text, at);
    }
    if (count == 1)
        return false;
    *ret_seconds =
        count == 2 ? parts[0] * 60 + parts[1] : parts[0] * 3600 + parts[1] * 60 + parts[2];
    return first < 1000;
}

uint32_t reply_delay_named(struct slice text)
{
    uint32_t longest = 0;
    size_t at = 0;

    while (at < text.len) {
        uint32_t seconds = 0, number;

        if (!ascii_is_digit(text.ptr[at])) {
            at++;
            continue;
        }
        if (!asks_to_wait(slice_trim(slice_prefix(text, at)))) {
            at = number_end(text, at); /* an address, a code, part of a name */
            continue;
        }
        number = take_number(text, &at);
        if (number >= NUMBER_MAX)
            continue;
        if (!take_clock(text, &at, number, &seconds))
            seconds = number * unit_seconds(slice_from_offset(text, at));
        if (seconds > longest)
            longest = seconds;
    }
    return longest;
}
