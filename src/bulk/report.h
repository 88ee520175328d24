/*
 * The report of a list: one self-contained HTML page, to be read, printed or sent on.
 *
 * No script, nothing loaded from elsewhere; charts are inline SVG with words beside them; light and
 * dark as the reader's system has it, and always light on paper. Everything that strangers wrote is
 * escaped. The same numbers give the same bytes.
 */
#ifndef MK_BULK_REPORT_H
#define MK_BULK_REPORT_H

#include "base/buffer.h"
#include "base/error.h"
#include "bulk/stats.h"

struct bulk_report_setting {
    const char *name, *value;
};

struct bulk_report {
    const char *title;                         /* of the list: "customers.csv" */
    const char *format;                        /* the reader's note, or NULL */
    struct bulk_stats *stats;                  /* its tallies are sorted on the way */
    bool asked_nobody;                         /* no mail server, at least */
    uint64_t doubts;                           /* rows whose quotes leave one (bulk/reader.h) */
    int64_t started_unix_ms, finished_unix_ms; /* 0: not known */
    const struct bulk_report_setting *settings;
    size_t setting_count;
    const char *version;
};

/* Append the page. False: no memory. */
bool bulk_report_render(const struct bulk_report *report, struct buffer *out);

/* The page as a file (bulk/output.h). ERROR_IO, ERROR_NOMEM. */
int bulk_report_write(const char *path, const struct bulk_report *report, struct error *error);

#endif
