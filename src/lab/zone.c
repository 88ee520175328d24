/* Zones: answers made from the scenario's records. */
#include "lab/zone.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "dns/writer.h"

#define CNAME_HOPS_MAX 9
#define NEGATIVE_TTL_S 60

static const struct lab_fault *fault_find(const struct lab_name *node, uint16_t type, bool delays)
{
    const struct lab_fault *f = node != NULL ? node->faults : NULL;

    for (; f != NULL; f = f->next)
        if ((f->type == 0 || f->type == type) && (f->kind == LAB_FAULT_NONE) == delays)
            return f;
    return NULL;
}

static bool record_write(struct dns_writer *writer, const char *name, const struct lab_record *r)
{
    switch (r->type) {
    case DNS_TYPE_MX:
        return dns_writer_mx(writer, name, r->ttl_s, r->preference, r->target);
    case DNS_TYPE_TXT:
        return dns_writer_txt(writer, name, r->ttl_s, r->text);
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        return dns_writer_name(writer, name, r->ttl_s, r->type, r->target);
    default:
        return dns_writer_ip(writer, name, r->ttl_s, &r->ip);
    }
}

/* Records of the type, behind the CNAMEs that lead to them; returns the RCODE. */
static uint8_t answers_write(const struct lab_scenario *scenario, struct dns_writer *writer,
                             const struct dns_question *question, unsigned *ret_count)
{
    const char *owner = question->name;

    *ret_count = 0;
    for (int hops = 0; hops < CNAME_HOPS_MAX; hops++) {
        struct slice name = slice_from_string(owner);
        const struct lab_name *node = lab_scenario_name(scenario, name);
        const struct lab_record *cname = NULL;

        if (node == NULL)
            return lab_scenario_is_inner(scenario, name) ? DNS_RCODE_NOERROR : DNS_RCODE_NXDOMAIN;
        for (const struct lab_record *r = node->records; r != NULL; r = r->next) {
            if (r->type == question->type && record_write(writer, owner, r))
                *ret_count += 1;
            if (r->type == DNS_TYPE_CNAME)
                cname = r;
        }
        if (cname == NULL || question->type == DNS_TYPE_CNAME)
            return DNS_RCODE_NOERROR;
        (void)record_write(writer, owner, cname);
        owner = cname->target;
    }
    return DNS_RCODE_NOERROR; /* a loop: the chain is the answer */
}

static uint8_t fault_rcode(enum lab_fault_kind kind)
{
    switch (kind) {
    case LAB_FAULT_SERVFAIL:
        return DNS_RCODE_SERVFAIL;
    case LAB_FAULT_REFUSED:
        return DNS_RCODE_REFUSED;
    case LAB_FAULT_NXDOMAIN:
        return DNS_RCODE_NXDOMAIN;
    case LAB_FAULT_NOTIMP:
        return DNS_RCODE_NOTIMP;
    default:
        return DNS_RCODE_NOERROR;
    }
}

/* Octets that break off inside the question: BOGUS to any reader. */
static size_t garbage_write(const struct dns_header *query, uint8_t *out)
{
    static const uint8_t tail[] = {0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0, 63, 'x', 0xc0};

    out[0] = (uint8_t)(query->id >> 8);
    out[1] = (uint8_t)query->id;
    memcpy(out + 2, tail, sizeof(tail));
    return 2 + sizeof(tail);
}

/* --- answers that no honest server gives -------------------------------------------------------
 */

#define CROWD_HOSTS 100000

/* "mx7.crowd.example", or the text, without end: what a message has no room for is left out. */
static void crowd_write(struct dns_writer *writer, const struct dns_question *question)
{
    static const char filling[] = "and so on and on ";
    char host[DNS_NAME_SIZE], text[255];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = filling[i % (sizeof(filling) - 1)];
    for (unsigned i = 0; i < CROWD_HOSTS && !writer->overflowed; i++) {
        (void)snprintf(host, sizeof(host), "mx%u.%.200s", i, question->name);
        if (question->type == DNS_TYPE_TXT)
            (void)dns_writer_txt(writer, question->name, NEGATIVE_TTL_S,
                                 slice_from(text, sizeof(text)));
        else if (question->type == DNS_TYPE_MX)
            (void)dns_writer_mx(writer, question->name, NEGATIVE_TTL_S, (uint16_t)i, host);
        else
            break;
    }
}

/* An MX whose host is these octets; the writer would not put them. */
static void raw_mx_write(struct dns_writer *writer, const char *name, const uint8_t *host,
                         size_t len)
{
    size_t before = writer->len, data = len + 2;

    if (!dns_writer_mx(writer, name, NEGATIVE_TTL_S, 1, ".") || writer->len + len > writer->size)
        return;
    /* The root took one octet of data; its length stands before preference and root. */
    writer->bytes[writer->len - 5] = (uint8_t)(data >> 8);
    writer->bytes[writer->len - 4] = (uint8_t)data;
    memcpy(writer->bytes + writer->len - 1, host, len);
    writer->len += len - 1;
    CHECK(writer->len > before);
}

static void names_write(struct dns_writer *writer, const struct dns_question *question)
{
    static const struct {
        const char *octets;
        size_t len;
    } hosts[] = {
#define HOST(octets) {octets, sizeof(octets)} /* the NUL at its end is the root */
        HOST("\4mx a\7example"),
        HOST("\7mx\0evil\7example"),
        HOST("\6\xff\xfe\x80\x01\x02\x7f\7example"),
        HOST("\12mx.\r\nQUIT\r\7example"),
        HOST("\11a@b.c/../\7example"),
        HOST("\4*.%s\7example"),
        HOST("\x09"
             "127.0.0.1\7example"),
#undef HOST
    };

    for (size_t i = 0; i < ARRAY_LEN(hosts) && question->type == DNS_TYPE_MX; i++)
        raw_mx_write(writer, question->name, (const uint8_t *)hosts[i].octets, hosts[i].len);
}

/* Hosts that point at themselves, and one that points at another's pointer. */
static void pointers_write(struct dns_writer *writer, const struct dns_question *question)
{
    /* A record is its owner's pointer (2), type, class, TTL, length (10) and preference (2). */
    size_t first = writer->len + 14, second = first + 2 + 14;
    const size_t targets[] = {second, first, second + 2 + 14};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        const uint8_t host[] = {(uint8_t)(0xc0 | targets[i] >> 8), (uint8_t)targets[i]};

        raw_mx_write(writer, question->name, host, sizeof(host));
    }
}

static size_t dishonest_write(enum lab_fault_kind kind, const struct dns_header *query,
                              const struct dns_question *question, bool by_udp, uint8_t *out,
                              size_t size)
{
    struct dns_writer writer;

    dns_writer_begin_answer(&writer, out, size, query, question, DNS_RCODE_NOERROR);
    dns_writer_section(&writer, DNS_SECTION_ANSWER);
    if (kind == LAB_FAULT_CROWD)
        crowd_write(&writer, question);
    else if (kind == LAB_FAULT_NAMES)
        names_write(&writer, question);
    else
        pointers_write(&writer, question);
    if (!by_udp) /* there is no more room anywhere: this is all */
        writer.overflowed = false;
    return dns_writer_end(&writer);
}

static size_t message_write(const struct lab_scenario *scenario, const struct dns_header *query,
                            const struct dns_question *question, uint8_t rcode, uint8_t *out,
                            size_t size)
{
    struct dns_writer writer;
    unsigned count;

    /* The RCODE stands in the header, which is written first: a dry run tells it. */
    if (rcode == DNS_RCODE_NOERROR) {
        dns_writer_begin_answer(&writer, out, size, query, question, rcode);
        dns_writer_section(&writer, DNS_SECTION_ANSWER);
        rcode = answers_write(scenario, &writer, question, &count);
        if (rcode == DNS_RCODE_NOERROR && count > 0)
            return dns_writer_end(&writer);
    } else if (rcode != DNS_RCODE_NXDOMAIN) {
        dns_writer_begin_answer(&writer, out, size, query, question, rcode);
        return dns_writer_end(&writer);
    }
    dns_writer_begin_answer(&writer, out, size, query, question, rcode);
    dns_writer_section(&writer, DNS_SECTION_ANSWER);
    (void)answers_write(scenario, &writer, question, &count); /* the CNAMEs, if any */
    dns_writer_section(&writer, DNS_SECTION_AUTHORITY);
    (void)dns_writer_soa(&writer, "lab", NEGATIVE_TTL_S, "ns.lab", "hostmaster.lab",
                         NEGATIVE_TTL_S);
    return dns_writer_end(&writer);
}

void lab_zone_answer(const struct lab_scenario *scenario, const struct dns_header *query,
                     const struct dns_question *question, bool by_udp, uint8_t *out, size_t size,
                     struct lab_zone_reply *ret_reply)
{
    const struct lab_name *node = lab_scenario_name(scenario, slice_from_string(question->name));
    const struct lab_fault *fault = fault_find(node, question->type, false);
    const struct lab_fault *slow = fault_find(node, question->type, true);
    struct lab_zone_reply reply = {
        .kind = fault != NULL ? fault->kind : LAB_FAULT_NONE,
        .delay_ms = slow != NULL ? slow->delay_ms : 0,
    };

    if (reply.kind == LAB_FAULT_GARBAGE) {
        reply.len = garbage_write(query, out);
    } else if (reply.kind == LAB_FAULT_TRUNCATE && by_udp) {
        struct dns_writer writer;

        dns_writer_begin_answer(&writer, out, size, query, question, DNS_RCODE_NOERROR);
        dns_writer_truncate(&writer);
        reply.len = dns_writer_end(&writer);
    } else if (reply.kind >= LAB_FAULT_POINTERS) {
        reply.len = dishonest_write(reply.kind, query, question, by_udp, out, size);
    } else if (reply.kind != LAB_FAULT_TIMEOUT) {
        reply.len = message_write(scenario, query, question, fault_rcode(reply.kind), out, size);
    }
    *ret_reply = reply;
}
