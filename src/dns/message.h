/*
 * DNS messages as they come off the wire: header, question, records (RFC 1035 section 4).
 *
 * A reader is a cursor over borrowed octets; it allocates nothing and hands out one record at a
 * time, in order. Everything is bounded by the message's own length; a malformed message is
 * ERROR_FORMAT at the first wrong octet, and what was read before stays true. Types we use are
 * taken apart (A, AAAA, MX, CNAME, NS, PTR, SOA, TXT), others are skipped over by their length.
 * Writing messages is dns/writer.h's.
 */
#ifndef MK_DNS_MESSAGE_H
#define MK_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/slice.h"
#include "dns/name.h"
#include "dns/transport.h"

#define DNS_CLASS_IN 1
#define DNS_TYPE_NS  2
#define DNS_TYPE_OPT 41
#define DNS_TYPE_ANY 255

#define DNS_RCODE_NOERROR  0
#define DNS_RCODE_FORMERR  1
#define DNS_RCODE_SERVFAIL 2
#define DNS_RCODE_NXDOMAIN 3
#define DNS_RCODE_NOTIMP   4
#define DNS_RCODE_REFUSED  5

#define DNS_HEADER_LEN  12
#define DNS_UDP_MAX     512 /* without EDNS (RFC 1035 section 4.2.1) */
#define DNS_MESSAGE_MAX 65535

enum dns_section {
    DNS_SECTION_QUESTION,
    DNS_SECTION_ANSWER,
    DNS_SECTION_AUTHORITY,
    DNS_SECTION_ADDITIONAL,
    DNS_SECTION_COUNT,
};

struct dns_header {
    uint16_t id;
    bool response;
    uint8_t opcode;
    bool authoritative;
    bool truncated;
    bool recursion_desired;
    bool recursion_available;
    uint8_t rcode; /* the four bits of the header */
};

struct dns_question {
    char name[DNS_NAME_SIZE];
    uint16_t type;
    uint16_t dns_class;
};

struct dns_record {
    enum dns_section section;
    char name[DNS_NAME_SIZE]; /* owner */
    uint16_t type;
    uint16_t dns_class;
    uint32_t ttl_s;             /* 0 when the top bit is set (RFC 2181 section 8) */
    struct slice data;          /* RDATA, raw; borrowed from the message */
    uint16_t preference;        /* MX */
    char target[DNS_NAME_SIZE]; /* MX, CNAME, NS, PTR; SOA: the MNAME; else "" */
    struct ip ip;               /* A, AAAA; else family 0 */
    uint32_t minimum_s;         /* SOA: bounds negative answers (RFC 2308 section 4) */
};

struct dns_message {
    const uint8_t *bytes;
    size_t len;
    struct dns_header header;
    uint16_t counts[DNS_SECTION_COUNT];
    /* private: */
    size_t offset;
    enum dns_section section;
    unsigned taken; /* of the current section */
};

/* Read the header. 0 or ERROR_FORMAT (shorter than a header). */
int dns_message_open(struct dns_message *message, const uint8_t *bytes, size_t len);

/* The next question: 1 and *ret_question, 0 when there is no more, or ERROR_FORMAT. */
int dns_message_next_question(struct dns_message *message, struct dns_question *ret_question);

/*
 * The next record of any section, questions skipped: 1 and *ret_record, 0 at the end, or
 * ERROR_FORMAT (also for a known type whose data are not what the type demands).
 */
int dns_message_next_record(struct dns_message *message, struct dns_record *ret_record);

/*
 * Copy the character strings of a TXT record, joined without a gap (RFC 7208 section 3.3), into
 * out[size]; returns their length, at most size. Never fails for a record that
 * dns_message_next_record gave.
 */
size_t dns_record_text(const struct dns_record *record, char *out, size_t size);

/* "A", "MX", ..., "TYPE99" in a static or the caller's buffer. */
const char *dns_type_name(uint16_t type, char buffer[12]);

/* What an RCODE says: FOUND for NOERROR, NXDOMAIN, SERVFAIL, or REFUSED for all others. */
enum dns_outcome dns_rcode_outcome(uint8_t rcode);

#endif
