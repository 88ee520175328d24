#include "dns/name.h"

#include <string.h>

#include "base/ip.h"
#include "base/slice.h"

#define POINTERS_MAX 127 /* one for each label that fits; more are there to keep readers busy */

static size_t octet_write(uint8_t octet, char *out)
{
    if (octet == '.' || octet == '\\') {
        out[0] = '\\';
        out[1] = (char)octet;
        return 2;
    }
    if (octet > ' ' && octet < 0x7f) {
        out[0] = ascii_lower((char)octet);
        return 1;
    }
    out[0] = '\\';
    out[1] = (char)('0' + octet / 100);
    out[2] = (char)('0' + octet / 10 % 10);
    out[3] = (char)('0' + octet % 10);
    return 4;
}

size_t dns_name_read(const uint8_t *message, size_t len, size_t offset, char out[DNS_NAME_SIZE])
{
    size_t at = offset, behind = 0, lowest = offset, wire_len = 0, n = 0;
    unsigned pointers = 0;

    for (;;) {
        uint8_t label_len;

        if (at >= len)
            return 0;
        label_len = message[at];
        if ((label_len & 0xc0) == 0xc0) {
            size_t target;

            if (len - at < 2)
                return 0;
            target = (size_t)(label_len & 0x3f) << 8 | message[at + 1];
            if (behind == 0)
                behind = at + 2;
            if (target >= lowest) /* only ever backwards: no loop is possible */
                return 0;
            if (++pointers > POINTERS_MAX)
                return 0;
            lowest = at = target;
            continue;
        }
        if (label_len > DNS_NAME_LABEL_MAX || label_len >= len - at)
            return 0;
        wire_len += 1u + label_len;
        if (wire_len > DNS_NAME_WIRE_MAX)
            return 0;
        at++;
        if (label_len == 0)
            break;
        if (n > 0)
            out[n++] = '.';
        for (; label_len > 0; label_len--)
            n += octet_write(message[at++], out + n);
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return behind != 0 ? behind : at;
}

/* One octet of text, escapes undone; the number of characters read, 0 when malformed. */
static size_t octet_read(const char *text, uint8_t *ret_octet)
{
    unsigned value = 0;

    if (text[0] != '\\') {
        *ret_octet = (uint8_t)text[0];
        return 1;
    }
    if (!ascii_is_digit(text[1])) {
        *ret_octet = (uint8_t)text[1];
        return text[1] == '\0' ? 0 : 2;
    }
    for (int i = 1; i <= 3; i++) {
        if (!ascii_is_digit(text[i]))
            return 0;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *ret_octet = (uint8_t)value;
    return value > 255 ? 0 : 4;
}

size_t dns_name_to_wire(const char *text, uint8_t out[DNS_NAME_WIRE_MAX])
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    size_t label = 0, n = 1;

    if (strcmp(text, ".") == 0)
        text = "";
    while (*text != '\0') {
        uint8_t octet;
        size_t used;

        if (*text == '.') {
            if (n == label + 1 || n >= DNS_NAME_WIRE_MAX)
                return 0;
            wire[label] = (uint8_t)(n - label - 1);
            label = n++;
            text++;
            continue;
        }
        used = octet_read(text, &octet);
        /* One octet stays free for the root's length. */
        if (used == 0 || n >= DNS_NAME_WIRE_MAX - 1 || n - label > DNS_NAME_LABEL_MAX)
            return 0;
        wire[n++] = octet;
        text += used;
    }
    wire[label] = (uint8_t)(n - label - 1);
    if (wire[label] != 0)
        wire[n++] = 0;
    memcpy(out, wire, n);
    return n;
}

bool dns_name_is_askable(const char *text)
{
    size_t len = strlen(text), label_len = 0;
    struct ip ip;

    if (len == 0 || len > DNS_NAME_TEXT_MAX || ip_parse(slice_from(text, len), &ip))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (label_len == 0)
                return false;
            label_len = 0;
            continue;
        }
        if (!ascii_is_alnum(text[i]) && text[i] != '-' && text[i] != '_')
            return false;
        if (++label_len > DNS_NAME_LABEL_MAX)
            return false;
    }
    return label_len > 0;
}
