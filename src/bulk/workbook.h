/*
 * What a workbook says about its sheets: where the one asked for lies, where the shared strings
 * lie, and which cell styles are dates (ECMA-376 part 1, 18.2, 18.8).
 */
#ifndef MK_BULK_WORKBOOK_H
#define MK_BULK_WORKBOOK_H

#include "base/arena.h"
#include "bulk/archive.h"

enum workbook_date {
    WORKBOOK_NO_DATE,
    WORKBOOK_DATE,      /* day */
    WORKBOOK_DATE_TIME, /* day and time */
    WORKBOOK_TIME,      /* time of a day */
};

struct bulk_workbook {
    const char *sheet_name;
    const char *sheet_part;
    size_t others;            /* further sheets that are shown */
    const char *strings_part; /* NULL: there is none */
    bool from_1904;           /* how days are counted */
    uint8_t *styles;          /* enum workbook_date, one a cell style */
    size_t style_count;
};

/*
 * Find the sheet called `sheet_name` (NULL: the first that is shown). Strings live in the arena.
 * ERROR_FORMAT (no workbook; no such sheet: the message lists them), ERROR_LIMIT, ERROR_NOMEM.
 */
int bulk_workbook_read(struct bulk_archive *archive, const char *sheet_name, struct arena *arena,
                       struct bulk_workbook *ret_workbook, struct error *error);

/* Days since the workbook's epoch as ISO 8601 ("2026-03-01 12:30:00"); "" when out of range. */
void bulk_workbook_date(const struct bulk_workbook *workbook, enum workbook_date kind, double days,
                        char out[32]);

/* What a number format makes of a number: by its code ("dd/mm/yyyy"), or NULL and its builtin id.
 */
enum workbook_date bulk_workbook_format_date(unsigned id, const char *code);

#endif
