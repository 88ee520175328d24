/* What stands in the block of a domain: its records and how its name servers fail. */
#include <stdio.h>

#include "base/check.h"
#include "dns/transport.h"
#include "lab/parser.h"

int lab_parse_domain(struct lab_parser *p)
{
    struct slice name;
    int code = lab_parser_name(p, "a domain name", &name);

    if (code < 0)
        return code;
    p->server = NULL;
    p->domain = lab_parser_node(p, name);
    return p->domain != NULL ? 0 : lab_parser_no_memory(p);
}

int lab_parse_ttl(struct lab_parser *p)
{
    uint64_t ttl;
    int code = lab_parser_number(p, "number of seconds", INT32_MAX, &ttl);

    if (code == 0)
        p->domain->ttl_s = (uint32_t)ttl;
    return code;
}

int lab_parse_mx(struct lab_parser *p)
{
    struct lab_line ahead = p->line;
    struct lab_record *record;
    struct slice word, host = SLICE_EMPTY;
    uint64_t preference = 0;
    int code;

    if (lab_line_word(&ahead, &word) && slice_equal(word, SLICE("null"))) {
        p->line = ahead;
        host = SLICE(".");
    } else {
        code = lab_parser_number(p, "preference", UINT16_MAX, &preference);
        if (code == 0)
            code = lab_parser_name(p, "the mail host's name", &host);
        if (code < 0)
            return code;
    }
    record = lab_parser_record(p, p->domain, DNS_TYPE_MX);
    if (record == NULL)
        return lab_parser_no_memory(p);
    record->preference = (uint16_t)preference;
    record->target = host.ptr;
    return 0;
}

static int address_parse_record(struct lab_parser *p, uint8_t family)
{
    struct lab_record *record;
    struct ip ip;
    int code = lab_parser_ip(p, family, &ip);

    if (code < 0)
        return code;
    record = lab_parser_record(p, p->domain, family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
    if (record == NULL)
        return lab_parser_no_memory(p);
    record->ip = ip;
    return 0;
}

int lab_parse_a(struct lab_parser *p)
{
    return address_parse_record(p, 4);
}

int lab_parse_aaaa(struct lab_parser *p)
{
    return address_parse_record(p, 6);
}

static int name_parse_record(struct lab_parser *p, uint16_t type, const char *what)
{
    struct lab_record *record;
    struct slice target;
    int code = lab_parser_name(p, what, &target);

    if (code < 0)
        return code;
    record = lab_parser_record(p, p->domain, type);
    if (record == NULL)
        return lab_parser_no_memory(p);
    record->target = target.ptr;
    return 0;
}

int lab_parse_cname(struct lab_parser *p)
{
    return name_parse_record(p, DNS_TYPE_CNAME, "the canonical name");
}

int lab_parse_ptr(struct lab_parser *p)
{
    return name_parse_record(p, DNS_TYPE_PTR, "the address's name");
}

static int txt_add(struct lab_parser *p, struct lab_name *node)
{
    struct lab_record *record;
    struct slice text;
    int code = lab_parser_word(p, "the text", &text);

    if (code < 0)
        return code;
    record = lab_parser_record(p, node, DNS_TYPE_TXT);
    if (record == NULL)
        return lab_parser_no_memory(p);
    record->text = text;
    return 0;
}

int lab_parse_txt(struct lab_parser *p)
{
    return txt_add(p, p->domain);
}

int lab_parse_dmarc(struct lab_parser *p)
{
    struct lab_name *node;
    char *name;

    if (slice_starts_with(p->domain->name, SLICE("*.")) || p->domain->name.len > 240)
        return lab_parser_fail(p, "dmarc can't be said of %.*s", SLICE_ARG(p->domain->name));
    name = arena_printf(&p->scenario->arena, "_dmarc.%.*s", SLICE_ARG(p->domain->name));
    node = name != NULL ? lab_parser_node(p, slice_from_string(name)) : NULL;
    if (node == NULL)
        return lab_parser_no_memory(p);
    return txt_add(p, node);
}

static bool type_by_name(struct slice word, uint16_t *ret_type)
{
    static const struct {
        struct slice name;
        uint16_t type;
    } types[] = {
        {{"all", 3}, 0},          {{"a", 1}, DNS_TYPE_A},     {{"aaaa", 4}, DNS_TYPE_AAAA},
        {{"mx", 2}, DNS_TYPE_MX}, {{"txt", 3}, DNS_TYPE_TXT}, {{"ptr", 3}, DNS_TYPE_PTR},
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_equal_nocase(word, types[i].name)) {
            *ret_type = types[i].type;
            return true;
        }
    return false;
}

static int fault_add(struct lab_parser *p, enum lab_fault_kind kind, uint64_t delay_ms)
{
    struct lab_fault *fault = arena_alloc(&p->scenario->arena, sizeof(*fault));
    struct slice word;

    if (fault == NULL)
        return lab_parser_no_memory(p);
    fault->kind = kind;
    fault->delay_ms = delay_ms;
    if (lab_line_word(&p->line, &word) && !type_by_name(word, &fault->type))
        return lab_parser_fail(p, "%.*s is no record type (all, a, aaaa, mx, ptr, txt)",
                               SLICE_ARG(word));
    fault->next = p->domain->faults;
    p->domain->faults = fault;
    return 0;
}

int lab_parse_fault(struct lab_parser *p)
{
    static const char *const names[] = {
        [LAB_FAULT_SERVFAIL] = "servfail", [LAB_FAULT_REFUSED] = "refused",
        [LAB_FAULT_NXDOMAIN] = "nxdomain", [LAB_FAULT_NOTIMP] = "notimp",
        [LAB_FAULT_TIMEOUT] = "timeout",   [LAB_FAULT_GARBAGE] = "garbage",
        [LAB_FAULT_TRUNCATE] = "truncate", [LAB_FAULT_POINTERS] = "pointers",
        [LAB_FAULT_NAMES] = "names",       [LAB_FAULT_CROWD] = "crowd",
    };
    struct slice word;
    int code = lab_parser_word(p, "the fault", &word);

    if (code < 0)
        return code;
    for (size_t i = LAB_FAULT_SERVFAIL; i < ARRAY_LEN(names); i++)
        if (slice_equal(word, slice_from_string(names[i])))
            return fault_add(p, (enum lab_fault_kind)i, 0);
    return lab_parser_fail(
        p,
        "unknown fault %.*s (servfail, refused, nxdomain, notimp, timeout, garbage, "
        "truncate, pointers, names, crowd)",
        SLICE_ARG(word));
}

int lab_parse_slow(struct lab_parser *p)
{
    uint64_t span;
    int code = lab_parser_span(p, "a time", &span);

    return code < 0 ? code : fault_add(p, LAB_FAULT_NONE, span);
}
