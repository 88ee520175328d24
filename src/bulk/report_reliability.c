/* Did the scores come true? A diagram, its table, and the figures that sum it up. */
#include "bulk/html.h"
#include "bulk/report_parts.h"

#define SIDE 160 /* of the diagram, in its own units; 20 more on the left and below for words */

/* One dot for each tenth: right is foretold, up is delivered, on the line is right. */
static void diagram(const struct bulk_reliability *reliability, struct buffer *out)
{
    buffer_printf(out,
                  "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"came-true\">"
                  "<title id=\"came-true\">Share delivered by score; the table beside it says the "
                  "same</title><path d=\"M20 0V%dH%d\" fill=\"none\" "
                  "style=\"stroke:var(--track)\"/><path d=\"M20 %dL%d 0\" "
                  "stroke-dasharray=\"4\" style=\"stroke:var(--soft)\"/>",
                  SIDE + 20, SIDE + 20, SIDE, SIDE + 20, SIDE, SIDE + 20);
    for (unsigned i = 0; i < BULK_RELIABILITY_BINS; i++) {
        double count = (double)reliability->bins[i].count;

        if (count > 0)
            buffer_printf(out,
                          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill-opacity=\".7\" "
                          "style=\"fill:var(--valid)\"/>",
                          20 + SIDE * (double)reliability->bins[i].score_sum / count / 100,
                          SIDE - SIDE * (double)reliability->bins[i].delivered / count,
                          3 + 5 * count / (double)reliability->count);
    }
    buffer_printf(out,
                  "<text class=\"axis\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">foretold</text>"
                  "<text class=\"axis\" transform=\"rotate(-90 14 %d)\" x=\"14\" y=\"%d\" "
                  "text-anchor=\"middle\">delivered</text></svg>",
                  20 + SIDE / 2, SIDE + 15, SIDE / 2, SIDE / 2);
}

static void table(const struct bulk_reliability *reliability, struct buffer *out)
{
    buffer_append_string(out, "<table><thead><tr><th scope=\"col\">Score</th>"
                              "<th scope=\"col\" class=\"r\">Messages</th>"
                              "<th scope=\"col\" class=\"r\">Foretold</th>"
                              "<th scope=\"col\" class=\"r\">Delivered</th></tr></thead><tbody>");
    for (unsigned i = 0; i < BULK_RELIABILITY_BINS; i++) {
        double count = (double)reliability->bins[i].count;

        if (reliability->bins[i].count == 0)
            continue;
        buffer_printf(out, "<tr><td class=\"name\">%u to %u</td><td class=\"r\">", 10 * i,
                      i == BULK_RELIABILITY_BINS - 1 ? 100 : 10 * i + 9);
        html_count(out, reliability->bins[i].count);
        buffer_printf(out, "</td><td class=\"r\">%.1f %%</td><td class=\"r\">%.1f %%</td></tr>",
                      (double)reliability->bins[i].score_sum / count,
                      100 * (double)reliability->bins[i].delivered / count);
    }
    buffer_append_string(out, "</tbody></table>");
}

void report_reliability(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_reliability *reliability = &report->stats->reliability;

    if (reliability->count == 0)
        return;
    buffer_append_string(out, "<section class=\"card\"><h2>Did the scores come true?</h2>"
                              "<p class=\"soft\">Of ");
    html_count(out, reliability->count);
    buffer_printf(
        out,
        " addresses whose servers proved nothing the outcome of a message is known by now. "
        "Brier score %.3f (%.3f for who knows only the share that was delivered); scores "
        "are off by %.1f points on average.</p><div class=\"donut\">",
        bulk_reliability_brier(reliability), bulk_reliability_base(reliability),
        100 * bulk_reliability_error(reliability));
    diagram(reliability, out);
    table(reliability, out);
    buffer_append_string(out, "</div></section>");
}
