/*
 * The parts of which a row of CSV to NDJSON is made, each the least that could do it: what our row
 * is measured against.
 *
 *   fields  every field of every row found, quoted ones too: 64 octets at a time, with AVX2 and
 *           CLMUL where the processor has them;
 *   lists   the address parsed, normalised and looked up (bench/least.h);
 *   object  25 members and about as many octets as ours, by a streaming writer with escaping.
 *
 * All of it in memory: the list lies there, the objects go into a buffer that is used again. What
 * it costs to keep as many octets in a file is told apart, and is no part of the sum.
 */
#ifndef MK_BENCH_PARTS_H
#define MK_BENCH_PARTS_H

#include <stddef.h>

struct parts;

enum parts_part {
    PARTS_FIELDS,
    PARTS_LISTS,
    PARTS_OBJECT,
    PARTS_COUNT
};

/* The list at the path: id, name, address and city. Ends the program where it can't be read. */
struct parts *parts_new(const char *path);
void parts_free(struct parts *parts);

/* One part of all rows, once: CPU in ns a row. */
double parts_run(struct parts *parts, enum parts_part part);
/* Octets of an object, on the average, with its line end. */
double parts_object_len(const struct parts *parts);
/* As many octets written to a file and flushed to the disk: CPU in ns a row. */
double parts_keep(const struct parts *parts, const char *path);

#endif
