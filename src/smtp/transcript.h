/*
 * The bounded record of one conversation, for people: what `--explain` prints.
 *
 * Each line is led by milliseconds since the start and says who spoke: "S:" the server, "C:" we,
 * "*" what happened beside the words (the handshake, a time-out, the end):
 *
 *      12 S: 220 mx.example ESMTP
 *      12 C: EHLO probe.example
 *
 * What the server sent is shown line by line as it came. Control bytes, bytes that are not UTF-8,
 * and the backslash appear as \xNN, so that the text is printable UTF-8 whatever the server sent.
 * When the ceiling is reached lines from the middle make room: how it began and what came last is
 * what explains. A transcript never fails: where memory lacks, lines are missing and it says so.
 */
#ifndef MK_SMTP_TRANSCRIPT_H
#define MK_SMTP_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define SMTP_TRANSCRIPT_MAX      16384 /* octets */
#define SMTP_TRANSCRIPT_LINE_MAX 1024  /* octets of one line; more is cut off, with a mark */

struct smtp_transcript {
    struct buffer text;
    uint64_t start_ms;
    size_t head_end;   /* what stands before is never dropped; 0: nothing was dropped yet */
    size_t note_len;   /* length of the note at head_end that says how much is missing */
    size_t line_start; /* of the unfinished line */
    unsigned dropped;  /* lines */
    bool is_open;      /* a line of the server is unfinished */
    bool is_cut;       /* the unfinished line is too long: the rest of it is passed over */
    uint8_t held_len;  /* bytes of an unfinished UTF-8 character */
    char held[4];
};

void smtp_transcript_init(struct smtp_transcript *transcript);
void smtp_transcript_done(struct smtp_transcript *transcript);
void smtp_transcript_start(struct smtp_transcript *transcript, uint64_t now_ms);

/* Bytes from the server, in pieces of any size. */
void smtp_transcript_received(struct smtp_transcript *transcript, struct slice bytes,
                              uint64_t now_ms);
/* Bytes that we send: one or more whole lines. */
void smtp_transcript_sent(struct smtp_transcript *transcript, struct slice bytes, uint64_t now_ms);
/* Something that happened; words without a line end. */
void smtp_transcript_note(struct smtp_transcript *transcript, struct slice words, uint64_t now_ms);

/* At most SMTP_TRANSCRIPT_MAX octets; borrowed until the next change. */
struct slice smtp_transcript_text(const struct smtp_transcript *transcript);

#endif
