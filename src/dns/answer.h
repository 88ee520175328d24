/*
 * What one DNS message says about one question: found, absent, or nothing learnt.
 *
 * Follows CNAMEs inside the message (RFC 1034 section 3.6.2), tells NXDOMAIN from NODATA, takes the
 * TTL of negative answers from the SOA (RFC 2308 section 5) and takes a referral or a cut message
 * for what it is: no answer. Pure: bytes in, records out.
 */
#ifndef MK_DNS_ANSWER_H
#define MK_DNS_ANSWER_H

#include "base/arena.h"
#include "base/buffer.h"
#include "dns/message.h"

#define DNS_ALIASES_MAX 12
#define DNS_RECORDS_MAX 512 /* of one answer; more are ignored */

struct dns_answer_record {
    uint16_t preference; /* MX */
    const char *target;  /* MX, PTR; "." is the root */
    struct ip ip;        /* A, AAAA */
    struct slice text;   /* TXT, strings joined */
};

struct dns_answer {
    enum dns_outcome outcome;
    uint32_t ttl_s; /* the least along the way */
    /* Not NULL: a CNAME leads there and the message says no more; ask for this name. outcome is
       then FOUND and there are no records. */
    const char *alias;
    unsigned alias_count; /* CNAMEs followed */
    const struct dns_answer_record *records;
    size_t record_count;
};

/*
 * Read the message as the answer to name (lower case) and type. Everything lives in the arena.
 * 0, or ERROR_NOMEM; whatever is wrong with the message is BOGUS.
 */
int dns_answer_read(struct arena *arena, const char *name, uint16_t type, const uint8_t *message,
                    size_t len, struct dns_answer *ret_answer);

/*
 * Write the records for people, joined by ", ", printable ASCII only, cut at about a thousand
 * characters. A failed append shows in buffer->failed.
 */
void dns_answer_format(const struct dns_answer *answer, uint16_t type, struct buffer *buffer);

#endif
