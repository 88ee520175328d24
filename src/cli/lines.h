/*
 * Lines from a file descriptor, one read(2) at a time, so that an event loop need never block.
 *
 * A line ends with LF or at the end; a CR before the LF belongs to the line end. Lines longer than
 * the ceiling are cut and the rest is passed over; NUL and other bytes are bytes.
 */
#ifndef MK_CLI_LINES_H
#define MK_CLI_LINES_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct cli_lines {
    int fd;
    size_t line_max; /* octets kept of a line */
    struct buffer buffer;
    size_t at;       /* in the buffer: what was handed out */
    bool ended;      /* nothing more can be read */
    bool is_passing; /* the rest of a line that was cut */
};

void cli_lines_init(struct cli_lines *lines, int fd, size_t line_max);
void cli_lines_done(struct cli_lines *lines);

/* Read once; blocks only where the descriptor does. 0 or ERROR_IO, ERROR_NOMEM. */
int cli_lines_fill(struct cli_lines *lines, struct error *error);
/* The next whole line, valid until the next fill; false: fill first, or (ended) there is none. */
bool cli_lines_next(struct cli_lines *lines, struct slice *ret_line);

#endif
