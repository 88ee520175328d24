/*
 * Block lists in DNS (RFC 5782): how one is asked, and what its answer means.
 *
 * A name is asked as NAME.ZONE, an address backwards as for a reverse look-up; no such name means
 * that it is not listed. The A records of an answer are codes, and what they mean is the list's own
 * affair: data/blocklists.tsv has the well-known ones. A list that refuses our resolver says so by
 * a code of its own, which must never be read as a listing. Pure: who asks, and when, is told in
 * dns/listing.c.
 */
#ifndef MK_DNS_BLOCKLIST_H
#define MK_DNS_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ip.h"
#include "base/slice.h"
#include "dns/name.h"

#define DNS_BLOCKLIST_CODES_MAX 8
/* Longest: 64 nibbles and dots, a zone of 253 octets. */
#define DNS_REVERSE_SIZE 320

/* By rising weight, where an answer has several codes. */
enum dns_listing {
    DNS_LISTING_NONE,    /* not listed, or for a reason that does not matter */
    DNS_LISTING_ODD,     /* no answer that a block list gives */
    DNS_LISTING_REFUSED, /* the question was refused: nothing is known */
    DNS_LISTING_LISTED,
};

struct dns_blocklist_codes {
    uint32_t first, last; /* in host order */
};

struct dns_blocklist {
    char zone[DNS_NAME_TEXT_MAX + 1];
    bool of_addresses;                                         /* else of names */
    size_t code_count;                                         /* 0: as the table says */
    struct dns_blocklist_codes codes[DNS_BLOCKLIST_CODES_MAX]; /* that alone are listings */
};

/*
 * Read "ZONE" or "ZONE=CODES", CODES being codes and ranges separated by commas:
 * "127.0.1.2-127.0.1.99,127.0.0.4". ERROR_USAGE with a message that continues after the value.
 */
int dns_blocklist_parse(struct slice text, struct dns_blocklist *ret_list, struct error *error);
/*
 * How many octets the key of a customer takes at the front of a zone, as paid lists have it
 * ("KEY.zen.dq.spamhaus.net"), its dot too: a first label of eight letters and digits mixed, or
 * more, or of 20 of one kind. 0: none.
 */
size_t dns_blocklist_key_len(struct slice zone);
/* The zone as it may be shown: without that. A part of zone. */
const char *dns_blocklist_shown(const char *zone);

/*
 * The name below `zone` that stands for an address: octets or nibbles backwards (RFC 1035 3.5,
 * RFC 3596 2.5, RFC 5782 2.1, 2.4). zone NULL: in-addr.arpa or ip6.arpa. Returns out.
 */
const char *dns_reverse_name(const struct ip *ip, const char *zone, char out[DNS_REVERSE_SIZE]);

/* What one code of an answer means. *ret_meaning (may be NULL): for people, or "". */
enum dns_listing dns_blocklist_judge(const struct dns_blocklist *list, const struct ip *code,
                                     const char **ret_meaning);

/* --- the compiled table ---------------------------------------------------------------------- */

struct dns_blocklist_row {
    const char *zone; /* NULL: the end */
    uint32_t first, last;
    enum dns_listing listing;
    const char *meaning;
};
extern const struct dns_blocklist_row dns_blocklist_rows[];

#endif
