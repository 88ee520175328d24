/* Zones: answers made from the scenario's records. */
#include "lab/zone.h"

#include <string.h>

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
    } else if (reply.kind != LAB_FAULT_TIMEOUT) {
        reply.len = message_write(scenario, query, question, fault_rcode(reply.kind), out, size);
    }
    *ret_reply = reply;
}
