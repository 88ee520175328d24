/* Charts of the report: inline SVG, each with a title and words for those who can't see it. */
#include <stdio.h>

#include "base/instant.h"
#include "bulk/html.h"
#include "bulk/report_parts.h"

static uint64_t determined(const struct bulk_stats *stats)
{
    return stats->rows - stats->pending;
}

/* One ring segment; the circle's length is 100. */
static void segment(struct buffer *out, enum verdict_status status, double from, double len,
                    uint64_t count, uint64_t whole)
{
    double gap = len > 1.2 && len < 100 ? 0.5 : 0;

    buffer_printf(out,
                  "<circle r=\"15.9155\" cx=\"21\" cy=\"21\" fill=\"none\" stroke-width=\"6\" "
                  "style=\"stroke:var(--%s)\" stroke-dasharray=\"%.3f %.3f\" "
                  "stroke-dashoffset=\"%.3f\"><title>%s: ",
                  verdict_status_name(status), len - gap, 100 - len + gap, 25 - from,
                  report_status_label(status));
    html_count(out, count);
    buffer_append_string(out, ", ");
    html_share(out, count, whole);
    buffer_append_string(out, "</title></circle>");
}

static void ring(const struct bulk_stats *stats, struct buffer *out)
{
    uint64_t whole = determined(stats);
    double from = 0;

    buffer_append_string(out, "<svg viewBox=\"0 0 42 42\" role=\"img\" aria-labelledby=\"donut\">"
                              "<title id=\"donut\">Rows by status; the table beside it says the "
                              "same</title><circle r=\"15.9155\" cx=\"21\" cy=\"21\" fill=\"none\" "
                              "stroke-width=\"6\" style=\"stroke:var(--track)\"/>");
    for (unsigned s = 0; s < VERDICT_STATUS_COUNT && whole > 0; s++) {
        double len = 100.0 * (double)stats->by_status[s] / (double)whole;

        if (stats->by_status[s] > 0)
            segment(out, (enum verdict_status)s, from, len, stats->by_status[s], whole);
        from += len;
    }
    buffer_printf(out, "<text class=\"mid\" x=\"21\" y=\"22.2\"%s>",
                  stats->rows > 9999999 ? " style=\"font-size:4.4px\"" : "");
    html_count(out, stats->rows);
    buffer_append_string(out, "</text><text class=\"under\" x=\"21\" y=\"26\">rows</text></svg>");
}

void report_donut(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;

    buffer_append_string(out, "<section class=\"card\"><h2>Outcome</h2><div class=\"donut\">");
    ring(stats, out);
    buffer_append_string(out, "<table><thead><tr><th scope=\"col\">Status</th><th scope=\"col\" "
                              "class=\"r\">Rows</th><th scope=\"col\" class=\"r\">Share</th></tr>"
                              "</thead><tbody>");
    for (unsigned s = 0; s < VERDICT_STATUS_COUNT; s++) {
        buffer_printf(out,
                      "<tr><th scope=\"row\"><span class=\"dot\" style=\"background:var(--%s)\">"
                      "</span>%s <span class=\"soft\">%s</span></th><td class=\"r\">",
                      verdict_status_name((enum verdict_status)s),
                      report_status_label((enum verdict_status)s),
                      report_status_meaning((enum verdict_status)s));
        html_count(out, stats->by_status[s]);
        buffer_append_string(out, "</td><td class=\"r\">");
        html_share(out, stats->by_status[s], determined(stats));
        buffer_append_string(out, "</td></tr>");
    }
    buffer_append_string(out, "</tbody></table></div></section>");
}

/* A row of a table of bars: name, bar, what it says. */
static void bar(struct buffer *out, const char *name, const char *colour, double percent,
                uint64_t count, uint64_t whole)
{
    buffer_printf(out,
                  "<tr><td class=\"name\">%s</td><td><div class=\"track\"><i style=\"width:%.2f%%;"
                  "background:var(--%s)\"></i></div></td><td class=\"r\">",
                  name, percent, colour);
    html_count(out, count);
    buffer_append_string(out, "</td><td class=\"r soft\">");
    html_share(out, count, whole);
    buffer_append_string(out, "</td></tr>");
}

/* "mailbox_not_found" as "mailbox not found". */
static const char *plain_words(const char *name, char *out, size_t size)
{
    size_t i = 0;

    for (; name[i] != '\0' && i + 1 < size; i++)
        out[i] = name[i] == '_' ? ' ' : name[i];
    out[i] = '\0';
    return out;
}

void report_reasons(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;
    uint64_t most = 1;

    for (unsigned r = 0; r < VERDICT_REASON_COUNT; r++)
        if (stats->by_reason[r] > most)
            most = stats->by_reason[r];
    buffer_append_string(out,
                         "<section class=\"card long\"><h2>Reasons</h2><p class=\"soft\">Why each "
                         "row has its status, in the order of the statuses.</p>"
                         "<table class=\"bars\"><tbody>");
    for (unsigned r = 0; r < VERDICT_REASON_COUNT; r++) {
        enum verdict_status status = verdict_reason_status((enum verdict_reason)r);
        char name[40];

        if (stats->by_reason[r] == 0)
            continue;
        bar(out, plain_words(verdict_reason_name((enum verdict_reason)r), name, sizeof(name)),
            verdict_status_name(status), 100.0 * (double)stats->by_reason[r] / (double)most,
            stats->by_reason[r], determined(stats));
    }
    buffer_append_string(out, "</tbody></table></section>");
}

static void bounce_bar(struct buffer *out, const char *name, const char *colour, double rate,
                       uint64_t count)
{
    double shown = rate > 30 ? 100 : rate / 30 * 100; /* the scale ends at 30 % */

    buffer_printf(out, "<tr><td class=\"name\">%s<br><span class=\"soft\">", name);
    html_count(out, count);
    buffer_append_string(out, count == 1 ? " message" : " messages");
    if (count == 0) { /* nothing would come back, but nobody would be written to */
        buffer_append_string(out, "</span></td><td></td><td class=\"r\">&ndash;</td></tr>");
        return;
    }
    buffer_printf(out,
                  "</span></td><td><div class=\"track\"><i style=\"width:%.2f%%;"
                  "background:var(--%s)\"></i></div></td><td class=\"r\"><b>%.1f %%</b></td></tr>",
                  shown, colour, rate);
}

void report_bounce(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;

    buffer_append_string(out, "<section class=\"card half\"><h2>Estimated bounces</h2>"
                              "<p class=\"soft\">Share of messages that would come back, from the "
                              "scores. Most senders are slowed down or stopped above 2 to 5 %.</p>"
                              "<table class=\"bars\"><tbody>");
    bounce_bar(out, "The list as it came", "invalid", bulk_stats_bounce_before(stats),
               stats->looked_at);
    bounce_bar(out, "Safe and catch-all", "catch_all", bulk_stats_bounce_with_catch_all(stats),
               stats->with_catch_all);
    bounce_bar(out, "Safe alone", "valid", bulk_stats_bounce_after(stats), stats->to_send);
    buffer_append_string(out, "</tbody></table></section>");
}

void report_scores(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;
    uint64_t most = 1;

    for (unsigned b = 0; b < BULK_STATS_SCORE_BINS; b++)
        if (stats->by_score[b] > most)
            most = stats->by_score[b];
    buffer_append_string(out,
                         "<section class=\"card half\"><h2>Scores</h2><p class=\"soft\">"
                         "Estimated chance that a message is delivered, in percent.</p>"
                         "<svg viewBox=\"0 0 420 150\" width=\"100%\" role=\"img\" "
                         "aria-labelledby=\"scores\"><title id=\"scores\">Rows by score, in "
                         "steps of five points</title>"
                         "<line class=\"rule\" x1=\"0\" y1=\"128.5\" x2=\"420\" y2=\"128.5\"/>");
    for (unsigned b = 0; b < BULK_STATS_SCORE_BINS; b++) {
        double height = 120.0 * (double)stats->by_score[b] / (double)most;

        if (stats->by_score[b] > 0 && height < 1.5)
            height = 1.5;
        buffer_printf(out,
                      "<rect x=\"%u\" y=\"%.1f\" width=\"17\" height=\"%.1f\" rx=\"2\" "
                      "style=\"fill:var(--accent)\"><title>%u to %u: ",
                      b * 21 + 2, 128 - height, height, b * 5, b == 19 ? 100 : b * 5 + 4);
        html_count(out, stats->by_score[b]);
        buffer_append_string(out, " rows</title></rect>");
    }
    for (unsigned score = 0; score <= 100; score += 25)
        buffer_printf(out, "<text class=\"axis\" x=\"%.1f\" y=\"144\" text-anchor=\"%s\">%u</text>",
                      score * 4.2,
                      score == 0     ? "start"
                      : score == 100 ? "end"
                                     : "middle",
                      score);
    buffer_append_string(out, "</svg></section>");
}

static uint64_t bin_total(const struct bulk_stats *stats, size_t bin)
{
    uint64_t sum = 0;

    for (unsigned s = 0; s < VERDICT_STATUS_COUNT; s++)
        sum += stats->by_time[bin][s];
    return sum;
}

static void time_bin(const struct bulk_stats *stats, size_t bin, double width, uint64_t most,
                     struct buffer *out)
{
    double y = 110;

    buffer_append_string(out, "<g><title>");
    html_moment(out, stats->first_unix_ms + (int64_t)bin * stats->bin_ms);
    buffer_append_string(out, ": ");
    html_count(out, bin_total(stats, bin));
    buffer_append_string(out, " rows</title>");
    for (unsigned s = 0; s < VERDICT_STATUS_COUNT; s++) {
        double height = 104.0 * (double)stats->by_time[bin][s] / (double)most;

        if (stats->by_time[bin][s] == 0)
            continue;
        y -= height;
        buffer_printf(out,
                      "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
                      "style=\"fill:var(--%s)\"/>",
                      (double)bin * width, y, width > 3 ? width - 1 : width, height,
                      verdict_status_name((enum verdict_status)s));
    }
    buffer_append_string(out, "</g>");
}

void report_time_line(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;
    /* The first bin may begin before the first row. */
    int64_t first = stats->first_unix_ms > report->started_unix_ms ? stats->first_unix_ms
                                                                   : report->started_unix_ms;
    uint64_t most = 1;
    double width;
    char span[32];

    if (stats->time_bins < 3) /* two bars tell nothing that their sum does not */
        return;
    width = 960.0 / (double)stats->time_bins;
    for (size_t i = 0; i < stats->time_bins; i++)
        if (bin_total(stats, i) > most)
            most = bin_total(stats, i);
    buffer_printf(
        out,
        "<section class=\"card\"><h2>Time line</h2><p class=\"soft\">Rows determined, one "
        "bar for each %s, coloured by status.</p><svg viewBox=\"0 0 960 130\" "
        "width=\"100%%\" role=\"img\" aria-labelledby=\"times\"><title id=\"times\">Rows "
        "determined over time</title><line class=\"rule\" x1=\"0\" y1=\"110.5\" "
        "x2=\"960\" y2=\"110.5\"/>",
        span_format((uint64_t)stats->bin_ms, span));
    for (size_t i = 0; i < stats->time_bins; i++)
        time_bin(stats, i, width, most, out);
    buffer_append_string(out, "<text class=\"axis\" x=\"0\" y=\"126\">");
    html_moment(out, first);
    buffer_append_string(out,
                         "</text><text class=\"axis\" x=\"960\" y=\"126\" text-anchor=\"end\">");
    if (stats->last_unix_ms < first ||
        stats->last_unix_ms / (int64_t)MINUTE_MS != first / (int64_t)MINUTE_MS)
        html_moment(out, stats->last_unix_ms);
    else /* the same minute, told apart */
        buffer_printf(out, "%s later", span_format((uint64_t)(stats->last_unix_ms - first), span));
    buffer_append_string(out, "</text></svg></section>");
}
