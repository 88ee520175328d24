/*
 * SPF as far as it takes to see whether a domain lets our address speak for it (RFC 7208): ip4,
 * ip6, a, mx, include, redirect and all, within the ten look-ups of section 4.6.4. Macros, exists
 * and ptr are not evaluated; where they could have decided, the finding says so.
 */
#include <stdio.h>

#include "base/check.h"
#include "cli/doctor.h"

#define LOOKUPS_MAX 10 /* RFC 7208 4.6.4 */
#define DEPTH_MAX   10
#define MX_MAX      10

enum spf_result {
    SPF_NONE,
    SPF_PASS,
    SPF_FAIL,
    SPF_SOFTFAIL,
    SPF_NEUTRAL,
    SPF_UNKNOWN, /* DNS failed, or a term that is not evaluated stood before */
    SPF_BROKEN,  /* permerror */
};

struct spf {
    struct doctor *doctor;
    struct ip ip;
    unsigned lookups;
    bool skipped; /* a term that could have matched was not evaluated */
};

static enum spf_result evaluate(struct spf *spf, const char *domain, unsigned depth);

/* MATCH, NO_MATCH or what ends the evaluation. */
enum match {
    NO_MATCH,
    MATCH,
    MATCH_UNKNOWN,
    MATCH_BROKEN
};

static enum match match_host(struct spf *spf, const char *name, const struct doctor_spf_term *term)
{
    const struct dns_answer *answer =
        doctor_look_up(spf->doctor, name, spf->ip.family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA);

    if (dns_outcome_is_failure(answer->outcome))
        return MATCH_UNKNOWN;
    for (size_t i = 0; i < answer->record_count; i++)
        if (doctor_spf_matches(term, &answer->records[i].ip, &spf->ip))
            return MATCH;
    return NO_MATCH;
}

static enum match match_mx(struct spf *spf, const char *domain, const struct doctor_spf_term *term)
{
    const struct dns_answer *answer = doctor_look_up(spf->doctor, domain, DNS_TYPE_MX);

    if (dns_outcome_is_failure(answer->outcome))
        return MATCH_UNKNOWN;
    for (size_t i = 0; i < answer->record_count && i < MX_MAX; i++) {
        enum match match = match_host(spf, answer->records[i].target, term);

        if (match != NO_MATCH)
            return match;
    }
    return NO_MATCH;
}

/* RFC 7208 5.2. */
static enum match match_include(struct spf *spf, const char *domain, unsigned depth)
{
    switch (evaluate(spf, domain, depth + 1)) {
    case SPF_PASS:
        return MATCH;
    case SPF_UNKNOWN:
        return MATCH_UNKNOWN;
    case SPF_NONE:
    case SPF_BROKEN:
        return MATCH_BROKEN;
    default:
        return NO_MATCH;
    }
}

static enum match match_term(struct spf *spf, const struct doctor_spf_term *term,
                             const char *domain, unsigned depth)
{
    const char *name = domain;

    if (term->kind == DOCTOR_SPF_ALL)
        return MATCH;
    if (term->kind == DOCTOR_SPF_IP)
        return ip_network_contains(&term->network, &spf->ip) ? MATCH : NO_MATCH;
    if (term->kind == DOCTOR_SPF_BAD)
        return MATCH_BROKEN;
    if (term->kind == DOCTOR_SPF_IGNORED || term->kind == DOCTOR_SPF_REDIRECT)
        return NO_MATCH;
    if (++spf->lookups > LOOKUPS_MAX)
        return MATCH_BROKEN;
    if (term->domain.len > 0)
        name = arena_string(spf->doctor->arena, term->domain);
    if (name == NULL) {
        spf->doctor->report.out_of_memory = true;
        return MATCH_UNKNOWN;
    }
    switch (term->kind) {
    case DOCTOR_SPF_A:
        return match_host(spf, name, term);
    case DOCTOR_SPF_MX:
        return match_mx(spf, name, term);
    case DOCTOR_SPF_INCLUDE:
        return match_include(spf, name, depth);
    default:
        spf->skipped = true;
        return NO_MATCH;
    }
}

static enum spf_result by_qualifier(const struct spf *spf, char qualifier)
{
    if (spf->skipped && qualifier != '+')
        return SPF_UNKNOWN;
    return qualifier == '+'   ? SPF_PASS
           : qualifier == '-' ? SPF_FAIL
           : qualifier == '~' ? SPF_SOFTFAIL
                              : SPF_NEUTRAL;
}

/* RFC 7208 4.6. */
static enum spf_result evaluate_terms(struct spf *spf, struct slice terms, const char *domain,
                                      unsigned depth)
{
    struct slice redirect = SLICE_EMPTY;
    struct doctor_spf_term term;
    const char *target;

    while (doctor_spf_next(&terms, &term)) {
        enum match match = match_term(spf, &term, domain, depth);

        if (match == MATCH)
            return by_qualifier(spf, term.qualifier);
        if (match != NO_MATCH)
            return match == MATCH_BROKEN ? SPF_BROKEN : SPF_UNKNOWN;
        if (term.kind == DOCTOR_SPF_REDIRECT)
            redirect = term.domain;
    }
    if (redirect.len == 0)
        return by_qualifier(spf, '?');
    target = arena_string(spf->doctor->arena, redirect);
    if (target == NULL || ++spf->lookups > LOOKUPS_MAX)
        return SPF_BROKEN;
    switch (evaluate(spf, target, depth + 1)) {
    case SPF_NONE:
        return SPF_BROKEN;
    case SPF_PASS:
        return SPF_PASS;
    case SPF_FAIL:
        return by_qualifier(spf, '-');
    case SPF_SOFTFAIL:
        return by_qualifier(spf, '~');
    case SPF_NEUTRAL:
        return by_qualifier(spf, '?');
    case SPF_BROKEN:
        return SPF_BROKEN;
    case SPF_UNKNOWN:
        break;
    }
    return SPF_UNKNOWN;
}

static enum spf_result evaluate(struct spf *spf, const char *domain, unsigned depth)
{
    const struct dns_answer *answer;
    struct slice found = SLICE_EMPTY, terms;
    unsigned records = 0;

    if (depth > DEPTH_MAX)
        return SPF_BROKEN;
    answer = doctor_look_up(spf->doctor, domain, DNS_TYPE_TXT);
    if (dns_outcome_is_failure(answer->outcome))
        return SPF_UNKNOWN;
    for (size_t i = 0; i < answer->record_count; i++) {
        if (doctor_spf_is_record(answer->records[i].text, &terms)) {
            found = terms;
            records++;
        }
    }
    if (records != 1)
        return records == 0 ? SPF_NONE : SPF_BROKEN;
    return evaluate_terms(spf, found, domain, depth);
}

void doctor_check_spf(struct doctor *doctor, const char *domain, const char *what)
{
    static const struct {
        enum doctor_result result;
        const char *words;
    } said[] = {
        [SPF_NONE] = {DOCTOR_WARNING, "has no SPF record that allows"},
        [SPF_PASS] = {DOCTOR_OK, "allows"},
        [SPF_FAIL] = {DOCTOR_FAILED, "has an SPF record that forbids"},
        [SPF_SOFTFAIL] = {DOCTOR_WARNING, "has an SPF record that distrusts"},
        [SPF_NEUTRAL] = {DOCTOR_WARNING, "has an SPF record that does not name"},
        [SPF_UNKNOWN] = {DOCTOR_NOT_CHECKED, "could not be followed to an SPF verdict on"},
        [SPF_BROKEN] = {DOCTOR_FAILED, "has a broken SPF record, seen from"},
    };
    char ip[IP_TEXT_SIZE], fix[400];

    for (size_t i = 0; i < doctor->source_count; i++) {
        struct spf spf = {.doctor = doctor, .ip = doctor->sources[i]};
        enum spf_result result = evaluate(&spf, domain, 0);

        ip_format(&doctor->sources[i], ip);
        snprintf(fix, sizeof(fix),
                 doctor->expired ? "Run the doctor again, with a longer --timeout."
                 : result == SPF_BROKEN
                     ? "Mend the TXT record of %.200s: one \"v=spf1\" record, at most ten look-ups."
                 : result == SPF_UNKNOWN
                     ? "Look at the TXT record of %.200s with an SPF checker (macros, exists and "
                       "ptr are not evaluated here), or name the address in it."
                     : "Have the SPF record of %.200s name the address: v=spf1 ip%u:%s -all.",
                 domain, doctor->sources[i].family, ip);
        doctor_report_add(&doctor->report, DOCTOR_SPF, said[result].result,
                          result == SPF_PASS ? "" : fix, "%s, %s, %s %s", domain, what,
                          said[result].words, ip);
    }
}
