/*
 * The least that could tell whether an address stands on lists: what benches measure ours against.
 *
 * One pass that checks characters and lowers the domain, libidn2 for those that are not ASCII, and
 * one open-addressing table of disposable and free domains (and one parent of each) and role names:
 * eight octets a slot, a fingerprint and a place, keys verified. It knows no quotes, literals,
 * lengths, tags, public suffixes or providers' rules, and diagnoses nothing.
 */
#ifndef MK_BENCH_LEAST_H
#define MK_BENCH_LEAST_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define LEAST_NAMES_MAX 200000

/*
 * Put the names of a file of data/lists (in the source folder, or in MK_SOURCE_ROOT) into the
 * table. Ends the program where there is no such file. out: at most LEAST_NAMES_MAX names, which
 * live as long as the program, or NULL. How many there are.
 */
size_t least_read_names(const char *file, struct slice *out);

/* How many of its three names are listed; 0 where it is no address. text: at most 95 octets. */
uint64_t least_look_up(struct slice text);

#endif
