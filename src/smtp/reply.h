/*
 * SMTP replies (RFC 5321 4.2), read incrementally and kept as testimony.
 *
 * Feed bytes as they come, in pieces of any size; a reply is done after the line whose code is not
 * followed by "-". Tolerated, because servers do it: bare LF, no text, no space after the code,
 * codes that differ between lines (the last decides), bytes that are not UTF-8 or are NUL, a second
 * digit above 5 (against RFC 5321 4.2.3, yet 470 and 571 are in use). Not tolerated: a first digit
 * outside 2 to 5, codes that are not three digits, lines or replies above the ceilings. What was
 * said is kept; what it means is provider/classify.h's affair.
 */
#ifndef MK_SMTP_REPLY_H
#define MK_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define SMTP_REPLY_LINE_MAX  2048 /* octets; RFC 5321 4.5.3.1.5 asks for 512 */
#define SMTP_REPLY_LINES_MAX 128
#define SMTP_REPLY_TEXT_MAX  8192 /* octets of joined text kept */
#define SMTP_REPLY_KNOWN_MAX 96   /* octets of a line that is known again */

/* RFC 3463 enhanced status code; status_class 0 means none was given. */
struct smtp_enhanced {
    uint8_t status_class; /* 2, 4, 5 */
    uint16_t subject;     /* 0 to 999 */
    uint16_t detail;      /* 0 to 999 */
};

struct smtp_reply {
    uint16_t code;                 /* 200 to 599 */
    struct smtp_enhanced enhanced; /* of the last line that carries one */
    struct slice text; /* lines without codes and enhanced codes, joined by " | "; borrowed */
};

enum smtp_reply_progress {
    SMTP_REPLY_MORE, /* needs more bytes */
    SMTP_REPLY_DONE, /* one whole reply; bytes after it were not consumed */
    SMTP_REPLY_BAD,  /* not SMTP, or above a ceiling; `bad_reason` says which */
};

struct smtp_reply_parser {
    uint16_t code;
    struct smtp_enhanced enhanced;
    unsigned line_count;
    size_t line_len; /* of the unfinished line */
    size_t text_len;
    bool is_done;
    const char *bad_reason; /* static string, set with BAD */
    size_t known_len;       /* of `known`: all of a finished reply, its LF too; 0: not kept */
    /* Not cleared: nothing beyond their lengths is ever read. */
    char known[SMTP_REPLY_KNOWN_MAX];
    char line[SMTP_REPLY_LINE_MAX];
    char text[SMTP_REPLY_TEXT_MAX];
};

void smtp_reply_parser_init(struct smtp_reply_parser *parser);
/* True when a reply has begun and is not finished. */
bool smtp_reply_is_partial(const struct smtp_reply_parser *parser);

/*
 * Take bytes; *ret_consumed says how many (never beyond the end of a reply; with BAD up to and
 * including where it was noticed). After DONE the reply is had by smtp_reply_parsed, and the parser
 * must be initialised again for the next; feeding it more gives DONE or BAD again and takes
 * nothing.
 */
enum smtp_reply_progress smtp_reply_feed(struct smtp_reply_parser *parser, const char *bytes,
                                         size_t len, size_t *ret_consumed);

/*
 * A server says the same to one recipient after the other. Do the bytes begin with the finished
 * reply, octet for octet? Then it stands for the next as well, without being parsed: its length.
 * 0: no, or it is not known, as only one short line that came whole is.
 */
static inline size_t smtp_reply_comes_again(const struct smtp_reply_parser *parser,
                                            struct slice bytes)
{
    size_t len = parser->known_len;

    return len > 0 && bytes.len >= len && memcmp(bytes.ptr, parser->known, len) == 0 ? len : 0;
}

/*
 * A reply that came by halves, put by until more comes: only what was read of it. NULL: no memory.
 * Taking it up again frees it.
 */
struct smtp_reply_part *smtp_reply_put_by(const struct smtp_reply_parser *parser);
void smtp_reply_take_up(struct smtp_reply_part *part, struct smtp_reply_parser *parser);

/* The finished reply; text borrows from the parser. */
struct smtp_reply smtp_reply_parsed(const struct smtp_reply_parser *parser);

/*
 * One reply written on one line, "550-5.1.1 No such | 550 5.1.1 user" or "550 5.1.1 No such | user"
 * (the form of `mailknock classify`). text_out (SMTP_REPLY_TEXT_MAX bytes) holds the joined text.
 * False when it does not start with a reply code.
 */
bool smtp_reply_from_line(struct slice line, char *text_out, struct smtp_reply *ret_reply);

/* "5.1.1", or "" when there is none. Returns out. */
const char *smtp_enhanced_format(struct smtp_enhanced enhanced, char out[16]);
/* At the start of text; returns how many bytes it took including one following space, or 0. */
size_t smtp_enhanced_parse(struct slice text, struct smtp_enhanced *ret_enhanced);

#endif
