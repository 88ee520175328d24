#include "cli/view.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/utf8.h"
#include "cli/help.h"

#define STATUS_WIDTH  11 /* "do_not_mail" */
#define REASON_WIDTH  20 /* "provider_accepts_all" */
#define SCORE_WIDTH   3
#define TAIL_LEAST    24 /* columns; a shorter piece of an explanation explains nothing */
#define ADDRESS_LEAST 20
#define BAR_MOST      40

static const char *const status_colours[VERDICT_STATUS_COUNT] = {
    [VERDICT_VALID] = "\033[32m",     [VERDICT_INVALID] = "\033[31m",
    [VERDICT_CATCH_ALL] = "\033[33m", [VERDICT_DO_NOT_MAIL] = "\033[35m",
    [VERDICT_UNKNOWN] = "\033[36m",   [VERDICT_SKIPPED] = "\033[2m",
};

const char *view_status_colour(enum verdict_status status, const struct view_style *style)
{
    return style->colour ? status_colours[status] : "";
}

const char *view_plain(const struct view_style *style)
{
    return style->colour ? "\033[0m" : "";
}

/* --- foreign bytes ---------------------------------------------------------------------------- */

/* What would move the cursor, change the terminal's state, or turn the reading order around. */
static bool is_dangerous(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f ||
           code == 0x061c || code == 0x2028 || code == 0x2029 || code == 0xfeff;
}

void view_clean(struct buffer *out, struct slice foreign)
{
    for (size_t at = 0; at < foreign.len;) {
        uint32_t code;
        size_t size = utf8_decode(foreign.ptr + at, foreign.len - at, &code);

        if (size > 0 && !is_dangerous(code)) {
            buffer_append(out, foreign.ptr + at, size);
            at += size;
            continue;
        }
        for (size = size > 0 ? size : 1; size > 0; size--)
            buffer_printf(out, "\\x%02x", (unsigned char)foreign.ptr[at++]);
    }
}

static void blanks(struct buffer *out, size_t count)
{
    while (count-- > 0)
        buffer_append_byte(out, ' ');
}

/* The longest beginning that fits; never half a character. */
static size_t fitting(struct slice text, size_t columns)
{
    size_t at = 0, used = 0;

    while (at < text.len) {
        uint32_t code;
        size_t size = utf8_decode(text.ptr + at, text.len - at, &code);
        size_t width;

        CHECK(size > 0); /* cleaned before */
        width = utf8_columns(slice_from(text.ptr + at, size));
        if (used + width > columns)
            break;
        used += width;
        at += size;
    }
    return at;
}

void view_cell(struct buffer *out, struct slice foreign, unsigned columns, bool pad)
{
    struct buffer clean;
    struct slice text;
    size_t used;

    buffer_init(&clean, 0);
    /* A megabyte need not be cleaned to show eighty columns of it. */
    view_clean(&clean, slice_prefix(foreign, (size_t)columns * 8 + 64));
    text = buffer_slice(&clean);
    if (utf8_columns(text) > columns) {
        text = slice_prefix(text, fitting(text, columns >= 3 ? columns - 3 : 0));
        buffer_append_slice(out, text);
        buffer_append(out, "...", columns >= 3 ? 3 : columns);
        used = utf8_columns(text) + (columns >= 3 ? 3 : columns);
    } else {
        buffer_append_slice(out, text);
        used = utf8_columns(text);
    }
    if (pad && used < columns)
        blanks(out, columns - used);
    out->failed |= clean.failed;
    buffer_done(&clean);
}

/* --- a line an address ------------------------------------------------------------------------ */

static unsigned address_width(const struct view_style *style)
{
    unsigned fixed = STATUS_WIDTH + 2 + 2 + REASON_WIDTH + 1 + SCORE_WIDTH;
    unsigned room = style->width > fixed + ADDRESS_LEAST ? style->width - fixed : ADDRESS_LEAST;
    unsigned wanted = style->address_width > 0 ? style->address_width : 34;

    return wanted > room ? room : wanted < ADDRESS_LEAST ? ADDRESS_LEAST : wanted;
}

/* Whole words of ours below, filled and indented. */
static void below(struct buffer *out, struct slice foreign, const struct view_style *style)
{
    struct buffer clean;

    buffer_init(&clean, 0);
    view_clean(&clean, foreign);
    blanks(out, STATUS_WIDTH + 2);
    help_fill(out, buffer_slice(&clean), STATUS_WIDTH + 2, STATUS_WIDTH + 2, style->width);
    buffer_append_byte(out, '\n');
    out->failed |= clean.failed;
    buffer_done(&clean);
}

static void suggestion_words(struct buffer *out, struct slice suggestion)
{
    buffer_append_string(out, "Did you mean ");
    view_clean(out, suggestion);
    buffer_append_byte(out, '?');
}

void view_line(struct buffer *out, const struct view_line *line, const struct view_style *style)
{
    unsigned address = address_width(style);
    unsigned used = STATUS_WIDTH + 2 + address + 2 + REASON_WIDTH + 1 + SCORE_WIDTH;
    unsigned room = style->width > used + 2 ? style->width - used - 2 : 0;
    struct buffer suggestion;
    size_t suggestion_width;

    buffer_init(&suggestion, 0);
    if (line->suggestion.len > 0)
        suggestion_words(&suggestion, line->suggestion);
    suggestion_width = utf8_columns(buffer_slice(&suggestion));
    buffer_printf(out, "%s%-*s%s  ", view_status_colour(line->status, style), STATUS_WIDTH,
                  verdict_status_name(line->status), view_plain(style));
    view_cell(out, line->address, address, true);
    buffer_printf(out, "  %-*s %*u", REASON_WIDTH, verdict_reason_name(line->reason), SCORE_WIDTH,
                  line->score);
    if (suggestion_width > 0 && suggestion_width <= room && !style->explain_below) {
        buffer_append_string(out, "  ");
        buffer_append_slice(out, buffer_slice(&suggestion));
        room -= (unsigned)suggestion_width;
        suggestion_width = 0;
        room = room > 1 ? room - 1 : 0;
        if (room >= TAIL_LEAST) {
            buffer_append_byte(out, ' ');
            view_cell(out, line->explanation, room, false);
        }
    } else if (room >= TAIL_LEAST && !style->explain_below) {
        buffer_append_string(out, "  ");
        view_cell(out, line->explanation, room, false);
    }
    buffer_append_byte(out, '\n');
    if (style->explain_below && line->explanation.len > 0)
        below(out, line->explanation, style);
    if (suggestion_width > 0)
        below(out, buffer_slice(&suggestion), style);
    out->failed |= suggestion.failed;
    buffer_done(&suggestion);
}

void view_tabbed(struct buffer *out, const struct view_line *line)
{
    view_clean(out, line->address);
    buffer_printf(out, "\t%s\t%s\t%u\t", verdict_status_name(line->status),
                  verdict_reason_name(line->reason), line->score);
    view_clean(out, line->explanation);
    buffer_append_byte(out, '\n');
}

/* --- the summary of a list -------------------------------------------------------------------- */

static void bar(struct buffer *out, uint64_t count, uint64_t total, unsigned width,
                enum verdict_status status, const struct view_style *style)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint64_t units = total > 0 ? (uint64_t)((double)count / (double)total * width * 8 + 0.5) : 0;

    /* Something that is there shows. */
    if (units == 0 && count > 0)
        units = 1;
    buffer_append_string(out, view_status_colour(status, style));
    for (uint64_t i = 0; i < units / 8; i++)
        buffer_append_string(out, "█");
    buffer_append_string(out, eighths[units % 8]);
    buffer_append_string(out, view_plain(style));
}

static void summary_row(struct buffer *out, const char *name, unsigned indent, uint64_t count,
                        uint64_t total)
{
    blanks(out, indent);
    buffer_printf(out, "%-*s %9" PRIu64 " %5.1f%%", (int)(REASON_WIDTH + 4 - indent), name, count,
                  total > 0 ? 100.0 * (double)count / (double)total : 0.0);
}

void view_summary(struct buffer *out, const struct view_summary *summary,
                  const struct view_style *style)
{
    unsigned used = REASON_WIDTH + 4 + 1 + 9 + 1 + 6 + 2;
    unsigned width = style->width > used ? style->width - used : 0;

    if (width > BAR_MOST)
        width = BAR_MOST;
    for (unsigned status = 0; status < VERDICT_STATUS_COUNT; status++) {
        uint64_t count = summary->by_status[status];

        if (count == 0)
            continue;
        buffer_append_string(out, view_status_colour((enum verdict_status)status, style));
        summary_row(out, verdict_status_name((enum verdict_status)status), 0, count,
                    summary->total);
        buffer_append_string(out, view_plain(style));
        buffer_append_string(out, "  ");
        bar(out, count, summary->total, width, (enum verdict_status)status, style);
        buffer_append_byte(out, '\n');
        for (unsigned reason = 0; reason < VERDICT_REASON_COUNT; reason++) {
            if (verdict_reason_status((enum verdict_reason)reason) != status ||
                summary->by_reason[reason] == 0)
                continue;
            summary_row(out, verdict_reason_name((enum verdict_reason)reason), 2,
                        summary->by_reason[reason], summary->total);
            buffer_append_byte(out, '\n');
        }
    }
    summary_row(out, "total", 0, summary->total, summary->total);
    buffer_append_byte(out, '\n');
}
