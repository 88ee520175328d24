/* What kind of list it is: lines, objects, or a table and what is between its cells. */
#include <string.h>

#include "address/address.h"
#include "base/check.h"
#include "bulk/format_survey.h"
#include "bulk/ndjson.h"

static const char delimiters[] = {',', ';', '\t', '|'};

static bool may_be_delimiter(char c)
{
    return c == '\t' || (c > ' ' && c <= '~' && !ascii_is_alnum(c) && c != '"');
}

/* Does a cell begin at the quote, or is it a letter (`5" pipe`)? The delimiter is not known yet. */
static bool is_opening(struct slice sample, size_t at)
{
    char before = at > 0 ? sample.ptr[at - 1] : '\n';

    return before == '\n' || before == '\r' || may_be_delimiter(before);
}

static size_t returns_at(struct slice text)
{
    size_t count = 0;

    while (count < text.len && text.ptr[count] == '\r')
        count++;
    return count;
}

void format_find_line_end(struct slice sample, char out[3])
{
    size_t lf = 0, crlf = 0, cr = 0;
    bool is_quoted = false;

    for (size_t i = 0; i < sample.len; i++) {
        char c = sample.ptr[i];

        if (c == '"' && is_quoted && i + 1 < sample.len && sample.ptr[i + 1] == '"')
            i++;
        else if (c == '"')
            is_quoted = !is_quoted && is_opening(sample, i);
        else if (is_quoted || (c != '\n' && c != '\r'))
            continue;
        else if (c == '\n')
            lf++;
        else {
            size_t run = returns_at(slice_from_offset(sample, i));

            i += run - 1;
            if (i + 1 < sample.len && sample.ptr[i + 1] == '\n')
                crlf++, i++;
            else
                cr += run;
        }
    }
    strcpy(out, cr > lf + crlf ? "\r" : crlf > lf ? "\r\n" : "\n");
}

size_t bulk_format_separator_line(struct slice text, char *ret_delimiter)
{
    size_t quote = slice_starts_with(text, SLICE("\"")), at = quote + 4, end;
    char delimiter;

    if (!slice_starts_with_nocase(slice_from_offset(text, quote), SLICE("sep=")) ||
        text.len < at + 1 + quote)
        return 0;
    delimiter = text.ptr[at];
    end = at + 1 + quote;
    if (!may_be_delimiter(delimiter) || (quote && text.ptr[at + 1] != '"'))
        return 0;
    if (end < text.len && text.ptr[end] == '\r')
        end++;
    if (end < text.len && text.ptr[end] == '\n')
        end++;
    if (end == at + 1 + quote)
        return 0;
    *ret_delimiter = delimiter;
    return end;
}

bool format_next_row(const struct format_survey *survey, const struct bulk_csv_shape *shape,
                     size_t *at, struct slice *ret_raw)
{
    struct slice rest = slice_from_offset(survey->sample->bytes, *at);
    /* Known by now, or of no use: see how the list is read later (bulk/reader.c). */
    size_t column = shape->quotes ? survey->format->column : 0;
    struct bulk_csv_row row;
    size_t quiet = 0;

    if (rest.len == 0 ||
        !bulk_csv_scan(shape, rest.ptr, rest.len, survey->sample->is_whole, column, &quiet, &row))
        return false;
    *ret_raw = slice_prefix(rest, row.raw_len);
    *at += row.next;
    return true;
}

unsigned format_address_points(struct slice text)
{
    struct address address;

    text = slice_trim(text);
    if (text.len == 0 || slice_find_byte(text, '@') < 0)
        return 0;
    return address_parse(text.ptr, text.len, &address) ? 2 : 1;
}

/* How well a delimiter explains the sample, in percent twice: same count, and cells with addresses.
 */
static unsigned rate_delimiter(struct format_survey *survey, char delimiter, size_t *ret_columns)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    unsigned counts[FORMAT_COLUMNS_MAX] = {0}, rows = 0, with_address = 0;
    size_t at = 0, best = 1, most = 0;
    struct slice raw, cell, text;

    shape.delimiter = delimiter;
    shape.quotes = true;
    while (rows < FORMAT_ROWS_MAX && format_next_row(survey, &shape, &at, &raw)) {
        size_t count = 0;
        bool has_address = false;

        if (raw.len == 0)
            continue;
        rows++;
        while (bulk_csv_next_cell(&shape, &raw, &cell)) {
            count++;
            if (!has_address && bulk_csv_unquote(cell, &survey->scratch[0], &text))
                has_address = format_address_points(text) == 2;
        }
        with_address += has_address;
        if (count >= FORMAT_COLUMNS_MAX)
            count = FORMAT_COLUMNS_MAX - 1;
        counts[count]++;
        if (count > most)
            most = count;
    }
    for (size_t i = 2; i <= most; i++)
        if (counts[i] > 0 && (best == 1 || counts[i] > counts[best]))
            best = i;
    *ret_columns = best;
    if (best == 1 || counts[best] * 2 < rows)
        return 0;
    return (counts[best] + with_address) * 100 / rows;
}

static bool find_delimiter(struct format_survey *survey)
{
    unsigned best = 0;
    size_t best_columns = 1;

    for (size_t i = 0; i < ARRAY_LEN(delimiters); i++) {
        size_t columns;
        unsigned rate = rate_delimiter(survey, delimiters[i], &columns);

        if (rate > best || (rate == best && rate > 0 && columns > best_columns)) {
            best = rate;
            best_columns = columns;
            survey->format->delimiter = delimiters[i];
        }
    }
    return best > 0;
}

static struct slice first_line(struct slice text)
{
    while (text.len > 0 && ascii_is_space(text.ptr[0]))
        text = slice_from_offset(text, 1);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\n' || text.ptr[i] == '\r')
            return slice_prefix(text, i);
    return text;
}

/* The name's ending, without ".gz". */
static bool has_ending(const char *file, const char *ending)
{
    struct slice name = slice_from_string(file);

    if (slice_ends_with_nocase(name, SLICE(".gz")))
        name.len -= 3;
    return slice_ends_with_nocase(name, slice_from_string(ending));
}

/* Programs, pictures, archives: more control characters than any text has. */
static bool is_binary(struct slice bytes)
{
    size_t controls = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];

        controls += c < 0x20 && !ascii_is_space((char)c);
    }
    return controls > 2 && controls > bytes.len / 32;
}

/* Does "mail: ..." or "cn:: ..." stand here? */
static bool is_attribute(struct slice line)
{
    bool is_word = line.len > 0 && ascii_is_alpha(line.ptr[0]);
    size_t len = 0;

    while (len < line.len && (ascii_is_alnum(line.ptr[len]) || line.ptr[len] == '-'))
        len++;
    line = slice_from_offset(line, len);
    return is_word &&
           (slice_starts_with(line, SLICE(": ")) || slice_starts_with(line, SLICE("::")));
}

/* "dn: cn=Ann,mail=a@b.example", which may go on in lines behind a blank, and an attribute. */
static bool is_ldif(struct slice bytes, struct slice line)
{
    size_t at;

    if (!slice_starts_with_nocase(line, SLICE("dn: ")) || slice_find_byte(line, '=') < 0)
        return false;
    at = (size_t)(line.ptr - bytes.ptr) + line.len;
    do {
        at += at < bytes.len && bytes.ptr[at] == '\r';
        at += at < bytes.len && bytes.ptr[at] == '\n';
        if (at >= bytes.len || bytes.ptr[at] != ' ')
            break;
        while (at < bytes.len && bytes.ptr[at] != '\r' && bytes.ptr[at] != '\n')
            at++;
    } while (at < bytes.len);
    return is_attribute(slice_from_offset(bytes, at));
}

/* Files that are no lists, and look like garbage when read as one. */
static int refuse_others(const struct format_survey *survey, struct error *error)
{
    struct slice bytes = survey->sample->bytes, line = first_line(bytes);
    const char *file = survey->sample->file;

    if (slice_starts_with(bytes, SLICE("\xd0\xcf\x11\xe0")))
        return error_set(
            error, ERROR_FORMAT,
            "%s: is an old .xls, or a workbook with a password; save it as .xlsx or CSV", file);
    if (slice_starts_with(bytes, SLICE("%PDF")))
        return error_set(error, ERROR_FORMAT, "%s: is a PDF; a list is CSV, text, NDJSON or XLSX",
                         file);
    if (slice_starts_with(bytes, SLICE("PK\x03\x04")))
        return error_set(error, ERROR_FORMAT,
                         "%s: is a workbook or zip archive, gzipped: unpack it first (gunzip)",
                         file);
    if (has_ending(file, ".xlsx"))
        return error_set(
            error, ERROR_FORMAT,
            "%s: is no workbook, whatever its name says; save the list as .xlsx or CSV "
            "again, or give it the ending of what it is",
            file);
    if (slice_starts_with_nocase(line, SLICE("BEGIN:VCARD")))
        return error_set(error, ERROR_FORMAT,
                         "%s: is an address book of vCards; export the contacts as CSV", file);
    if (is_ldif(bytes, line))
        return error_set(error, ERROR_FORMAT,
                         "%s: is an address book of LDIF; export the contacts as CSV", file);
    if (slice_starts_with_nocase(line, SLICE("<!doctype")) ||
        slice_starts_with_nocase(line, SLICE("<html")) ||
        slice_starts_with_nocase(line, SLICE("<?xml")))
        return error_set(error, ERROR_FORMAT,
                         "%s: is a web page or XML; a list is CSV, text, NDJSON or XLSX", file);
    if (is_binary(bytes))
        return error_set(error, ERROR_FORMAT,
                         "%s: is not text; a list is CSV, text, NDJSON or XLSX", file);
    if (line.len > 0 && line.ptr[0] == '[') {
        struct slice inside =
            first_line(slice_from_offset(bytes, (size_t)(line.ptr - bytes.ptr) + 1));

        if (slice_starts_with(inside, SLICE("{")))
            return error_set(
                error, ERROR_FORMAT,
                "%s: is one JSON array; give one object a line (jq -c '.[]' makes that)", file);
        if (slice_starts_with(inside, SLICE("\"")))
            return error_set(
                error, ERROR_FORMAT,
                "%s: is one JSON array; give one address a line (jq -r '.[]' makes that)", file);
    }
    return 0;
}

/* Rows of a table are no addresses, and addresses no objects: read as such they all would be bad.
 */
static bool is_other_kind(struct format_survey *survey, struct slice line)
{
    enum bulk_kind first = survey->wanted->kind;
    bool is_object = line.len > 0 && line.ptr[0] == '{';

    if (!survey->sample->is_later || line.len == 0)
        return false;
    return first == BULK_KIND_NDJSON
               ? !is_object
               : first == BULK_KIND_TEXT &&
                     ((is_object && ndjson_is_object(line)) || find_delimiter(survey));
}

int format_find_kind(struct format_survey *survey, struct error *error)
{
    struct bulk_format *format = survey->format;
    const char *file = survey->sample->file;
    struct slice line = first_line(survey->sample->bytes);
    int code = refuse_others(survey, error);

    if (code != 0)
        return code;
    if (is_other_kind(survey, line))
        return error_set(error, ERROR_FORMAT,
                         "%s: is no %s, as the first list is; lists of one run must be alike", file,
                         survey->wanted->kind == BULK_KIND_TEXT ? "plain text" : "NDJSON");
    format->delimiter = survey->wanted->delimiter;
    if (survey->wanted->kind != BULK_KIND_UNKNOWN)
        format->kind = survey->wanted->kind;
    else if (line.len > 0 && line.ptr[0] == '{' &&
             (ndjson_is_object(line) || has_ending(file, ".ndjson") || has_ending(file, ".jsonl") ||
              has_ending(file, ".json")))
        format->kind = BULK_KIND_NDJSON;
    else if (format->delimiter != 0 || find_delimiter(survey) || has_ending(file, ".csv") ||
             has_ending(file, ".tsv") || (line.len > 0 && line.ptr[0] == '"') ||
             survey->wanted->has_header == 1 ||
             column_name_hint(slice_trim(line)) != COLUMN_HINT_NONE)
        format->kind = BULK_KIND_CSV;
    else
        format->kind = BULK_KIND_TEXT;
    if (format->kind == BULK_KIND_CSV && format->delimiter == 0 && !find_delimiter(survey))
        format->delimiter = has_ending(file, ".tsv") ? '\t' : ',';
    if (format->kind == BULK_KIND_TEXT || format->kind == BULK_KIND_NDJSON)
        format->delimiter = ',';
    return 0;
}
