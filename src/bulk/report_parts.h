/* Parts of the page of bulk/report.h. Not for others. Failures show in `out`. */
#ifndef MK_BULK_REPORT_PARTS_H
#define MK_BULK_REPORT_PARTS_H

#include "bulk/report.h"

extern const char bulk_report_style[];

/* For people: "Catch-all"; and in a few words what it is. */
const char *report_status_label(enum verdict_status status);
const char *report_status_meaning(enum verdict_status status);

void report_donut(const struct bulk_report *report, struct buffer *out);
void report_reasons(const struct bulk_report *report, struct buffer *out);
void report_bounce(const struct bulk_report *report, struct buffer *out);
/* Nothing where no outcome is known. */
void report_reliability(const struct bulk_report *report, struct buffer *out);
void report_scores(const struct bulk_report *report, struct buffer *out);
void report_time_line(const struct bulk_report *report, struct buffer *out);
void report_providers(const struct bulk_report *report, struct buffer *out);
void report_domains(const struct bulk_report *report, struct buffer *out);
void report_flags(const struct bulk_report *report, struct buffer *out);
void report_advice(const struct bulk_report *report, struct buffer *out);

#endif
