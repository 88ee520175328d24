#include "dns/message.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static uint16_t read_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)read_u16(at) << 16 | read_u16(at + 2);
}

int dns_message_open(struct dns_message *message, const uint8_t *bytes, size_t len)
{
    uint16_t flags;

    if (len < DNS_HEADER_LEN)
        return ERROR_FORMAT;
    flags = read_u16(bytes + 2);
    *message = (struct dns_message){
        .bytes = bytes,
        .len = len,
        .header = {.id = read_u16(bytes),
                   .response = (flags & 0x8000) != 0,
                   .opcode = (uint8_t)(flags >> 11 & 15),
                   .authoritative = (flags & 0x0400) != 0,
                   .truncated = (flags & 0x0200) != 0,
                   .recursion_desired = (flags & 0x0100) != 0,
                   .recursion_available = (flags & 0x0080) != 0,
                   .rcode = (uint8_t)(flags & 15)},
        .offset = DNS_HEADER_LEN,
    };
    for (size_t i = 0; i < DNS_SECTION_COUNT; i++)
        message->counts[i] = read_u16(bytes + 4 + 2 * i);
    return 0;
}

int dns_message_next_question(struct dns_message *message, struct dns_question *ret_question)
{
    size_t at;

    if (message->section != DNS_SECTION_QUESTION ||
        message->taken >= message->counts[DNS_SECTION_QUESTION])
        return 0;
    at = dns_name_read(message->bytes, message->len, message->offset, ret_question->name);
    if (at == 0 || message->len - at < 4)
        return ERROR_FORMAT;
    ret_question->type = read_u16(message->bytes + at);
    ret_question->dns_class = read_u16(message->bytes + at + 2);
    message->offset = at + 4;
    message->taken++;
    return 1;
}

/* A name that must fill the data from `at` on, unless more may follow it. */
static size_t data_name(const struct dns_message *message, size_t at, size_t end, bool more,
                        char out[DNS_NAME_SIZE])
{
    size_t behind = dns_name_read(message->bytes, end, at, out);

    return behind != 0 && (more ? behind <= end : behind == end) ? behind : 0;
}

static bool soa_read(const struct dns_message *message, size_t at, size_t end,
                     struct dns_record *record)
{
    char mailbox[DNS_NAME_SIZE];

    at = data_name(message, at, end, true, record->target);
    if (at == 0)
        return false;
    at = data_name(message, at, end, true, mailbox);
    if (at == 0 || end - at != 20)
        return false;
    record->minimum_s = read_u32(message->bytes + at + 16);
    if (record->minimum_s > INT32_MAX)
        record->minimum_s = 0;
    return true;
}

static bool text_is_sound(struct slice data)
{
    size_t at = 0;

    while (at < data.len)
        at += 1u + (uint8_t)data.ptr[at];
    return at == data.len && data.len > 0;
}

/* Take the data apart by type; false when they are not what the type demands. */
static bool data_read(const struct dns_message *message, size_t at, size_t end,
                      struct dns_record *record)
{
    switch (record->type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        record->ip.family = record->type == DNS_TYPE_A ? 4 : 6;
        if (end - at != (record->type == DNS_TYPE_A ? 4u : 16u))
            return false;
        memcpy(record->ip.bytes, message->bytes + at, end - at);
        return true;
    case DNS_TYPE_MX:
        if (end - at < 3)
            return false;
        record->preference = read_u16(message->bytes + at);
        return data_name(message, at + 2, end, false, record->target) != 0;
    case DNS_TYPE_CNAME:
    case DNS_TYPE_NS:
    case DNS_TYPE_PTR:
        return data_name(message, at, end, false, record->target) != 0;
    case DNS_TYPE_SOA:
        return soa_read(message, at, end, record);
    case DNS_TYPE_TXT:
        return text_is_sound(record->data);
    default:
        return true;
    }
}

static int record_read(struct dns_message *message, struct dns_record *record)
{
    size_t at, data_len;

    at = dns_name_read(message->bytes, message->len, message->offset, record->name);
    if (at == 0 || message->len - at < 10)
        return ERROR_FORMAT;
    record->section = message->section;
    record->type = read_u16(message->bytes + at);
    record->dns_class = read_u16(message->bytes + at + 2);
    record->ttl_s = read_u32(message->bytes + at + 4);
    if (record->ttl_s > INT32_MAX)
        record->ttl_s = 0;
    data_len = read_u16(message->bytes + at + 8);
    at += 10;
    if (message->len - at < data_len)
        return ERROR_FORMAT;
    record->data = slice_from((const char *)message->bytes + at, data_len);
    record->preference = 0;
    record->target[0] = '\0';
    record->ip = (struct ip){0};
    record->minimum_s = 0;
    if (record->dns_class == DNS_CLASS_IN && !data_read(message, at, at + data_len, record))
        return ERROR_FORMAT;
    message->offset = at + data_len;
    message->taken++;
    return 1;
}

int dns_message_next_record(struct dns_message *message, struct dns_record *ret_record)
{
    while (message->section == DNS_SECTION_QUESTION &&
           message->taken < message->counts[DNS_SECTION_QUESTION]) {
        struct dns_question question;
        int rc = dns_message_next_question(message, &question);

        if (rc < 0)
            return rc;
    }
    while (message->taken >= message->counts[message->section]) {
        if (message->section == DNS_SECTION_ADDITIONAL)
            return 0;
        message->section++;
        message->taken = 0;
    }
    return record_read(message, ret_record);
}

size_t dns_record_text(const struct dns_record *record, char *out, size_t size)
{
    size_t at = 0, n = 0;

    while (at < record->data.len) {
        size_t len = (uint8_t)record->data.ptr[at++];

        if (len > record->data.len - at)
            len = record->data.len - at;
        if (len > size - n)
            len = size - n;
        memcpy(out + n, record->data.ptr + at, len);
        n += len;
        if (n == size)
            break;
        at += len;
    }
    return n;
}

const char *dns_type_name(uint16_t type, char buffer[12])
{
    switch (type) {
    case DNS_TYPE_A:
        return "A";
    case DNS_TYPE_NS:
        return "NS";
    case DNS_TYPE_CNAME:
        return "CNAME";
    case DNS_TYPE_SOA:
        return "SOA";
    case DNS_TYPE_PTR:
        return "PTR";
    case DNS_TYPE_MX:
        return "MX";
    case DNS_TYPE_TXT:
        return "TXT";
    case DNS_TYPE_AAAA:
        return "AAAA";
    default:
        snprintf(buffer, 12, "TYPE%u", type);
        return buffer;
    }
}

enum dns_outcome dns_rcode_outcome(uint8_t rcode)
{
    switch (rcode) {
    case DNS_RCODE_NOERROR:
        return DNS_FOUND;
    case DNS_RCODE_SERVFAIL:
        return DNS_SERVFAIL;
    case DNS_RCODE_NXDOMAIN:
        return DNS_NXDOMAIN;
    default:
        return DNS_REFUSED;
    }
}
