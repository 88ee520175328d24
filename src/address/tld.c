/* The look-up of top level domains: see tld.h. */
#include "address/tld.h"

#include <string.h>

/* FNV-1a, folded. tools/compile-tlds has the same in Python. */
static uint32_t tld_hash(struct slice label)
{
    uint32_t value = 2166136261u;

    for (size_t i = 0; i < label.len; i++)
        value = (value ^ (uint8_t)label.ptr[i]) * 16777619u;
    return (value ^ (value >> 15)) & (ADDRESS_TLD_SLOTS - 1);
}

enum address_tld_kind address_tld_find(struct slice label)
{
    if (label.len == 0 || label.len > 63)
        return ADDRESS_TLD_UNKNOWN;
    /* The table is less than half full, so that a run of slots always ends. */
    for (uint32_t slot = tld_hash(label); address_tld_slots[slot] != 0;
         slot = (slot + 1) & (ADDRESS_TLD_SLOTS - 1)) {
        const uint8_t *entry = address_tld_text + address_tld_slots[slot];

        if (entry[0] == label.len && memcmp(entry + 2, label.ptr, label.len) == 0)
            return (enum address_tld_kind)entry[1];
    }
    return ADDRESS_TLD_UNKNOWN;
}
