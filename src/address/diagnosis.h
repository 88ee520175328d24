/*
 * The closed list of what can be wrong (diagnosis) or remarkable (flag) about an address's syntax.
 *
 * Names are part of the output format (`syntax.diagnosis`, `syntax.flags`); others rely on them.
 */
#ifndef MK_ADDRESS_DIAGNOSIS_H
#define MK_ADDRESS_DIAGNOSIS_H

#include <stdint.h>

/* name, one English sentence */
#define ADDRESS_DIAGNOSES(X)                                                                       \
    X(VALID, "valid", "The address follows RFC 5321.")                                             \
    X(EMPTY, "empty", "There is no address.")                                                      \
    X(NO_AT, "no_at", "There is no @ between a local part and a domain.")                          \
    X(LOCAL_EMPTY, "local_empty", "Nothing stands before the @.")                                  \
    X(LOCAL_TOO_LONG, "local_too_long", "The part before the @ is longer than 64 octets.")         \
    X(LOCAL_DOT_START, "local_dot_start", "The part before the @ starts with a dot.")              \
    X(LOCAL_DOT_END, "local_dot_end", "The part before the @ ends with a dot.")                    \
    X(LOCAL_DOT_DOUBLE, "local_dot_double", "Two dots follow each other before the @.")            \
    X(LOCAL_SPACE, "local_space", "There is a space before the @.")                                \
    X(LOCAL_CONTROL, "local_control", "There is a control character before the @.")                \
    X(LOCAL_COMMENT, "local_comment", "There is a comment in parentheses before the @.")           \
    X(LOCAL_BAD_CHAR, "local_bad_char", "A character before the @ is not allowed there.")          \
    X(QUOTE_UNCLOSED, "quote_unclosed", "A quotation mark is opened and never closed.")            \
    X(QUOTE_BAD_CHAR, "quote_bad_char", "A character inside the quotes is not allowed there.")     \
    X(QUOTE_BAD_ESCAPE, "quote_bad_escape", "A backslash is followed by what it can't escape.")    \
    X(QUOTE_NOT_WHOLE, "quote_not_whole", "Quotes must enclose the whole local part.")             \
    X(DOMAIN_EMPTY, "domain_empty", "Nothing stands after the @.")                                 \
    X(DOMAIN_TOO_LONG, "domain_too_long", "The domain is longer than 255 octets.")                 \
    X(DOMAIN_DOT_START, "domain_dot_start", "The domain starts with a dot.")                       \
    X(DOMAIN_DOT_END, "domain_dot_end", "The domain ends with a dot.")                             \
    X(DOMAIN_DOT_DOUBLE, "domain_dot_double", "Two dots follow each other in the domain.")         \
    X(DOMAIN_SPACE, "domain_space", "There is a space in the domain.")                             \
    X(DOMAIN_CONTROL, "domain_control", "There is a control character in the domain.")             \
    X(DOMAIN_COMMENT, "domain_comment", "There is a comment in parentheses in the domain.")        \
    X(DOMAIN_SECOND_AT, "domain_second_at", "There is a second @.")                                \
    X(DOMAIN_UNDERSCORE, "domain_underscore", "There is an underscore in the domain.")             \
    X(DOMAIN_BAD_CHAR, "domain_bad_char", "A character in the domain is not allowed there.")       \
    X(DOMAIN_IDNA, "domain_idna", "The domain is no valid internationalised name (IDNA 2008).")    \
    X(LABEL_HYPHEN, "label_hyphen", "A part of the domain starts or ends with a hyphen.")          \
    X(LABEL_TOO_LONG, "label_too_long", "A part of the domain is longer than 63 octets.")          \
    X(LITERAL_EMPTY, "literal_empty", "The address literal is empty.")                             \
    X(LITERAL_UNCLOSED, "literal_unclosed", "The address literal is not closed by a bracket.")     \
    X(LITERAL_TRAILING, "literal_trailing", "Something follows the address literal.")              \
    X(LITERAL_BAD, "literal_bad", "The address literal is no IPv4 address or tagged literal.")     \
    X(LITERAL_IPV6, "literal_ipv6", "The address literal is no IPv6 address.")                     \
    X(ADDRESS_TOO_LONG, "address_too_long", "The address is longer than 254 octets.")              \
    X(BAD_UTF8, "bad_utf8", "The bytes are not well-formed UTF-8.")                                \
    X(OUTER_SPACE, "outer_space", "There is white space before or after the address.")             \
    X(DISPLAY_NAME, "display_name", "This is a display name with an address, not an address.")

enum address_diagnosis {
#define X(symbol, name, sentence) ADDRESS_##symbol,
    ADDRESS_DIAGNOSES(X)
#undef X
    ADDRESS_DIAGNOSIS_COUNT,
};

#define ADDRESS_FLAGS(X)                                                                           \
    X(QUOTED_LOCAL, "quoted_local")                                                                \
    X(ADDRESS_LITERAL, "address_literal")                                                          \
    X(SINGLE_LABEL, "single_label")                                                                \
    X(SMTPUTF8, "smtputf8")                                                                        \
    X(IDN, "idn")                                                                                  \
    X(IDN_MAPPED, "idn_mapped")                                                                    \
    X(NUMERIC_TLD, "numeric_tld")                                                                  \
    X(TLD_ONE_LETTER, "tld_one_letter")                                                            \
    X(TLD_NOT_ALPHABETIC, "tld_not_alphabetic")                                                    \
    X(TLD_NOT_DELEGATED, "tld_not_delegated")                                                      \
    X(TLD_SPECIAL_USE, "tld_special_use")                                                          \
    X(FAKE_ALABEL, "fake_alabel")                                                                  \
    X(IDN_DISPUTED, "idn_disputed")                                                                \
    X(LOCAL_SYMBOLS, "local_symbols")                                                              \
    X(LOCAL_UNSAFE_UNICODE, "local_unsafe_unicode")                                                \
    X(EMPTY_QUOTED, "empty_quoted")                                                                \
    X(LEADING_ZERO, "leading_zero")                                                                \
    X(IPV6_ONE_GROUP, "ipv6_one_group")                                                            \
    X(UNKNOWN_TAG, "unknown_tag")                                                                  \
    X(LENGTH_OF_WHICH_FORM, "length_of_which_form")

enum address_flag_index {
#define X(symbol, name) ADDRESS_FLAG_INDEX_##symbol,
    ADDRESS_FLAGS(X)
#undef X
    ADDRESS_FLAG_COUNT,
};

enum address_flag {
#define X(symbol, name) ADDRESS_FLAG_##symbol = 1 << ADDRESS_FLAG_INDEX_##symbol,
    ADDRESS_FLAGS(X)
#undef X
};

/* Static strings. */
const char *address_diagnosis_name(enum address_diagnosis diagnosis);
const char *address_diagnosis_sentence(enum address_diagnosis diagnosis);
const char *address_flag_name(enum address_flag_index index);

#endif
