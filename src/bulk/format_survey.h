/*
 * What has been seen of a list's first bytes, while its format is being found out. Only
 * src/bulk/format*.c include this.
 */
#ifndef MK_BULK_FORMAT_SURVEY_H
#define MK_BULK_FORMAT_SURVEY_H

#include "bulk/column.h"
#include "bulk/format.h"

#define FORMAT_ROWS_MAX    500  /* of the sample that are looked at */
#define FORMAT_COLUMNS_MAX 1024 /* that are looked at: exports of some CRMs have hundreds */

/* One column, or one field of NDJSON. */
struct format_column {
    struct slice
        name; /* the header's cell, or the field's path; first cell where there is no header */
    enum column_hint hint;
    unsigned filled;
    unsigned points;   /* two for each cell that is an address, one for each with an "@" */
    unsigned distinct; /* addresses that differ, about */
    uint8_t *seen;     /* bits of those; NULL: none yet */
    bool first_has_at, first_is_number;
};

struct format_survey {
    const struct bulk_format_sample *sample;
    const struct bulk_format *wanted;
    struct arena *arena;
    struct bulk_format *format;
    struct buffer scratch[2];
    struct format_column columns[FORMAT_COLUMNS_MAX];
    size_t column_count, first_count; /* of all rows; of the first */
    unsigned rows;                    /* after the first */
    bool has_first;
    size_t taken; /* the field of NDJSON that was chosen */
    size_t begin; /* of the sample: rows before it are no part of the table */
};

/* Line ends outside quotes, as far as quotes can be believed. */
void format_find_line_end(struct slice sample, char out[3]);
/* Kind and delimiter into survey->format. ERROR_FORMAT: it is no list, and what it is. */
int format_find_kind(struct format_survey *survey, struct error *error);

/* The next row of the sample that is whole; false after the last. *at: 0 at first. */
bool format_next_row(const struct format_survey *survey, const struct bulk_csv_shape *shape,
                     size_t *at, struct slice *ret_raw);
/*
 * How many rows stand above the header, and where it begins; 0: none that could be told from rows
 * of the list. ERROR_NOMEM.
 */
int format_find_lead(struct format_survey *survey, unsigned *ret_lead, size_t *ret_begin);
/* Where the row after so many begins. */
size_t format_skip_rows(const struct format_survey *survey, unsigned rows);
/* 2: an address; 1: has an "@"; 0. */
unsigned format_address_points(struct slice text);
/* A cell below the header. False: no memory. */
bool format_count_cell(struct format_survey *survey, struct format_column *column,
                       struct slice text);
/* How many of the column's cells that hold anything look like addresses, in percent. */
unsigned format_share_of(const struct format_column *column);
/* The column or field that is most likely the list's; false: none is likely. */
bool format_find_best_column(const struct format_survey *survey, size_t *ret_column);

#endif
