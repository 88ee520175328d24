#include "bulk/report.h"

#include "base/instant.h"
#include "bulk/html.h"
#include "bulk/output.h"
#include "bulk/report_parts.h"

static uint64_t determined(const struct bulk_stats *stats)
{
    return stats->rows - stats->pending;
}

static void head(const struct bulk_report *report, struct buffer *out)
{
    buffer_append_string(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                              "<meta name=\"viewport\" content=\"width=device-width,"
                              "initial-scale=1\"><meta name=\"robots\" content=\"noindex\">"
                              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                              "'none';style-src 'unsafe-inline'\"><title>");
    html_string(out, report->title);
    buffer_printf(out, " - mailknock report</title><style>%s</style></head>\n<body><main>",
                  bulk_report_style);
}

static void when(const struct bulk_report *report, struct buffer *out)
{
    char span[32];

    if (report->started_unix_ms <= 0)
        return;
    buffer_append_string(out, "Checked ");
    html_moment(out, report->started_unix_ms);
    if (report->finished_unix_ms > report->started_unix_ms) {
        if (report->finished_unix_ms / (int64_t)MINUTE_MS !=
            report->started_unix_ms / (int64_t)MINUTE_MS) {
            buffer_append_string(out, " to ");
            html_moment(out, report->finished_unix_ms);
        }
        buffer_printf(
            out, ", %s",
            span_format((uint64_t)(report->finished_unix_ms - report->started_unix_ms), span));
    }
    buffer_append_string(out, report->format != NULL ? " &middot; " : "");
}

/* Where all can be mailed, or what can't would bounce no more, nothing falls. */
static void bounces(const struct bulk_stats *stats, struct buffer *out)
{
    double before = bulk_stats_bounce_before(stats), after = bulk_stats_bounce_after(stats);

    if (before - after >= 0.1)
        buffer_printf(out, "; estimated bounces fall from %.1f to %.1f %%", before, after);
    else
        buffer_printf(out, "; estimated bounces are %.1f %%", after);
}

static void headline(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;

    buffer_append_string(out,
                         "<header><div class=\"brand\">mailknock &middot; list report</div><h1>");
    html_string(out, report->title);
    buffer_append_string(out, "</h1><div class=\"soft\">");
    when(report, out);
    html_string(out, report->format);
    buffer_append_string(out, "</div><p class=\"lead\"><b>");
    html_count(out, stats->to_send);
    buffer_append_string(out, stats->rows == 1 ? "</b> of one row can be mailed now" : "</b> of ");
    if (stats->rows != 1) {
        html_count(out, stats->rows);
        buffer_append_string(out, " rows can be mailed now (");
        html_share(out, stats->to_send, stats->rows);
        buffer_append_string(out, ")");
    }
    if (stats->to_send > 0)
        bounces(stats, out);
    buffer_append_string(out, ".</p></header>");
}

static void tile(struct buffer *out, uint64_t count, uint64_t whole, const char *what)
{
    buffer_append_string(out, "<div class=\"card tile\"><div class=\"n\">");
    html_count(out, count);
    buffer_printf(out, "</div><div class=\"soft\">%s", what);
    if (whole > 0) {
        buffer_append_string(out, ", ");
        html_share(out, count, whole);
    }
    buffer_append_string(out, "</div></div>");
}

static void settings(const struct bulk_report *report, struct buffer *out)
{
    if (report->setting_count == 0)
        return;
    buffer_append_string(out, "<section class=\"card half\"><h2>Settings</h2><dl>");
    for (size_t i = 0; i < report->setting_count; i++) {
        buffer_append_string(out, "<dt>");
        html_string(out, report->settings[i].name);
        buffer_append_string(out, "</dt><dd>");
        html_string(out, report->settings[i].value);
        buffer_append_string(out, "</dd>");
    }
    buffer_append_string(out, "</dl></section>");
}

bool bulk_report_render(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;

    head(report, out);
    headline(report, out);
    buffer_append_string(out, "<div class=\"grid\">");
    tile(out, stats->rows, 0, "rows");
    tile(out, stats->to_send, stats->rows, "safe to send");
    tile(out, stats->by_action[ACTION_SUPPRESS], stats->rows, "to suppress");
    tile(out, stats->by_status[VERDICT_UNKNOWN], determined(stats), "unknown");
    report_donut(report, out);
    buffer_append_string(out, "<div class=\"half stack\">");
    report_bounce(report, out);
    report_scores(report, out);
    buffer_append_string(out, "</div>");
    report_advice(report, out);
    report_reasons(report, out);
    report_providers(report, out);
    report_reliability(report, out);
    report_time_line(report, out);
    report_domains(report, out);
    buffer_append_string(out, "<div class=\"half stack\">");
    settings(report, out);
    report_flags(report, out);
    buffer_append_string(out, "</div>");
    buffer_append_string(out, "</div><footer>Made by mailknock ");
    html_string(out, report->version);
    buffer_append_string(out, report->asked_nobody
                                  ? ". No mail server was asked, and no message sent. "
                                  : ". It asked the recipients&#39; own mail servers and sent no "
                                    "message. ");
    buffer_append_string(out, "&quot;Unknown&quot; is no verdict on a mailbox.</footer></main>"
                              "</body></html>\n");
    return !out->failed;
}

int bulk_report_write(const char *path, const struct bulk_report *report, struct error *error)
{
    struct bulk_output *output;
    struct buffer page;
    int code = bulk_output_open(path, &output, error);

    if (code != 0)
        return code;
    buffer_init(&page, 0);
    code = bulk_report_render(report, &page)
               ? bulk_output_write(output, buffer_slice(&page), error)
               : error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    buffer_done(&page);
    if (code == 0)
        return bulk_output_finish(output, error);
    bulk_output_abandon(output);
    return code;
}
