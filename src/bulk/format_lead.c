/* What stands above a header: the title of a report, remarks, blank lines. */
#include "bulk/format_survey.h"

#define LEAD_MAX  20  /* rows */
#define BELOW_MAX 200 /* rows that are looked at for addresses */

struct row_look {
    size_t cells, filled;
    size_t named; /* the column whose name says that addresses stand in it; SIZE_MAX: none */
    bool is_sure; /* of it */
    bool has_at;
};

/* ERROR_NOMEM. */
static int look_at_row(struct format_survey *survey, struct slice raw, struct row_look *look)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    const char *wanted = survey->wanted->column_name;
    enum column_hint best = COLUMN_HINT_WEAK;
    struct slice cell, text;

    *look = (struct row_look){.named = SIZE_MAX, .has_at = slice_find_byte(raw, '@') >= 0};
    while (look->cells < FORMAT_COLUMNS_MAX && bulk_csv_next_cell(&shape, &raw, &cell)) {
        enum column_hint hint;

        if (!bulk_format_text(survey->format, cell, survey->scratch, &text))
            return ERROR_NOMEM;
        text = slice_trim(text);
        look->filled += text.len > 0;
        hint = wanted == NULL ? column_name_hint(text)
               : slice_equal_nocase(text, slice_trim(slice_from_string(wanted))) ? COLUMN_HINT_SURE
                                                                                 : COLUMN_HINT_NONE;
        if (hint > best) {
            best = hint;
            look->named = look->cells;
            look->is_sure = hint == COLUMN_HINT_SURE;
        }
        look->cells++;
    }
    return 0;
}

/* Do addresses stand in this column of the rows from `at` on? 1, 0, ERROR_NOMEM. */
static int has_addresses(struct format_survey *survey, size_t at, size_t column)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    struct slice raw, cell, text;

    for (int i = 0; i < BELOW_MAX && format_next_row(survey, &shape, &at, &raw); i++) {
        size_t index = 0;

        while (index <= column && bulk_csv_next_cell(&shape, &raw, &cell))
            index++;
        if (index <= column || slice_find_byte(cell, '@') < 0)
            continue;
        if (!bulk_format_text(survey->format, cell, survey->scratch, &text))
            return ERROR_NOMEM;
        if (format_address_points(text) == 2)
            return 1;
    }
    return 0;
}

/*
 * A row that says "email" in this column may be one of the list's, whose header says it weakly:
 * "Name, Contact". The first of the rows above it that does, with as many cells filled, is the
 * header. ERROR_NOMEM.
 */
static int heed_weaker_header(struct format_survey *survey, const struct row_look *found,
                              unsigned *lead, size_t *begin)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    size_t at = 0, from = 0;
    struct slice raw, cell, text;

    for (unsigned i = 0; i < *lead && format_next_row(survey, &shape, &at, &raw); i++) {
        enum column_hint hint = COLUMN_HINT_NONE;
        size_t filled = 0;

        for (size_t k = 0; bulk_csv_next_cell(&shape, &raw, &cell); k++) {
            if (!bulk_format_text(survey->format, cell, survey->scratch, &text))
                return ERROR_NOMEM;
            text = slice_trim(text);
            filled += text.len > 0;
            if (k == found->named)
                hint = column_name_hint(text);
        }
        if (hint == COLUMN_HINT_WEAK && filled >= found->filled) {
            *lead = i;
            *begin = from;
            return 0;
        }
        from = at;
    }
    return 0;
}

/* Above a header is not more than in it, and nobody's address. */
int format_find_lead(struct format_survey *survey, unsigned *ret_lead, size_t *ret_begin)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    size_t at = 0, begin = 0, most = 0;
    struct slice raw;

    *ret_lead = 0;
    *ret_begin = 0;
    for (unsigned i = 0; i <= LEAD_MAX && format_next_row(survey, &shape, &at, &raw); i++) {
        struct row_look look;
        int code = look_at_row(survey, raw, &look);

        if (code != 0 || look.has_at)
            return code;
        if (look.named != SIZE_MAX && (i == 0 || look.filled + look.is_sure > most)) {
            code = has_addresses(survey, at, look.named);
            if (code == 1) {
                *ret_lead = i;
                *ret_begin = begin;
                return survey->wanted->column_name == NULL
                           ? heed_weaker_header(survey, &look, ret_lead, ret_begin)
                           : 0;
            }
            if (code != 0)
                return code;
        }
        if (look.filled > most)
            most = look.filled;
        begin = at;
    }
    return 0;
}

size_t format_skip_rows(const struct format_survey *survey, unsigned rows)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    struct slice raw;
    size_t at = 0;

    while (rows-- > 0 && format_next_row(survey, &shape, &at, &raw)) {
    }
    return at;
}
