#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/slice.h"

bool terminal_is(FILE *file)
{
    int fd = fileno(file);

    return fd >= 0 && isatty(fd) == 1;
}

static unsigned columns_of(FILE *file)
{
    struct winsize size = {0};
    int fd = fileno(file);

    return fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

unsigned terminal_width(FILE *out, FILE *err)
{
    unsigned width = columns_of(out);
    uint64_t columns;

    if (width == 0)
        width = columns_of(err);
    if (width == 0 && slice_to_u64(slice_from_string(getenv("COLUMNS")), 10000, &columns))
        width = (unsigned)columns;
    if (width == 0)
        width = TERMINAL_WIDTH_DEFAULT;
    return width < TERMINAL_WIDTH_LEAST ? TERMINAL_WIDTH_LEAST : width;
}

bool terminal_wants_colour(FILE *file, enum config_colour wanted)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

    if (wanted != CONFIG_COLOUR_AUTO)
        return wanted == CONFIG_COLOUR_ALWAYS;
    return terminal_is(file) && (no_colour == NULL || no_colour[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}
