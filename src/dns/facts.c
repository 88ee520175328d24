/*
 * Finished facts, counted and packed: a cache of many domains must not pay an arena for each.
 * Packing runs twice over the same code, first to measure, then to write.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/resolver_internal.h"

struct dns_facts *dns_facts_new(const char *name)
{
    struct dns_facts *facts = memory_zalloc(1, sizeof(*facts));

    if (facts == NULL)
        return NULL;
    facts->holds = 1;
    facts->name = memory_copy_string(name, strlen(name));
    if (facts->name == NULL) {
        memory_free(facts);
        return NULL;
    }
    facts->domain.name = slice_from_string(facts->name);
    facts->domain.spf = facts->domain.dmarc = SLICE_EMPTY;
    return facts;
}

const struct evidence_domain *dns_facts_hold(const struct evidence_domain *domain)
{
    struct dns_facts *facts = (struct dns_facts *)(uintptr_t)domain;

    facts->holds++;
    return domain;
}

void dns_facts_release(const struct evidence_domain *domain)
{
    struct dns_facts *facts = (struct dns_facts *)(uintptr_t)domain;

    if (facts == NULL)
        return;
    CHECK(facts->holds > 0);
    if (--facts->holds > 0)
        return;
    for (size_t i = 0; i < facts->signal_memory_count; i++)
        memory_free(facts->signal_memory[i]);
    memory_free(facts->block);
    memory_free(facts->name);
    memory_free(facts);
}

/* --- packing ------------------------------------------------------------------------------- */

struct pack {
    char *base; /* NULL: only measuring */
    size_t used;
};

static void *pack_take(struct pack *pack, size_t count, size_t size)
{
    void *at = pack->base != NULL ? pack->base + pack->used : NULL;

    pack->used += (count * size + 15) / 16 * 16;
    return at;
}

static struct slice pack_text(struct pack *pack, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    char *at = pack->base != NULL ? pack->base + pack->used : NULL;

    if (at != NULL && len > 0)
        memcpy(at, text, len);
    pack->used += len;
    return at != NULL ? slice_from(at, len) : SLICE_EMPTY;
}

/* The question about a listing, without the key of a paid list. */
static struct slice pack_question(struct pack *pack, const struct dns_domain_listing *from)
{
    char text[2 * DNS_NAME_TEXT_MAX + 2];
    const char *zone = from->list->zone;

    CHECK(strlen(from->name) > strlen(zone));
    snprintf(text, sizeof(text), "%.*s%s", (int)(strlen(from->name) - strlen(zone)), from->name,
             dns_blocklist_shown(zone));
    return pack_text(pack, text);
}

/* Texts leave no gaps between them; what follows them must be aligned again. */
static void pack_align(struct pack *pack)
{
    pack->used = (pack->used + 15) / 16 * 16;
}

static bool is_offered(const struct ip *ip, const struct dns_resolver_options *options)
{
    return ip->family == 4 ? options->use_ipv4 : options->use_ipv6;
}

/*
 * Addresses that may be probed and how many may not. One that is public, but of a family we do not
 * speak, makes the host one that is out of our reach; then its reserved ones prove nothing.
 */
static void pack_addresses(struct pack *pack, const struct dns_host *host,
                           const struct dns_resolver_options *options, struct evidence_host *ret)
{
    struct ip *addresses = NULL;
    size_t count = 0, out_of_reach = 0;

    for (size_t f = 0; f < ARRAY_LEN(host->families); f++) {
        for (size_t i = 0; i < host->families[f].ip_count; i++) {
            const struct ip *ip = &host->families[f].ips[i];

            if (!ip_may_probe(ip, options->allowed)) {
                if (ret->refused_count++ == 0)
                    ret->refused_range = ip_reserved_range(ip);
            } else if (is_offered(ip, options)) {
                count++;
            } else {
                out_of_reach++;
            }
        }
    }
    if (out_of_reach > 0) {
        ret->refused_count = 0;
        ret->refused_range = NULL;
    }
    addresses = pack_take(pack, count, sizeof(*addresses));
    ret->addresses = addresses;
    ret->address_count = count;
    for (size_t f = 0; addresses != NULL && f < ARRAY_LEN(host->families); f++) {
        for (size_t i = 0; i < host->families[f].ip_count; i++) {
            const struct ip *ip = &host->families[f].ips[i];

            if (ip_may_probe(ip, options->allowed) && is_offered(ip, options))
                *addresses++ = *ip;
        }
    }
}

/* With no address to probe, a family that could not be looked up might have had one. */
static enum dns_outcome host_outcome(const struct dns_host *host, size_t address_count)
{
    for (size_t f = 0; f < ARRAY_LEN(host->families) && address_count == 0; f++) {
        if (dns_outcome_is_failure(host->families[f].outcome))
            return host->families[f].outcome;
    }
    return dns_host_outcome(host);
}

/* Where an answer is written: nowhere while measuring. */
static struct evidence_dns_answer *answer_at(struct evidence_dns_answer *answers, size_t *count)
{
    static struct evidence_dns_answer nowhere;
    size_t at = (*count)++;

    return answers != NULL ? &answers[at] : &nowhere;
}

static void pack_host(struct pack *pack, const struct dns_domain_host *from,
                      const struct dns_resolver_options *options, struct evidence_host *to,
                      struct evidence_dns_answer *answers, size_t *answer_count)
{
    const struct dns_host *host = from->wait.host;

    *to = (struct evidence_host){.preference = from->preference, .outcome = DNS_NXDOMAIN};
    if (host != NULL) {
        pack_addresses(pack, host, options, to);
        to->outcome = host_outcome(host, to->address_count);
    }
    to->name = pack_text(pack, from->name);
    if (host == NULL) {
        *answer_at(answers, answer_count) =
            (struct evidence_dns_answer){.name = to->name,
                                         .type = "A",
                                         .outcome = DNS_NXDOMAIN,
                                         .text = slice_from_string(from->unusable)};
        pack_align(pack);
        return;
    }
    for (size_t f = 0; f < ARRAY_LEN(host->families); f++) {
        const struct dns_host_family *family = &host->families[f];

        if (family->outcome != DNS_NOT_ASKED)
            *answer_at(answers, answer_count) =
                (struct evidence_dns_answer){.name = to->name,
                                             .type = family->type == DNS_TYPE_A ? "A" : "AAAA",
                                             .outcome = family->outcome,
                                             .ttl_s = family->ttl_s,
                                             .text = pack_text(pack, family->text)};
    }
    pack_align(pack);
}

static bool is_worth_telling(enum dns_listing listing)
{
    return listing == DNS_LISTING_LISTED || listing == DNS_LISTING_REFUSED;
}

/* What block lists say, and every question to one among the answers. */
static void pack_listings(struct pack *pack, const struct dns_domain *domain,
                          struct evidence_domain *to, struct evidence_dns_answer *answers)
{
    struct evidence_listing *listings = pack_take(pack, domain->listing_count, sizeof(*listings));

    to->listings = listings;
    to->listing_count = 0;
    for (size_t i = 0; i < domain->listing_count; i++) {
        const struct dns_domain_listing *from = &domain->listings[i];
        const struct dns_host_family *family = &from->wait.host->families[0];
        const struct ip *code;
        const char *meaning;
        enum dns_listing found = dns_domain_listing_of(from, &meaning, &code);
        struct evidence_listing one = {
            .subject = pack_text(pack, from->subject),
            .zone = pack_text(pack, dns_blocklist_shown(from->list->zone)),
            .meaning = slice_from_string(meaning),
            .is_refused = found == DNS_LISTING_REFUSED,
        };

        *answer_at(answers, &to->answer_count) =
            (struct evidence_dns_answer){.name = pack_question(pack, from),
                                         .type = "A",
                                         .outcome = family->outcome,
                                         .ttl_s = family->ttl_s,
                                         .text = pack_text(pack, family->text)};
        if (!is_worth_telling(found))
            continue;
        one.code = *code;
        if (listings != NULL)
            listings[to->listing_count] = one;
        to->listing_count++;
    }
    pack_align(pack);
}

static void pack_all(struct pack *pack, const struct dns_domain *domain, struct dns_facts *facts,
                     struct evidence_domain *to)
{
    struct evidence_host *hosts = pack_take(pack, domain->host_count, sizeof(struct evidence_host));
    size_t answers_max = 1 + 2 * domain->host_count + domain->listing_count + DNS_SIGNALS_MAX;
    struct evidence_dns_answer *answers =
        pack_take(pack, answers_max, sizeof(struct evidence_dns_answer));

    to->name = pack_text(pack, domain->name);
    to->hosts = hosts;
    to->host_count = domain->host_count;
    to->answer_count = 0;
    *answer_at(answers, &to->answer_count) =
        (struct evidence_dns_answer){.name = to->name,
                                     .type = "MX",
                                     .outcome = domain->mx_outcome,
                                     .ttl_s = domain->mx_ttl_s,
                                     .text = pack_text(pack, domain->mx_text)};
    pack_align(pack);
    for (size_t i = 0; i < domain->host_count; i++) {
        struct evidence_host nowhere;

        pack_host(pack, &domain->hosts[i], &domain->resolver->options,
                  hosts != NULL ? &hosts[i] : &nowhere, answers, &to->answer_count);
    }
    pack_listings(pack, domain, to, answers);
    to->answers = facts->answers = answers;
}

int dns_facts_seal(struct dns_facts *facts, const struct dns_domain *domain, uint32_t ttl_s,
                   uint32_t duration_ms)
{
    struct evidence_domain *to = &facts->domain;
    struct pack pack = {0};
    struct evidence_domain measured = *to;

    CHECK(!facts->sealed);
    pack_all(&pack, domain, facts, &measured);
    facts->block = memory_alloc(pack.used);
    if (facts->block == NULL)
        return ERROR_NOMEM;
    pack = (struct pack){.base = facts->block};
    pack_all(&pack, domain, facts, to);
    to->mx_outcome = domain->mx_outcome;
    to->null_mx = domain->null_mx;
    to->hosts_left_out = domain->hosts_left_out;
    if (domain->mx_outcome == DNS_NODATA && domain->host_count == 1) {
        to->address_outcome = to->hosts[0].outcome;
        to->implicit_mx = to->address_outcome == DNS_FOUND;
        if (!to->implicit_mx)
            to->host_count = 0;
    }
    to->ttl_s = ttl_s;
    to->duration_ms = duration_ms;
    memory_free(facts->name);
    facts->name = NULL;
    facts->sealed = true;
    for (size_t i = 0; i < facts->signal_count; i++)
        facts->answers[to->answer_count++] = facts->signals[i];
    return 0;
}

/* --- signals ------------------------------------------------------------------------------- */

struct slice dns_facts_copy(struct dns_facts *facts, struct slice text)
{
    char *copy;

    CHECK(facts->signal_memory_count < ARRAY_LEN(facts->signal_memory));
    if (text.len == 0)
        return SLICE_EMPTY;
    copy = memory_copy_string(text.ptr, text.len);
    if (copy == NULL)
        return (struct slice){NULL, 0};
    facts->signal_memory[facts->signal_memory_count++] = copy;
    return slice_from(copy, text.len);
}

int dns_facts_add_signal(struct dns_facts *facts, const char *name, const struct dns_answer *answer)
{
    struct evidence_dns_answer kept = {
        .type = "TXT", .outcome = answer->outcome, .ttl_s = answer->ttl_s};
    struct buffer text;
    size_t name_len = strlen(name);
    struct slice both;

    CHECK(facts->signal_count < DNS_SIGNALS_MAX);
    buffer_init(&text, 0);
    buffer_append(&text, name, name_len);
    dns_answer_format(answer, DNS_TYPE_TXT, &text);
    both = text.failed ? (struct slice){NULL, 0} : dns_facts_copy(facts, buffer_slice(&text));
    buffer_done(&text);
    if (both.ptr == NULL)
        return ERROR_NOMEM;
    kept.name = slice_prefix(both, name_len);
    kept.text = slice_from_offset(both, name_len);
    if (facts->sealed)
        facts->answers[facts->domain.answer_count++] = kept;
    facts->signals[facts->signal_count++] = kept;
    return 0;
}
