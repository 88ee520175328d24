/*
 * The parser of scenarios: one directive a line, from a table; a directive without a block above it
 * that it belongs to is an error, as is anything left over on a line.
 */
#include "base/check.h"
#include "base/memory.h"
#include "lab/parser.h"

#define SCENARIO_BYTES_MAX (16 * 1024 * 1024)

enum where {
    AT_TOP = 1,
    IN_DOMAIN = 2,
    IN_SERVER = 4,
};

static const struct {
    struct lab_directive said; /* to others */
    unsigned where;
    int (*parse)(struct lab_parser *p);
} directives[] = {
    /* clang-format off */
    {{"set", "NAME VALUE", "how visitors behave"}, AT_TOP, lab_parse_set},
    {{"list", "LIST ENTRY", "an entry of one of the operator's lists"}, AT_TOP, lab_parse_list},
    {{"site", "NAME [LIMIT N ...]", "limits that its servers watch; under a server: whose it is"}, AT_TOP | IN_SERVER, lab_parse_site},
    {{"ask", "ADDRESS", "an address to be asked for, whatever comes of it"}, AT_TOP, lab_parse_ask},
    {{"expect", "ADDRESS STATUS REASON [\"PART\"] [suggests ADDRESS]", "what it must end as"}, AT_TOP, lab_parse_expect},
    {{"domain", "NAME", "begins a domain; *.NAME is a wildcard"}, AT_TOP, lab_parse_domain},
    {{"ttl", "SECONDS", "of the records below it"}, IN_DOMAIN, lab_parse_ttl},
    {{"mx", "PREFERENCE HOST | null", "a mail host, or the null MX"}, IN_DOMAIN, lab_parse_mx},
    {{"a", "IPV4", "an address"}, IN_DOMAIN, lab_parse_a},
    {{"aaaa", "IPV6", "an address"}, IN_DOMAIN, lab_parse_aaaa},
    {{"cname", "NAME", "the domain is an alias"}, IN_DOMAIN, lab_parse_cname},
    {{"ptr", "NAME", "of an in-addr.arpa or ip6.arpa name: what the address is called"}, IN_DOMAIN, lab_parse_ptr},
    {{"txt", "TEXT", "a TXT record"}, IN_DOMAIN, lab_parse_txt},
    {{"spf", "TEXT", "the same, for readers"}, IN_DOMAIN, lab_parse_txt},
    {{"dmarc", "TEXT", "a TXT record at _dmarc below the domain"}, IN_DOMAIN, lab_parse_dmarc},
    {{"fault", "FAULT [TYPE]", "what its name servers do instead of answering"}, IN_DOMAIN, lab_parse_fault},
    {{"slow", "TIME [TYPE]", "how late they answer"}, IN_DOMAIN, lab_parse_slow},
    {{"server", "HOST IP [IP ...]", "begins a mail server; HOST gets A and AAAA records"}, AT_TOP, lab_parse_server},
    {{"like", "PRESET", "speaks as a known operator does"}, IN_SERVER, lab_parse_like},
    {{"offer", "KEYWORD [KEYWORD ...]", "EHLO keywords, instead of the preset's"}, IN_SERVER, lab_parse_offer},
    {{"serves", "DOMAIN", "takes mail for a domain whose MX does not lead here"}, IN_SERVER, lab_parse_serves},
    {{"mailbox", "NAME[@DOMAIN] [STATE] [REPLY]", "a mailbox; NAME* stands for all that begin so"}, IN_SERVER, lab_parse_mailbox},
    {{"unknown", "REPLY", "said to recipients that it does not know"}, IN_SERVER, lab_parse_unknown},
    {{"reply", "TEXT REPLY", "what it says in a situation"}, IN_SERVER, lab_parse_reply},
    {{"behave", "BEHAVIOUR [ARGUMENT ...]", "does something beside answering"}, IN_SERVER, lab_parse_behave},
    /* clang-format on */
};

const struct lab_directive *lab_directive_at(size_t index)
{
    return index < ARRAY_LEN(directives) ? &directives[index].said : NULL;
}

static int directive_run(struct lab_parser *p, size_t i)
{
    struct slice left;
    int code;

    if ((directives[i].where & AT_TOP) == 0 &&
        !(((directives[i].where & IN_DOMAIN) != 0 && p->domain != NULL) ||
          ((directives[i].where & IN_SERVER) != 0 && p->server != NULL)))
        return lab_parser_fail(p, "%s belongs under a %s", directives[i].said.name,
                               (directives[i].where & IN_DOMAIN) != 0 ? "domain" : "server");
    /* A site between servers, at the margin, is not the previous server's. */
    code = directives[i].parse(p);
    if (code < 0)
        return code;
    if (lab_line_word(&p->line, &left))
        return lab_parser_fail(p, "%.*s is not understood here", SLICE_ARG(left));
    return p->line.fault != NULL ? lab_parser_fail(p, "%s", p->line.fault) : 0;
}

static int parse_line(struct lab_parser *p, struct slice text)
{
    bool indented = text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t');
    struct slice word;

    p->line = (struct lab_line){.rest = slice_trim(text), .arena = &p->scenario->arena};
    if (!lab_line_word(&p->line, &word))
        return p->line.fault != NULL ? lab_parser_fail(p, "%s", p->line.fault) : 0;
    if (!indented) {
        p->domain = NULL;
        p->server = NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(directives); i++)
        if (slice_equal(word, slice_from_string(directives[i].said.name)))
            return directive_run(p, i);
    return lab_parser_fail(p, "unknown directive %.*s", SLICE_ARG(slice_prefix(word, 60)));
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

static int parse_all(struct lab_parser *p, struct slice text)
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
        return lab_parser_no_memory(p);
    return 0;
}

struct lab_scenario *lab_scenario_parse(struct slice text, struct error *error)
{
    struct lab_parser p = {.error = error};
    struct lab_scenario *s;
    struct slice copy;

    if (text.len > SCENARIO_BYTES_MAX) {
        (void)error_set(error, ERROR_LIMIT, "a scenario has at most %d bytes", SCENARIO_BYTES_MAX);
        return NULL;
    }
    s = memory_zalloc(1, sizeof(*s));
    if (s == NULL) {
        (void)lab_parser_no_memory(&p);
        return NULL;
    }
    arena_init(&s->arena);
    table_init(&s->names, 0);
    table_init(&s->inner, 0);
    p.scenario = s;
    copy = arena_slice(&s->arena, text);
    if (copy.ptr == NULL ? lab_parser_no_memory(&p) < 0 : parse_all(&p, copy) < 0) {
        lab_scenario_free(s);
        return NULL;
    }
    return s;
}
