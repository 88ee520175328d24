/*
 * The shared strings of a workbook, by number, in a temporary file: memory does not grow with them
 * (what is mapped is the page cache's).
 */
#ifndef MK_BULK_STRINGS_H
#define MK_BULK_STRINGS_H

#include "bulk/archive.h"

struct bulk_strings;

/* Read them from a part; a workbook without it has none (part NULL). */
int bulk_strings_read(struct bulk_archive *archive, const char *part,
                      struct bulk_strings **ret_strings, struct error *error);
void bulk_strings_free(struct bulk_strings *strings); /* NULL accepted */

/* Number `index`, from 0; false: there is none. Valid as long as the strings are. */
bool bulk_strings_get(const struct bulk_strings *strings, uint64_t index, struct slice *ret_string);

#endif
