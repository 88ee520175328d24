/*
 * A set of columns' names, which a list may have as many of as it has room for: whatever is asked
 * of one must not go through all others.
 */
#ifndef MK_BULK_NAMES_H
#define MK_BULK_NAMES_H

#include "base/buffer.h"
#include "base/table.h"

struct bulk_names {
    struct table table;
    struct buffer folded;
};

void bulk_names_init(struct bulk_names *names);
void bulk_names_done(struct bulk_names *names);
/* Blanks around a name and case in ASCII say nothing. 0, or ERROR_NOMEM. */
int bulk_names_add(struct bulk_names *names, struct slice name);
/* 1, 0, or ERROR_NOMEM. */
int bulk_names_has(struct bulk_names *names, struct slice name);

#endif
