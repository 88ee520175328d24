/*
 * The parser of scenarios: one directive a line, from a table; a directive without a block above it
 * that it belongs to is an error, as is anything left over on a line.
 */
#include "lab/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/name.h"
#include "dns/transport.h"
#include "lab/behaviour.h"
#include "lab/line.h"
#include "lab/model.h"
#include "lab/preset.h"
#include "lab/setup.h"

#define SCENARIO_BYTES_MAX (16 * 1024 * 1024)
#define DEFAULT_TTL_S      300

enum where {
    AT_TOP = 1,
    IN_DOMAIN = 2,
    IN_SERVER = 4,
};

struct parser {
    struct lab_scenario *scenario;
    struct lab_line line;
    unsigned number;
    struct error *error;
    struct lab_name *domain; /* the block we are in, if any */
    struct lab_server *server;
};

static int fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct parser *p, const char *format, ...)
{
    char message[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return error_set(p->error, ERROR_FORMAT, "line %u: %s", p->number, message);
}

static int fail_memory(struct parser *p)
{
    return error_set(p->error, ERROR_NOMEM, "no memory for the scenario");
}

/* --- words ------------------------------------------------------------------------------------ */

static int take_word(struct parser *p, const char *what, struct slice *ret_word)
{
    if (lab_line_word(&p->line, ret_word))
        return 0;
    if (p->line.fault != NULL)
        return fail(p, "%s", p->line.fault);
    return fail(p, "%s is missing", what);
}

static int take_number(struct parser *p, const char *what, uint64_t max, uint64_t *ret_number)
{
    struct slice word;
    int code = take_word(p, what, &word);

    if (code == 0 && !slice_to_u64(word, max, ret_number))
        code = fail(p, "%.*s is no %s (0 to %llu)", SLICE_ARG(word), what, (unsigned long long)max);
    return code;
}

static int take_span(struct parser *p, const char *what, uint64_t *ret_ms)
{
    struct slice word;
    int code = take_word(p, what, &word);

    if (code == 0 && !lab_span_parse(word, ret_ms))
        code = fail(p, "%.*s is no time (as in 250ms, 3s, 5m, 6h)", SLICE_ARG(word));
    return code;
}

static int take_ip(struct parser *p, uint8_t family, struct ip *ret_ip)
{
    struct slice word;
    int code = take_word(p, "an address", &word);

    if (code < 0)
        return code;
    if (!ip_parse(word, ret_ip) || (family != 0 && ret_ip->family != family))
        return fail(p, "%.*s is no %s address", SLICE_ARG(word),
                    family == 4   ? "IPv4"
                    : family == 6 ? "IPv6"
                                  : "IP");
    return 0;
}

/* A domain or host name in lower case, NUL-terminated on the arena. */
static int take_name(struct parser *p, const char *what, struct slice *ret_name)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    struct slice word;
    char *copy;
    int code = take_word(p, what, &word);

    if (code < 0)
        return code;
    copy = arena_string(&p->scenario->arena, word);
    if (copy == NULL)
        return fail_memory(p);
    ascii_lower_bytes(copy, word.len);
    if (word.len == 0 || word.ptr[word.len - 1] == '.' || strlen(copy) != word.len ||
        dns_name_to_wire(copy, wire) == 0)
        return fail(p, "\"%.100s\" is no domain name", copy);
    *ret_name = slice_from(copy, word.len);
    return 0;
}

static int take_reply(struct parser *p, struct slice *ret_reply)
{
    struct slice reply = lab_line_rest(&p->line);
    const char *fault = lab_text_check(reply);

    if (fault != NULL)
        return fail(p, "%s", fault);
    *ret_reply = reply;
    return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static struct lab_name *name_get(struct parser *p, struct slice name)
{
    struct lab_scenario *s = p->scenario;
    struct lab_name *node = table_get(&s->names, name);

    if (node != NULL)
        return node;
    node = arena_alloc(&s->arena, sizeof(*node));
    if (node == NULL || table_put(&s->names, name, node) < 0)
        return NULL;
    node->name = name;
    node->ttl_s = DEFAULT_TTL_S;
    if (s->last_name != NULL)
        s->last_name->next = node;
    else
        s->first_name = node;
    s->last_name = node;
    return node;
}

static struct lab_record *record_add(struct parser *p, struct lab_name *node, uint16_t type)
{
    struct lab_record *record = arena_alloc(&p->scenario->arena, sizeof(*record));

    if (record == NULL)
        return NULL;
    record->type = type;
    record->ttl_s = node->ttl_s;
    if (node->last_record != NULL)
        node->last_record->next = record;
    else
        node->records = record;
    node->last_record = record;
    return record;
}

static int parse_domain(struct parser *p)
{
    struct slice name;
    int code = take_name(p, "a domain name", &name);

    if (code < 0)
        return code;
    p->server = NULL;
    p->domain = name_get(p, name);
    return p->domain != NULL ? 0 : fail_memory(p);
}

static int parse_ttl(struct parser *p)
{
    uint64_t ttl;
    int code = take_number(p, "number of seconds", INT32_MAX, &ttl);

    if (code == 0)
        p->domain->ttl_s = (uint32_t)ttl;
    return code;
}

static int parse_mx(struct parser *p)
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
        code = take_number(p, "preference", UINT16_MAX, &preference);
        if (code == 0)
            code = take_name(p, "the mail host's name", &host);
        if (code < 0)
            return code;
    }
    record = record_add(p, p->domain, DNS_TYPE_MX);
    if (record == NULL)
        return fail_memory(p);
    record->preference = (uint16_t)preference;
    record->target = host.ptr;
    return 0;
}

static int address_parse_record(struct parser *p, uint8_t family)
{
    struct lab_record *record;
    struct ip ip;
    int code = take_ip(p, family, &ip);

    if (code < 0)
        return code;
    record = record_add(p, p->domain, family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
    if (record == NULL)
        return fail_memory(p);
    record->ip = ip;
    return 0;
}

static int parse_a(struct parser *p)
{
    return address_parse_record(p, 4);
}

static int parse_aaaa(struct parser *p)
{
    return address_parse_record(p, 6);
}

static int parse_cname(struct parser *p)
{
    struct lab_record *record;
    struct slice target;
    int code = take_name(p, "the canonical name", &target);

    if (code < 0)
        return code;
    record = record_add(p, p->domain, DNS_TYPE_CNAME);
    if (record == NULL)
        return fail_memory(p);
    record->target = target.ptr;
    return 0;
}

static int txt_add(struct parser *p, struct lab_name *node)
{
    struct lab_record *record;
    struct slice text;
    int code = take_word(p, "the text", &text);

    if (code < 0)
        return code;
    record = record_add(p, node, DNS_TYPE_TXT);
    if (record == NULL)
        return fail_memory(p);
    record->text = text;
    return 0;
}

static int parse_txt(struct parser *p)
{
    return txt_add(p, p->domain);
}

static int parse_dmarc(struct parser *p)
{
    struct lab_name *node;
    char *name;

    if (slice_starts_with(p->domain->name, SLICE("*.")) || p->domain->name.len > 240)
        return fail(p, "dmarc can't be said of %.*s", SLICE_ARG(p->domain->name));
    name = arena_printf(&p->scenario->arena, "_dmarc.%.*s", SLICE_ARG(p->domain->name));
    node = name != NULL ? name_get(p, slice_from_string(name)) : NULL;
    if (node == NULL)
        return fail_memory(p);
    return txt_add(p, node);
}

static bool type_by_name(struct slice word, uint16_t *ret_type)
{
    static const struct {
        struct slice name;
        uint16_t type;
    } types[] = {
        {{"all", 3}, 0},          {{"a", 1}, DNS_TYPE_A},     {{"aaaa", 4}, DNS_TYPE_AAAA},
        {{"mx", 2}, DNS_TYPE_MX}, {{"txt", 3}, DNS_TYPE_TXT},
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_equal_nocase(word, types[i].name)) {
            *ret_type = types[i].type;
            return true;
        }
    return false;
}

static int fault_add(struct parser *p, enum lab_fault_kind kind, uint64_t delay_ms)
{
    struct lab_fault *fault = arena_alloc(&p->scenario->arena, sizeof(*fault));
    struct slice word;

    if (fault == NULL)
        return fail_memory(p);
    fault->kind = kind;
    fault->delay_ms = delay_ms;
    if (lab_line_word(&p->line, &word) && !type_by_name(word, &fault->type))
        return fail(p, "%.*s is no record type (all, a, aaaa, mx, txt)", SLICE_ARG(word));
    fault->next = p->domain->faults;
    p->domain->faults = fault;
    return 0;
}

static int parse_fault(struct parser *p)
{
    static const char *const names[] = {
        [LAB_FAULT_SERVFAIL] = "servfail", [LAB_FAULT_REFUSED] = "refused",
        [LAB_FAULT_NXDOMAIN] = "nxdomain", [LAB_FAULT_NOTIMP] = "notimp",
        [LAB_FAULT_TIMEOUT] = "timeout",   [LAB_FAULT_GARBAGE] = "garbage",
        [LAB_FAULT_TRUNCATE] = "truncate",
    };
    struct slice word;
    int code = take_word(p, "the fault", &word);

    if (code < 0)
        return code;
    for (size_t i = LAB_FAULT_SERVFAIL; i < ARRAY_LEN(names); i++)
        if (slice_equal(word, slice_from_string(names[i])))
            return fault_add(p, (enum lab_fault_kind)i, 0);
    return fail(p,
                "unknown fault %.*s (servfail, refused, nxdomain, notimp, timeout, garbage, "
                "truncate)",
                SLICE_ARG(word));
}

static int parse_slow(struct parser *p)
{
    uint64_t span;
    int code = take_span(p, "a time", &span);

    return code < 0 ? code : fault_add(p, LAB_FAULT_NONE, span);
}

/* --- servers ---------------------------------------------------------------------------------- */

static bool ip_is_taken(const struct lab_scenario *s, const struct ip *ip)
{
    for (const struct lab_server *server = s->servers; server != NULL; server = server->next)
        for (size_t i = 0; i < server->ip_count; i++)
            if (ip_equal(&server->ips[i], ip))
                return true;
    return false;
}

/* The addresses of the server, each an A or AAAA record of its name. */
static int server_addresses(struct parser *p, struct lab_server *server, struct lab_name *node)
{
    struct ip ips[16];
    struct slice word;

    while (lab_line_word(&p->line, &word)) {
        struct lab_record *record;
        struct ip *ip = &ips[server->ip_count];

        if (server->ip_count == ARRAY_LEN(ips))
            return fail(p, "a server has at most %zu addresses", ARRAY_LEN(ips));
        if (!ip_parse(word, ip))
            return fail(p, "%.*s is no IP address", SLICE_ARG(word));
        if (ip_is_taken(p->scenario, ip))
            return fail(p, "%.*s is another server's address", SLICE_ARG(word));
        for (size_t i = 0; i < server->ip_count; i++)
            if (ip_equal(&ips[i], ip))
                return fail(p, "%.*s is named twice", SLICE_ARG(word));
        record = record_add(p, node, ip->family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
        if (record == NULL)
            return fail_memory(p);
        record->ip = *ip;
        server->ip_count++;
    }
    if (server->ip_count == 0)
        return fail(p, "the server's address is missing");
    server->ips = arena_array(&p->scenario->arena, server->ip_count, sizeof(*ips));
    if (server->ips == NULL)
        return fail_memory(p);
    memcpy(server->ips, ips, server->ip_count * sizeof(*ips));
    return 0;
}

static int parse_server(struct parser *p)
{
    struct lab_scenario *s = p->scenario;
    struct lab_server *server = arena_alloc(&s->arena, sizeof(*server));
    struct lab_name *node;
    int code;

    if (server == NULL)
        return fail_memory(p);
    code = take_name(p, "the server's name", &server->host);
    if (code < 0)
        return code;
    server->host_string = server->host.ptr;
    server->line = p->number;
    table_init(&server->mailboxes, 0);
    node = name_get(p, server->host);
    if (node == NULL)
        return fail_memory(p);
    code = server_addresses(p, server, node);
    if (code < 0)
        return code;
    if (s->last_server != NULL)
        s->last_server->next = server;
    else
        s->servers = server;
    s->last_server = server;
    p->domain = NULL;
    p->server = server;
    return 0;
}

static int parse_like(struct parser *p)
{
    struct slice word;
    int code = take_word(p, "the operator's name", &word);

    if (code < 0)
        return code;
    p->server->preset = lab_preset_by_name(word);
    if (p->server->preset == NULL)
        return fail(p, "no operator is known as %.*s", SLICE_ARG(word));
    if (!p->server->offers_set)
        p->server->offers = p->server->preset->offers;
    return 0;
}

static int parse_offer(struct parser *p)
{
    static const struct {
        struct slice name;
        unsigned offer;
    } offers[] = {
        {{"pipelining", 10}, LAB_OFFER_PIPELINING},
        {{"starttls", 8}, LAB_OFFER_STARTTLS},
        {{"smtputf8", 8}, LAB_OFFER_SMTPUTF8},
        {{"8bitmime", 8}, LAB_OFFER_8BITMIME},
        {{"size", 4}, LAB_OFFER_SIZE},
        {{"enhancedstatuscodes", 19}, LAB_OFFER_ENHANCED},
        {{"chunking", 8}, LAB_OFFER_CHUNKING},
        {{"dsn", 3}, LAB_OFFER_DSN},
        {{"auth", 4}, LAB_OFFER_AUTH},
        {{"nothing", 7}, 0},
    };
    struct slice word;
    int code = take_word(p, "an extension", &word);

    if (code < 0)
        return code;
    p->server->offers = p->server->offers_set ? p->server->offers : 0;
    p->server->offers_set = true;
    do {
        size_t i = 0;

        while (i < ARRAY_LEN(offers) && !slice_equal_nocase(word, offers[i].name))
            i++;
        if (i == ARRAY_LEN(offers))
            return fail(p, "unknown extension %.*s", SLICE_ARG(word));
        p->server->offers |= offers[i].offer;
    } while (lab_line_word(&p->line, &word));
    return 0;
}

static int parse_serves(struct parser *p)
{
    struct lab_word_list *entry = arena_alloc(&p->scenario->arena, sizeof(*entry));
    int code;

    if (entry == NULL)
        return fail_memory(p);
    code = take_name(p, "a domain", &entry->word);
    if (code < 0)
        return code;
    entry->next = p->server->serves;
    p->server->serves = entry;
    return 0;
}

static bool mailbox_state_by_name(struct slice word, enum lab_mailbox_state *ret_state)
{
    static const char *const names[] = {
#define X(symbol, name, text) name,
        LAB_MAILBOX_STATES(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_equal(word, slice_from_string(names[i]))) {
            *ret_state = (enum lab_mailbox_state)i;
            return true;
        }
    return false;
}

static int parse_mailbox(struct parser *p)
{
    struct lab_mailbox *mailbox = arena_alloc(&p->scenario->arena, sizeof(*mailbox));
    struct lab_line ahead;
    struct slice word, name;
    char *key;
    int code = take_word(p, "the mailbox", &name);

    if (code < 0)
        return code;
    key = mailbox != NULL ? arena_string(&p->scenario->arena, name) : NULL;
    if (key == NULL)
        return fail_memory(p);
    ascii_lower_bytes(key, name.len);
    ahead = p->line;
    if (lab_line_word(&ahead, &word) && mailbox_state_by_name(word, &mailbox->state))
        p->line = ahead;
    ahead = p->line;
    if (lab_line_word(&ahead, &word)) {
        if (!ascii_is_digit(word.ptr[0]))
            return fail(p, "%.*s is no state of a mailbox, and no reply", SLICE_ARG(word));
        code = take_reply(p, &mailbox->reply);
        if (code < 0)
            return code;
    }
    if (name.len > 0 && key[name.len - 1] == '*') {
        mailbox->prefix = slice_from(key, name.len - 1);
        mailbox->next = p->server->patterns;
        p->server->patterns = mailbox;
        return 0;
    }
    return table_put(&p->server->mailboxes, slice_from(key, name.len), mailbox) < 0 ? fail_memory(p)
                                                                                    : 0;
}

static int parse_reply(struct parser *p)
{
    struct slice word;
    enum lab_text text;
    int code = take_word(p, "the situation", &word);

    if (code < 0)
        return code;
    if (!lab_text_by_name(word, &text))
        return fail(p, "there is no situation called %.*s", SLICE_ARG(word));
    return take_reply(p, &p->server->texts[text]);
}

static int parse_unknown(struct parser *p)
{
    return take_reply(p, &p->server->texts[LAB_TEXT_UNKNOWN]);
}

/* One argument by its letter; capitals may be missing: then *ret_absent. */
static int behaviour_argument(struct parser *p, struct lab_behaviour *b, char letter)
{
    struct lab_line ahead = p->line;
    struct slice word = SLICE_EMPTY;
    bool there = lab_line_word(&ahead, &word);
    bool optional = letter >= 'A' && letter <= 'Z';
    int code = 0;

    if (there && word.len == 0)
        return fail(p, "an empty argument");
    switch (ascii_lower(letter)) {
    case 's':
        code = take_word(p, "the stage", &word);
        if (code == 0 && !lab_stages_parse(word, &b->stages))
            code = fail(p,
                        "%.*s is no stage (connect, ehlo, helo, starttls, mail, rcpt, bad-rcpt, "
                        "rset, quit, any)",
                        SLICE_ARG(word));
        return code;
    case 'd':
        if (optional && (!there || !lab_span_parse(word, &b->span_ms)))
            return 0;
        return take_span(p, "a time", &b->span_ms);
    case 'n':
        return take_number(p, "number", UINT32_MAX, &b->count);
    case 'w':
        return take_word(p, "a word", &b->word);
    default:
        if (optional && !there)
            return 0;
        return take_reply(p, &b->reply);
    }
}

static int parse_behave(struct parser *p)
{
    struct lab_behaviour *b = arena_alloc(&p->scenario->arena, sizeof(*b));
    struct slice word;
    int code = take_word(p, "the behaviour", &word);

    if (code < 0)
        return code;
    if (b == NULL)
        return fail_memory(p);
    b->kind = lab_behaviour_by_name(word);
    if (b->kind == NULL)
        return fail(p, "no behaviour is called %.*s", SLICE_ARG(word));
    b->stages = b->kind->stages;
    b->span_ms = b->kind->span_ms;
    b->count = b->kind->count;
    b->reply = slice_from_string(b->kind->reply);
    for (const char *letter = b->kind->arguments; *letter != '\0'; letter++) {
        code = behaviour_argument(p, b, *letter);
        if (code < 0)
            return code;
    }
    b->index = p->server->behaviour_count++;
    if (p->server->last_behaviour != NULL)
        p->server->last_behaviour->next = b;
    else
        p->server->behaviours = b;
    p->server->last_behaviour = b;
    return 0;
}

/* --- sites, settings, expectations --------------------------------------------------------------
 */

static struct lab_site *site_by_name(const struct lab_scenario *s, struct slice name)
{
    struct lab_site *site = s->sites;

    while (site != NULL && !slice_equal(site->name, name))
        site = site->next;
    return site;
}

static int site_limit(struct parser *p, struct lab_site *site, struct slice name)
{
    static const struct {
        struct slice name;
        size_t offset;
    } limits[] = {
        {{"connections", 11}, offsetof(struct lab_site, connections)},
        {{"per-minute", 10}, offsetof(struct lab_site, per_minute)},
        {{"rcpts-per-session", 17}, offsetof(struct lab_site, rcpts_per_session)},
        {{"unknowns-per-session", 20}, offsetof(struct lab_site, unknowns_per_session)},
    };

    if (slice_equal(name, SLICE("gap")))
        return take_span(p, "the gap", &site->gap_ms);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (slice_equal(name, limits[i].name)) {
            uint64_t number;
            int code = take_number(p, "limit", 100000, &number);

            if (code == 0)
                *(unsigned *)(void *)((char *)site + limits[i].offset) = (unsigned)number;
            return code;
        }
    return fail(p,
                "unknown limit %.*s (connections, per-minute, rcpts-per-session, "
                "unknowns-per-session, gap)",
                SLICE_ARG(name));
}

/* At the top it defines a site; in a server's block it says which one the server belongs to. */
static int parse_site(struct parser *p)
{
    struct slice name, word;
    struct lab_site *site;
    int code = take_word(p, "the site's name", &name);

    if (code < 0)
        return code;
    site = site_by_name(p->scenario, name);
    if (p->server != NULL && site != NULL) {
        p->server->site = site;
        return 0;
    }
    if (site != NULL)
        return fail(p, "site %.*s was defined before", SLICE_ARG(name));
    site = arena_alloc(&p->scenario->arena, sizeof(*site));
    if (site == NULL)
        return fail_memory(p);
    site->name = name;
    while (lab_line_word(&p->line, &word)) {
        code = site_limit(p, site, word);
        if (code < 0)
            return code;
    }
    site->next = p->scenario->sites;
    p->scenario->sites = site;
    if (p->server != NULL) /* defined where it is used */
        p->server->site = site;
    return 0;
}

static int parse_set(struct parser *p)
{
    struct lab_setting *setting = arena_alloc(&p->scenario->arena, sizeof(*setting));
    const char *fault;
    int code;

    if (setting == NULL)
        return fail_memory(p);
    code = take_word(p, "the setting's name", &setting->name);
    if (code == 0)
        code = take_word(p, "the value", &setting->value);
    if (code < 0)
        return code;
    fault = lab_setting_fault(setting->name, setting->value);
    if (fault != NULL)
        return fail(p, "%.*s %.*s: %s", SLICE_ARG(setting->name), SLICE_ARG(setting->value), fault);
    if (p->scenario->last_setting != NULL)
        p->scenario->last_setting->next = setting;
    else
        p->scenario->settings = setting;
    p->scenario->last_setting = setting;
    return 0;
}

static int parse_list(struct parser *p)
{
    struct lab_list_entry *entry = arena_alloc(&p->scenario->arena, sizeof(*entry));
    enum lists_operator_kind kind;
    int code;

    if (entry == NULL)
        return fail_memory(p);
    code = take_word(p, "the list's name", &entry->kind);
    if (code == 0)
        code = take_word(p, "the entry", &entry->entry);
    if (code < 0)
        return code;
    if (!lab_list_kind(entry->kind, &kind))
        return fail(p,
                    "there is no list called %.*s (allow, opt-out, block, trap, complaint, listed, "
                    "disposable, not-disposable)",
                    SLICE_ARG(entry->kind));
    if (p->scenario->last_list != NULL)
        p->scenario->last_list->next = entry;
    else
        p->scenario->lists = entry;
    p->scenario->last_list = entry;
    return 0;
}

static int parse_expect(struct parser *p)
{
    struct lab_scenario *s = p->scenario;
    struct lab_expectation_node *node = arena_alloc(&s->arena, sizeof(*node));
    struct lab_expectation *e;
    struct slice word;
    int code;

    if (node == NULL)
        return fail_memory(p);
    e = &node->expectation;
    e->line = p->number;
    code = take_word(p, "the address", &e->address);
    if (code == 0)
        code = take_word(p, "the status", &e->status);
    if (code == 0)
        code = take_word(p, "the reason", &e->reason);
    if (code == 0 && lab_line_is_quoted(&p->line))
        code = take_word(p, "the explanation", &e->explanation);
    if (code == 0 && lab_line_word(&p->line, &word)) {
        if (!slice_equal(word, SLICE("suggests")))
            return fail(p, "%.*s is not understood here", SLICE_ARG(word));
        code = take_word(p, "the suggestion", &e->suggestion);
    }
    if (code < 0)
        return code;
    if (s->last_expectation != NULL)
        s->last_expectation->next = node;
    else
        s->expectations = node;
    s->last_expectation = node;
    s->expectation_count++;
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

static const struct {
    struct slice name;
    unsigned where;
    int (*parse)(struct parser *p);
} directives[] = {
#define D(name, where, parse)                                                                      \
    {                                                                                              \
        {name, sizeof(name) - 1}, where, parse                                                     \
    }
    D("set", AT_TOP, parse_set),
    D("list", AT_TOP, parse_list),
    D("site", AT_TOP | IN_SERVER, parse_site),
    D("domain", AT_TOP, parse_domain),
    D("ttl", IN_DOMAIN, parse_ttl),
    D("mx", IN_DOMAIN, parse_mx),
    D("a", IN_DOMAIN, parse_a),
    D("aaaa", IN_DOMAIN, parse_aaaa),
    D("cname", IN_DOMAIN, parse_cname),
    D("txt", IN_DOMAIN, parse_txt),
    D("spf", IN_DOMAIN, parse_txt),
    D("dmarc", IN_DOMAIN, parse_dmarc),
    D("fault", IN_DOMAIN, parse_fault),
    D("slow", IN_DOMAIN, parse_slow),
    D("server", AT_TOP, parse_server),
    D("like", IN_SERVER, parse_like),
    D("offer", IN_SERVER, parse_offer),
    D("serves", IN_SERVER, parse_serves),
    D("mailbox", IN_SERVER, parse_mailbox),
    D("unknown", IN_SERVER, parse_unknown),
    D("reply", IN_SERVER, parse_reply),
    D("behave", IN_SERVER, parse_behave),
    D("expect", AT_TOP, parse_expect),
#undef D
};

static int directive_run(struct parser *p, size_t i)
{
    struct slice left;
    int code;

    if ((directives[i].where & AT_TOP) == 0 &&
        !(((directives[i].where & IN_DOMAIN) != 0 && p->domain != NULL) ||
          ((directives[i].where & IN_SERVER) != 0 && p->server != NULL)))
        return fail(p, "%.*s belongs under a %s", SLICE_ARG(directives[i].name),
                    (directives[i].where & IN_DOMAIN) != 0 ? "domain" : "server");
    /* A site between servers, at the margin, is not the previous server's. */
    code = directives[i].parse(p);
    if (code < 0)
        return code;
    if (lab_line_word(&p->line, &left))
        return fail(p, "%.*s is not understood here", SLICE_ARG(left));
    return p->line.fault != NULL ? fail(p, "%s", p->line.fault) : 0;
}

static int parse_line(struct parser *p, struct slice text)
{
    bool indented = text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t');
    struct slice word;

    p->line = (struct lab_line){.rest = slice_trim(text), .arena = &p->scenario->arena};
    if (!lab_line_word(&p->line, &word))
        return p->line.fault != NULL ? fail(p, "%s", p->line.fault) : 0;
    if (!indented) {
        p->domain = NULL;
        p->server = NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(directives); i++)
        if (slice_equal(word, directives[i].name))
            return directive_run(p, i);
    return fail(p, "unknown directive %.*s", SLICE_ARG(slice_prefix(word, 60)));
}

/* Parents of names exist too, without records (RFC 4592 2.2.2). */
static int inner_names_note(struct lab_scenario *s)
{
    for (struct lab_name *node = s->first_name; node != NULL; node = node->next) {
        struct slice parent = node->name;
        ptrdiff_t dot;

        while ((dot = slice_find_byte(parent, '.')) >= 0) {
            parent = slice_from_offset(parent, (size_t)dot + 1);
            if (table_get(&s->inner, parent) != NULL)
                break;
            if (table_put(&s->inner, parent, node) < 0)
                return ERROR_NOMEM;
        }
    }
    return 0;
}

static int expectations_index(struct lab_scenario *s)
{
    size_t i = 0;

    s->expectation_index =
        arena_array(&s->arena, s->expectation_count + 1, sizeof(*s->expectation_index));
    if (s->expectation_index == NULL)
        return ERROR_NOMEM;
    for (struct lab_expectation_node *node = s->expectations; node != NULL; node = node->next)
        s->expectation_index[i++] = &node->expectation;
    return 0;
}

static int parse_all(struct parser *p, struct slice text)
{
    struct slice rest = text, line;
    int code;

    while (slice_split(&rest, '\n', &line)) {
        p->number++;
        code = parse_line(p, line);
        if (code < 0)
            return code;
    }
    if (inner_names_note(p->scenario) < 0 || expectations_index(p->scenario) < 0)
        return fail_memory(p);
    return 0;
}

struct lab_scenario *lab_scenario_parse(struct slice text, struct error *error)
{
    struct parser p = {.error = error};
    struct lab_scenario *s;
    struct slice copy;

    if (text.len > SCENARIO_BYTES_MAX) {
        (void)error_set(error, ERROR_LIMIT, "a scenario has at most %d bytes", SCENARIO_BYTES_MAX);
        return NULL;
    }
    s = memory_zalloc(1, sizeof(*s));
    if (s == NULL) {
        (void)fail_memory(&p);
        return NULL;
    }
    arena_init(&s->arena);
    table_init(&s->names, 0);
    table_init(&s->inner, 0);
    p.scenario = s;
    copy = arena_slice(&s->arena, text);
    if (copy.ptr == NULL ? fail_memory(&p) < 0 : parse_all(&p, copy) < 0) {
        lab_scenario_free(s);
        return NULL;
    }
    return s;
}

void lab_scenario_free(struct lab_scenario *scenario)
{
    if (scenario == NULL)
        return;
    for (struct lab_server *server = scenario->servers; server != NULL; server = server->next)
        table_done(&server->mailboxes);
    table_done(&scenario->names);
    table_done(&scenario->inner);
    arena_done(&scenario->arena);
    memory_free(scenario);
}

/* --- questions ---------------------------------------------------------------------------------
 */

size_t lab_scenario_expectation_count(const struct lab_scenario *scenario)
{
    return scenario->expectation_count;
}

const struct lab_expectation *lab_scenario_expectation(const struct lab_scenario *scenario,
                                                       size_t index)
{
    return index < scenario->expectation_count ? scenario->expectation_index[index] : NULL;
}

struct slice lab_scenario_setting(const struct lab_scenario *scenario, struct slice name)
{
    struct slice value = SLICE_EMPTY;

    for (const struct lab_setting *s = scenario->settings; s != NULL; s = s->next)
        if (slice_equal(s->name, name))
            value = s->value; /* the last line wins */
    return value;
}

bool lab_scenario_list_entry(const struct lab_scenario *scenario, size_t index,
                             struct slice *ret_kind, struct slice *ret_entry)
{
    const struct lab_list_entry *entry = scenario->lists;

    while (entry != NULL && index-- > 0)
        entry = entry->next;
    if (entry == NULL)
        return false;
    *ret_kind = entry->kind;
    *ret_entry = entry->entry;
    return true;
}

const struct lab_name *lab_scenario_name(const struct lab_scenario *scenario, struct slice name)
{
    const struct lab_name *node = table_get(&scenario->names, name);
    struct slice parent = name;
    char key[DNS_NAME_SIZE + 2];
    ptrdiff_t dot;

    if (node != NULL)
        return node;
    /* The wildcard at the closest encloser answers, and only there (RFC 4592 3.3.1). */
    while ((dot = slice_find_byte(parent, '.')) >= 0) {
        parent = slice_from_offset(parent, (size_t)dot + 1);
        if (parent.len + 2 < sizeof(key)) {
            int len = snprintf(key, sizeof(key), "*.%.*s", SLICE_ARG(parent));

            node = table_get(&scenario->names, slice_from(key, (size_t)len));
            if (node != NULL)
                return node;
        }
        if (table_get(&scenario->names, parent) != NULL ||
            table_get(&scenario->inner, parent) != NULL)
            return NULL;
    }
    return NULL;
}

bool lab_scenario_is_inner(const struct lab_scenario *scenario, struct slice name)
{
    return table_get(&scenario->inner, name) != NULL;
}

static bool server_has_ip(const struct lab_server *server, const struct ip *ip)
{
    for (size_t i = 0; i < server->ip_count; i++)
        if (ip_equal(&server->ips[i], ip))
            return true;
    return false;
}

static const struct lab_name *canonical_name(const struct lab_scenario *scenario, struct slice name)
{
    const struct lab_name *node = lab_scenario_name(scenario, name);

    for (int hops = 0; hops < 8 && node != NULL && node->records != NULL; hops++) {
        if (node->records->type != DNS_TYPE_CNAME)
            return node;
        node = lab_scenario_name(scenario, slice_from_string(node->records->target));
    }
    return node;
}

static bool leads_to_server(const struct lab_scenario *scenario, const struct lab_server *server,
                            const struct lab_name *node)
{
    const struct lab_record *r = node != NULL ? node->records : NULL;

    for (; r != NULL; r = r->next)
        if ((r->type == DNS_TYPE_A || r->type == DNS_TYPE_AAAA) && server_has_ip(server, &r->ip))
            return true;
    return false;
}

bool lab_scenario_serves(const struct lab_scenario *scenario, const struct lab_server *server,
                         struct slice domain)
{
    const struct lab_name *node;
    bool has_mx = false;

    for (const struct lab_word_list *w = server->serves; w != NULL; w = w->next)
        if (slice_equal(w->word, domain) ||
            (slice_starts_with(w->word, SLICE("*.")) &&
             slice_ends_with(domain, slice_from_offset(w->word, 1))))
            return true;
    node = canonical_name(scenario, domain);
    if (node == NULL)
        return false;
    for (const struct lab_record *r = node->records; r != NULL; r = r->next) {
        struct slice host;

        if (r->type != DNS_TYPE_MX)
            continue;
        has_mx = true;
        host = slice_from_string(r->target);
        if (slice_equal(host, server->host) ||
            leads_to_server(scenario, server, canonical_name(scenario, host)))
            return true;
    }
    return !has_mx && leads_to_server(scenario, server, node);
}

const struct lab_mailbox *lab_server_mailbox(const struct lab_server *server, struct slice local,
                                             struct slice domain)
{
    char key[1024];
    int len = snprintf(key, sizeof(key), "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain));
    const struct lab_mailbox *mailbox = NULL;

    if (len > 0 && (size_t)len < sizeof(key))
        mailbox = table_get(&server->mailboxes, slice_from(key, (size_t)len));
    if (mailbox == NULL)
        mailbox = table_get(&server->mailboxes, local);
    for (const struct lab_mailbox *m = server->patterns; mailbox == NULL && m != NULL; m = m->next)
        if (slice_starts_with(local, m->prefix))
            mailbox = m;
    return mailbox;
}
