/*
 * Files of outcomes brought into a store: tables (CSV, also gzipped), delivery reports (an mbox, a
 * Maildir, a message), events of mail services (JSON: values, arrays, or one a line).
 *
 * What a file is, its first bytes say. A row that can't be used is told with its line and passed
 * over; the rest is kept.
 */
#ifndef MK_FEEDBACK_IMPORT_H
#define MK_FEEDBACK_IMPORT_H

#include "bulk/source.h"
#include "feedback/keeper.h"
#include "feedback/table.h"

struct feedback_import {
    struct feedback_keeper *keeper;
    struct feedback_columns columns;
    /* A row, message or event that is of no use; line from 1. why: lives for the call. */
    void (*fault)(void *user, const char *file, uint64_t line, const char *why);
    void *user;
    uint64_t faults;
    /* Its own. */
    const char *file;
    uint64_t line;
    int code;
    struct error *error;
};

/*
 * One file ("-": standard input), or a folder: a Maildir, or any folder of messages. ERROR_IO;
 * ERROR_FORMAT: a table without the columns it needs; the store's errors; ERROR_NOMEM.
 */
int feedback_import_path(struct feedback_import *import, const char *path, struct error *error);
/* The same from memory. */
int feedback_import_bytes(struct feedback_import *import, const char *name, struct slice bytes,
                          struct error *error);

#endif
