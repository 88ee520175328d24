/*
 * When two rows of a list are one: the same bytes, or the same mailbox by its provider's rules.
 *
 * Rows carry a 64-bit hash of the key; equal hashes are compared by the key itself. Pure.
 */
#ifndef MK_BULK_JOB_KEY_H
#define MK_BULK_JOB_KEY_H

#include "base/slice.h"
#include "provider/mailbox.h"

enum bulk_dedupe {
    BULK_DEDUPE_OFF,
    BULK_DEDUPE_EXACT,   /* the same address, byte by byte */
    BULK_DEDUPE_MAILBOX, /* the same mailbox: case, dots and tags as its provider takes them */
};

#define BULK_KEY_SIZE (PROVIDER_KEY_SIZE + 1)

/*
 * The key of an address: a slice of `address` or of `out`. Empty: never a duplicate. An address
 * that does not parse is compared as it is. address: as bulk_job_address gives it.
 */
struct slice bulk_job_key(enum bulk_dedupe dedupe, struct slice address, char out[BULK_KEY_SIZE]);

/*
 * The same for whoever has parsed it already (with BULK_DEDUPE_MAILBOX; else `parsed` is not read).
 * rules: of its domain, or NULL.
 */
struct slice bulk_job_key_parsed(enum bulk_dedupe dedupe, struct slice address,
                                 const struct address *parsed,
                                 const struct provider_mailbox_rules *rules,
                                 char out[BULK_KEY_SIZE]);

/* Its hash; never 0, except for the empty key. */
uint64_t bulk_job_key_hash(struct slice key);

/* What of a row's cell is the address: without blanks around it, also those beyond ASCII, and
   without quotes around all of it; at most 4 KiB. Of what it gives it gives the same. */
struct slice bulk_job_address(struct slice cell);

#endif
