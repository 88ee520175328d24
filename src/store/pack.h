/*
 * Results packed small against a dictionary of what they usually say (store/dictionary.h).
 *
 * One result's JSON alone hardly compresses (its words stand in it once); against the dictionary it
 * shrinks to a fifth, with its evidence to a seventh. Packed as a block of LZ4, which takes a third
 * of deflate's time; what earlier builds packed by deflate is read.
 */
#ifndef MK_STORE_PACK_H
#define MK_STORE_PACK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

struct store_pack;

struct store_pack *store_pack_new(void); /* NULL: no memory */
void store_pack_free(struct store_pack *pack);

/* Valid until the next call; never fails: what can't be packed is kept as it is. ptr NULL: no
   memory. */
struct slice store_pack(struct store_pack *pack, struct slice text);
/* ERROR_FORMAT: damaged; ERROR_NOMEM. Texts above 64 MiB are taken for damaged. */
int store_unpack(struct store_pack *pack, struct slice packed, struct arena *arena,
                 struct slice *ret_text);

#endif
