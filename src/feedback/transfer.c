#include "feedback/transfer.h"

enum feedback_transfer feedback_transfer_of(struct slice value)
{
    value = slice_trim(value);
    if (slice_equal_nocase(value, SLICE("quoted-printable")))
        return FEEDBACK_TRANSFER_QUOTED_PRINTABLE;
    return slice_equal_nocase(value, SLICE("base64")) ? FEEDBACK_TRANSFER_BASE64
                                                      : FEEDBACK_TRANSFER_NONE;
}

void feedback_decoder_init(struct feedback_decoder *decoder, size_t ceiling,
                           feedback_decoded *decoded, void *user)
{
    *decoder = (struct feedback_decoder){.decoded = decoded, .user = user};
    buffer_init(&decoder->line, ceiling);
}

void feedback_decoder_done(struct feedback_decoder *decoder)
{
    buffer_done(&decoder->line);
}

void feedback_decoder_begin(struct feedback_decoder *decoder, enum feedback_transfer transfer)
{
    decoder->transfer = transfer;
    decoder->bits = 0;
    decoder->bit_count = 0;
    decoder->is_over = false;
    buffer_clear(&decoder->line);
}

static void line_is_over(struct feedback_decoder *decoder)
{
    struct slice line = buffer_slice(&decoder->line);

    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line = slice_prefix(line, line.len - 1);
    decoder->decoded(decoder->user, line);
    buffer_clear(&decoder->line);
}

static void add(struct feedback_decoder *decoder, char octet)
{
    if (octet == '\n')
        line_is_over(decoder);
    else if (decoder->line.len < decoder->line.ceiling)
        (void)buffer_append_byte(&decoder->line, octet);
}

/* --- quoted-printable ------------------------------------------------------------------------ */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void quoted_printable_line(struct feedback_decoder *decoder, struct slice line)
{
    size_t at = 0;

    /* Blanks at the end were put there on the way (RFC 2045 6.7, rule 3). */
    while (line.len > 0 && ascii_is_space(line.ptr[line.len - 1]))
        line.len--;
    for (; at < line.len; at++) {
        int high = at + 2 < line.len ? hex_of(line.ptr[at + 1]) : -1;
        int low = at + 2 < line.len ? hex_of(line.ptr[at + 2]) : -1;

        if (line.ptr[at] != '=' || (at + 1 < line.len && (high < 0 || low < 0))) {
            add(decoder, line.ptr[at]);
        } else if (at + 1 == line.len) {
            return; /* a soft line break */
        } else {
            add(decoder, (char)(high << 4 | low));
            at += 2;
        }
    }
    line_is_over(decoder);
}

/* --- base64 ---------------------------------------------------------------------------------- */

static int sextet_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void base64_line(struct feedback_decoder *decoder, struct slice line)
{
    for (size_t i = 0; i < line.len && !decoder->is_over; i++) {
        int sextet = sextet_of(line.ptr[i]);

        decoder->is_over = line.ptr[i] == '=';
        if (sextet < 0)
            continue;
        decoder->bits = (decoder->bits << 6 | (uint32_t)sextet) & 0xffff;
        decoder->bit_count += 6;
        if (decoder->bit_count < 8)
            continue;
        decoder->bit_count -= 8;
        add(decoder, (char)(decoder->bits >> decoder->bit_count & 0xff));
    }
}

/* --------------------------------------------------------------------------------------------- */

void feedback_decoder_line(struct feedback_decoder *decoder, struct slice line)
{
    switch (decoder->transfer) {
    case FEEDBACK_TRANSFER_NONE:
        decoder->decoded(decoder->user, line);
        break;
    case FEEDBACK_TRANSFER_QUOTED_PRINTABLE:
        quoted_printable_line(decoder, line);
        break;
    case FEEDBACK_TRANSFER_BASE64:
        base64_line(decoder, line);
        break;
    }
}

void feedback_decoder_end(struct feedback_decoder *decoder)
{
    if (decoder->line.len > 0)
        line_is_over(decoder);
}
