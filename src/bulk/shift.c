#include "bulk/shift.h"

#include "address/address.h"
#include "bulk/format.h"

/* Do addresses of somebody else stand in this column? Of columns far to the right: perhaps. */
static bool is_others(const struct bulk_format *format, size_t column)
{
    return column >= BULK_FORMAT_OTHERS || (format->others >> column & 1) != 0;
}

bool bulk_shift_may_be(const struct bulk_format *format, struct slice cell)
{
    size_t before = format->column < BULK_FORMAT_OTHERS ? format->column : BULK_FORMAT_OTHERS - 1;

    if (format->kind != BULK_KIND_CSV)
        return false;
    /* An address may be somebody else's, where those stand to the left of it. */
    return slice_find_byte(cell, '@') < 0 || (format->others & ((UINT64_C(1) << before) - 1)) != 0;
}

/* 1, 0, or -1: no memory. */
static int is_address(const struct bulk_format *format, struct slice cell, struct buffer scratch[2])
{
    struct address parsed;
    struct slice text;

    if (slice_find_byte(cell, '@') < 0)
        return 0;
    if (!bulk_format_text(format, cell, scratch, &text))
        return -1;
    text = slice_trim(text);
    return address_parse(text.ptr, text.len, &parsed);
}

/* Does nothing stand in it, quotes and blanks aside? 1, 0, or -1: no memory. */
static int is_empty(const struct bulk_format *format, struct slice cell, struct buffer scratch[2])
{
    struct slice text;

    if (!bulk_format_text(format, cell, scratch, &text))
        return -1;
    return slice_trim(text).len == 0;
}

/* The cell in the address's column is no address: the only one of those where it can be now? */
static enum bulk_shift find_further(const struct bulk_format *format,
                                    const struct bulk_csv_shape *shape, struct slice rest,
                                    struct slice cell, size_t surplus, struct buffer scratch[2],
                                    struct slice *ret_cell)
{
    size_t found = 0, last = format->column + surplus;
    struct slice each;
    int empty;

    for (size_t i = 0; i <= last && bulk_csv_next_cell(shape, &rest, &each); i++) {
        int is = i > format->column ? is_address(format, each, scratch) : 0;

        /* A broken one is told of where no other is: as far on as there are cells too many. */
        if (is == 0 && found == 0 && i == last)
            is = slice_find_byte(each, '@') >= 0;
        if (is < 0)
            return BULK_SHIFT_NOMEM;
        if (is == 0)
            continue;
        if (found > 0)
            return BULK_SHIFT_UNCLEAR;
        found = i;
        *ret_cell = each;
    }
    if (found == 0)
        return BULK_SHIFT_NONE;
    empty = is_empty(format, cell, scratch);
    if (empty != 0) /* nothing that was shifted: the row may have no address */
        return empty < 0 ? BULK_SHIFT_NOMEM : BULK_SHIFT_UNCLEAR;
    /* Somebody else's, in its own column, perhaps. The rest of a name begins with a blank. */
    return cell.ptr[0] != ' ' && found < shape->columns && is_others(format, found)
               ? BULK_SHIFT_UNCLEAR
               : BULK_SHIFT_FOUND;
}

/*
 * The cell in the address's column is one. Is it somebody else's, whose column is left of it? Then
 * the rest of a name stands in that one, and an address as many cells further on as there are too
 * many. The rest of a name begins with a blank; other words there may mean that there is nobody
 * else (`none`).
 */
static enum bulk_shift find_behind(const struct bulk_format *format,
                                   const struct bulk_csv_shape *shape, struct slice rest,
                                   size_t surplus, struct buffer scratch[2], struct slice *ret_cell)
{
    size_t theirs = format->column - surplus, last = format->column + surplus;
    struct slice each = SLICE_EMPTY, name = SLICE_EMPTY;
    int is, empty;

    if (surplus > format->column || !is_others(format, theirs))
        return BULK_SHIFT_NONE;
    for (size_t i = 0; i <= last; i++) {
        if (!bulk_csv_next_cell(shape, &rest, &each))
            return BULK_SHIFT_NONE;
        if (i == theirs)
            name = each;
    }
    if (slice_find_byte(name, '@') >= 0)
        return BULK_SHIFT_NONE;
    is = is_address(format, each, scratch);
    empty = is > 0 ? is_empty(format, name, scratch) : 0;
    if (is < 0 || empty < 0)
        return BULK_SHIFT_NOMEM;
    if (is == 0 || empty > 0)
        return BULK_SHIFT_NONE;
    *ret_cell = each;
    return name.ptr[0] != ' ' || (last < shape->columns && is_others(format, last))
               ? BULK_SHIFT_UNCLEAR
               : BULK_SHIFT_FOUND;
}

enum bulk_shift bulk_shift_find(const struct bulk_format *format,
                                const struct bulk_csv_shape *shape, struct slice raw,
                                struct slice cell, struct buffer scratch[2], struct slice *ret_cell)
{
    size_t count = bulk_csv_count_cells(shape, raw), surplus = count - shape->columns;

    if (count <= shape->columns)
        return BULK_SHIFT_NONE;
    return slice_find_byte(cell, '@') < 0
               ? find_further(format, shape, raw, cell, surplus, scratch, ret_cell)
               : find_behind(format, shape, raw, surplus, scratch, ret_cell);
}
