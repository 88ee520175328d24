/*
 * Fuzzes the reply parser: the bytes whole and cut in pieces must read the same, and nothing is
 * consumed beyond the end of a reply.
 */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct smtp_reply_parser whole, pieces;
    static char text[SMTP_REPLY_TEXT_MAX];
    const char *bytes = (const char *)data;
    enum smtp_reply_progress a, b = SMTP_REPLY_MORE;
    struct smtp_reply one, other;
    size_t consumed, at = 0, step;

    if (size == 0)
        return 0;
    step = 1 + data[0] % 17;
    bytes++;
    size--;
    smtp_reply_parser_init(&whole);
    a = smtp_reply_feed(&whole, bytes, size, &consumed);
    CHECK(consumed <= size);
    smtp_reply_parser_init(&pieces);
    while (b == SMTP_REPLY_MORE && at < size) {
        size_t piece = step < size - at ? step : size - at, took;

        b = smtp_reply_feed(&pieces, bytes + at, piece, &took);
        CHECK(took <= piece);
        at += took;
        if (b == SMTP_REPLY_MORE && data[0] >= 128)
            smtp_reply_take_up(smtp_reply_put_by(&pieces), &pieces);
    }
    CHECK(a == b);
    if (a == SMTP_REPLY_DONE) {
        one = smtp_reply_parsed(&whole);
        other = smtp_reply_parsed(&pieces);
        CHECK(at == consumed && bytes[at - 1] == '\n');
        CHECK(one.code == other.code && one.code >= 200 && one.code <= 599);
        CHECK(slice_equal(one.text, other.text));
        CHECK(one.enhanced.status_class == other.enhanced.status_class &&
              one.enhanced.subject == other.enhanced.subject &&
              one.enhanced.detail == other.enhanced.detail);
    }
    if (a == SMTP_REPLY_BAD)
        CHECK(strcmp(whole.bad_reason, pieces.bad_reason) == 0);
    if (smtp_reply_from_line((struct slice){bytes, size}, text, &one))
        CHECK(one.text.len <= SMTP_REPLY_TEXT_MAX);
    return 0;
}
