/*
 * What each byte may be in an address: one table, so that the parser looks at a byte once.
 */
#ifndef MK_ADDRESS_CHAR_CLASS_H
#define MK_ADDRESS_CHAR_CLASS_H

#include <stdbool.h>
#include <stdint.h>

enum char_class {
    CHAR_ATEXT = 1 << 0,    /* RFC 5322 3.2.3 */
    CHAR_QTEXT = 1 << 1,    /* qtextSMTP, RFC 5321 4.1.2 */
    CHAR_LET_DIG = 1 << 2,  /* RFC 5321 4.1.2 */
    CHAR_DCONTENT = 1 << 3, /* of an address literal, RFC 5321 4.1.3 */
    CHAR_SPACE = 1 << 4,    /* SP and TAB: a typing error rather than an attack */
    CHAR_CONTROL = 1 << 5,  /* the other controls and DEL */
    CHAR_HIGH = 1 << 6,     /* a byte of a UTF-8 sequence */
    CHAR_DIGIT = 1 << 7,
};

extern const uint8_t char_classes[256];

static inline bool char_is(char c, unsigned classes)
{
    return (char_classes[(uint8_t)c] & classes) != 0;
}

#endif
