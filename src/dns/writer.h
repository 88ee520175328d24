/*
 * Writes DNS messages: questions for the wire, answers for the lab's zones and for tests.
 *
 * Appends to a caller's buffer of fixed size, names compressed (RFC 1035 section 4.1.4). A record
 * that does not fit is left out whole and the message says so by its TC bit (RFC 2181 section 9).
 * Sections are written in their order: a record goes to the section named last.
 */
#ifndef MK_DNS_WRITER_H
#define MK_DNS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/slice.h"
#include "dns/message.h"

#define DNS_WRITER_NAMES 64

struct dns_writer {
    uint8_t *bytes;
    size_t size;
    size_t len;
    enum dns_section section;
    uint16_t counts[DNS_SECTION_COUNT];
    bool overflowed;                  /* something was left out for want of room */
    bool bad_name;                    /* something was left out because its name is none */
    uint16_t names[DNS_WRITER_NAMES]; /* offsets of names that pointers may lead to */
    size_t name_count;
};

/* size must be DNS_HEADER_LEN to DNS_MESSAGE_MAX. The header may still be changed at the end. */
void dns_writer_begin(struct dns_writer *writer, uint8_t *out, size_t size,
                      const struct dns_header *header);
/* As begin, for the answer to a query just read: its id, question and RD bit, QR and RA set. */
void dns_writer_begin_answer(struct dns_writer *writer, uint8_t *out, size_t size,
                             const struct dns_header *query, const struct dns_question *question,
                             uint8_t rcode);
/* Sections go forward only. */
void dns_writer_section(struct dns_writer *writer, enum dns_section section);

/* All of these return false when the record was left out (no room, or a name that is none). */
bool dns_writer_question(struct dns_writer *writer, const char *name, uint16_t type);
bool dns_writer_ip(struct dns_writer *writer, const char *name, uint32_t ttl_s,
                   const struct ip *ip); /* A or AAAA by its family */
bool dns_writer_mx(struct dns_writer *writer, const char *name, uint32_t ttl_s, uint16_t preference,
                   const char *host);
bool dns_writer_name(struct dns_writer *writer, const char *name, uint32_t ttl_s, uint16_t type,
                     const char *target); /* CNAME, NS, PTR */
bool dns_writer_txt(struct dns_writer *writer, const char *name, uint32_t ttl_s,
                    struct slice text); /* cut into strings of 255 octets */
bool dns_writer_soa(struct dns_writer *writer, const char *name, uint32_t ttl_s, const char *server,
                    const char *mailbox, uint32_t minimum_s);
/* The EDNS pseudo-record (RFC 6891), in the additional section. */
bool dns_writer_opt(struct dns_writer *writer, uint16_t udp_size);

void dns_writer_truncate(struct dns_writer *writer); /* drop all but the question, set TC */
/* Write the counts; returns the length of the message. */
size_t dns_writer_end(struct dns_writer *writer);

#define DNS_OPT_LEN   11 /* of the EDNS record of a query: no options */
#define DNS_QUERY_MAX (DNS_HEADER_LEN + DNS_NAME_WIRE_MAX + 4 + DNS_OPT_LEN)

/*
 * A query for name and type with RD set, announcing by EDNS that UDP answers of udp_size octets are
 * taken (0: no EDNS). The length, at most DNS_QUERY_MAX, or 0 (no room, not a name).
 */
size_t dns_query_build(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type,
                       uint16_t udp_size);

/*
 * Read a query as a server does: exactly one question of class IN, opcode QUERY, not a response.
 * 0, ERROR_FORMAT (answer FORMERR, unless it is shorter than DNS_HEADER_LEN or a response: drop
 * it), or ERROR_USAGE (answer NOTIMP). *ret_header is filled from DNS_HEADER_LEN octets on.
 */
int dns_query_read(const uint8_t *bytes, size_t len, struct dns_header *ret_header,
                   struct dns_question *ret_question);

#endif
