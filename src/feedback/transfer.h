/*
 * Content transfer encodings undone line by line: quoted-printable and base64 (RFC 2045 6.7, 6.8).
 *
 * RFC 3464 wants delivery reports in 7 bit, but gateways on the way encode what they please. What
 * comes out are the lines of the decoded text; whatever is not of the encoding is passed over
 * (base64) or left as it stands (quoted-printable). Pure; memory is one line.
 */
#ifndef MK_FEEDBACK_TRANSFER_H
#define MK_FEEDBACK_TRANSFER_H

#include "base/buffer.h"

enum feedback_transfer {
    FEEDBACK_TRANSFER_NONE, /* 7bit, 8bit, binary, and what is not known */
    FEEDBACK_TRANSFER_QUOTED_PRINTABLE,
    FEEDBACK_TRANSFER_BASE64,
};

/* By the value of Content-Transfer-Encoding. */
enum feedback_transfer feedback_transfer_of(struct slice value);

/* A decoded line, without its end; valid during the call. */
typedef void feedback_decoded(void *user, struct slice line);

struct feedback_decoder {
    enum feedback_transfer transfer;
    struct buffer line; /* not ended yet; what is beyond its ceiling is cut */
    uint32_t bits;      /* of base64, not yet an octet */
    unsigned bit_count;
    bool is_over; /* base64 was padded */
    feedback_decoded *decoded;
    void *user;
};

/* ceiling: octets of a decoded line. */
void feedback_decoder_init(struct feedback_decoder *decoder, size_t ceiling,
                           feedback_decoded *decoded, void *user);
void feedback_decoder_done(struct feedback_decoder *decoder);
/* A part begins. */
void feedback_decoder_begin(struct feedback_decoder *decoder, enum feedback_transfer transfer);
/* A line of it, without its end. */
void feedback_decoder_line(struct feedback_decoder *decoder, struct slice line);
/* It is over: the last line, if its end did not come. */
void feedback_decoder_end(struct feedback_decoder *decoder);

#endif
