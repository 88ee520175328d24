#include "bulk/job_key.h"

#include "address/address.h"
#include "base/table.h"

#define ADDRESS_KEPT_MAX 4096 /* whatever is longer is no address */

/* Before a mailbox's key: addresses that are compared as they are never begin with a blank. */
#define MARK_MAILBOX ' '

struct slice bulk_job_key_parsed(enum bulk_dedupe dedupe, struct slice address,
                                 const struct address *parsed,
                                 const struct provider_mailbox_rules *rules,
                                 char out[BULK_KEY_SIZE])
{
    if (dedupe == BULK_DEDUPE_OFF || address.len == 0)
        return SLICE_EMPTY;
    if (dedupe == BULK_DEDUPE_EXACT || parsed == NULL || parsed->diagnosis != ADDRESS_VALID)
        return address;
    out[0] = MARK_MAILBOX;
    return slice_from(out, 1 + provider_mailbox_key_of(parsed, rules, NULL, out + 1));
}

struct slice bulk_job_key(enum bulk_dedupe dedupe, struct slice address, char out[BULK_KEY_SIZE])
{
    const struct address *known = NULL;
    struct address parsed;

    if (dedupe == BULK_DEDUPE_MAILBOX) {
        (void)address_parse(address.ptr, address.len, &parsed);
        known = &parsed;
    }
    return bulk_job_key_parsed(dedupe, address, known, NULL, out);
}

uint64_t bulk_job_key_hash(struct slice key)
{
    uint64_t hash;

    if (key.len == 0)
        return 0;
    hash = hash_bytes(key.ptr, key.len, 0);
    return hash != 0 ? hash : 1;
}

struct slice bulk_job_address(struct slice cell)
{
    return slice_prefix(slice_trim(cell), ADDRESS_KEPT_MAX);
}
