/* The look-up of top level domains: see tld.h. */
#include "address/tld.h"

/* FNV-1a, folded. tools/compile-tlds has the same in Python. */
static uint32_t tld_hash(struct slice label)
{
    uint32_t value = 2166136261u;

    for (size_t i = 0; i < label.len; i++)
        value = (value ^ (uint8_t)label.ptr[i]) * 16777619u;
    return (value ^ (value >> 15)) & (ADDRESS_TLD_SLOTS - 1);
}

/* Too short for a call of memcmp to gain anything. */
static bool is_equal(const uint8_t *text, struct slice label)
{
    size_t at = 0;

    while (at < label.len && text[at] == (uint8_t)label.ptr[at])
        at++;
    return at == label.len;
}

enum address_tld_kind address_tld_find(struct slice label)
{
    if (label.len == 0 || label.len > 63)
        return ADDRESS_TLD_UNKNOWN;
    /* The table is less than half full, so that a run of slots always ends. */
    for (uint32_t slot = tld_hash(label); address_tld_slots[slot] != 0;
         slot = (slot + 1) & (ADDRESS_TLD_SLOTS - 1)) {
        const uint8_t *entry = address_tld_text + address_tld_slots[slot];

        if (entry[0] == label.len && is_equal(entry + 2, label))
            return (enum address_tld_kind)entry[1];
    }
    return ADDRESS_TLD_UNKNOWN;
}
