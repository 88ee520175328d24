/*
 * Help texts, made from the tables of commands and options and fitted to the width.
 *
 * Pure: into a buffer. An out-of-memory shows in the buffer.
 */
#ifndef MK_CLI_HELP_H
#define MK_CLI_HELP_H

#include "base/buffer.h"
#include "cli/command.h"

struct help_style {
    unsigned width;
    bool colour;
};

void help_program(struct buffer *out, const struct help_style *style);
void help_command(struct buffer *out, const struct cli_command *command,
                  const struct help_style *style);

/*
 * Words filled into lines of at most `width` columns; the first line is thought to begin at column
 * `at`, the others are led by `indent` blanks. No line end at the end.
 */
void help_fill(struct buffer *out, struct slice words, unsigned at, unsigned indent,
               unsigned width);

#endif
