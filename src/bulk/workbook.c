#include "bulk/workbook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/sentence.h"

#define SHEETS_MAX  1024
#define STYLES_MAX  65536
#define FORMATS_MAX 4096

struct sheet_entry {
    const char *name, *relation;
    bool is_hidden;
};

struct number_format {
    unsigned id;
    enum workbook_date date;
};

/* What is gathered while the describing parts are read. */
struct gathering {
    struct arena *arena;
    struct bulk_workbook *workbook;
    struct bulk_part *part;
    struct sheet_entry *sheets;
    size_t sheet_count;
    const char *wanted_relation;
    const char *styles_part;
    struct number_format *formats;
    size_t format_count;
    bool in_cell_formats;
};

static const char *keep(struct gathering *g, const char *text)
{
    const char *copy = text != NULL ? arena_string(g->arena, slice_from_string(text)) : NULL;

    if (text != NULL && copy == NULL)
        bulk_part_fail(g->part, ERROR_NOMEM, "no memory");
    return copy;
}

static bool is_true(const char *value)
{
    return value != NULL && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

/* xl/workbook.xml */
static void on_workbook(void *user, const char *name, const char *const *attributes)
{
    struct gathering *g = user;
    struct sheet_entry *entry;
    const char *state;

    if (strcmp(name, "workbookPr") == 0)
        g->workbook->from_1904 = is_true(bulk_part_attribute(attributes, "date1904"));
    if (strcmp(name, "sheet") != 0 || g->sheet_count == SHEETS_MAX)
        return;
    entry = &g->sheets[g->sheet_count++];
    state = bulk_part_attribute(attributes, "state");
    entry->name = keep(g, bulk_part_attribute(attributes, "name"));
    entry->relation = keep(g, bulk_part_attribute(attributes, "id"));
    entry->is_hidden = state != NULL && strcmp(state, "visible") != 0;
}

static bool ends_with(const char *text, const char *ending)
{
    return text != NULL && slice_ends_with(slice_from_string(text), slice_from_string(ending));
}

/* A target is relative to xl/, or begins with "/". */
static const char *part_name(struct gathering *g, const char *target)
{
    const char *name = target[0] == '/' ? arena_string(g->arena, slice_from_string(target + 1))
                                        : arena_printf(g->arena, "xl/%s", target);

    if (name == NULL)
        bulk_part_fail(g->part, ERROR_NOMEM, "no memory");
    return name;
}

/* xl/_rels/workbook.xml.rels */
static void on_relation(void *user, const char *name, const char *const *attributes)
{
    struct gathering *g = user;
    const char *id = bulk_part_attribute(attributes, "Id");
    const char *type = bulk_part_attribute(attributes, "Type");
    const char *target = bulk_part_attribute(attributes, "Target");

    if (strcmp(name, "Relationship") != 0 || id == NULL || target == NULL)
        return;
    if (ends_with(type, "/sharedStrings"))
        g->workbook->strings_part = part_name(g, target);
    else if (ends_with(type, "/styles"))
        g->styles_part = part_name(g, target);
    else if (strcmp(id, g->wanted_relation) == 0)
        g->workbook->sheet_part = part_name(g, target);
}

/* Format codes without what is quoted, escaped or in brackets: letters of dates, and of times. */
static enum workbook_date date_of_code(const char *code)
{
    bool has_day = false, has_time = false;

    for (; *code != '\0' && *code != ';'; code++) {
        if (*code == '"' || *code == '[') {
            const char *close = strchr(code + 1, *code == '"' ? '"' : ']');

            if (close == NULL)
                break;
            if (*code == '[' && memchr("hms", ascii_lower(code[1]), 3) != NULL)
                return WORKBOOK_NO_DATE; /* a span of time, not a moment */
            code = close;
        } else if (*code == '\\' || *code == '_' || *code == '*') {
            if (code[1] != '\0')
                code++;
        } else if (strncmp(code, "General", 7) == 0) {
            return WORKBOOK_NO_DATE;
        } else if (strchr("yYdD", *code) != NULL) {
            has_day = true;
        } else if (strchr("hHsS", *code) != NULL) {
            has_time = true;
        }
    }
    return has_day ? (has_time ? WORKBOOK_DATE_TIME : WORKBOOK_DATE)
                   : (has_time ? WORKBOOK_TIME : WORKBOOK_NO_DATE);
}

enum workbook_date bulk_workbook_format_date(unsigned id, const char *code)
{
    if (code != NULL)
        return date_of_code(code);
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 58))
        return WORKBOOK_DATE;
    if (id >= 18 && id <= 21)
        return WORKBOOK_TIME;
    return id == 22 ? WORKBOOK_DATE_TIME : WORKBOOK_NO_DATE;
}

static void add_format(struct gathering *g, const char *const *attributes)
{
    const char *id = bulk_part_attribute(attributes, "numFmtId");
    const char *code = bulk_part_attribute(attributes, "formatCode");

    if (id == NULL || code == NULL || g->format_count == FORMATS_MAX)
        return;
    g->formats[g->format_count].id = (unsigned)strtoul(id, NULL, 10);
    g->formats[g->format_count++].date = date_of_code(code);
}

static void add_style(struct gathering *g, const char *const *attributes)
{
    const char *text = bulk_part_attribute(attributes, "numFmtId");
    unsigned id = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
    enum workbook_date date = bulk_workbook_format_date(id, NULL);

    if (g->workbook->style_count == STYLES_MAX)
        return;
    for (size_t i = 0; i < g->format_count; i++)
        if (g->formats[i].id == id)
            date = g->formats[i].date;
    g->workbook->styles[g->workbook->style_count++] = (uint8_t)date;
}

/* xl/styles.xml */
static void on_style(void *user, const char *name, const char *const *attributes)
{
    struct gathering *g = user;

    if (strcmp(name, "cellXfs") == 0)
        g->in_cell_formats = true;
    else if (strcmp(name, "numFmt") == 0)
        add_format(g, attributes);
    else if (strcmp(name, "xf") == 0 && g->in_cell_formats)
        add_style(g, attributes);
}

static void on_style_end(void *user, const char *name)
{
    struct gathering *g = user;

    if (strcmp(name, "cellXfs") == 0)
        g->in_cell_formats = false;
}

static int read_part(struct gathering *g, struct bulk_archive *archive, const char *name,
                     const struct bulk_part_events *events, struct error *error)
{
    int code = bulk_part_open(archive, name, ARCHIVE_PART_MAX, events, g, &g->part, error);

    if (code == 0)
        code = bulk_part_run(g->part, error);
    bulk_part_close(g->part);
    g->part = NULL;
    return code;
}

static int refuse_sheet(const struct gathering *g, struct bulk_archive *archive, const char *wanted,
                        struct error *error)
{
    char text[300];
    struct sentence sentence;

    sentence_init(&sentence, text, sizeof(text));
    if (wanted != NULL) {
        sentence_add(&sentence, "the workbook has no sheet ");
        sentence_add_quoted(&sentence, slice_from_string(wanted), 60);
    } else {
        sentence_add(&sentence, "the workbook has no sheet with cells");
    }
    for (size_t i = 0; i < g->sheet_count && i < 10; i++) {
        sentence_add(&sentence, i == 0 ? "; there are: " : ", ");
        sentence_add_quoted(&sentence, slice_from_string(g->sheets[i].name), 40);
    }
    return error_set(error, ERROR_FORMAT, "%s: %s", bulk_archive_name(archive), text);
}

/* The entry asked for, or the first that is shown, or the first. */
static const struct sheet_entry *choose_sheet(const struct gathering *g, const char *wanted)
{
    const struct sheet_entry *first = NULL;

    for (size_t i = 0; i < g->sheet_count; i++) {
        const struct sheet_entry *entry = &g->sheets[i];

        if (entry->name == NULL || entry->relation == NULL)
            continue;
        if (wanted != NULL
                ? slice_equal_nocase(slice_from_string(entry->name), slice_from_string(wanted))
                : !entry->is_hidden)
            return entry;
        if (first == NULL)
            first = entry;
    }
    return wanted == NULL ? first : NULL;
}

static size_t count_others(const struct gathering *g, const struct sheet_entry *sheet)
{
    size_t count = 0;

    for (const struct sheet_entry *each = g->sheets; each < g->sheets + g->sheet_count; each++)
        count += each != sheet && each->relation != NULL && !each->is_hidden;
    return count;
}

static int gather(struct gathering *g, struct bulk_archive *archive, const char *wanted,
                  struct error *error)
{
    static const struct bulk_part_events workbook = {.begin = on_workbook};
    static const struct bulk_part_events relations = {.begin = on_relation};
    static const struct bulk_part_events styles = {.begin = on_style, .end = on_style_end};
    const struct sheet_entry *sheet;
    int code = read_part(g, archive, "xl/workbook.xml", &workbook, error);

    if (code != 0)
        return code;
    sheet = choose_sheet(g, wanted);
    if (sheet == NULL)
        return refuse_sheet(g, archive, wanted, error);
    g->workbook->sheet_name = sheet->name;
    g->workbook->others = count_others(g, sheet);
    g->wanted_relation = sheet->relation;
    code = read_part(g, archive, "xl/_rels/workbook.xml.rels", &relations, error);
    if (code != 0)
        return code;
    if (g->workbook->sheet_part == NULL || strstr(g->workbook->sheet_part, "chartsheets/") != NULL)
        return refuse_sheet(g, archive, NULL, error);
    if (g->styles_part != NULL && bulk_archive_has(archive, g->styles_part))
        code = read_part(g, archive, g->styles_part, &styles, error);
    if (g->workbook->strings_part != NULL && !bulk_archive_has(archive, g->workbook->strings_part))
        g->workbook->strings_part = NULL;
    return code;
}

int bulk_workbook_read(struct bulk_archive *archive, const char *sheet_name, struct arena *arena,
                       struct bulk_workbook *ret_workbook, struct error *error)
{
    struct gathering g = {.arena = arena, .workbook = ret_workbook};

    *ret_workbook = (struct bulk_workbook){.sheet_name = ""};
    if (!bulk_archive_has(archive, "xl/workbook.xml"))
        return error_set(error, ERROR_FORMAT,
                         bulk_archive_has(archive, "content.xml")
                             ? "%s: is an OpenDocument file; save it as .xlsx or CSV"
                             : "%s: is a zip archive, but no workbook; unpack it first",
                         bulk_archive_name(archive));
    g.sheets = arena_array(arena, SHEETS_MAX, sizeof(*g.sheets));
    g.formats = arena_array(arena, FORMATS_MAX, sizeof(*g.formats));
    ret_workbook->styles = arena_array(arena, STYLES_MAX, sizeof(*ret_workbook->styles));
    if (g.sheets == NULL || g.formats == NULL || ret_workbook->styles == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to read it",
                         bulk_archive_name(archive));
    return gather(&g, archive, sheet_name, error);
}

/* Days since 1970-01-01 as year, month, day (Howard Hinnant's civil_from_days). */
static void civil_from_days(int64_t days, int *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + 719468, era = shifted / 146097;
    unsigned of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * of_year + 2) / 153;

    *day = of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = (int)((int64_t)year_of_era + era * 400) + (*month <= 2);
}

void bulk_workbook_date(const struct bulk_workbook *workbook, enum workbook_date kind, double days,
                        char out[32])
{
    double whole = floor(days);
    int64_t seconds = (int64_t)((days - whole) * 86400 + 0.5), since_1970;
    unsigned month, day, of_day;
    int year;

    out[0] = '\0';
    if (!(days >= 0 && days < 2958466)) /* up to 9999-12-31, as Excel */
        return;
    if (seconds == 86400) {
        whole++;
        seconds = 0;
    }
    of_day = (unsigned)seconds;
    /* The 1900 system has a 29 February 1900, which never was: before it all is a day later. */
    since_1970 = (int64_t)whole + (workbook->from_1904 ? -24107 : whole < 60 ? -25568 : -25569);
    civil_from_days(since_1970, &year, &month, &day);
    if (kind == WORKBOOK_TIME && whole == 0)
        snprintf(out, 32, "%02u:%02u:%02u", of_day / 3600, of_day / 60 % 60, of_day % 60);
    else if (kind == WORKBOOK_DATE && seconds == 0)
        snprintf(out, 32, "%04d-%02u-%02u", year, month, day);
    else
        snprintf(out, 32, "%04d-%02u-%02u %02u:%02u:%02u", year, month, day, of_day / 3600,
                 of_day / 60 % 60, of_day % 60);
}
