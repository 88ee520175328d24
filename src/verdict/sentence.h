/*
 * Sentences for people, made in a fixed space from parts that strangers may have written.
 *
 * Whatever goes in, what comes out is valid UTF-8 of one line: control characters (C0, C1, DEL),
 * line and paragraph separators and the characters that turn the direction of writing become
 * spaces or U+FFFD, so that a hostile server can neither forge a second line nor steer a terminal.
 * What does not fit is cut between characters.
 */
#ifndef MK_VERDICT_SENTENCE_H
#define MK_VERDICT_SENTENCE_H

#include <stddef.h>

#include "base/slice.h"
#include "smtp/reply.h"

struct sentence {
    char *out;   /* always NUL-terminated */
    size_t size; /* with the NUL; at least 1 */
    size_t len;
};

void sentence_init(struct sentence *sentence, char *out, size_t size);
/* Our own words; still made safe. */
void sentence_add(struct sentence *sentence, const char *words);
/* The same for words that stand in the source and are plain ASCII: len bytes and a NUL. */
void sentence_add_plain(struct sentence *sentence, const char *words, size_t len);
#define sentence_add_literal(sentence, words)                                                      \
    sentence_add_plain(sentence, words, sizeof("" words) - 1)
/* Our own words with numbers or names in them; at most 255 bytes a call. */
void sentence_printf(struct sentence *sentence, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Foreign words, at most `max` bytes of them; "..." tells where they were cut. */
void sentence_add_foreign(struct sentence *sentence, struct slice words, size_t max);
/* The same between quotation marks; marks inside become apostrophes. */
void sentence_add_quoted(struct sentence *sentence, struct slice words, size_t max);
/*
 * Our own words before the full stop that ends the sentence; they go in whole or, where there is no
 * room, not at all.
 */
void sentence_append_clause(struct sentence *sentence, const char *words);
/* A reply as it was said: "550 5.1.1 No such user". At most `max` bytes between the marks. */
void sentence_add_reply(struct sentence *sentence, const struct smtp_reply *reply, size_t max);

/*
 * One character of foreign text made fit for one line of a terminal: writes 1 to 4 bytes to out
 * and returns how many bytes of `text` (not empty) it stands for.
 */
size_t sentence_safe_character(struct slice text, char out[4], size_t *ret_len);

#endif
