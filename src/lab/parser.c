/* Words of a line, each in the form that it must have. */
#include "lab/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dns/name.h"

#define DEFAULT_TTL_S 300

int lab_parser_fail(struct lab_parser *p, const char *format, ...)
{
    char message[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return error_set(p->error, ERROR_FORMAT, "line %u: %s", p->number, message);
}

int lab_parser_no_memory(struct lab_parser *p)
{
    return error_set(p->error, ERROR_NOMEM, "no memory for the scenario");
}

int lab_parser_word(struct lab_parser *p, const char *what, struct slice *ret_word)
{
    if (lab_line_word(&p->line, ret_word))
        return 0;
    if (p->line.fault != NULL)
        return lab_parser_fail(p, "%s", p->line.fault);
    return lab_parser_fail(p, "%s is missing", what);
}

int lab_parser_number(struct lab_parser *p, const char *what, uint64_t max, uint64_t *ret_number)
{
    struct slice word;
    int code = lab_parser_word(p, what, &word);

    if (code == 0 && !slice_to_u64(word, max, ret_number))
        code = lab_parser_fail(p, "%.*s is no %s (0 to %llu)", SLICE_ARG(word), what,
                               (unsigned long long)max);
    return code;
}

int lab_parser_span(struct lab_parser *p, const char *what, uint64_t *ret_ms)
{
    struct slice word;
    int code = lab_parser_word(p, what, &word);

    if (code == 0 && !lab_span_parse(word, ret_ms))
        code = lab_parser_fail(p, "%.*s is no time (as in 250ms, 3s, 5m, 6h)", SLICE_ARG(word));
    return code;
}

int lab_parser_ip(struct lab_parser *p, uint8_t family, struct ip *ret_ip)
{
    struct slice word;
    int code = lab_parser_word(p, "an address", &word);

    if (code < 0)
        return code;
    if (!ip_parse(word, ret_ip) || (family != 0 && ret_ip->family != family))
        return lab_parser_fail(p, "%.*s is no %s address", SLICE_ARG(word),
                               family == 4   ? "IPv4"
                               : family == 6 ? "IPv6"
                                             : "IP");
    return 0;
}

int lab_parser_name(struct lab_parser *p, const char *what, struct slice *ret_name)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    struct slice word;
    char *copy;
    int code = lab_parser_word(p, what, &word);

    if (code < 0)
        return code;
    copy = arena_string(&p->scenario->arena, word);
    if (copy == NULL)
        return lab_parser_no_memory(p);
    ascii_lower_bytes(copy, word.len);
    if (word.len == 0 || word.ptr[word.len - 1] == '.' || strlen(copy) != word.len ||
        dns_name_to_wire(copy, wire) == 0)
        return lab_parser_fail(p, "\"%.100s\" is no domain name", copy);
    *ret_name = slice_from(copy, word.len);
    return 0;
}

int lab_parser_reply(struct lab_parser *p, struct slice *ret_reply)
{
    struct slice reply = lab_line_rest(&p->line);
    const char *fault = lab_text_check(reply);

    if (fault != NULL)
        return lab_parser_fail(p, "%s", fault);
    *ret_reply = reply;
    return 0;
}

struct lab_name *lab_parser_node(struct lab_parser *p, struct slice name)
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

struct lab_record *lab_parser_record(struct lab_parser *p, struct lab_name *node, uint16_t type)
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
