/*
 * Reading a scenario's text: what the parts of the parser share. Only files of src/lab include
 * this.
 *
 * One directive a line, from a table (lab/parse.c); each is read by a function that takes its words
 * off the line and adds to the scenario or to the block that it stands in. All of them return 0, or
 * a negative code with the error set and the line's number in it.
 */
#ifndef MK_LAB_PARSER_H
#define MK_LAB_PARSER_H

#include "base/error.h"
#include "base/ip.h"
#include "lab/line.h"
#include "lab/model.h"

struct lab_parser {
    struct lab_scenario *scenario;
    struct lab_line line;
    unsigned number;
    struct error *error;
    struct lab_name *domain; /* the block we are in, if any */
    struct lab_server *server;
};

int lab_parser_fail(struct lab_parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int lab_parser_no_memory(struct lab_parser *p);

/* The next word of the line, as ...; `what` names it in messages. */
int lab_parser_word(struct lab_parser *p, const char *what, struct slice *ret_word);
int lab_parser_number(struct lab_parser *p, const char *what, uint64_t max, uint64_t *ret_number);
int lab_parser_span(struct lab_parser *p, const char *what, uint64_t *ret_ms);
int lab_parser_ip(struct lab_parser *p, uint8_t family, struct ip *ret_ip); /* family 0: any */
/* A domain or host name in lower case, NUL-terminated on the arena. */
int lab_parser_name(struct lab_parser *p, const char *what, struct slice *ret_name);
/* The rest of the line as a reply template (lab/text.h). */
int lab_parser_reply(struct lab_parser *p, struct slice *ret_reply);

/* The name's node, made when it is not there; NULL: no memory. */
struct lab_name *lab_parser_node(struct lab_parser *p, struct slice name);
/* A new record of the node, its type and TTL set; NULL: no memory. */
struct lab_record *lab_parser_record(struct lab_parser *p, struct lab_name *node, uint16_t type);

/* The directives; lab/parse_names.c, lab/parse_server.c, lab/parse_top.c. */
int lab_parse_domain(struct lab_parser *p);
int lab_parse_ttl(struct lab_parser *p);
int lab_parse_mx(struct lab_parser *p);
int lab_parse_a(struct lab_parser *p);
int lab_parse_aaaa(struct lab_parser *p);
int lab_parse_cname(struct lab_parser *p);
int lab_parse_ptr(struct lab_parser *p);
int lab_parse_txt(struct lab_parser *p);
int lab_parse_dmarc(struct lab_parser *p);
int lab_parse_fault(struct lab_parser *p);
int lab_parse_slow(struct lab_parser *p);
int lab_parse_server(struct lab_parser *p);
int lab_parse_like(struct lab_parser *p);
int lab_parse_offer(struct lab_parser *p);
int lab_parse_serves(struct lab_parser *p);
int lab_parse_mailbox(struct lab_parser *p);
int lab_parse_unknown(struct lab_parser *p);
int lab_parse_reply(struct lab_parser *p);
int lab_parse_behave(struct lab_parser *p);
int lab_parse_site(struct lab_parser *p);
int lab_parse_set(struct lab_parser *p);
int lab_parse_list(struct lab_parser *p);
int lab_parse_ask(struct lab_parser *p);
int lab_parse_expect(struct lab_parser *p);

#endif
