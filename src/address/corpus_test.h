/* For tests of this folder: the corpora of tests/corpora, row by row. */
#ifndef MK_ADDRESS_CORPUS_TEST_H
#define MK_ADDRESS_CORPUS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"

#define CORPUS_LINE_MAX 16384
#define CORPUS_COLUMNS  6

struct corpus {
    FILE *file;
    char line[CORPUS_LINE_MAX];
    struct slice columns[CORPUS_COLUMNS]; /* of the current row; into line */
};

static inline bool corpus_open(struct corpus *corpus, const char *name)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    char path[1024];

    snprintf(path, sizeof(path), "%s/tests/corpora/%s", root != NULL ? root : ".", name);
    corpus->file = fopen(path, "r");
    return corpus->file != NULL;
}

/* The next row that is no comment; closes the file at the end. */
static inline bool corpus_next(struct corpus *corpus)
{
    while (fgets(corpus->line, sizeof(corpus->line), corpus->file) != NULL) {
        struct slice rest = slice_from_string(corpus->line);

        if (corpus->line[0] == '#')
            continue;
        CHECK(slice_ends_with(rest, SLICE("\n")));
        rest.len--;
        memset(corpus->columns, 0, sizeof(corpus->columns));
        for (size_t i = 0; i < CORPUS_COLUMNS && slice_split(&rest, '\t', &corpus->columns[i]); i++)
            ;
        return true;
    }
    fclose(corpus->file);
    return false;
}

/* Undo \xNN, \n, \r, \t and \\ in place. */
static inline struct slice corpus_unescape(struct slice s)
{
    char *bytes = (char *)(uintptr_t)s.ptr;
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (bytes[i] != '\\') {
            bytes[len++] = bytes[i];
            continue;
        }
        i++;
        CHECK(i < s.len);
        if (bytes[i] == 'x') {
            bytes[len++] =
                (char)(ascii_hex_value(bytes[i + 1]) << 4 | ascii_hex_value(bytes[i + 2]));
            i += 2;
        } else {
            bytes[len++] = bytes[i] == 'n'   ? '\n'
                           : bytes[i] == 'r' ? '\r'
                           : bytes[i] == 't' ? '\t'
                                             : bytes[i];
        }
    }
    return slice_prefix(s, len);
}

#endif
