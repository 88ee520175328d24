#include "dns/blocklist.h"

#include <stdio.h>
#include <string.h>

#define KEY_LEAST       20                   /* of letters, or of digits */
#define KEY_MIXED_LEAST 8                    /* of both */
#define REFUSALS        UINT32_C(0x7fffff00) /* 127.255.255.0/24 */

static bool code_of(const struct ip *ip, uint32_t *ret_code)
{
    const uint8_t *b = ip->bytes;

    if (ip->family != 4)
        return false;
    *ret_code = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return true;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_code(struct slice text, uint32_t *ret_code)
{
    struct ip ip;

    return ip_parse(text, &ip) && code_of(&ip, ret_code) && *ret_code >> 24 == 127;
}

static int read_codes(struct slice text, struct dns_blocklist *list, struct error *error)
{
    struct slice part, first;

    while (slice_split(&text, ',', &part)) {
        struct dns_blocklist_codes *codes = &list->codes[list->code_count];

        if (list->code_count == DNS_BLOCKLIST_CODES_MAX)
            return error_set(error, ERROR_USAGE, "has more than %d codes", DNS_BLOCKLIST_CODES_MAX);
        if (!slice_split(&part, '-', &first) || !read_code(first, &codes->first) ||
            !read_code(part.len > 0 ? part : first, &codes->last) || codes->first > codes->last)
            return error_set(error, ERROR_USAGE,
                             "must be ZONE or ZONE=CODES with codes such as "
                             "127.0.0.2 or 127.0.1.2-127.0.1.99, separated by commas");
        list->code_count++;
    }
    return 0;
}

int dns_blocklist_parse(struct slice text, struct dns_blocklist *ret_list, struct error *error)
{
    ptrdiff_t equals = slice_find_byte(text, '=');
    struct slice zone = equals >= 0 ? slice_prefix(text, (size_t)equals) : text;
    struct dns_blocklist list = {.of_addresses = false};
    int code = 0;

    if (!slice_to_string(zone, list.zone, sizeof(list.zone)) || !dns_name_is_askable(list.zone) ||
        slice_find_byte(zone, '.') < 0)
        return error_set(error, ERROR_USAGE, "names no zone of a block list");
    for (char *c = list.zone; *c != '\0'; c++)
        *c = ascii_lower(*c);
    if (equals >= 0)
        code = read_codes(slice_from_offset(text, (size_t)equals + 1), &list, error);
    if (code == 0 && equals >= 0 && list.code_count == 0)
        code = error_set(error, ERROR_USAGE, "has no codes behind the equals sign");
    if (code == 0)
        *ret_list = list;
    return code;
}

size_t dns_blocklist_key_len(struct slice zone)
{
    size_t len = 0, digits = 0, least;

    for (; len < zone.len && ascii_is_alnum(zone.ptr[len]); len++)
        digits += ascii_is_digit(zone.ptr[len]);
    least = digits > 0 && digits < len ? KEY_MIXED_LEAST : KEY_LEAST;
    return len >= least && len < zone.len && zone.ptr[len] == '.' ? len + 1 : 0;
}

const char *dns_blocklist_shown(const char *zone)
{
    return zone + dns_blocklist_key_len(slice_from_string(zone));
}

/* --- asking ---------------------------------------------------------------------------------- */

const char *dns_reverse_name(const struct ip *ip, const char *zone, char out[DNS_REVERSE_SIZE])
{
    size_t at = 0;

    if (ip->family == 4) {
        snprintf(out, DNS_REVERSE_SIZE, "%u.%u.%u.%u.%.255s", ip->bytes[3], ip->bytes[2],
                 ip->bytes[1], ip->bytes[0], zone != NULL ? zone : "in-addr.arpa");
        return out;
    }
    for (size_t i = 16; i-- > 0; at += 4)
        snprintf(out + at, DNS_REVERSE_SIZE - at, "%x.%x.", ip->bytes[i] & 15, ip->bytes[i] >> 4);
    snprintf(out + at, DNS_REVERSE_SIZE - at, "%.255s", zone != NULL ? zone : "ip6.arpa");
    return out;
}

/* --- judging --------------------------------------------------------------------------------- */

static const struct dns_blocklist_row *row_of(const char *zone, uint32_t code)
{
    for (const struct dns_blocklist_row *row = dns_blocklist_rows; row->zone != NULL; row++)
        if (strcmp(row->zone, zone) == 0 && code >= row->first && code <= row->last)
            return row;
    return NULL;
}

static bool is_wanted(const struct dns_blocklist *list, uint32_t code)
{
    for (size_t i = 0; i < list->code_count; i++)
        if (code >= list->codes[i].first && code <= list->codes[i].last)
            return true;
    return false;
}

enum dns_listing dns_blocklist_judge(const struct dns_blocklist *list, const struct ip *code,
                                     const char **ret_meaning)
{
    const struct dns_blocklist_row *row;
    uint32_t number;

    if (ret_meaning != NULL)
        *ret_meaning = "";
    if (!code_of(code, &number) || number >> 24 != 127)
        return DNS_LISTING_ODD;
    if ((number & UINT32_C(0xffffff00)) == REFUSALS)
        return DNS_LISTING_REFUSED;
    row = row_of(list->zone, number);
    if (row != NULL && ret_meaning != NULL)
        *ret_meaning = row->meaning;
    if (row != NULL && row->listing == DNS_LISTING_REFUSED)
        return DNS_LISTING_REFUSED;
    if (list->code_count > 0)
        return is_wanted(list, number) ? DNS_LISTING_LISTED : DNS_LISTING_NONE;
    if (row != NULL)
        return row->listing;
    return number >> 16 == 0x7f00 && number > UINT32_C(0x7f000001) ? DNS_LISTING_LISTED
                                                                   : DNS_LISTING_ODD;
}
