#include "bulk/format.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "bulk/format_survey.h"
#include "bulk/ndjson.h"
#include "bulk/recode.h"
#include "verdict/sentence.h"

#define LISTED_COLUMNS 12 /* in a message */

struct bulk_csv_shape bulk_format_shape(const struct bulk_format *format)
{
    return (struct bulk_csv_shape){
        .delimiter = format->delimiter,
        .line_end = strcmp(format->line_end, "\r") == 0 ? '\r' : '\n',
        .quotes = format->kind == BULK_KIND_CSV || format->kind == BULK_KIND_XLSX,
        .columns = format->columns,
    };
}

bool bulk_format_text(const struct bulk_format *format, struct slice cell, struct buffer scratch[2],
                      struct slice *ret_text)
{
    struct slice text = cell;
    bool is_table = format->kind == BULK_KIND_CSV || format->kind == BULK_KIND_XLSX;

    if (format->kind == BULK_KIND_NDJSON ? !ndjson_text(cell, &scratch[0], &text)
                                         : is_table && !bulk_csv_unquote(cell, &scratch[0], &text))
        return false;
    /* A list that began as UTF-8 may have a Latin-1 row further down. */
    if (format->encoding == BULK_ENCODING_LATIN1 ? !utf8_is_ascii(text)
                                                 : utf8_find_invalid(text) >= 0) {
        buffer_clear(&scratch[1]);
        recode_append(RECODE_LATIN1, text, true, &scratch[1]);
        text = buffer_slice(&scratch[1]);
        if (scratch[1].failed)
            return false;
    }
    *ret_text = text;
    return true;
}

static bool is_number(struct slice text)
{
    text = slice_trim(text);
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_digit(text.ptr[i]) && memchr("+-., /:", text.ptr[i], 7) == NULL)
            return false;
    return text.len > 0;
}

/* The first row: perhaps names. */
static bool look_at_first(struct format_survey *survey, size_t index, struct slice text)
{
    struct format_column *column = &survey->columns[index];

    column->name = arena_slice(survey->arena, slice_trim(text));
    if (column->name.ptr == NULL)
        return false;
    column->hint = column_name_hint(column->name);
    column->first_has_at = slice_find_byte(text, '@') >= 0;
    column->first_is_number = is_number(text);
    return true;
}

/* Look at the rows of a table or of plain text. False: no memory. */
static bool survey_table(struct format_survey *survey)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    unsigned counts[FORMAT_COLUMNS_MAX + 1] = {0};
    struct slice raw, cell, text;
    size_t at = survey->begin;

    while (survey->rows < FORMAT_ROWS_MAX && format_next_row(survey, &shape, &at, &raw)) {
        size_t index = 0;

        while (index < FORMAT_COLUMNS_MAX && bulk_csv_next_cell(&shape, &raw, &cell)) {
            if (!bulk_format_text(survey->format, cell, survey->scratch, &text))
                return false;
            if (survey->has_first ? !format_count_cell(survey, &survey->columns[index], text)
                                  : !look_at_first(survey, index, text))
                return false;
            index++;
        }
        if (index > survey->column_count)
            survey->column_count = index;
        if (!survey->has_first)
            survey->first_count = index;
        counts[index]++;
        survey->rows += survey->has_first;
        survey->has_first = true;
    }
    for (size_t i = 1; i <= survey->column_count; i++)
        if (counts[i] > counts[survey->format->columns])
            survey->format->columns = i;
    return true;
}

/* Which columns but the one that was chosen hold addresses, in rows that are not too long? */
static bool find_others(struct format_survey *survey)
{
    struct bulk_format *format = survey->format;
    struct bulk_csv_shape shape = bulk_format_shape(format);
    struct slice raw, cell, text;
    size_t at = survey->begin;

    for (int i = 0; i < FORMAT_ROWS_MAX && format_next_row(survey, &shape, &at, &raw); i++) {
        if (bulk_csv_count_cells(&shape, raw) > format->columns)
            continue;
        for (size_t k = 0; k < BULK_FORMAT_OTHERS && bulk_csv_next_cell(&shape, &raw, &cell); k++) {
            if (k == format->column || slice_find_byte(cell, '@') < 0)
                continue;
            if (!bulk_format_text(format, cell, survey->scratch, &text))
                return false;
            if (format_address_points(text) == 2)
                format->others |= UINT64_C(1) << k;
        }
    }
    return true;
}

/* The first row is a header when it has names, and no address. */
static bool looks_like_header(const struct format_survey *survey)
{
    enum column_hint best = COLUMN_HINT_NONE;
    unsigned named = 0;
    bool has_number = false;

    for (size_t i = 0; i < survey->column_count; i++) {
        const struct format_column *column = &survey->columns[i];

        if (column->first_has_at)
            return false;
        if (column->name.len > 0)
            named++;
        if (column->hint > best)
            best = column->hint;
        has_number |= column->first_is_number;
    }
    if (best >= COLUMN_HINT_LIKELY || (best == COLUMN_HINT_WEAK && survey->column_count == 1))
        return true;
    return !has_number && survey->rows > 0 && survey->column_count > 1 &&
           named * 2 > survey->column_count;
}

/* Without a header the first row counts like the others. False: no memory. */
static bool count_first_row(struct format_survey *survey)
{
    survey->rows++;
    for (size_t i = 0; i < survey->column_count; i++) {
        survey->columns[i].hint = COLUMN_HINT_NONE;
        if (!format_count_cell(survey, &survey->columns[i], survey->columns[i].name))
            return false;
    }
    return true;
}

static void list_columns(const struct format_survey *survey, struct sentence *sentence)
{
    bool is_table = survey->format->kind != BULK_KIND_NDJSON;

    for (size_t i = 0; i < survey->column_count; i++) {
        if (i == LISTED_COLUMNS) {
            sentence_printf(sentence,
                            survey->column_count == FORMAT_COLUMNS_MAX ? " and %zu more at least"
                                                                       : " and %zu more",
                            survey->column_count - i);
            break;
        }
        sentence_add(sentence, i > 0 ? ", " : "");
        if (is_table)
            sentence_printf(sentence, "%zu ", i + 1);
        sentence_add_quoted(sentence, survey->columns[i].name, 30);
    }
}

static int refuse_column(const struct format_survey *survey, const char *wanted,
                         struct error *error)
{
    bool is_table = survey->format->kind != BULK_KIND_NDJSON;
    char text[400];
    struct sentence sentence;

    sentence_init(&sentence, text, sizeof(text));
    if (wanted != NULL) {
        sentence_add(&sentence, is_table ? "there is no column " : "no object has the field ");
        sentence_add_quoted(&sentence, slice_from_string(wanted), 60);
    } else {
        sentence_add(&sentence, is_table ? "no column looks like e-mail addresses"
                                         : "no field looks like e-mail addresses");
    }
    if (survey->column_count > 0) {
        sentence_add(&sentence, "; there are: ");
        list_columns(survey, &sentence);
    }
    sentence_printf(&sentence, ". Say which: --%s%s", is_table ? "column NAME or N" : "field NAME",
                    survey->format->kind == BULK_KIND_XLSX ? ", or another sheet: --sheet NAME"
                                                           : "");
    return error_set(error, ERROR_FORMAT, "%s: %s", survey->sample->file, text);
}

/* --column: a name of the header, or a number from 1. */
static bool find_named_column(const struct format_survey *survey, size_t *ret_column)
{
    struct slice wanted = slice_trim(slice_from_string(survey->wanted->column_name));
    uint64_t number;

    for (size_t i = 0; i < survey->column_count; i++) {
        if (slice_equal_nocase(survey->columns[i].name, wanted)) {
            *ret_column = i;
            return true;
        }
    }
    if (!slice_to_u64(wanted, survey->column_count, &number) || number == 0)
        return false;
    *ret_column = (size_t)number - 1;
    return true;
}

/* A number may be wrong, too; not where it was found by an earlier look at the list. */
static bool may_have_column(const struct format_survey *survey)
{
    return survey->wanted->column < survey->column_count ||
           survey->column_count == FORMAT_COLUMNS_MAX || !survey->has_first ||
           survey->wanted->line_end[0] != '\0';
}

static int refuse_number(const struct format_survey *survey, struct error *error)
{
    char number[24];

    snprintf(number, sizeof(number), "%zu", survey->wanted->column + 1);
    return refuse_column(survey, number, error);
}

static int choose_column(struct format_survey *survey, struct error *error)
{
    const struct bulk_format *wanted = survey->wanted;
    struct bulk_format *format = survey->format;

    if (wanted->column != SIZE_MAX) {
        format->column = wanted->column;
        return may_have_column(survey) ? 0 : refuse_number(survey, error);
    }
    if (wanted->column_name != NULL) {
        if (find_named_column(survey, &format->column))
            return 0;
        return survey->has_first ? refuse_column(survey, wanted->column_name, error) : 0;
    }
    if (format_find_best_column(survey, &format->column) || format->kind == BULK_KIND_TEXT ||
        slice_trim(survey->sample->bytes).len == 0)
        return 0;
    return refuse_column(survey, NULL, error);
}

/* The first row is the one below what stands above the header. */
static int skip_lead(struct format_survey *survey)
{
    const struct bulk_format *wanted = survey->wanted;
    struct bulk_format *format = survey->format;

    format->lead = 0;
    if (survey->sample->is_later) /* see bulk/files.c */
        return 0;
    if (format->kind == BULK_KIND_TEXT) /* each of its lines is a row, and comes out as one */
        return 0;
    if (wanted->has_header < 0)
        return format_find_lead(survey, &format->lead, &survey->begin);
    format->lead = wanted->has_header == 1 ? wanted->lead : 0;
    survey->begin = format_skip_rows(survey, format->lead);
    return 0;
}

static int find_in_table(struct format_survey *survey, struct error *error)
{
    struct bulk_format *format = survey->format;
    const struct bulk_format *wanted = survey->wanted;
    int code;

    format->has_header = wanted->has_header == 1;
    if (format->kind == BULK_KIND_TEXT && wanted->column_name != NULL)
        format->kind = BULK_KIND_CSV;
    if (skip_lead(survey) != 0 || !survey_table(survey))
        return error_set(error, ERROR_NOMEM, "%s: no memory", survey->sample->file);
    if (wanted->has_header < 0 && survey->has_first)
        format->has_header = format->lead > 0 || looks_like_header(survey);
    if (!format->has_header && survey->has_first && !count_first_row(survey))
        return error_set(error, ERROR_NOMEM, "%s: no memory", survey->sample->file);
    /* Rows may leave out their last cells: a header that is longer is the list's width. A later
       file's first row may be none. */
    if (format->has_header && !survey->sample->is_later && survey->first_count > format->columns)
        format->columns = survey->first_count;
    code = choose_column(survey, error);
    if (code == 0 && format->kind == BULK_KIND_CSV && !find_others(survey))
        return error_set(error, ERROR_NOMEM, "%s: no memory", survey->sample->file);
    return code;
}

static struct format_column *field_of(struct format_survey *survey, const char *path)
{
    struct slice name = slice_from_string(path);
    struct format_column *column;

    for (size_t i = 0; i < survey->column_count; i++)
        if (slice_equal(survey->columns[i].name, name))
            return &survey->columns[i];
    if (survey->column_count == FORMAT_COLUMNS_MAX)
        return NULL;
    column = &survey->columns[survey->column_count];
    column->name = arena_slice(survey->arena, name);
    if (column->name.ptr == NULL)
        return NULL;
    survey->column_count++;
    column->hint =
        column_name_hint(slice_from_offset(name, (size_t)(slice_rfind_byte(name, '.') + 1)));
    return column;
}

/* Fields of an object, those of objects in it as "a.b". False: no memory. */
static bool survey_object(struct format_survey *survey, struct slice object, const char *prefix,
                          int depth)
{
    struct ndjson_member member;
    const char *at = NULL;

    while (ndjson_next_member(object, &at, &member) > 0) {
        struct format_column *column;
        struct slice text;
        char path[200];

        if ((size_t)snprintf(path, sizeof(path), "%s%.*s", prefix, SLICE_ARG(member.key)) >=
                sizeof(path) - 1 ||
            memchr(member.key.ptr, '\\', member.key.len) != NULL)
            continue;
        if (member.value.ptr[0] == '{' && depth < 3) {
            strcat(path, ".");
            if (!survey_object(survey, member.value, path, depth + 1))
                return false;
            continue;
        }
        column = field_of(survey, path);
        if (column != NULL && ndjson_text(member.value, &survey->scratch[0], &text) &&
            !format_count_cell(survey, column, text))
            return false;
    }
    return true;
}

/* A later file of a list, or the list again: the field stood in it when it was found. */
static bool was_found_before(const struct bulk_format *wanted)
{
    return wanted->line_end[0] != '\0' || wanted->column != SIZE_MAX;
}

/* May a field that was named and not seen stand in a row that was not looked at? */
static bool may_come_later(const struct format_survey *survey, const struct bulk_csv_shape *shape,
                           size_t at)
{
    struct slice wanted = slice_from_string(survey->wanted->column_name), raw, value;

    if (!survey->sample->is_whole || was_found_before(survey->wanted))
        return true;
    while (format_next_row(survey, shape, &at, &raw))
        if (ndjson_find(raw, wanted, &value))
            return true;
    return false;
}

static int find_in_objects(struct format_survey *survey, struct error *error)
{
    struct bulk_csv_shape shape = bulk_format_shape(survey->format);
    struct bulk_format *format = survey->format;
    const char *wanted = survey->wanted->column_name;
    struct slice raw, value;
    size_t at = 0;
    bool has_wanted = false;

    format->has_header = 0;
    while (survey->rows < FORMAT_ROWS_MAX && format_next_row(survey, &shape, &at, &raw)) {
        if (!survey_object(survey, raw, "", 0))
            return error_set(error, ERROR_NOMEM, "%s: no memory", survey->sample->file);
        has_wanted |= wanted != NULL && ndjson_find(raw, slice_from_string(wanted), &value);
        survey->rows++;
    }
    if (wanted != NULL && !has_wanted && survey->column_count > 0 &&
        !may_come_later(survey, &shape, at))
        return refuse_column(survey, wanted, error);
    if (wanted != NULL)
        format->column_name = arena_string(survey->arena, slice_from_string(wanted));
    else if (format_find_best_column(survey, &survey->taken))
        format->column_name = arena_string(survey->arena, survey->columns[survey->taken].name);
    else if (survey->rows == 0)
        format->column_name = "email";
    else
        return refuse_column(survey, NULL, error);
    return format->column_name != NULL
               ? 0
               : error_set(error, ERROR_NOMEM, "%s: no memory", survey->sample->file);
}

/* Another one of the name that was given. */
static void describe_namesake(const struct format_survey *survey, struct sentence *note)
{
    size_t taken = survey->format->column;
    struct slice name = survey->columns[taken].name;

    for (size_t i = 0; i < survey->column_count; i++)
        if (i != taken && slice_equal_nocase(survey->columns[i].name, name) &&
            slice_equal_nocase(name, slice_trim(slice_from_string(survey->wanted->column_name)))) {
            sentence_printf(note, " (column %zu is called so, too)", i + 1);
            return;
        }
}

/* The next one with as many addresses, so that nobody finds out tomorrow that it was that one. */
static void describe_other(const struct format_survey *survey, size_t taken, struct sentence *note)
{
    const struct format_column *other = NULL;
    bool is_table = survey->format->kind != BULK_KIND_NDJSON;

    if (survey->wanted->column_name != NULL && survey->format->has_header)
        describe_namesake(survey, note);
    if (survey->wanted->column != SIZE_MAX || survey->wanted->column_name != NULL)
        return;
    for (size_t i = 0; i < survey->column_count; i++) {
        const struct format_column *column = &survey->columns[i];

        if (i != taken && column->points > survey->rows && format_share_of(column) >= 50 &&
            (other == NULL || column->points > other->points))
            other = column;
    }
    if (other == NULL)
        return;
    if (is_table)
        sentence_printf(note, " (column %zu", (size_t)(other - survey->columns) + 1);
    else
        sentence_add(note, " (field");
    if (!is_table || survey->format->has_header) {
        sentence_add(note, " ");
        sentence_add_quoted(note, other->name, 40);
    }
    sentence_add(note, " has addresses too)");
}

static void describe(const struct format_survey *survey)
{
    static const char *const kinds[] = {"", "CSV", "plain text", "NDJSON", "XLSX"};
    struct bulk_format *format = survey->format;
    struct sentence note;

    sentence_init(&note, format->note, sizeof(format->note));
    sentence_add(&note, kinds[format->kind]);
    if (format->kind == BULK_KIND_CSV && format->delimiter != ',')
        sentence_printf(&note, format->delimiter == '\t' ? " with tabs" : " with '%c'",
                        format->delimiter);
    if (format->kind == BULK_KIND_XLSX && format->sheet != NULL) {
        sentence_add(&note, ", sheet ");
        sentence_add_quoted(&note, slice_from_string(format->sheet), 40);
        if (format->sheets_left_out > 0)
            sentence_printf(&note, " (%zu other%s not read)", format->sheets_left_out,
                            format->sheets_left_out == 1 ? " is" : "s are");
    }
    sentence_add(&note, format->gzipped ? ", gzipped" : "");
    sentence_add(&note, format->encoding == BULK_ENCODING_LATIN1  ? ", Latin-1"
                        : format->encoding == BULK_ENCODING_UTF16 ? ", UTF-16"
                                                                  : "");
    if (format->kind == BULK_KIND_NDJSON) {
        sentence_add(&note, ", field ");
        sentence_add_quoted(&note, slice_from_string(format->column_name), 60);
        describe_other(survey, survey->taken, &note);
    } else if (survey->sample->is_whole && slice_trim(survey->sample->bytes).len == 0) {
        sentence_add(&note, ", nothing in it");
    } else if (format->kind != BULK_KIND_TEXT || format->has_header) {
        sentence_add(&note, format->has_header ? ", header" : ", no header");
        if (format->lead > 0 && format->kind == BULK_KIND_XLSX) /* blank ones are not counted */
            sentence_add(&note, " below other rows");
        else if (format->lead > 0)
            sentence_printf(&note, " below %u other row%s", format->lead,
                            format->lead == 1 ? "" : "s");
        sentence_printf(&note, ", addresses in column %zu", format->column + 1);
        if (format->has_header && format->column < survey->column_count) {
            sentence_add(&note, " ");
            sentence_add_quoted(&note, survey->columns[format->column].name, 60);
        }
        if (format->column < survey->column_count)
            describe_other(survey, format->column, &note);
    }
}

/* The name of the column, for those who show it. */
static bool keep_column_name(struct format_survey *survey)
{
    struct bulk_format *format = survey->format;

    format->column_name = NULL;
    if (!format->has_header || format->column >= survey->column_count)
        return true;
    format->column_name = arena_string(survey->arena, survey->columns[format->column].name);
    return format->column_name != NULL;
}

int bulk_format_find(const struct bulk_format_sample *sample, const struct bulk_format *wanted,
                     struct arena *arena, struct bulk_format *format, struct error *error)
{
    struct format_survey *survey = arena_alloc(arena, sizeof(*survey));
    int code = 0;

    if (survey == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory", sample->file);
    *survey = (struct format_survey){
        .sample = sample, .wanted = wanted, .arena = arena, .format = format};
    buffer_init(&survey->scratch[0], 0);
    buffer_init(&survey->scratch[1], 0);
    format->column = 0;
    format->columns = 0;
    format->others = 0;
    format_find_line_end(sample->bytes, format->line_end);
    if (format->kind == BULK_KIND_XLSX)
        format->delimiter = ',';
    else
        code = format_find_kind(survey, error);
    if (code == 0 && format->kind == BULK_KIND_NDJSON) {
        code = find_in_objects(survey, error);
    } else if (code == 0) {
        code = find_in_table(survey, error);
        if (code == 0 && !keep_column_name(survey))
            code = error_set(error, ERROR_NOMEM, "%s: no memory", sample->file);
    }
    if (code == 0)
        describe(survey);
    buffer_done(&survey->scratch[0]);
    buffer_done(&survey->scratch[1]);
    return code;
}
