/*
 * The sign at a lab's door: how to knock. As a configuration file with the scenario's lists beside
 * it, or as options of a command line for people to copy.
 */
#ifndef MK_LAB_SIGN_H
#define MK_LAB_SIGN_H

#include "base/buffer.h"
#include "lab/loopback.h"

/* "127.0.0.1:5300", "[::1]:5300". A failure shows in out->failed, here and below. */
void lab_sign_endpoint(struct buffer *out, const struct io_endpoint *at);

/*
 * " --resolver ... --port ... ", filled into lines of at most `width` columns that end in a
 * backslash, all but the last, and begin with `indent` blanks.
 */
void lab_sign_options(struct buffer *out, const struct lab_loopback *loopback,
                      const struct lab_scenario *scenario, unsigned indent, unsigned width);

/* The lines of a configuration file, without the scenario's lists, which need files of their own.
 */
void lab_sign_config(struct buffer *out, const struct lab_loopback *loopback,
                     const struct lab_scenario *scenario);

/*
 * Write the configuration to `path`, and every list of the scenario to "PATH.LIST" (named in it).
 * ERROR_IO, ERROR_NOMEM, ERROR_USAGE (the name is too long).
 */
int lab_sign_write(const char *path, const struct lab_loopback *loopback,
                   const struct lab_scenario *scenario, struct error *error);

#endif
