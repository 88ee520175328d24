/* What stands in the block of a server: its addresses, words, mailboxes and behaviours. */
#include <string.h>

#include "base/check.h"
#include "dns/transport.h"
#include "lab/behaviour.h"
#include "lab/parser.h"
#include "lab/preset.h"

static bool ip_is_taken(const struct lab_scenario *s, const struct ip *ip)
{
    for (const struct lab_server *server = s->servers; server != NULL; server = server->next)
        for (size_t i = 0; i < server->ip_count; i++)
            if (ip_equal(&server->ips[i], ip))
                return true;
    return false;
}

/* The addresses of the server, each an A or AAAA record of its name. */
static int server_addresses(struct lab_parser *p, struct lab_server *server, struct lab_name *node)
{
    struct ip ips[16];
    struct slice word;

    while (lab_line_word(&p->line, &word)) {
        struct lab_record *record;
        struct ip *ip = &ips[server->ip_count];

        if (server->ip_count == ARRAY_LEN(ips))
            return lab_parser_fail(p, "a server has at most %zu addresses", ARRAY_LEN(ips));
        if (!ip_parse(word, ip))
            return lab_parser_fail(p, "%.*s is no IP address", SLICE_ARG(word));
        if (ip_is_taken(p->scenario, ip))
            return lab_parser_fail(p, "%.*s is another server's address", SLICE_ARG(word));
        for (size_t i = 0; i < server->ip_count; i++)
            if (ip_equal(&ips[i], ip))
                return lab_parser_fail(p, "%.*s is named twice", SLICE_ARG(word));
        record = lab_parser_record(p, node, ip->family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
        if (record == NULL)
            return lab_parser_no_memory(p);
        record->ip = *ip;
        server->ip_count++;
    }
    if (server->ip_count == 0)
        return lab_parser_fail(p, "the server's address is missing");
    server->ips = arena_array(&p->scenario->arena, server->ip_count, sizeof(*ips));
    if (server->ips == NULL)
        return lab_parser_no_memory(p);
    memcpy(server->ips, ips, server->ip_count * sizeof(*ips));
    return 0;
}

int lab_parse_server(struct lab_parser *p)
{
    struct lab_scenario *s = p->scenario;
    struct lab_server *server = arena_alloc(&s->arena, sizeof(*server));
    struct lab_name *node;
    int code;

    if (server == NULL)
        return lab_parser_no_memory(p);
    code = lab_parser_name(p, "the server's name", &server->host);
    if (code < 0)
        return code;
    server->host_string = server->host.ptr;
    server->line = p->number;
    table_init(&server->mailboxes, 0);
    node = lab_parser_node(p, server->host);
    if (node == NULL)
        return lab_parser_no_memory(p);
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

int lab_parse_like(struct lab_parser *p)
{
    struct slice word;
    int code = lab_parser_word(p, "the operator's name", &word);

    if (code < 0)
        return code;
    p->server->preset = lab_preset_by_name(word);
    if (p->server->preset == NULL)
        return lab_parser_fail(p, "no operator is known as %.*s", SLICE_ARG(word));
    if (!p->server->offers_set)
        p->server->offers = p->server->preset->offers;
    return 0;
}

int lab_parse_offer(struct lab_parser *p)
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
    int code = lab_parser_word(p, "an extension", &word);

    if (code < 0)
        return code;
    p->server->offers = p->server->offers_set ? p->server->offers : 0;
    p->server->offers_set = true;
    do {
        size_t i = 0;

        while (i < ARRAY_LEN(offers) && !slice_equal_nocase(word, offers[i].name))
            i++;
        if (i == ARRAY_LEN(offers))
            return lab_parser_fail(p, "unknown extension %.*s", SLICE_ARG(word));
        p->server->offers |= offers[i].offer;
    } while (lab_line_word(&p->line, &word));
    return 0;
}

int lab_parse_serves(struct lab_parser *p)
{
    struct lab_word_list *entry = arena_alloc(&p->scenario->arena, sizeof(*entry));
    int code;

    if (entry == NULL)
        return lab_parser_no_memory(p);
    code = lab_parser_name(p, "a domain", &entry->word);
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

int lab_parse_mailbox(struct lab_parser *p)
{
    struct lab_mailbox *mailbox = arena_alloc(&p->scenario->arena, sizeof(*mailbox));
    struct lab_line ahead;
    struct slice word, name;
    char *key;
    int code = lab_parser_word(p, "the mailbox", &name);

    if (code < 0)
        return code;
    key = mailbox != NULL ? arena_string(&p->scenario->arena, name) : NULL;
    if (key == NULL)
        return lab_parser_no_memory(p);
    ascii_lower_bytes(key, name.len);
    ahead = p->line;
    if (lab_line_word(&ahead, &word) && mailbox_state_by_name(word, &mailbox->state))
        p->line = ahead;
    ahead = p->line;
    if (lab_line_word(&ahead, &word)) {
        if (!ascii_is_digit(word.ptr[0]))
            return lab_parser_fail(p, "%.*s is no state of a mailbox, and no reply",
                                   SLICE_ARG(word));
        code = lab_parser_reply(p, &mailbox->reply);
        if (code < 0)
            return code;
    }
    if (name.len > 0 && key[name.len - 1] == '*') {
        mailbox->prefix = slice_from(key, name.len - 1);
        mailbox->next = p->server->patterns;
        p->server->patterns = mailbox;
        return 0;
    }
    return table_put(&p->server->mailboxes, slice_from(key, name.len), mailbox) < 0
               ? lab_parser_no_memory(p)
               : 0;
}

int lab_parse_reply(struct lab_parser *p)
{
    struct slice word;
    enum lab_text text;
    int code = lab_parser_word(p, "the situation", &word);

    if (code < 0)
        return code;
    if (!lab_text_by_name(word, &text))
        return lab_parser_fail(p, "there is no situation called %.*s", SLICE_ARG(word));
    return lab_parser_reply(p, &p->server->texts[text]);
}

int lab_parse_unknown(struct lab_parser *p)
{
    return lab_parser_reply(p, &p->server->texts[LAB_TEXT_UNKNOWN]);
}

/* One argument by its letter; capitals may be missing: then *ret_absent. */
static int behaviour_argument(struct lab_parser *p, struct lab_behaviour *b, char letter)
{
    struct lab_line ahead = p->line;
    struct slice word = SLICE_EMPTY;
    bool there = lab_line_word(&ahead, &word);
    bool optional = letter >= 'A' && letter <= 'Z';
    int code = 0;

    if (there && word.len == 0)
        return lab_parser_fail(p, "an empty argument");
    switch (ascii_lower(letter)) {
    case 's':
        code = lab_parser_word(p, "the stage", &word);
        if (code == 0 && !lab_stages_parse(word, &b->stages))
            code = lab_parser_fail(
                p,
                "%.*s is no stage (connect, ehlo, helo, starttls, mail, rcpt, bad-rcpt, "
                "rset, quit, any)",
                SLICE_ARG(word));
        return code;
    case 'd':
        if (optional && (!there || !lab_span_parse(word, &b->span_ms)))
            return 0;
        return lab_parser_span(p, "a time", &b->span_ms);
    case 'n':
        return lab_parser_number(p, "number", UINT32_MAX, &b->count);
    case 'w':
        return lab_parser_word(p, "a word", &b->word);
    default:
        if (optional && !there)
            return 0;
        return lab_parser_reply(p, &b->reply);
    }
}

int lab_parse_behave(struct lab_parser *p)
{
    struct lab_behaviour *b = arena_alloc(&p->scenario->arena, sizeof(*b));
    struct slice word;
    int code = lab_parser_word(p, "the behaviour", &word);

    if (code < 0)
        return code;
    if (b == NULL)
        return lab_parser_no_memory(p);
    b->kind = lab_behaviour_by_name(word);
    if (b->kind == NULL)
        return lab_parser_fail(p, "no behaviour is called %.*s", SLICE_ARG(word));
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
