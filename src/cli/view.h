/*
 * What people see on a terminal: a line an address, one address explained, the summary of a list.
 *
 * Pure: everything is written into a buffer; the caller knows the width and whether colour is
 * wanted. Bytes from peers are shown only as well-formed UTF-8 without control characters. An
 * out-of-memory shows in the buffer.
 */
#ifndef MK_CLI_VIEW_H
#define MK_CLI_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "verdict/verdict.h"

struct view_style {
    unsigned width;         /* columns, at least 40 */
    bool colour;            /* ANSI colours, by status */
    unsigned address_width; /* of the column of addresses; 0: what suits the width */
    bool explain_below;     /* the explanation on lines of its own, not cut */
};

/*
 * Append foreign bytes as a terminal may see them: well-formed UTF-8; control characters (C0, C1,
 * the bidirectional overrides) and bytes that are no UTF-8 appear as \xNN.
 */
void view_clean(struct buffer *out, struct slice foreign);
/* The same in exactly `columns` columns: cut with "..." or, where `pad`, filled with blanks. */
void view_cell(struct buffer *out, struct slice foreign, unsigned columns, bool pad);

/*
 * One address on one line (ended by "\n"), columns aligned, cut to the width. A suggestion that has
 * no room gets a second line.
 */
struct view_line {
    struct slice address;
    enum verdict_status status;
    enum verdict_reason reason;
    uint8_t score;
    struct slice explanation;
    struct slice suggestion; /* "" for none */
};
void view_line(struct buffer *out, const struct view_line *line, const struct view_style *style);
/* The same for programs: address, status, reason, score, explanation, a tab between. */
void view_tabbed(struct buffer *out, const struct view_line *line);

/* "\033[32m" and the like of a status, or "" without colour; view_plain ends it. Static. */
const char *view_status_colour(enum verdict_status status, const struct view_style *style);
const char *view_plain(const struct view_style *style);

/* The layers ticked, with timings, DNS answers, attempts and transcript. */
void view_explain(struct buffer *out, const struct evidence *evidence,
                  const struct verdict *verdict, const struct view_style *style);

/* Counts by status as bars with shares, and the reasons below. */
struct view_summary {
    uint64_t total;
    uint64_t by_status[VERDICT_STATUS_COUNT];
    uint64_t by_reason[VERDICT_REASON_COUNT];
};
void view_summary(struct buffer *out, const struct view_summary *summary,
                  const struct view_style *style);

#endif
