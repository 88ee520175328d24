/* Questions to DNS, and whether those who answer them can be relied on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/doctor.h"
#include "config/value.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536
#define ALIASES_MAX     4
#define TRY_MS          1500
#define TRIES           2
#define KNOWN_NAME      "gmail.com" /* what a resolver is asked, to see whether it answers */

/* --- asking ----------------------------------------------------------------------------------- */

static void answered(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len)
{
    struct doctor_question *question = user;
    struct doctor *doctor = question->doctor;

    question->done = true;
    question->took_ms = io_now_ms(doctor->loop) - question->begun_ms;
    question->answer = (struct dns_answer){.outcome = outcome};
    if (outcome == DNS_FOUND && dns_answer_read(doctor->arena, question->name, question->type,
                                                message, len, &question->answer) < 0)
        doctor->report.out_of_memory = true;
    doctor_settle(doctor);
}

struct doctor_question *doctor_ask(struct doctor *doctor, struct dns_transport *transport,
                                   const char *name, uint16_t type)
{
    struct doctor_question *question = arena_alloc(doctor->arena, sizeof(*question));
    char *copy = arena_string(doctor->arena, slice_from_string(name));

    if (question == NULL || copy == NULL) {
        doctor->report.out_of_memory = true;
        return NULL;
    }
    ascii_lower_bytes(copy, strlen(copy));
    *question = (struct doctor_question){
        .doctor = doctor,
        .name = copy,
        .type = type,
        .begun_ms = io_now_ms(doctor->loop),
        .answer = {.outcome = DNS_TIMEOUT},
    };
    if (transport == NULL || doctor->expired)
        return question;
    if (dns_transport_ask(transport, copy, type, answered, question) == 0)
        doctor->pending++;
    else
        question->answer.outcome = DNS_BOGUS; /* no name that can be asked for */
    return question;
}

const struct dns_answer *doctor_look_up(struct doctor *doctor, const char *name, uint16_t type)
{
    static const struct dns_answer nothing = {.outcome = DNS_TIMEOUT};
    struct doctor_question *question = NULL;

    for (int i = 0; i < ALIASES_MAX; i++) {
        question = doctor_ask(doctor, doctor->transport, name, type);
        if (question == NULL)
            return &nothing;
        doctor_wait(doctor);
        if (question->answer.alias == NULL)
            return &question->answer;
        name = question->answer.alias;
    }
    question->answer.outcome = DNS_BOGUS;
    return &question->answer;
}

struct mail_question {
    struct doctor *doctor;
    const struct evidence_domain *facts;
    bool done;
};

static void mail_answered(void *user, const struct evidence_domain *facts)
{
    struct mail_question *question = user;

    question->facts = facts;
    question->done = true;
    doctor_settle(question->doctor);
}

const struct evidence_domain *doctor_look_up_mail(struct doctor *doctor, const char *domain)
{
    struct mail_question question = {.doctor = doctor};

    if (doctor->resolver == NULL || doctor->expired ||
        dns_resolver_domain(doctor->resolver, domain, mail_answered, &question) < 0)
        return NULL;
    doctor->pending++;
    doctor_wait(doctor);
    if (!question.done)
        dns_resolver_forget(doctor->resolver, &question);
    return question.facts;
}

const char *doctor_dns_advice(const struct doctor *doctor)
{
    return doctor->expired ? "Run the doctor again, with a longer --timeout."
                           : "Run the doctor again when DNS answers.";
}

/* --- the resolvers ---------------------------------------------------------------------------- */

static void read_system_servers(struct doctor *doctor)
{
    char *bytes = arena_alloc(doctor->arena, RESOLV_CONF_MAX);
    FILE *file = fopen(RESOLV_CONF, "r");
    struct io_endpoint found[DNS_ARES_SERVERS_MAX];

    if (file == NULL || bytes == NULL)
        goto done;
    doctor->server_count = doctor_read_resolv_conf(
        slice_from(bytes, fread(bytes, 1, RESOLV_CONF_MAX, file)), found, ARRAY_LEN(found));
    for (size_t i = 0; i < doctor->server_count; i++)
        doctor->servers[i].at = found[i];
done:
    if (file != NULL)
        fclose(file);
}

static void open_servers(struct doctor *doctor)
{
    const struct config_list *given = &doctor->config->resolvers;

    for (size_t i = 0; i < given->count && i < ARRAY_LEN(doctor->servers); i++)
        if (config_parse_endpoint(slice_from_string(given->values[i]),
                                  &doctor->servers[doctor->server_count].at))
            doctor->server_count++;
    if (given->count == 0)
        read_system_servers(doctor);
    for (size_t i = 0; i < doctor->server_count; i++) {
        const struct dns_ares_options options = {
            .servers = &doctor->servers[i].at,
            .server_count = 1,
            .timeout_ms = TRY_MS,
            .tries = TRIES,
        };

        doctor->servers[i].transport = dns_ares_transport_new(doctor->loop, &options, NULL);
    }
}

/* One transport and resolver over those that answer. */
static void open_transport(struct doctor *doctor)
{
    struct io_endpoint good[DNS_ARES_SERVERS_MAX];
    struct dns_ares_options transport = {.servers = good, .timeout_ms = TRY_MS, .tries = 3};
    const struct dns_resolver_options resolver = {
        .allowed = doctor->allowed,
        .use_ipv4 = doctor->config->ipv4,
        .use_ipv6 = doctor->config->ipv6,
    };

    for (size_t i = 0; i < doctor->server_count; i++)
        if (doctor->servers[i].answers)
            good[transport.server_count++] = doctor->servers[i].at;
    if (transport.server_count == 0)
        return;
    doctor->transport = dns_ares_transport_new(doctor->loop, &transport, NULL);
    if (doctor->transport != NULL)
        doctor->resolver = dns_resolver_new(doctor->loop, doctor->transport, &resolver);
    doctor->report.out_of_memory |= doctor->resolver == NULL;
}

/* Real top-level domains, names that nobody has. */
static void invent_name(char out[64])
{
    uint64_t bits = 0;

    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = (uint64_t)getpid();
    snprintf(out, 64, "mailknock-doctor-%016" PRIx64 ".com", bits);
}

static const char *server_text(const struct doctor_server *server, char out[IP_TEXT_SIZE + 8])
{
    char ip[IP_TEXT_SIZE];

    ip_format(&server->at.ip, ip);
    if (server->at.port == 0 || server->at.port == 53)
        snprintf(out, IP_TEXT_SIZE + 8, "%s", ip);
    else
        snprintf(out, IP_TEXT_SIZE + 8, server->at.ip.family == 6 ? "[%s]:%u" : "%s:%u", ip,
                 server->at.port);
    return out;
}

static void judge_answer(struct doctor *doctor, struct doctor_server *server,
                         const struct doctor_question *question)
{
    char where[IP_TEXT_SIZE + 8];
    enum dns_outcome outcome = question != NULL ? question->answer.outcome : DNS_TIMEOUT;

    server_text(server, where);
    server->answers = question != NULL && !dns_outcome_is_failure(outcome);
    if (server->answers)
        doctor_report_add(&doctor->report, DOCTOR_RESOLVER, DOCTOR_OK, "",
                          "%s answers, in %" PRIu64 " ms", where, question->took_ms);
    else
        doctor_report_add(
            &doctor->report, DOCTOR_RESOLVER,
            doctor->server_count > 1 ? DOCTOR_WARNING : DOCTOR_FAILED,
            doctor->config->resolvers.count > 0
                ? "Start it, let it answer this host, or name another with --resolver IP."
                : "Mend or remove it in " RESOLV_CONF
                  ", or name one that works with --resolver IP.",
            "%s does not answer (%s)", where, dns_outcome_name(outcome));
}

static void judge_honesty(struct doctor *doctor, const struct doctor_server *server,
                          const struct doctor_question *question)
{
    const struct dns_answer *answer = question != NULL ? &question->answer : NULL;
    char where[IP_TEXT_SIZE + 8], ip[IP_TEXT_SIZE];

    server_text(server, where);
    if (answer == NULL || dns_outcome_is_failure(answer->outcome))
        doctor_report_add(&doctor->report, DOCTOR_NXDOMAIN, DOCTOR_NOT_CHECKED,
                          "Run the doctor again, with a longer --timeout.",
                          "%s was not heard about a name that does not exist", where);
    else if (answer->outcome == DNS_NXDOMAIN)
        doctor_report_add(&doctor->report, DOCTOR_NXDOMAIN, DOCTOR_OK, "",
                          "%s says of a made-up name that it does not exist", where);
    else
        doctor_report_add(&doctor->report, DOCTOR_NXDOMAIN, DOCTOR_FAILED,
                          "Run a resolver of your own, such as unbound, on this host and name it "
                          "with --resolver 127.0.0.1.",
                          "%s lies: the made-up name %s %s%s", where, question->name,
                          answer->record_count > 0 ? "leads to " : "exists",
                          answer->record_count > 0 ? ip_format(&answer->records[0].ip, ip) : "");
}

static void judge_owner(struct doctor *doctor, const struct doctor_server *server)
{
    const char *owner = doctor_public_resolver(&server->at.ip);
    char where[IP_TEXT_SIZE + 8];

    server_text(server, where);
    if (owner != NULL)
        doctor_report_add(&doctor->report, DOCTOR_PUBLIC_RESOLVER, DOCTOR_WARNING,
                          "Run a resolver of your own, such as unbound, on this host or network "
                          "and name it with --resolver.",
                          "%s is the public resolver of %s", where, owner);
    else
        doctor_report_add(&doctor->report, DOCTOR_PUBLIC_RESOLVER, DOCTOR_OK, "",
                          "%s is no public resolver that we know", where);
}

void doctor_check_resolvers(struct doctor *doctor)
{
    struct doctor_question *known[DNS_ARES_SERVERS_MAX] = {0};
    struct doctor_question *made_up[DNS_ARES_SERVERS_MAX] = {0};
    size_t good = 0;
    char name[64];

    open_servers(doctor);
    invent_name(name);
    for (size_t i = 0; i < doctor->server_count; i++) {
        struct doctor_server *server = &doctor->servers[i];

        known[i] = doctor_ask(doctor, server->transport, KNOWN_NAME, DNS_TYPE_MX);
        made_up[i] = doctor_ask(doctor, server->transport, name, DNS_TYPE_A);
    }
    doctor_wait(doctor);
    for (size_t i = 0; i < doctor->server_count; i++) {
        judge_answer(doctor, &doctor->servers[i], known[i]);
        good += doctor->servers[i].answers;
    }
    if (doctor->server_count != 1 && good == 0)
        doctor_report_add(&doctor->report, DOCTOR_RESOLVER, DOCTOR_FAILED,
                          "Run a resolver such as unbound on this host and name it with "
                          "--resolver 127.0.0.1.",
                          doctor->server_count == 0 ? "there is none in " RESOLV_CONF
                                                    : "none of them answers");
    for (size_t i = 0; i < doctor->server_count; i++)
        if (doctor->servers[i].answers)
            judge_honesty(doctor, &doctor->servers[i], made_up[i]);
    for (size_t i = 0; i < doctor->server_count; i++)
        judge_owner(doctor, &doctor->servers[i]);
    open_transport(doctor);
}
