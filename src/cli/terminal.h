/*
 * What the terminal can do: its width, whether it wants colour.
 */
#ifndef MK_CLI_TERMINAL_H
#define MK_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

#define TERMINAL_WIDTH_LEAST   40
#define TERMINAL_WIDTH_DEFAULT 80

bool terminal_is(FILE *file);
/* Columns of the terminal that one of both is, else $COLUMNS, else 80; never below 40. */
unsigned terminal_width(FILE *out, FILE *err);
/* NO_COLOR (no-color.org) and TERM=dumb are heeded by AUTO. */
bool terminal_wants_colour(FILE *file, enum config_colour wanted);

#endif
