/*
 * One line of a scenario, taken apart: words between blanks, "quoted words" with escapes, and the
 * rest of the line as it stands. `#` at the beginning of a word starts a comment.
 */
#ifndef MK_LAB_LINE_H
#define MK_LAB_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct lab_line {
    struct slice rest; /* not yet taken */
    struct arena *arena;
    const char *fault; /* why the last call failed: static; NULL: nothing was left */
};

/*
 * The next word; false at the end of the line (fault NULL) or when a quoted word is not well formed
 * (fault says why). Escapes in quotes: \" \\ \n \r \t \0 \xNN.
 */
bool lab_line_word(struct lab_line *line, struct slice *ret_word);
/* True when a quoted word comes next. */
bool lab_line_is_quoted(const struct lab_line *line);
/* What is left, trimmed; nothing is a comment here. Takes all. */
struct slice lab_line_rest(struct lab_line *line);

/* "250ms", "3s", "5m", "6h", "2d"; false when it is no time or above a year. */
bool lab_span_parse(struct slice word, uint64_t *ret_ms);

#endif
