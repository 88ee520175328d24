/*
 * Short texts packed against a dictionary: quickly, where deflate takes ten times as long to find
 * out how often each letter stands in them.
 *
 * The format is a block of LZ4 (lz4_Block_format.md in LZ4's sources) with a dictionary before it,
 * so that other programs can read it: sequences of some literal bytes and a copy of at least four
 * bytes from what came before, 65535 bytes back at most. Pure; knows nothing of stores.
 */
#ifndef MK_STORE_LZ_H
#define MK_STORE_LZ_H

#include "base/slice.h"

#define LZ_TEXT_MAX 32768 /* bytes of dictionary and text together */

struct lz;

/* The dictionary is borrowed and outlives it; at most half of LZ_TEXT_MAX. NULL: no memory. */
struct lz *lz_new(struct slice dictionary);
void lz_free(struct lz *lz); /* NULL accepted */

/* Bytes written to out, or 0: the text is too long, or what comes out would be as long as `room`.
 */
size_t lz_pack(struct lz *lz, struct slice text, char *out, size_t room);
/* True when it is a block that gives exactly `len` bytes. out: so many; filled partly otherwise. */
bool lz_unpack(const struct lz *lz, struct slice block, char *out, size_t len);

#endif
