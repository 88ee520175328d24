/*
 * Domain names between their wire form (RFC 1035 section 3.1, 4.1.4) and text.
 *
 * The text form has no trailing dot, is lower-cased (ASCII; RFC 4343), and writes octets that are
 * no printable ASCII, dots inside a label and backslashes as in master files (RFC 1035 section 5.1:
 * \DDD, \., \\), so that nothing a hostile name server sends can pass for another name or reach a
 * terminal raw. The root is ".". Compression pointers may only lead backwards, which bounds every
 * walk by the length of the message.
 */
#ifndef MK_DNS_NAME_H
#define MK_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_WIRE_MAX  255 /* octets, with the root's length octet */
#define DNS_NAME_LABEL_MAX 63
#define DNS_NAME_TEXT_MAX  253  /* of a name without escapes */
#define DNS_NAME_SIZE      1024 /* text with every octet escaped, and NUL */

/*
 * Read the name at `offset` of a message of len octets. Returns the offset behind it (behind the
 * first pointer, when there is one), or 0 when it is malformed: cut short, longer than 255 octets,
 * a pointer that leads forward or to itself, more than 127 of them, a reserved label type.
 */
size_t dns_name_read(const uint8_t *message, size_t len, size_t offset, char out[DNS_NAME_SIZE]);

/*
 * The uncompressed wire form of text (escapes understood, one trailing dot allowed, "" and "." are
 * the root). Returns its length, or 0 when text is no name: empty label, label above 63 octets,
 * more than 255 in all, bad escape.
 */
size_t dns_name_to_wire(const char *text, uint8_t out[DNS_NAME_WIRE_MAX]);

/*
 * True for a name that a host or a service record can have and that we are willing to ask for:
 * letters, digits, hyphens and underscores in labels of 1 to 63, at most 253 octets, no trailing
 * dot, and not a dotted quad.
 */
bool dns_name_is_askable(const char *text);

#endif
