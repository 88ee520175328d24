/*
 * Which top level domains there are: a hash table compiled from data/tlds.txt and
 * data/special_use_tlds.tsv, because this is asked for every address and libpsl takes too long.
 */
#ifndef MK_ADDRESS_TLD_H
#define MK_ADDRESS_TLD_H

#include <stdint.h>

#include "base/slice.h"

enum address_tld_kind {
    ADDRESS_TLD_UNKNOWN = 0,   /* not delegated when the table was made */
    ADDRESS_TLD_DELEGATED = 1, /* in the root zone */
    ADDRESS_TLD_SPECIAL = 2,   /* reserved: never a host of the public mail system */
};

/* label: the last label of a domain as an A-label in lower case, without dots. */
enum address_tld_kind address_tld_find(struct slice label);

/* The generated table: offsets into the text (0: empty slot); length, kind and bytes of names. */
#define ADDRESS_TLD_SLOTS 4096 /* a power of two, as in tools/compile-tlds */
extern const uint16_t address_tld_slots[ADDRESS_TLD_SLOTS];
extern const uint8_t address_tld_text[];

#endif
