#include "cli/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536

void cli_lines_init(struct cli_lines *lines, int fd, size_t line_max)
{
    *lines = (struct cli_lines){.fd = fd, .line_max = line_max};
    buffer_init(&lines->buffer, 0);
}

void cli_lines_done(struct cli_lines *lines)
{
    buffer_done(&lines->buffer);
}

int cli_lines_fill(struct cli_lines *lines, struct error *error)
{
    char *room;
    ssize_t got;

    buffer_consume(&lines->buffer, lines->at);
    lines->at = 0;
    room = buffer_reserve(&lines->buffer, PIECE);
    if (room == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    do
        got = read(lines->fd, room, PIECE);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got < 0)
        return error_set(error, ERROR_IO, "can't read the input: %s", strerror(errno));
    lines->buffer.len += (size_t)got;
    lines->ended = got == 0;
    return 0;
}

static bool take(struct cli_lines *lines, size_t len, size_t with_end, struct slice *ret_line)
{
    bool was_passing = lines->is_passing;

    *ret_line = slice_prefix(slice_from(lines->buffer.ptr + lines->at, len), lines->line_max);
    if (with_end > len && ret_line->len == len && len > 0 && ret_line->ptr[len - 1] == '\r')
        ret_line->len--;
    lines->at += with_end;
    lines->is_passing = false;
    return !was_passing;
}

bool cli_lines_next(struct cli_lines *lines, struct slice *ret_line)
{
    for (;;) {
        struct slice rest = slice_from_offset(buffer_slice(&lines->buffer), lines->at);
        const char *end = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;

        if (end != NULL) {
            if (take(lines, len, len + 1, ret_line))
                return true;
            continue;
        }
        if (lines->ended && rest.len > 0)
            return take(lines, len, len, ret_line);
        /* Hand out what is kept of it, pass over the rest. */
        if (rest.len > lines->line_max) {
            bool is_first = take(lines, lines->line_max, rest.len, ret_line);

            lines->is_passing = true;
            if (is_first)
                return true;
        }
        return false;
    }
}
