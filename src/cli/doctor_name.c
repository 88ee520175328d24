/* Who we are to others: our address, its name and back, the senders we name, block lists. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/doctor.h"
#include "config/prober.h"
#include "config/value.h"

#define PTR_NAMES_MAX  4  /* names of one address that are followed */
#define BLOCKLISTS_MAX 16 /* zones */

/* --- our address ------------------------------------------------------------------------------ */

static void add_source(struct doctor *doctor, const struct ip *ip)
{
    if (doctor->source_count < DOCTOR_SOURCES_MAX)
        doctor->sources[doctor->source_count++] = *ip;
}

/* An address behind which others see another one (NAT) is not what is judged. */
static void judge_source(struct doctor *doctor, const struct ip *ip, const char *whence)
{
    const char *range = ip_may_probe(ip, doctor->allowed) ? NULL : ip_reserved_range(ip);
    char text[IP_TEXT_SIZE];

    ip_format(ip, text);
    if (range == NULL) {
        add_source(doctor, ip);
        doctor_report_add(&doctor->report, DOCTOR_SOURCE, DOCTOR_OK, "", "%s, %s", text, whence);
        return;
    }
    doctor_report_add(&doctor->report, DOCTOR_SOURCE, DOCTOR_NOT_CHECKED,
                      "Say with --public-ip which address the network translates it to; reverse "
                      "DNS, SPF and block lists are checked for that one.",
                      "%s, %s, is not what mail servers see (%s)", text, whence, range);
}

void doctor_check_source(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    const char *given =
        doctor->options->public_ip != NULL ? doctor->options->public_ip : doctor->who.source_ip;
    struct ip ip;
    bool any = false;

    if (doctor->who.proxy != NULL && doctor->options->public_ip == NULL) {
        doctor_report_add(
            &doctor->report, DOCTOR_SOURCE, DOCTOR_NOT_CHECKED,
            "Run the doctor on the proxy's host, or say with --public-ip what address "
            "it goes out from.",
            "mail servers see an address of the proxy, which can't be seen from here");
        return;
    }
    if (given != NULL && ip_parse(slice_from_string(given), &ip)) {
        judge_source(doctor, &ip,
                     doctor->options->public_ip != NULL ? "from --public-ip"
                     : config->egresses.count > 0       ? "from --egress"
                                                        : "from --source-ip");
        return;
    }
    if (config->ipv4 && prober_own_address(4, &ip)) {
        judge_source(doctor, &ip, "the system's choice for IPv4");
        any = true;
    }
    /* Without a public one no mail server is reached by IPv6, so it does not matter. */
    if (config->ipv6 && prober_own_address(6, &ip) && ip_may_probe(&ip, doctor->allowed)) {
        judge_source(doctor, &ip, "the system's choice for IPv6");
        any = true;
    }
    if (!any)
        doctor_report_add(&doctor->report, DOCTOR_SOURCE, DOCTOR_FAILED,
                          "Give this host a network address and a default route.",
                          "this host has no address to speak from");
}

/* --- names and addresses ---------------------------------------------------------------------- */

enum leads {
    LEADS_THERE,
    LEADS_ELSEWHERE,
    LEADS_NOWHERE, /* no such name, or no address of the family */
    LEADS_UNKNOWN, /* DNS failed */
};

/* Whether a name resolves to an address. */
static enum leads name_leads_to(struct doctor *doctor, const char *name, const struct ip *ip)
{
    const struct dns_answer *answer =
        doctor_look_up(doctor, name, ip->family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);

    if (dns_outcome_is_failure(answer->outcome))
        return LEADS_UNKNOWN;
    for (size_t i = 0; i < answer->record_count; i++)
        if (ip_equal(&answer->records[i].ip, ip))
            return LEADS_THERE;
    return answer->record_count > 0 ? LEADS_ELSEWHERE : LEADS_NOWHERE;
}

static void check_helo_address(struct doctor *doctor, const struct ip *ip)
{
    enum leads leads = name_leads_to(doctor, doctor->helo, ip);
    char text[IP_TEXT_SIZE], fix[256];

    ip_format(ip, text);
    snprintf(fix, sizeof(fix), "Give %.120s an %s record of %s.", doctor->helo,
             ip->family == 4 ? "A" : "AAAA", text);
    if (leads == LEADS_THERE)
        doctor_report_add(&doctor->report, DOCTOR_HELO, DOCTOR_OK, "", "%s leads to %s",
                          doctor->helo, text);
    else if (leads == LEADS_UNKNOWN)
        doctor_report_add(&doctor->report, DOCTOR_HELO, DOCTOR_NOT_CHECKED,
                          doctor_dns_advice(doctor), "DNS did not say where %s leads",
                          doctor->helo);
    else
        doctor_report_add(&doctor->report, DOCTOR_HELO,
                          leads == LEADS_ELSEWHERE ? DOCTOR_WARNING : DOCTOR_FAILED, fix,
                          leads == LEADS_ELSEWHERE ? "%s leads to another address than %s"
                                                   : "%s has no address record for %s",
                          doctor->helo, text);
}

static void check_helo(struct doctor *doctor)
{
    struct slice name;
    bool is_literal;

    if (doctor->who.helo != NULL) {
        doctor->helo = doctor->who.helo;
    } else if (prober_host_name(doctor->arena, doctor->who.source_ip, &name, &is_literal, NULL) <
               0) {
        doctor->report.out_of_memory = true;
        return;
    } else if (is_literal) {
        doctor_report_add(&doctor->report, DOCTOR_HELO, DOCTOR_FAILED,
                          "Give this machine a public name with --helo, such as --helo "
                          "probe.example.org, that DNS leads to its address and back.",
                          "there is no public name to say, only the address %.*s", SLICE_ARG(name));
        return;
    } else {
        doctor->helo = arena_string(doctor->arena, name);
        doctor->report.out_of_memory |= doctor->helo == NULL;
    }
    if (doctor->helo == NULL)
        return;
    for (size_t i = 0; i < doctor->source_count; i++)
        check_helo_address(doctor, &doctor->sources[i]);
    if (doctor->source_count == 0)
        doctor_report_add(&doctor->report, DOCTOR_HELO, DOCTOR_NOT_CHECKED,
                          "Say with --public-ip what address mail servers see.",
                          "the name is %s; where it should lead to is not known", doctor->helo);
}

static void judge_ptr_helo(struct doctor *doctor, const struct dns_answer *names)
{
    char fix[300];

    if (doctor->helo == NULL)
        return;
    for (size_t i = 0; i < names->record_count; i++) {
        if (slice_equal_nocase(slice_from_string(names->records[i].target),
                               slice_from_string(doctor->helo))) {
            doctor_report_add(&doctor->report, DOCTOR_PTR_HELO, DOCTOR_OK, "",
                              "reverse DNS and EHLO both say %s", doctor->helo);
            return;
        }
    }
    snprintf(fix, sizeof(fix), "Say --helo %.200s, or have the PTR record changed.",
             names->records[0].target);
    doctor_report_add(&doctor->report, DOCTOR_PTR_HELO, DOCTOR_WARNING, fix,
                      "reverse DNS says %s, EHLO says %s", names->records[0].target, doctor->helo);
}

static void check_reverse(struct doctor *doctor, const struct ip *ip)
{
    char name[DNS_REVERSE_SIZE], text[IP_TEXT_SIZE], fix[400];
    const struct dns_answer *names =
        doctor_look_up(doctor, dns_reverse_name(ip, NULL, name), DNS_TYPE_PTR);
    bool unknown = false;

    ip_format(ip, text);
    if (dns_outcome_is_failure(names->outcome)) {
        doctor_report_add(&doctor->report, DOCTOR_PTR, DOCTOR_NOT_CHECKED,
                          doctor_dns_advice(doctor), "DNS did not say what %s is called (%s)", text,
                          dns_outcome_name(names->outcome));
        return;
    }
    if (names->record_count == 0) {
        snprintf(fix, sizeof(fix), "Have the provider of %s set its PTR record to %.200s.", text,
                 doctor->helo != NULL ? doctor->helo : "the name you give with --helo");
        doctor_report_add(&doctor->report, DOCTOR_PTR, DOCTOR_FAILED, fix, "%s has no PTR record",
                          text);
        return;
    }
    for (size_t i = 0; i < names->record_count && i < PTR_NAMES_MAX; i++) {
        enum leads leads = name_leads_to(doctor, names->records[i].target, ip);

        unknown |= leads == LEADS_UNKNOWN;
        if (leads == LEADS_THERE) {
            doctor_report_add(&doctor->report, DOCTOR_PTR, DOCTOR_OK, "",
                              "%s is called %s, which leads back", text, names->records[i].target);
            judge_ptr_helo(doctor, names);
            return;
        }
    }
    snprintf(fix, sizeof(fix), "Give %.200s an %s record of %s, or have the PTR record changed.",
             names->records[0].target, ip->family == 4 ? "A" : "AAAA", text);
    doctor_report_add(&doctor->report, DOCTOR_PTR, unknown ? DOCTOR_NOT_CHECKED : DOCTOR_FAILED,
                      unknown ? doctor_dns_advice(doctor) : fix,
                      unknown ? "%s is called %s; DNS did not say whether that leads back"
                              : "%s is called %s, which does not lead back",
                      text, names->records[0].target);
    judge_ptr_helo(doctor, names);
}

void doctor_check_names(struct doctor *doctor)
{
    check_helo(doctor);
    for (size_t i = 0; i < doctor->source_count; i++)
        check_reverse(doctor, &doctor->sources[i]);
}

/* --- senders ---------------------------------------------------------------------------------- */

static void judge_sender(struct doctor *doctor, enum doctor_check check, const char *domain,
                         const struct evidence_domain *facts)
{
    static const char fix[] =
        "Name a sender that can receive mail, or give its domain an MX record.";

    if (facts != NULL && facts->null_mx)
        doctor_report_add(&doctor->report, check, DOCTOR_FAILED, fix,
                          "%s says that it takes no mail (null MX)", domain);
    else if (facts != NULL && facts->host_count > 0 && facts->hosts[0].outcome == DNS_FOUND)
        doctor_report_add(&doctor->report, check, DOCTOR_OK, "", "%s takes mail at %.*s", domain,
                          SLICE_ARG(facts->hosts[0].name));
    else if (facts == NULL ||
             dns_outcome_is_failure(facts->implicit_mx ? facts->address_outcome
                                                       : facts->mx_outcome) ||
             (facts->host_count > 0 && dns_outcome_is_failure(facts->hosts[0].outcome)))
        doctor_report_add(&doctor->report, check, DOCTOR_NOT_CHECKED, doctor_dns_advice(doctor),
                          "DNS did not say where %s takes mail", domain);
    else
        doctor_report_add(&doctor->report, check, DOCTOR_FAILED, fix,
                          facts->host_count > 0 ? "the mail host of %s has no address"
                                                : "%s has no mail host and no address",
                          domain);
}

static void check_sender(struct doctor *doctor, enum doctor_check check, const char *sender)
{
    struct slice path = config_reverse_path(slice_from_string(sender));
    ptrdiff_t at = slice_rfind_byte(path, '@');
    const struct evidence_domain *facts;
    char *domain;

    if (at < 0) {
        doctor_report_add(&doctor->report, check, DOCTOR_OK, "",
                          "the null sender, as bounces use it");
        return;
    }
    domain = arena_string(doctor->arena, slice_from_offset(path, (size_t)at + 1));
    if (domain == NULL) {
        doctor->report.out_of_memory = true;
        return;
    }
    ascii_lower_bytes(domain, strlen(domain));
    facts = doctor_look_up_mail(doctor, domain);
    judge_sender(doctor, check, domain, facts);
    dns_facts_release(facts);
    doctor_check_spf(doctor, domain, "the sender's domain");
}

void doctor_check_senders(struct doctor *doctor)
{
    if (doctor->helo != NULL)
        doctor_check_spf(doctor, doctor->helo, "the HELO name");
    check_sender(doctor, DOCTOR_MAIL_FROM, doctor->who.mail_from);
    if (doctor->who.second_mail_from != NULL)
        check_sender(doctor, DOCTOR_SECOND_MAIL_FROM, doctor->who.second_mail_from);
}

/* --- block lists ------------------------------------------------------------------------------ */

/* Any listing of ours is bad news, also one that would not matter of a mail server. */
static enum dns_listing listing_of_ours(const char *zone, const struct ip *code,
                                        const char **ret_meaning)
{
    struct dns_blocklist list;
    enum dns_listing listing;

    *ret_meaning = "";
    if (dns_blocklist_parse(slice_from_string(zone), &list, NULL) != 0)
        return DNS_LISTING_ODD;
    listing = dns_blocklist_judge(&list, code, ret_meaning);
    return listing == DNS_LISTING_NONE ? DNS_LISTING_LISTED : listing;
}

static void judge_listing(struct doctor *doctor, const char *asked, const struct ip *ip,
                          const struct dns_answer *answer, const struct dns_answer *why)
{
    char text[IP_TEXT_SIZE], code[IP_TEXT_SIZE];
    struct slice words = why->record_count > 0 ? why->records[0].text : SLICE_EMPTY;
    const char *zone = dns_blocklist_shown(asked), *meaning;
    enum dns_listing listing;

    ip_format(ip, text);
    if (dns_outcome_is_failure(answer->outcome)) {
        doctor_report_add(&doctor->report, DOCTOR_BLOCKLIST, DOCTOR_NOT_CHECKED,
                          doctor_dns_advice(doctor), "%s did not answer (%s)", zone,
                          dns_outcome_name(answer->outcome));
        return;
    }
    if (answer->record_count == 0) {
        doctor_report_add(&doctor->report, DOCTOR_BLOCKLIST, DOCTOR_OK, "", "%s is not in %s", text,
                          zone);
        return;
    }
    ip_format(&answer->records[0].ip, code);
    listing = listing_of_ours(asked, &answer->records[0].ip, &meaning);
    if (listing == DNS_LISTING_LISTED)
        doctor_report_add(&doctor->report, DOCTOR_BLOCKLIST, DOCTOR_FAILED,
                          "Read on the list's own page why, mend the cause, and ask for removal "
                          "there; changing the address is no remedy.",
                          "%s is in %s (code %s%s%s) %.*s", text, zone, code,
                          meaning[0] != '\0' ? ", " : "", meaning,
                          SLICE_ARG(slice_prefix(words, 300)));
    else
        doctor_report_add(&doctor->report, DOCTOR_BLOCKLIST, DOCTOR_NOT_CHECKED,
                          listing == DNS_LISTING_REFUSED
                              ? "Ask through a resolver of your own, or register with the list."
                              : "See whether the zone still is a block list.",
                          listing == DNS_LISTING_REFUSED
                              ? "%s refused the question about %s (code %s)"
                              : "%s gave for %s an answer that means nothing (%s)",
                          zone, text, code);
}

void doctor_check_blocklists(struct doctor *doctor)
{
    const struct config_list *zones = &doctor->options->blocklists;
    char name[DNS_REVERSE_SIZE];

    for (size_t i = 0; i < zones->count && i < BLOCKLISTS_MAX; i++) {
        for (size_t k = 0; k < doctor->source_count; k++) {
            static const struct dns_answer nothing = {0};
            const struct dns_answer *answer, *why = &nothing;

            dns_reverse_name(&doctor->sources[k], zones->values[i], name);
            answer = doctor_look_up(doctor, name, DNS_TYPE_A);
            if (answer->record_count > 0)
                why = doctor_look_up(doctor, name, DNS_TYPE_TXT);
            judge_listing(doctor, zones->values[i], &doctor->sources[k], answer, why);
        }
        if (doctor->source_count == 0)
            doctor_report_add(&doctor->report, DOCTOR_BLOCKLIST, DOCTOR_NOT_CHECKED,
                              "Say with --public-ip what address mail servers see.",
                              "%s was not asked: our address is not known",
                              dns_blocklist_shown(zones->values[i]));
    }
}
