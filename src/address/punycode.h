/*
 * The encoding of Unicode labels as ASCII, RFC 3492: for the labels that libidn2 refuses by rule
 * (it has the encoder, but does not offer it alone).
 */
#ifndef MK_ADDRESS_PUNYCODE_H
#define MK_ADDRESS_PUNYCODE_H

#include <stddef.h>
#include <stdint.h>

#define PUNYCODE_MAX 59 /* octets that "xn--" leaves of a label's 63 */

/*
 * Encode count code points (at most PUNYCODE_MAX, lower case, at least one above U+007F). Returns
 * the length, or 0 when it would be longer than PUNYCODE_MAX.
 */
size_t punycode_encode(const uint32_t *code_points, size_t count, char out[PUNYCODE_MAX]);

#endif
