#include "bulk/csv.h"

#include <string.h>

#include "base/check.h"

/* Cells over several lines that a row may have, beyond twice as many as others have cells. */
#define CHAIN_SLACK 16

static const char fault_quote[] = "unbalanced quote: read up to the end of the line";
static const char fault_long[] = "longer than 16 MiB: cut";

enum quoted_end {
    QUOTED_OPEN,   /* no closing quote in these bytes */
    QUOTED_CLOSED, /* followed by a delimiter, a line end or nothing */
    QUOTED_STRAY,  /* followed by something else */
};

/* From the opening quote at `at`: where the bytes after the closing one begin. */
static enum quoted_end find_closing(char delimiter, const char *at, const char *end,
                                    const char **ret_after)
{
    for (const char *quote = at + 1;; quote++) {
        if (quote >= end || (quote = memchr(quote, '"', (size_t)(end - quote))) == NULL)
            return QUOTED_OPEN;
        *ret_after = quote + 1;
        if (quote + 1 == end || quote[1] == delimiter || quote[1] == '\n' || quote[1] == '\r')
            return QUOTED_CLOSED;
        if (quote[1] == '"')
            quote++;
        else if (quote[-1] != '\\' || quote - 1 == at)
            return QUOTED_STRAY;
    }
}

/* What was found out about a row so far. */
struct walk {
    const struct bulk_csv_shape *shape;
    const char *end;
    bool at_end;
    const char *at;
    size_t cells;         /* that were left behind */
    const char *opening;  /* of the first quoted cell that runs over a line end, or NULL */
    size_t opening_cells; /* cells before that one */
    size_t over_lines;    /* such cells so far */
    bool is_whole;        /* with that quote a letter its line has as many cells as most rows */
    bool has_marks;       /* digits stand behind that quote and before its closing one */
    const char *line_at;  /* the next line end, or NULL: kept so that it is looked for once */
    const char *fault;
};

static const char *find_line_end(const struct walk *walk, const char *from)
{
    return memchr(from, walk->shape->line_end, (size_t)(walk->end - from));
}

/* Cells of a line that are parted by delimiters alone. */
static size_t count_plain(const struct walk *walk, const char *from, const char *to)
{
    size_t count = 1;

    while ((from = memchr(from, walk->shape->delimiter, (size_t)(to - from))) != NULL) {
        count++;
        from++;
    }
    return count;
}

/* Is there a line end between two places, neither before the last that was asked for? */
static bool has_line_end(struct walk *walk, const char *from, const char *to)
{
    if (walk->line_at != NULL && walk->line_at < from)
        walk->line_at = find_line_end(walk, from);
    return walk->line_at != NULL && walk->line_at < to;
}

/*
 * Past the quoted part of the cell at walk->at. 1; 0 when more bytes must tell; -1 when the quote
 * is to be taken for a letter.
 */
static int pass_quoted(struct walk *walk)
{
    const char *after = walk->end;
    enum quoted_end how = find_closing(walk->shape->delimiter, walk->at, walk->end, &after);
    bool is_open = how == QUOTED_OPEN;

    /* A quote at the very end may be the first of two. */
    if (how == QUOTED_CLOSED && after == walk->end && !walk->at_end)
        is_open = true;
    if (!is_open && how == QUOTED_CLOSED && (size_t)(after - walk->at) <= BULK_CSV_QUOTED_MAX) {
        bool is_over_lines = has_line_end(walk, walk->at, after);

        walk->over_lines += is_over_lines;
        if (walk->opening == NULL && is_over_lines) {
            walk->opening = walk->at;
            walk->has_marks = ascii_is_digit(walk->at[1]) && ascii_is_digit(after[-2]);
            walk->opening_cells = walk->cells;
            walk->is_whole =
                walk->cells + count_plain(walk, walk->at, walk->line_at) == walk->shape->columns;
        }
        walk->at = after;
        return 1;
    }
    if (!has_line_end(walk, walk->at, after)) {
        if (is_open)
            return walk->at_end ? -1 : 0;
        walk->at = after;
        return 1;
    }
    if (is_open && !walk->at_end && (size_t)(after - walk->at) <= BULK_CSV_QUOTED_MAX)
        return 0;
    return -1;
}

/* Past the rest of a cell, to a delimiter or the line end, or to the end of the bytes. */
static void pass_plain(struct walk *walk)
{
    char delimiter = walk->shape->delimiter, line_end = walk->shape->line_end;
    const char *at = walk->at, *end = walk->end;

    while (at < end && *at != delimiter && *at != line_end)
        at++;
    walk->at = at;
}

static void take_cell(const struct walk *walk, size_t column, const char *from, const char *to,
                      struct bulk_csv_row *row)
{
    if (walk->cells == column) {
        row->has_cell = true;
        row->cell = slice_from(from, (size_t)(to - from));
    }
}

/* The rest of the row, from walk->at to `to`, with all quotes as letters. */
static void split_plain(struct walk *walk, const char *to, size_t column, struct bulk_csv_row *row)
{
    for (;;) {
        const char *from = walk->at;
        const char *stop = memchr(from, walk->shape->delimiter, (size_t)(to - from));

        take_cell(walk, column, from, stop != NULL ? stop : to, row);
        walk->cells++;
        if (stop == NULL)
            break;
        walk->at = stop + 1;
    }
    walk->at = to;
}

/* The quote at `opening` is a letter: the row ends with its line. False: more bytes must tell. */
static bool give_up_quote(struct walk *walk, const char *opening, size_t cells, size_t column,
                          struct bulk_csv_row *row)
{
    const char *to;

    CHECK(opening != NULL);
    to = find_line_end(walk, opening);
    if (to == NULL) {
        if (!walk->at_end)
            return false;
        to = walk->end;
    }
    walk->at = opening;
    walk->cells = cells;
    walk->fault = fault_quote;
    if (row->has_cell && column >= cells)
        row->has_cell = false;
    split_plain(walk, to, column, row);
    return true;
}

/* Cell `index` of a line that is parted by delimiters alone; the line has that many. */
static struct slice plain_cell(const struct walk *walk, const char *from, const char *to,
                               size_t index)
{
    const char *stop;

    for (; index > 0; index--)
        from = (const char *)memchr(from, walk->shape->delimiter, (size_t)(to - from)) + 1;
    stop = memchr(from, walk->shape->delimiter, (size_t)(to - from));
    return slice_from(from, (size_t)((stop != NULL ? stop : to) - from));
}

/* Something, an @, something, without a blank: no more is asked for, quotes are left aside. */
static bool is_like_address(struct slice cell)
{
    ptrdiff_t at;

    cell = slice_trim(cell);
    while (cell.len > 0 && cell.ptr[0] == '"')
        cell = slice_from_offset(cell, 1);
    while (cell.len > 0 && cell.ptr[cell.len - 1] == '"')
        cell.len--;
    at = slice_find_byte(cell, '@');
    return at > 0 && (size_t)at + 1 < cell.len && slice_find_byte(cell, ' ') < 0;
}

enum line_kind {
    LINE_ROW,
    LINE_MUTE, /* as many cells as a row, but the one for the address is empty */
    LINE_TEXT,
};

/* A line within a quoted cell, with `before` cells before its first. */
static enum line_kind judge_line(const struct walk *walk, const char *from, const char *to,
                                 size_t before, size_t column)
{
    struct slice cell;

    if (before + count_plain(walk, from, to) != walk->shape->columns)
        return LINE_TEXT;
    if (column < before)
        return LINE_ROW;
    cell = plain_cell(walk, from, to, column - before);
    if (is_like_address(cell))
        return LINE_ROW;
    return slice_trim(cell).len == 0 ? LINE_MUTE : LINE_TEXT;
}

/*
 * Of the quoted cell over lines: are its first line, the last and most between them rows by
 * themselves, with an address where addresses stand?
 */
static bool are_lines_rows(const struct walk *walk, size_t column, const struct bulk_csv_row *row)
{
    size_t before = walk->opening_cells, columns = walk->shape->columns;
    size_t lines = 0, texts = 0;
    const char *from = walk->opening;
    enum line_kind kind = LINE_TEXT;

    if (columns < 2 || column >= columns || (column < before && !is_like_address(row->cell)))
        return false;
    while (from < walk->at) {
        const char *to = find_line_end(walk, from);

        if (to == NULL || to > walk->at)
            to = walk->at;
        kind = judge_line(walk, from, to, before, column);
        if (lines++ == 0 && kind != LINE_ROW)
            return false;
        texts += kind == LINE_TEXT;
        before = 0;
        from = to + 1;
    }
    return kind == LINE_ROW && texts * 2 < lines;
}

/*
 * Could the line that `at` is in, up to `to`, be a row? It may leave out the last cells, or have no
 * address where it is as long as others.
 */
static bool is_line_a_row(const struct walk *walk, const char *at, const char *to, size_t column)
{
    struct slice cell;
    size_t count;

    while (at[-1] != walk->shape->line_end)
        at--;
    count = count_plain(walk, at, to);
    if (count < 2 || count <= column)
        return false;
    cell = plain_cell(walk, at, to, column);
    return is_like_address(cell) || (count == walk->shape->columns && slice_trim(cell).len == 0);
}

/*
 * Is the quote that runs over lines a letter? Where the row has as many cells as others, it is one
 * only where it can be a mark of inches, whose closing one is another row's, or where the address
 * is in that cell: notes of several lines are ordinary. Where it has not, but would have with the
 * quote as a letter, its last line would be a row too, and not the rest of one.
 */
static bool is_likelier_plain(const struct walk *walk, size_t column, struct bulk_csv_row *row)
{
    size_t columns = walk->shape->columns;

    if (walk->opening == NULL || columns == 0)
        return false;
    if (walk->cells != columns && walk->is_whole && is_line_a_row(walk, walk->at, walk->at, column))
        return true;
    if (!are_lines_rows(walk, column, row))
        return false;
    row->is_joined = walk->cells != columns || (!walk->has_marks && walk->opening_cells != column);
    return !row->is_joined;
}

/*
 * Lines that all lack a quote (`jo@x.example","Jo`) close each other's properly, to the end of the
 * list. What is given up is looked at again line by line: this also bounds how often that is.
 */
static bool is_endless(const struct walk *walk)
{
    size_t columns = walk->shape->columns;

    if (walk->opening == NULL || columns == 0)
        return false;
    return walk->over_lines > 2 * columns + CHAIN_SLACK ||
           (walk->is_whole && (size_t)(walk->at - walk->opening) > BULK_CSV_QUOTED_MAX);
}

/* The quote at walk->at is a letter; or was the one that joined lines before it? */
static bool give_up(struct walk *walk, size_t column, struct bulk_csv_row *row)
{
    const char *to = find_line_end(walk, walk->at);

    if (walk->is_whole) {
        if (to == NULL && !walk->at_end)
            return false;
        if (is_line_a_row(walk, walk->at, to != NULL ? to : walk->end, column))
            return give_up_quote(walk, walk->opening, walk->opening_cells, column, row);
    }
    return give_up_quote(walk, walk->at, walk->cells, column, row);
}

/* Cell by cell. walk->at ends at the line end, or at the end of the last row. */
static bool walk_cells(struct walk *walk, size_t column, struct bulk_csv_row *row)
{
    for (;;) {
        const char *from = walk->at;

        if (from < walk->end && *from == '"') {
            int passed = pass_quoted(walk);

            if (passed <= 0)
                return passed < 0 && give_up(walk, column, row);
        }
        pass_plain(walk);
        if (walk->at == walk->end && !walk->at_end)
            return false;
        take_cell(walk, column, from, walk->at, row);
        walk->cells++;
        if (walk->at == walk->end || *walk->at == walk->shape->line_end)
            break;
        if (is_endless(walk))
            return give_up_quote(walk, walk->opening, walk->opening_cells, column, row);
        walk->at++;
    }
    if (is_likelier_plain(walk, column, row))
        return give_up_quote(walk, walk->opening, walk->opening_cells, column, row);
    return true;
}

/* A line without quotes: its cell number `column`. */
static void take_plain_cell(const struct bulk_csv_shape *shape, const char *bytes, size_t len,
                            size_t column, struct bulk_csv_row *row)
{
    const char *from = bytes, *end = bytes + len;

    row->has_cell = true;
    if (!shape->quotes) {
        row->cell = slice_from(bytes, len);
        row->has_cell = column == 0;
        return;
    }
    for (; column > 0; column--) {
        from = memchr(from, shape->delimiter, (size_t)(end - from));
        if (from == NULL) {
            row->has_cell = false;
            return;
        }
        from++;
    }
    end = memchr(from, shape->delimiter, (size_t)(end - from));
    row->cell = slice_from(from, end != NULL ? (size_t)(end - from) : len - (size_t)(from - bytes));
}

static size_t count_lines(const struct bulk_csv_shape *shape, const char *bytes, size_t len)
{
    size_t count = 1;

    for (const char *end = bytes + len;
         (bytes = memchr(bytes, shape->line_end, (size_t)(end - bytes))) != NULL; bytes++)
        count++;
    return count;
}

/* `to` is where the row's line end is, or the end of the bytes. False: more bytes must tell. */
static bool finish_row(const struct bulk_csv_shape *shape, const char *bytes, const char *to,
                       const char *end, bool at_end, struct bulk_csv_row *row)
{
    row->raw_len = (size_t)(to - bytes);
    row->next = row->raw_len;
    if (to < end) {
        row->next++;
        if (shape->line_end == '\r') {
            if (to + 1 == end && !at_end)
                return false;
            if (to + 1 < end && to[1] == '\n')
                row->next++;
        }
    }
    /* Text that was written as text twice has several. */
    while (shape->line_end == '\n' && row->raw_len > 0 && bytes[row->raw_len - 1] == '\r' &&
           row->next > row->raw_len) {
        if (row->has_cell && row->cell.len > 0 && row->cell.ptr + row->cell.len == to)
            row->cell.len--;
        row->raw_len--;
        to--;
    }
    return true;
}

bool bulk_csv_scan(const struct bulk_csv_shape *shape, const char *bytes, size_t len, bool at_end,
                   size_t column, size_t *quiet, struct bulk_csv_row *ret_row)
{
    struct bulk_csv_row row = {.line_count = 1, .cell = SLICE_EMPTY};
    bool is_long = len > BULK_CSV_ROW_MAX;
    const char *end, *to;

    if (is_long) {
        len = BULK_CSV_ROW_MAX;
        at_end = false;
    }
    end = bytes + len;
    to = memchr(bytes, shape->line_end, len);
    if (shape->quotes && *quiet < (to != NULL ? (size_t)(to - bytes) : len)) {
        const char *quote = memchr(bytes + *quiet, '"', len - *quiet);

        *quiet = quote != NULL ? (size_t)(quote - bytes) : len;
    }
    if (shape->quotes && *quiet < (to != NULL ? (size_t)(to - bytes) : len)) {
        struct walk walk = {
            .shape = shape, .end = end, .at_end = at_end, .at = bytes, .line_at = to};

        if (!walk_cells(&walk, column, &row)) {
            if (!is_long)
                return false;
            to = NULL;
            row.has_cell = false;
        } else {
            to = walk.at;
            row.fault = walk.fault;
            row.is_unbalanced = walk.fault != NULL;
            if (walk.opening != NULL)
                row.line_count = count_lines(shape, bytes, (size_t)(to - bytes));
        }
    } else {
        if (to == NULL && at_end)
            to = end;
        if (to == NULL && !is_long)
            return false;
        if (to != NULL)
            take_plain_cell(shape, bytes, (size_t)(to - bytes), column, &row);
    }
    if (to == NULL) { /* no row is as long as that */
        row.fault = fault_long;
        row.line_count = 0;
        to = end;
    }
    if (!finish_row(shape, bytes, to, end, at_end || is_long, &row))
        return false;
    *quiet -= *quiet < row.next ? *quiet : row.next;
    *ret_row = row;
    return true;
}

bool bulk_csv_is_unbalanced(const struct bulk_csv_shape *shape, struct slice raw, size_t column)
{
    struct bulk_csv_row row;
    size_t quiet = 0;

    return raw.len > 0 && bulk_csv_scan(shape, raw.ptr, raw.len, true, column, &quiet, &row) &&
           row.is_unbalanced;
}

bool bulk_csv_next_cell(const struct bulk_csv_shape *shape, struct slice *rest,
                        struct slice *ret_cell)
{
    const char *at = rest->ptr, *end, *after;

    if (at == NULL)
        return false;
    end = at + rest->len;
    if (!shape->quotes) {
        *ret_cell = *rest;
        rest->ptr = NULL;
        return true;
    }
    if (at < end && *at == '"' && find_closing(shape->delimiter, at, end, &after) != QUOTED_OPEN)
        at = after;
    at = memchr(at, shape->delimiter, (size_t)(end - at));
    *ret_cell = slice_from(rest->ptr, (size_t)((at != NULL ? at : end) - rest->ptr));
    *rest = at != NULL ? slice_from(at + 1, (size_t)(end - at - 1)) : (struct slice){NULL, 0};
    return true;
}

size_t bulk_csv_count_cells(const struct bulk_csv_shape *shape, struct slice raw)
{
    struct slice cell;
    size_t count = 0;

    while (bulk_csv_next_cell(shape, &raw, &cell))
        count++;
    return count;
}

bool bulk_csv_unquote(struct slice cell, struct buffer *scratch, struct slice *ret_text)
{
    const char *at = cell.ptr + 1, *end = cell.ptr + cell.len, *after;

    *ret_text = cell;
    /* No delimiter is in here but within the quotes: any byte that can't follow one will do. */
    if (cell.len < 2 || cell.ptr[0] != '"' ||
        find_closing('\n', cell.ptr, end, &after) == QUOTED_OPEN)
        return true;
    if (after == end && memchr(at, '"', cell.len - 2) == NULL) {
        *ret_text = slice_from(at, cell.len - 2);
        return true;
    }
    buffer_clear(scratch);
    if (after < end && *after == '@') {
        buffer_append_slice(scratch, cell);
        *ret_text = buffer_slice(scratch);
        return !scratch->failed;
    }
    for (const char *stop = after - 1; at < stop; at++) {
        /* `\""` is a doubled one; what would be beyond the closing quote is not ours to look at. */
        if (at + 1 < stop && at[1] == '"' && (*at == '"' || (*at == '\\' && at[2] != '"')))
            at++;
        buffer_append_byte(scratch, *at);
    }
    buffer_append(scratch, after, (size_t)(end - after));
    *ret_text = buffer_slice(scratch);
    return !scratch->failed;
}

void bulk_csv_append_cell(struct buffer *out, char delimiter, struct slice text)
{
    bool must_quote = false;

    for (size_t i = 0; i < text.len && !must_quote; i++)
        must_quote = text.ptr[i] == delimiter || text.ptr[i] == '"' || text.ptr[i] == '\n' ||
                     text.ptr[i] == '\r';
    if (!must_quote) {
        buffer_append_slice(out, text);
        return;
    }
    buffer_append_byte(out, '"');
    for (;;) {
        ptrdiff_t quote = slice_find_byte(text, '"');

        if (quote < 0)
            break;
        buffer_append(out, text.ptr, (size_t)quote + 1);
        buffer_append_byte(out, '"');
        text = slice_from_offset(text, (size_t)quote + 1);
    }
    buffer_append_slice(out, text);
    buffer_append_byte(out, '"');
}
