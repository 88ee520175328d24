#include "dns/writer.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define POINTER_MAX 0x3fff

static void write_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write_u32(uint8_t *at, uint32_t value)
{
    write_u16(at, (uint16_t)(value >> 16));
    write_u16(at + 2, (uint16_t)value);
}

static void write_flags(uint8_t *bytes, const struct dns_header *header)
{
    unsigned flags = (header->response ? 0x8000u : 0) | (header->opcode & 15u) << 11 |
                     (header->authoritative ? 0x0400u : 0) | (header->truncated ? 0x0200u : 0) |
                     (header->recursion_desired ? 0x0100u : 0) |
                     (header->recursion_available ? 0x0080u : 0) | (header->rcode & 15u);

    write_u16(bytes + 2, (uint16_t)flags);
}

void dns_writer_begin(struct dns_writer *writer, uint8_t *out, size_t size,
                      const struct dns_header *header)
{
    CHECK(size >= DNS_HEADER_LEN && size <= DNS_MESSAGE_MAX);
    memset(writer, 0, sizeof(*writer));
    writer->bytes = out;
    writer->size = size;
    writer->len = DNS_HEADER_LEN;
    memset(out, 0, DNS_HEADER_LEN);
    write_u16(out, header->id);
    write_flags(out, header);
}

void dns_writer_begin_answer(struct dns_writer *writer, uint8_t *out, size_t size,
                             const struct dns_header *query, const struct dns_question *question,
                             uint8_t rcode)
{
    struct dns_header header = {.id = query->id,
                                .response = true,
                                .opcode = query->opcode,
                                .authoritative = true,
                                .recursion_desired = query->recursion_desired,
                                .recursion_available = true,
                                .rcode = rcode};

    dns_writer_begin(writer, out, size, &header);
    if (question != NULL)
        dns_writer_question(writer, question->name, question->type);
    dns_writer_section(writer, DNS_SECTION_ANSWER);
}

void dns_writer_section(struct dns_writer *writer, enum dns_section section)
{
    CHECK(section >= writer->section && section < DNS_SECTION_COUNT);
    writer->section = section;
}

/* Room for len octets, or NULL. */
static uint8_t *room(struct dns_writer *writer, size_t len)
{
    uint8_t *at = writer->bytes + writer->len;

    if (writer->size - writer->len < len) {
        writer->overflowed = true;
        return NULL;
    }
    writer->len += len;
    return at;
}

/* The offset of a name written before that equals the wire form `suffix`, or 0. */
static size_t find_name(const struct dns_writer *writer, const uint8_t *suffix)
{
    for (size_t i = 0; i < writer->name_count; i++) {
        uint8_t known[DNS_NAME_WIRE_MAX];
        char text[DNS_NAME_SIZE];
        size_t len;

        if (dns_name_read(writer->bytes, writer->len, writer->names[i], text) == 0)
            continue;
        len = dns_name_to_wire(text, known);
        if (len > 0 && memcmp(known, suffix, len) == 0)
            return writer->names[i];
    }
    return 0;
}

static bool put_name(struct dns_writer *writer, const char *name)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    size_t len = dns_name_to_wire(name, wire), at = 0;

    if (len == 0) {
        writer->bad_name = true;
        return false;
    }
    while (wire[at] != 0) {
        size_t known = find_name(writer, wire + at);
        size_t start = writer->len;
        uint8_t *out = room(writer, known != 0 ? 2 : 1u + wire[at]);

        if (out == NULL)
            return false;
        if (known != 0) {
            write_u16(out, (uint16_t)(0xc000 | known));
            return true;
        }
        memcpy(out, wire + at, 1u + wire[at]);
        if (start <= POINTER_MAX && writer->name_count < DNS_WRITER_NAMES)
            writer->names[writer->name_count++] = (uint16_t)start;
        at += 1u + wire[at];
    }
    {
        uint8_t *out = room(writer, 1);

        if (out != NULL)
            *out = 0;
        return out != NULL;
    }
}

bool dns_writer_question(struct dns_writer *writer, const char *name, uint16_t type)
{
    size_t start = writer->len, names = writer->name_count;
    uint8_t *at;

    CHECK(writer->section == DNS_SECTION_QUESTION);
    if (!put_name(writer, name) || (at = room(writer, 4)) == NULL) {
        writer->len = start;
        writer->name_count = names;
        return false;
    }
    write_u16(at, type);
    write_u16(at + 2, DNS_CLASS_IN);
    writer->counts[DNS_SECTION_QUESTION]++;
    return true;
}

/* A record under way: undone whole when anything of it does not fit. */
struct record_mark {
    size_t start;
    size_t names;
    size_t data; /* where the data begin; 0: failed */
};

static struct record_mark record_begin(struct dns_writer *writer, const char *name, uint16_t type,
                                       uint16_t dns_class, uint32_t ttl_s)
{
    struct record_mark mark = {writer->len, writer->name_count, 0};
    uint8_t *at;

    CHECK(writer->section != DNS_SECTION_QUESTION);
    if (!put_name(writer, name) || (at = room(writer, 10)) == NULL)
        return mark;
    write_u16(at, type);
    write_u16(at + 2, dns_class);
    write_u32(at + 4, ttl_s);
    mark.data = writer->len;
    return mark;
}

static bool record_end(struct dns_writer *writer, struct record_mark mark, bool whole)
{
    if (mark.data == 0 || !whole) {
        writer->len = mark.start;
        writer->name_count = mark.names;
        return false;
    }
    write_u16(writer->bytes + mark.data - 2, (uint16_t)(writer->len - mark.data));
    writer->counts[writer->section]++;
    return true;
}

bool dns_writer_ip(struct dns_writer *writer, const char *name, uint32_t ttl_s, const struct ip *ip)
{
    size_t len = ip->family == 4 ? 4 : 16;
    struct record_mark mark = record_begin(
        writer, name, ip->family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA, DNS_CLASS_IN, ttl_s);
    uint8_t *at = mark.data != 0 ? room(writer, len) : NULL;

    if (at != NULL)
        memcpy(at, ip->bytes, len);
    return record_end(writer, mark, at != NULL);
}

bool dns_writer_mx(struct dns_writer *writer, const char *name, uint32_t ttl_s, uint16_t preference,
                   const char *host)
{
    struct record_mark mark = record_begin(writer, name, DNS_TYPE_MX, DNS_CLASS_IN, ttl_s);
    uint8_t *at = mark.data != 0 ? room(writer, 2) : NULL;

    if (at != NULL)
        write_u16(at, preference);
    return record_end(writer, mark, at != NULL && put_name(writer, host));
}

bool dns_writer_name(struct dns_writer *writer, const char *name, uint32_t ttl_s, uint16_t type,
                     const char *target)
{
    struct record_mark mark = record_begin(writer, name, type, DNS_CLASS_IN, ttl_s);

    return record_end(writer, mark, mark.data != 0 && put_name(writer, target));
}

bool dns_writer_txt(struct dns_writer *writer, const char *name, uint32_t ttl_s, struct slice text)
{
    struct record_mark mark = record_begin(writer, name, DNS_TYPE_TXT, DNS_CLASS_IN, ttl_s);
    bool whole = mark.data != 0;

    do {
        size_t len = text.len < 255 ? text.len : 255;
        uint8_t *at = whole ? room(writer, 1 + len) : NULL;

        whole = at != NULL;
        if (whole) {
            at[0] = (uint8_t)len;
            if (len > 0)
                memcpy(at + 1, text.ptr, len);
        }
        text = slice_from_offset(text, len);
    } while (text.len > 0);
    return record_end(writer, mark, whole);
}

bool dns_writer_soa(struct dns_writer *writer, const char *name, uint32_t ttl_s, const char *server,
                    const char *mailbox, uint32_t minimum_s)
{
    static const uint32_t numbers[4] = {1, 7200, 900, 1209600}; /* serial, refresh, retry, expire */
    struct record_mark mark = record_begin(writer, name, DNS_TYPE_SOA, DNS_CLASS_IN, ttl_s);
    uint8_t *at = NULL;

    if (mark.data != 0 && put_name(writer, server) && put_name(writer, mailbox))
        at = room(writer, 20);
    if (at != NULL) {
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
            write_u32(at + 4 * i, numbers[i]);
        write_u32(at + 16, minimum_s);
    }
    return record_end(writer, mark, at != NULL);
}

bool dns_writer_opt(struct dns_writer *writer, uint16_t udp_size)
{
    if (writer->section != DNS_SECTION_ADDITIONAL)
        dns_writer_section(writer, DNS_SECTION_ADDITIONAL);
    return record_end(writer, record_begin(writer, ".", DNS_TYPE_OPT, udp_size, 0), true);
}

void dns_writer_truncate(struct dns_writer *writer)
{
    struct dns_message message;
    struct dns_question question;

    CHECK(dns_message_open(&message, writer->bytes, writer->len) == 0);
    message.counts[DNS_SECTION_QUESTION] = writer->counts[DNS_SECTION_QUESTION];
    while (dns_message_next_question(&message, &question) > 0)
        continue;
    writer->len = message.offset;
    writer->section = DNS_SECTION_ANSWER;
    writer->name_count = 0;
    memset(&writer->counts[DNS_SECTION_ANSWER], 0,
           sizeof(writer->counts) - sizeof(writer->counts[0]));
    writer->overflowed = true;
}

size_t dns_writer_end(struct dns_writer *writer)
{
    if (writer->overflowed)
        writer->bytes[2] |= 0x02; /* TC */
    for (size_t i = 0; i < DNS_SECTION_COUNT; i++)
        write_u16(writer->bytes + 4 + 2 * i, writer->counts[i]);
    return writer->len;
}

size_t dns_query_build(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type,
                       uint16_t udp_size)
{
    size_t opt_len = udp_size != 0 ? DNS_OPT_LEN : 0, len;
    uint8_t wire[DNS_NAME_WIRE_MAX];

    len = dns_name_to_wire(name, wire);
    if (len == 0 || size < DNS_HEADER_LEN + len + 4 + opt_len)
        return 0;
    memset(out, 0, DNS_HEADER_LEN);
    write_u16(out, id);
    write_u16(out + 2, 0x0100); /* RD */
    write_u16(out + 4, 1);
    write_u16(out + 10, udp_size != 0);
    out += DNS_HEADER_LEN;
    memcpy(out, wire, len);
    write_u16(out + len, type);
    write_u16(out + len + 2, DNS_CLASS_IN);
    if (udp_size != 0) {
        out += len + 4;
        memset(out, 0, DNS_OPT_LEN);
        write_u16(out + 1, DNS_TYPE_OPT);
        write_u16(out + 3, udp_size);
    }
    return DNS_HEADER_LEN + len + 4 + opt_len;
}

int dns_query_read(const uint8_t *bytes, size_t len, struct dns_header *ret_header,
                   struct dns_question *ret_question)
{
    struct dns_message message;

    if (dns_message_open(&message, bytes, len) != 0)
        return ERROR_FORMAT;
    *ret_header = message.header;
    if (message.header.response)
        return ERROR_FORMAT;
    if (message.header.opcode != 0)
        return ERROR_USAGE;
    if (message.counts[DNS_SECTION_QUESTION] != 1 ||
        dns_message_next_question(&message, ret_question) != 1)
        return ERROR_FORMAT;
    return ret_question->dns_class == DNS_CLASS_IN ? 0 : ERROR_USAGE;
}
