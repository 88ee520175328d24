#include "cli/doctor_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/help.h"

#define RESULT_WIDTH  11 /* "not checked" */
#define HEADING_WIDTH 16 /* "second MAIL FROM" */
#define DETAIL_COLUMN (RESULT_WIDTH + 2 + HEADING_WIDTH + 2)
#define NARROW        60 /* columns; below, details get a line of their own */

static const struct {
    const char *name, *heading, *why;
} checks[DOCTOR_CHECK_COUNT] = {
#define X(symbol, name, heading, why) [DOCTOR_##symbol] = {name, heading, why},
    DOCTOR_CHECKS(X)
#undef X
};

static const struct {
    const char *name, *json, *colour;
} results[DOCTOR_RESULT_COUNT] = {
    [DOCTOR_OK] = {"ok", "ok", "\033[32m"},
    [DOCTOR_WARNING] = {"warning", "warning", "\033[33m"},
    [DOCTOR_FAILED] = {"failed", "failed", "\033[31m"},
    [DOCTOR_NOT_CHECKED] = {"not checked", "not_checked", "\033[36m"},
};

void doctor_report_init(struct doctor_report *report, struct arena *arena)
{
    *report = (struct doctor_report){.arena = arena};
}

void doctor_report_add(struct doctor_report *report, enum doctor_check check,
                       enum doctor_result result, const char *fix, const char *format, ...)
{
    struct doctor_finding *finding = arena_alloc(report->arena, sizeof(*finding));
    struct doctor_finding **at = &report->first;
    char detail[1024];
    va_list args;
    int len = 0;

    if (report->about != NULL)
        len = snprintf(detail, sizeof(detail), "%.200s: ", report->about);
    va_start(args, format);
    vsnprintf(detail + len, sizeof(detail) - (size_t)len, format, args);
    va_end(args);
    report->counts[result]++;
    if (finding == NULL) {
        report->out_of_memory = true;
        return;
    }
    *finding = (struct doctor_finding){
        .check = check,
        .result = result,
        .detail = arena_string(report->arena, slice_from_string(detail)),
        .fix = arena_string(report->arena, slice_from_string(fix)),
    };
    if (finding->detail == NULL || finding->fix == NULL) {
        report->out_of_memory = true;
        return;
    }
    while (*at != NULL && (*at)->check <= check)
        at = &(*at)->next;
    finding->next = *at;
    *at = finding;
}

/* --- for people ------------------------------------------------------------------------------- */

static void blanks(struct buffer *out, unsigned count)
{
    buffer_printf(out, "%*s", (int)count, "");
}

/* Words below a finding, led by `label`, filled into the column of details. */
static void below(struct buffer *out, const char *label, const char *words, unsigned column,
                  unsigned width)
{
    unsigned len = (unsigned)slice_from_string(label).len;
    struct buffer clean;

    buffer_init(&clean, 0);
    view_clean(&clean, slice_from_string(words));
    blanks(out, column);
    buffer_append_string(out, label);
    help_fill(out, buffer_slice(&clean), column + len, column + len, width);
    buffer_append_byte(out, '\n');
    out->failed |= clean.failed;
    buffer_done(&clean);
}

/* What the finding before it has just said of why and fix is not said again. */
static void finding_text(struct buffer *out, const struct doctor_finding *finding,
                         const struct doctor_finding *before, const struct view_style *style)
{
    bool is_narrow = style->width < NARROW;
    unsigned column = is_narrow ? 2 : DETAIL_COLUMN;
    struct buffer line;

    buffer_printf(out, "%s%-*s%s  ", style->colour ? results[finding->result].colour : "",
                  RESULT_WIDTH, results[finding->result].name, view_plain(style));
    if (is_narrow) {
        buffer_printf(out, "%s\n", checks[finding->check].heading);
        below(out, "", finding->detail, column, style->width);
    } else {
        buffer_printf(out, "%-*s  ", HEADING_WIDTH, checks[finding->check].heading);
        buffer_init(&line, 0);
        below(&line, "", finding->detail, column, style->width);
        buffer_append_slice(out, slice_from_offset(buffer_slice(&line), column));
        out->failed |= line.failed;
        buffer_done(&line);
    }
    if (finding->result == DOCTOR_OK)
        return;
    if (before != NULL && (before->result == DOCTOR_OK || before->check != finding->check))
        before = NULL;
    if (before == NULL)
        below(out, "Why: ", checks[finding->check].why, column, style->width);
    if (finding->fix[0] != '\0' && (before == NULL || strcmp(before->fix, finding->fix) != 0))
        below(out, "Fix: ", finding->fix, column, style->width);
}

void doctor_report_text(const struct doctor_report *report, const struct view_style *style,
                        struct buffer *out)
{
    const struct doctor_finding *before = NULL;
    const char *comma = "";

    for (const struct doctor_finding *f = report->first; f != NULL; before = f, f = f->next)
        finding_text(out, f, before, style);
    buffer_append_byte(out, '\n');
    for (size_t i = 0; i < DOCTOR_RESULT_COUNT; i++) {
        if (report->counts[i] == 0)
            continue;
        buffer_printf(out, "%s%s%u %s%s", comma, style->colour ? results[i].colour : "",
                      report->counts[i], results[i].name, view_plain(style));
        comma = ", ";
    }
    buffer_append_string(out, report->counts[DOCTOR_FAILED] > 0
                                  ? ". Mend what failed before you verify from here.\n"
                              : report->counts[DOCTOR_NOT_CHECKED] > 0
                                  ? ". Nothing failed, but not all could be checked.\n"
                                  : ". This host can verify.\n");
}

/* --- for programs ----------------------------------------------------------------------------- */

void doctor_report_json(const struct doctor_report *report, struct buffer *out)
{
    struct json json;

    json_init(&json, out);
    json_array_begin(&json);
    for (const struct doctor_finding *f = report->first; f != NULL; f = f->next) {
        json_object_begin(&json);
        json_name_cstring(&json, "check", checks[f->check].name);
        json_name_cstring(&json, "result", results[f->result].json);
        json_name_cstring(&json, "detail", f->detail);
        json_name_cstring(&json, "why", checks[f->check].why);
        json_name_cstring(&json, "fix", f->fix[0] != '\0' ? f->fix : NULL);
        json_object_end(&json);
    }
    json_array_end(&json);
    buffer_append_byte(out, '\n');
}

int doctor_report_status(const struct doctor_report *report)
{
    return report->counts[DOCTOR_FAILED] > 0        ? CLI_EXIT_NOT_VALID
           : report->counts[DOCTOR_NOT_CHECKED] > 0 ? CLI_EXIT_UNDETERMINED
                                                    : CLI_EXIT_OK;
}
