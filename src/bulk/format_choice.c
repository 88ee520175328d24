/* Which column or field is the list's: what stands in it, what its name says, how full it is. */
#include "bulk/format_survey.h"

#include "base/slice.h"
#include "base/table.h"

#define SHARE_MIN 20   /* percent of cells that look like addresses, without a name */
#define SEEN_BITS 2048 /* several times as many as rows are looked at */

/* One that was not seen before? Two may be taken for one, which does not matter in so many. */
static bool is_another(struct format_column *column, struct slice address)
{
    uint64_t hash = hash_bytes(address.ptr, address.len, 0);
    uint8_t *byte = &column->seen[hash % SEEN_BITS / 8], bit = (uint8_t)(1U << hash % 8);

    if ((*byte & bit) != 0)
        return false;
    *byte |= bit;
    return true;
}

bool format_count_cell(struct format_survey *survey, struct format_column *column,
                       struct slice text)
{
    unsigned points;

    text = slice_trim(text);
    if (text.len == 0)
        return true;
    points = format_address_points(text);
    column->filled++;
    column->points += points;
    if (points < 2)
        return true;
    if (column->seen == NULL)
        column->seen = arena_alloc(survey->arena, SEEN_BITS / 8);
    if (column->seen == NULL)
        return false;
    column->distinct += is_another(column, text);
    return true;
}

unsigned format_share_of(const struct format_column *column)
{
    return column->filled > 0 ? column->points * 50 / column->filled : 0;
}

/* What is in the column weighs most, then its name, then how full it is. */
static unsigned rate_column(const struct format_survey *survey, const struct format_column *column)
{
    unsigned fill = survey->rows > 0 ? column->filled * 100 / survey->rows : 0;
    unsigned share = format_share_of(column);

    if (column->hint < COLUMN_HINT_LIKELY && share < SHARE_MIN &&
        !(column->hint == COLUMN_HINT_WEAK && (share > 0 || survey->column_count == 1)))
        return 0;
    return share * 10 + (unsigned)column->hint * 100 + fill * 4 + 1;
}

/* Of a name that says what it holds only addresses that differ count: one that is the same in all
   rows is that of an owner or a seller. */
static unsigned amount_of(const struct format_column *column)
{
    return column->hint >= COLUMN_HINT_LIKELY ? column->distinct * 2 : column->points;
}

static unsigned count_dots(struct slice name)
{
    unsigned dots = 0;

    for (size_t i = 0; i < name.len; i++)
        dots += name.ptr[i] == '.';
    return dots;
}

/* "email", "E-Mail", "user.mail": not whose. */
static bool is_plain(struct slice name)
{
    char folded[8];
    size_t len = 0;

    name = slice_from_offset(name, (size_t)(slice_rfind_byte(name, '.') + 1));
    for (size_t i = 0; i < name.len; i++) {
        if (!ascii_is_alnum(name.ptr[i]) && (unsigned char)name.ptr[i] < 0x80)
            continue;
        if (len == sizeof(folded))
            return false;
        folded[len++] = name.ptr[i];
    }
    return slice_equal_nocase(slice_from(folded, len), SLICE("email")) ||
           slice_equal_nocase(slice_from(folded, len), SLICE("mail"));
}

/* Of two that hold about as many: negative when the name of `a` says more that it is the list's. */
static int compare_names(const struct format_survey *survey, const struct format_column *a,
                         const struct format_column *b)
{
    int order = (int)b->hint - (int)a->hint;

    if (order == 0 && survey->format->kind == BULK_KIND_NDJSON)
        order = (int)count_dots(a->name) - (int)count_dots(b->name);
    return order != 0 ? order : (int)is_plain(b->name) - (int)is_plain(a->name);
}

/* Columns whose names say at least as much as that of the best one may be the list's. */
static bool is_rival(const struct format_survey *survey, size_t best, size_t i)
{
    return survey->columns[i].hint >= survey->columns[best].hint &&
           rate_column(survey, &survey->columns[i]) > 0;
}

/*
 * Some bad or empty addresses say little about which of two the list's are, and objects need not
 * have the same fields: one that few have is as full there as can be. Among those that hold at
 * least two thirds of what the one with most holds the name decides.
 */
static size_t prefer_by_name(const struct format_survey *survey, size_t best)
{
    const struct format_column *columns = survey->columns;
    unsigned most = amount_of(&columns[best]);
    size_t chosen = SIZE_MAX;

    for (size_t i = 0; i < survey->column_count; i++)
        if (is_rival(survey, best, i) && amount_of(&columns[i]) > most)
            most = amount_of(&columns[i]);
    if (most == 0)
        return best;
    for (size_t i = 0; i < survey->column_count; i++) {
        int order;

        if (!is_rival(survey, best, i) || amount_of(&columns[i]) * 3 < most * 2)
            continue;
        order = chosen == SIZE_MAX ? -1 : compare_names(survey, &columns[i], &columns[chosen]);
        if (order < 0 || (order == 0 && columns[i].points > columns[chosen].points))
            chosen = i;
    }
    return chosen;
}

bool format_find_best_column(const struct format_survey *survey, size_t *ret_column)
{
    unsigned best = 0;
    size_t column = 0;

    for (size_t i = 0; i < survey->column_count; i++) {
        unsigned rate = rate_column(survey, &survey->columns[i]);

        if (rate > best) {
            best = rate;
            column = i;
        }
    }
    if (best == 0)
        return false;
    if (survey->format->kind == BULK_KIND_NDJSON ||
        survey->columns[column].hint >= COLUMN_HINT_LIKELY)
        column = prefer_by_name(survey, column);
    *ret_column = column;
    return true;
}
