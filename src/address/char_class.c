/* The table of bytes: see char_class.h. The test derives it again from the RFCs' ranges. */
#include "address/char_class.h"

#define A CHAR_ATEXT
#define Q CHAR_QTEXT
#define L CHAR_LET_DIG
#define D CHAR_DCONTENT
#define S CHAR_SPACE
#define C CHAR_CONTROL
#define H CHAR_HIGH
#define N CHAR_DIGIT

const uint8_t char_classes[256] = {
    [0x00 ... 0x08] = C,
    [0x09] = S,
    [0x0a ... 0x1f] = C,
    [0x20] = Q | S,
    ['!'] = A | Q | D,
    ['"'] = D,
    ['#' ... '\''] = A | Q | D,
    ['(' ... ')'] = Q | D,
    ['*' ... '+'] = A | Q | D,
    [','] = Q | D,
    ['-'] = A | Q | D,
    ['.'] = Q | D,
    ['/'] = A | Q | D,
    ['0' ... '9'] = A | Q | L | D | N,
    [':' ... '<'] = Q | D,
    ['='] = A | Q | D,
    ['>'] = Q | D,
    ['?'] = A | Q | D,
    ['@'] = Q | D,
    ['A' ... 'Z'] = A | Q | L | D,
    ['['] = Q,
    ['\\'] = 0,
    [']'] = Q,
    ['^' ... '`'] = A | Q | D,
    ['a' ... 'z'] = A | Q | L | D,
    ['{' ... '~'] = A | Q | D,
    [0x7f] = C,
    [0x80 ... 0xff] = H,
};
