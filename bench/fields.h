/*
 * The least that finds all fields of a list in CSV: 64 octets at a time, with AVX2 and CLMUL where
 * the processor has them. Quotes hide delimiters and line ends; no other shape of list is known,
 * and nothing is diagnosed.
 */
#ifndef MK_BENCH_FIELDS_H
#define MK_BENCH_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#define FIELDS_BLOCK 64 /* octets */

/*
 * Offsets of the delimiters and line ends behind fields, from `base` on. len: whole blocks. out:
 * room for len + 8. is_quoted: 0 at the beginning of the list, then as it was left. How many.
 */
size_t fields_find(const char *bytes, size_t len, uint32_t base, uint64_t *is_quoted,
                   uint32_t *out);

#endif
