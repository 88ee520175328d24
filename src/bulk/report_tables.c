/* Tables and words of the report. */
#include "base/check.h"
#include "bulk/html.h"
#include "bulk/report_parts.h"

#define PROVIDERS_SHOWN 14
#define DOMAINS_SHOWN   15

const char *report_status_label(enum verdict_status status)
{
    static const char *const labels[VERDICT_STATUS_COUNT] = {
        [VERDICT_VALID] = "Valid",         [VERDICT_INVALID] = "Invalid",
        [VERDICT_CATCH_ALL] = "Catch-all", [VERDICT_DO_NOT_MAIL] = "Do not mail",
        [VERDICT_UNKNOWN] = "Unknown",     [VERDICT_SKIPPED] = "Skipped",
    };

    return labels[status];
}

const char *report_status_meaning(enum verdict_status status)
{
    static const char *const meanings[VERDICT_STATUS_COUNT] = {
        [VERDICT_VALID] = "proven to accept mail",
        [VERDICT_INVALID] = "proven undeliverable",
        [VERDICT_CATCH_ALL] = "accepted, but so is anything",
        [VERDICT_DO_NOT_MAIL] = "unwise to mail",
        [VERDICT_UNKNOWN] = "no trustworthy evidence",
        [VERDICT_SKIPPED] = "deliberately not checked",
    };

    return meanings[status];
}

/* One cell of the heat table: its share of the row as the strength of its colour. */
static void heat_cell(const struct bulk_tally_entry *entry, enum verdict_status status,
                      struct buffer *out)
{
    uint64_t count = entry->by_status[status];
    double share = (double)count / (double)entry->total;

    if (count == 0) {
        buffer_append_string(out, "<td class=\"soft\">0</td>");
        return;
    }
    buffer_printf(out,
                  "<td title=\"%.1f %%\"><i style=\"background:var(--%s);opacity:%.2f\"></i>"
                  "<span>",
                  share * 100, verdict_status_name(status), 0.08 + 0.47 * share);
    html_count(out, count);
    buffer_append_string(out, "</span></td>");
}

void report_providers(const struct bulk_report *report, struct buffer *out)
{
    struct bulk_tally *providers = &report->stats->providers;

    if (providers->count == 0)
        return;
    bulk_tally_sort(providers, bulk_tally_total);
    buffer_append_string(out,
                         "<section class=\"card long\"><h2>Mail operators</h2><p class=\"soft\">"
                         "Who serves the addresses, and what became of them. The stronger the "
                         "colour, the larger the share of the operator's rows.</p>"
                         "<div class=\"scroll\"><table class=\"heat\"><thead><tr>"
                         "<th scope=\"col\">Operator</th><th scope=\"col\" class=\"r\">Rows</th>");
    for (unsigned s = 0; s < VERDICT_STATUS_COUNT; s++)
        buffer_printf(out, "<th scope=\"col\" class=\"r\">%s</th>",
                      report_status_label((enum verdict_status)s));
    buffer_append_string(out, "</tr></thead><tbody>");
    for (size_t i = 0; i < providers->count && i < PROVIDERS_SHOWN; i++) {
        const struct bulk_tally_entry *entry = providers->entries[i];

        buffer_append_string(out, "<tr><th scope=\"row\">");
        html_text(out, entry->name);
        buffer_append_string(out, "</th><td>");
        html_count(out, entry->total);
        buffer_append_string(out, "</td>");
        for (unsigned s = 0; s < VERDICT_STATUS_COUNT; s++)
            heat_cell(entry, (enum verdict_status)s, out);
        buffer_append_string(out, "</tr>");
    }
    buffer_append_string(out, "</tbody></table></div></section>");
}

void report_domains(const struct bulk_report *report, struct buffer *out)
{
    struct bulk_tally *domains = &report->stats->domains;

    bulk_tally_sort(domains, bulk_tally_bad);
    if (domains->count == 0 || bulk_tally_bad(domains->entries[0]) == 0)
        return;
    buffer_append_string(
        out, "<section class=\"card half long\"><h2>Worst domains</h2><p class=\"soft\">"
             "With most addresses that are invalid or not to be mailed.");
    if (domains->lost > 0)
        buffer_append_string(out, " The list has very many domains; counts may be a little low.");
    buffer_append_string(out,
                         "</p><table><thead><tr><th scope=\"col\">Domain</th><th scope=\"col\" "
                         "class=\"r\">Rows</th><th scope=\"col\" class=\"r\">Bad</th>"
                         "<th scope=\"col\" class=\"r\">Share</th></tr></thead><tbody>");
    for (size_t i = 0; i < domains->count && i < DOMAINS_SHOWN; i++) {
        const struct bulk_tally_entry *entry = domains->entries[i];

        if (bulk_tally_bad(entry) == 0)
            break;
        buffer_append_string(out, "<tr><th scope=\"row\">");
        html_text(out, entry->name);
        buffer_append_string(out, "</th><td class=\"r\">");
        html_count(out, entry->total);
        buffer_append_string(out, "</td><td class=\"r\">");
        html_count(out, bulk_tally_bad(entry));
        buffer_append_string(out, "</td><td class=\"r\">");
        html_share(out, bulk_tally_bad(entry), entry->total);
        buffer_append_string(out, "</td></tr>");
    }
    buffer_append_string(out, "</tbody></table></section>");
}

void report_flags(const struct bulk_report *report, struct buffer *out)
{
    static const char *const labels[VERDICT_FLAG_COUNT] = {
        [VERDICT_FLAG_INDEX_ROLE] = "role names (info@, sales@)",
        [VERDICT_FLAG_INDEX_FREE] = "free mail",
        [VERDICT_FLAG_INDEX_DISPOSABLE] = "disposable",
        [VERDICT_FLAG_INDEX_CATCH_ALL_DOMAIN] = "at catch-all domains",
        [VERDICT_FLAG_INDEX_SUBADDRESS] = "with a +tag",
        [VERDICT_FLAG_INDEX_NO_REPLY] = "no-reply names",
        [VERDICT_FLAG_INDEX_FULL] = "mailbox full",
        [VERDICT_FLAG_INDEX_GATEWAY] = "behind a mail filter",
        [VERDICT_FLAG_INDEX_GIBBERISH] = "gibberish",
        [VERDICT_FLAG_INDEX_TYPO_SUSPECTED] = "suspected typos",
        [VERDICT_FLAG_INDEX_IDN] = "international domains",
        [VERDICT_FLAG_INDEX_SMTPUTF8] = "need SMTPUTF8",
        [VERDICT_FLAG_INDEX_QUOTED] = "quoted names",
        [VERDICT_FLAG_INDEX_DOMAIN_LITERAL] = "IP address as domain",
        [VERDICT_FLAG_INDEX_IMPLICIT_MX] = "without MX record",
        [VERDICT_FLAG_INDEX_OWN_HISTORY] = "known from earlier",
    };
    bool has_any = false;

    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++) {
        if (report->stats->by_flag[i] == 0)
            continue;
        buffer_append_string(out, has_any ? "<li><b>"
                                          : "<section class=\"card half\"><h2>What kind of "
                                            "addresses</h2><ul class=\"chips\"><li><b>");
        has_any = true;
        html_count(out, report->stats->by_flag[i]);
        buffer_printf(out, "</b> %s</li>",
                      labels[i] != NULL ? labels[i]
                                        : verdict_flag_name((enum verdict_flag_index)i));
    }
    if (has_any)
        buffer_append_string(out, "</ul></section>");
}

/* "<li><b>1,234</b> rows have...</li>", where there are any; `one` stands for `many` of one. */
static void advise(struct buffer *out, uint64_t count, const char *one, const char *many,
                   const char *rest)
{
    if (count == 0)
        return;
    buffer_append_string(out, "<li><b>");
    html_count(out, count);
    buffer_printf(out, "</b> %s%s</li>", count == 1 ? one : many, rest);
}

static void advise_on_statuses(const struct bulk_stats *stats, struct buffer *out)
{
    uint64_t waiting = stats->by_reason[REASON_GREYLISTED] + stats->by_reason[REASON_RATE_LIMITED] +
                       stats->by_reason[REASON_TEMPORARY_FAILURE] +
                       stats->by_reason[REASON_TIMEOUT] + stats->by_reason[REASON_CONNECT_FAILED] +
                       stats->by_reason[REASON_DISCONNECTED] + stats->by_reason[REASON_DNS_ERROR];

    advise(out, stats->to_send, "address", "addresses", " can be mailed now.");
    advise(out, stats->by_status[VERDICT_INVALID], "is", "are",
           " proven undeliverable: remove before the next mailing; bounces cost the sender&#39;s "
           "reputation.");
    advise(out, stats->by_status[VERDICT_CATCH_ALL], "is at a domain that accepts",
           "are at domains that accept",
           " anything: mail them apart and in small lots, and watch what comes back.");
    advise(out, stats->by_status[VERDICT_DO_NOT_MAIL], "", "",
           "should not be mailed although some would arrive: throwaway addresses, traps, full "
           "mailboxes, earlier bounces.");
    advise(out, waiting, "", "",
           "could not be determined for now (deferred, slow or unreachable servers): check again "
           "in a day; they are not known to be bad.");
    advise(out, stats->by_reason[REASON_PROBE_BLOCKED], "was", "were",
           " not checked because this machine was refused: that says nothing about the addresses. "
           "See <code>mailknock doctor</code>.");
    advise(out, stats->by_reason[REASON_NOT_PROBED], "was", "were",
           " not asked about: the depth that was chosen or the time did not go so far, or the row "
           "can&#39;t be read.");
}

void report_advice(const struct bulk_report *report, struct buffer *out)
{
    const struct bulk_stats *stats = report->stats;

    buffer_append_string(out, "<section class=\"card half\"><h2>Advice</h2><ul class=\"advice\">");
    advise_on_statuses(stats, out);
    advise(out, stats->suggestions, "has a suggested correction", "have suggested corrections",
           " in the suggestion column: ask the owner rather than mail the suggestion.");
    advise(out, stats->duplicates, "row names", "rows name", " a mailbox that stands further up.");
    advise(out, stats->faults, "row", "rows", " could not be read and stayed as it came.");
    advise(out, report->doubts, "row has", "rows have",
           " quotes that leave a doubt: one is never closed, or lines that look like rows stand in "
           "one cell.");
    advise(out, stats->pending, "row is", "rows are",
           " not determined yet: this report is of a list under way.");
    if (stats->rows == 0)
        buffer_append_string(out, "<li>The list has no rows.</li>");
    buffer_append_string(out, "</ul></section>");
}
