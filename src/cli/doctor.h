/*
 * The doctor's visit: what its parts (cli/doctor.c, doctor_dns.c, doctor_name.c, doctor_port.c)
 * share. Not for others.
 *
 * Written as one would do it by hand: ask, wait, go on. Waiting turns the loop until everything
 * asked is answered or the time of the whole visit is up; after that every question is answered
 * "time-out" at once, so nothing hangs. Questions live on the arena, as answers may come late.
 */
#ifndef MK_CLI_DOCTOR_H
#define MK_CLI_DOCTOR_H

#include "cli/command.h"
#include "cli/doctor_facts.h"
#include "cli/doctor_report.h"
#include "dns/ares_transport.h"
#include "dns/answer.h"
#include "dns/resolver.h"
#include "io/socks.h"

#define DOCTOR_SOURCES_MAX 2

struct doctor_options {
    bool json;
    uint64_t timeout_ms;
    struct config_list sites, blocklists;
    const char *public_ip;
};

struct doctor_server {
    struct io_endpoint at;
    struct dns_transport *transport; /* asks this one alone; NULL: could not be set up */
    bool answers;
};

/* Who asks: as configured, or one of several egress identities. */
struct doctor_identity {
    const char *source_ip, *helo; /* NULL: not said */
    const char *mail_from, *second_mail_from;
    const struct io_socks_proxy *proxy; /* NULL: none */
};

struct doctor {
    struct cli_call *call;
    const struct config *config;
    const struct doctor_options *options;
    struct arena *arena;
    struct doctor_report report;
    struct ip_networks allowed;
    struct io_loop *loop;
    struct io_timer deadline;
    bool expired, waiting;
    unsigned pending; /* questions and connections under way */
    struct doctor_server servers[DNS_ARES_SERVERS_MAX];
    size_t server_count;
    struct dns_transport *transport;       /* asks those that answer; NULL: none does */
    struct dns_resolver *resolver;         /* on the same */
    struct doctor_identity who;            /* is looked at; so are the next three */
    const char *helo;                      /* NULL: only an address literal can be said */
    struct ip sources[DOCTOR_SOURCES_MAX]; /* as mail servers see them */
    size_t source_count;
};

/* --- doctor.c --- */

/* Turn the loop until nothing is pending or the time is up. */
void doctor_wait(struct doctor *doctor);
/* One pending thing is done. */
void doctor_settle(struct doctor *doctor);

/* --- doctor_dns.c: questions, and the resolvers themselves --- */

struct doctor_question {
    struct doctor *doctor;
    const char *name;
    uint16_t type;
    bool done;
    uint64_t begun_ms, took_ms;
    struct dns_answer answer; /* outcome TIMEOUT until it came */
};

/* Ask; doctor_wait brings the answer. Never NULL, but when memory ran out. transport may be NULL.
 */
struct doctor_question *doctor_ask(struct doctor *doctor, struct dns_transport *transport,
                                   const char *name, uint16_t type);
/* Ask, wait, follow aliases. Never NULL: without memory a time-out. */
const struct dns_answer *doctor_look_up(struct doctor *doctor, const char *name, uint16_t type);
/* The mail facts of a domain, waited for; NULL: none. The caller releases them. */
const struct evidence_domain *doctor_look_up_mail(struct doctor *doctor, const char *domain);
/* What to do about a question that DNS did not answer. Static. */
const char *doctor_dns_advice(const struct doctor *doctor);

void doctor_check_resolvers(struct doctor *doctor);

/* --- doctor_name.c: who we are --- */

void doctor_check_source(struct doctor *doctor);
void doctor_check_names(struct doctor *doctor);
void doctor_check_senders(struct doctor *doctor);
void doctor_check_blocklists(struct doctor *doctor);

/* --- doctor_spf.c --- */

void doctor_check_spf(struct doctor *doctor, const char *domain, const char *what);

/* --- doctor_port.c --- */

void doctor_check_port(struct doctor *doctor);

#endif
