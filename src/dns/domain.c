/*
 * One domain's look-up: MX, then the hosts, then facts (RFC 5321 section 5.1, RFC 7505).
 *
 *   MX failed            facts with the failure; no more questions
 *   MX: no such name     facts; the domain does not exist
 *   MX: none             the domain's own addresses, as if it were its only MX
 *   MX: only "."         facts; it takes no mail
 *   MX: hosts            addresses of all of them at once, most preferred first in the facts;
 *                        then the block lists, if any (listing.c)
 */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/resolver_internal.h"

void dns_domain_free(struct dns_domain *domain)
{
    dns_query_forget(domain->mx);
    for (size_t i = 0; i < domain->host_count; i++)
        dns_host_release(&domain->hosts[i].wait);
    dns_domain_release_listings(domain);
    if (domain->facts != NULL)
        dns_facts_release(&domain->facts->domain);
    CHECK(list_is_empty(&domain->waiters));
    list_remove(&domain->in_lookups);
    arena_done(&domain->arena);
    memory_free(domain->name);
    memory_free(domain);
}

static void domain_evict(struct dns_cached *cached)
{
    struct dns_domain *domain = LIST_ELEMENT(cached, struct dns_domain, cached);

    dns_cache_remove(domain->resolver, cached);
    table_take(&domain->resolver->domains, slice_from_string(domain->name));
    dns_domain_free(domain);
}

static uint32_t domain_ttl(const struct dns_domain *domain)
{
    bool failure = dns_outcome_is_failure(domain->mx_outcome);
    uint32_t ttl_s = dns_cache_ttl(domain->resolver, domain->mx_ttl_s, failure);

    for (size_t i = 0; i < domain->host_count; i++) {
        const struct dns_host *host = domain->hosts[i].wait.host;

        if (host != NULL && dns_host_ttl(host) < ttl_s)
            ttl_s = dns_host_ttl(host);
    }
    for (size_t i = 0; i < domain->listing_count; i++) {
        const struct dns_host *host = domain->listings[i].wait.host;

        /* What a list could not say is asked about another time. */
        if (host != NULL && !dns_outcome_is_failure(dns_host_outcome(host)) &&
            dns_host_ttl(host) < ttl_s)
            ttl_s = dns_host_ttl(host);
    }
    return ttl_s;
}

static void count_listings(struct dns_domain *domain)
{
    for (size_t i = 0; i < domain->listing_count; i++) {
        const struct ip *code;
        const char *meaning;
        enum dns_listing found = dns_domain_listing_of(&domain->listings[i], &meaning, &code);

        domain->resolver->counts.listings += found == DNS_LISTING_LISTED;
        domain->resolver->counts.listing_refusals += found == DNS_LISTING_REFUSED;
    }
}

/* Everything is known, or memory ran out: seal the facts and let the waiters go. */
static void domain_finish(struct dns_domain *domain)
{
    struct dns_resolver *resolver = domain->resolver;
    uint32_t ttl_s = domain_ttl(domain);
    struct dns_facts *facts = NULL;

    list_remove(&domain->in_lookups);
    count_listings(domain);
    if (!domain->no_memory &&
        dns_facts_seal(domain->facts, domain, ttl_s,
                       (uint32_t)(io_now_ms(resolver->loop) - domain->began_ms)) == 0)
        facts = domain->facts;
    dns_resolver_ready(resolver, &domain->waiters, facts);
    for (size_t i = 0; i < domain->host_count; i++)
        dns_host_release(&domain->hosts[i].wait);
    domain->host_count = 0;
    domain->hosts = NULL;
    dns_domain_release_listings(domain);
    arena_done(&domain->arena);
    if (facts == NULL)
        domain_evict(&domain->cached);
    else
        dns_cache_keep(resolver, &domain->cached, ttl_s);
}

void dns_domain_listings_known(struct dns_domain *domain)
{
    domain_finish(domain);
}

static void domain_on_host(struct dns_host_wait *wait)
{
    struct dns_domain_host *host = LIST_ELEMENT(wait, struct dns_domain_host, wait);
    struct dns_domain *domain = host->domain;

    domain->no_memory |= wait->host->no_memory;
    if (--domain->host_pending == 0)
        dns_domain_ask_listings(domain);
}

static const char *why_unusable(const char *name)
{
    struct ip ip;

    if (dns_name_is_askable(name))
        return NULL;
    return ip_parse(slice_from_string(name), &ip)
               ? "an IP address stands where a host name should (RFC 1035 section 3.3.9)"
               : "not a host name";
}

/* Ask for the addresses of all hosts; the answers may be here already. */
static void domain_ask_hosts(struct dns_domain *domain)
{
    domain->host_pending = 1; /* we: so that nothing finishes before everything is asked */
    for (size_t i = 0; i < domain->host_count; i++) {
        struct dns_domain_host *host = &domain->hosts[i];
        int rc;

        host->domain = domain;
        host->wait.done = domain_on_host;
        host->unusable = why_unusable(host->name);
        if (host->unusable != NULL)
            continue;
        rc = dns_host_want(domain->resolver, host->name, &host->wait);
        if (rc == 0)
            domain->host_pending++;
        else if (rc < 0)
            domain->no_memory = true;
    }
    if (--domain->host_pending == 0)
        dns_domain_ask_listings(domain);
}

/* Keep `from` in order of preference behind those that are there; the same name only once. */
static void host_insert(struct dns_domain *domain, const struct dns_answer_record *from)
{
    size_t at = domain->host_count;

    for (size_t i = 0; i < domain->host_count; i++) {
        if (strcmp(domain->hosts[i].name, from->target) != 0)
            continue;
        if (domain->hosts[i].preference <= from->preference)
            return;
        memmove(&domain->hosts[i], &domain->hosts[i + 1],
                (domain->host_count - i - 1) * sizeof(*domain->hosts));
        at = --domain->host_count;
        break;
    }
    while (at > 0 && domain->hosts[at - 1].preference > from->preference)
        at--;
    memmove(&domain->hosts[at + 1], &domain->hosts[at],
            (domain->host_count - at) * sizeof(*domain->hosts));
    domain->hosts[at] =
        (struct dns_domain_host){.name = from->target, .preference = from->preference};
    domain->host_count++;
}

/* Hosts out of MX records: equals in random order, "." told apart (RFC 7505 section 3). */
static int domain_choose_hosts(struct dns_domain *domain, const struct dns_answer *answer)
{
    size_t count = answer->record_count, roots = 0;
    struct dns_answer_record *records;

    records = arena_array(&domain->arena, count, sizeof(*records));
    domain->hosts = arena_array(&domain->arena, count + 1, sizeof(*domain->hosts));
    if (records == NULL || domain->hosts == NULL)
        return ERROR_NOMEM;
    memcpy(records, answer->records, count * sizeof(*records));
    random_shuffle(&domain->resolver->random, records, count, sizeof(*records));
    for (size_t i = 0; i < count; i++) {
        records[i].target = arena_string(&domain->arena, slice_from_string(records[i].target));
        if (records[i].target == NULL)
            return ERROR_NOMEM;
        if (strcmp(records[i].target, ".") == 0)
            roots++;
        else
            host_insert(domain, &records[i]);
    }
    domain->null_mx = roots == count;
    if (domain->host_count > domain->resolver->options.hosts_max) {
        domain->hosts_left_out = domain->host_count - domain->resolver->options.hosts_max;
        domain->host_count = domain->resolver->options.hosts_max;
    }
    return 0;
}

static int domain_choose_itself(struct dns_domain *domain)
{
    const struct dns_answer_record itself = {.target = domain->name};

    domain->hosts = arena_array(&domain->arena, 1, sizeof(*domain->hosts));
    if (domain->hosts == NULL)
        return ERROR_NOMEM;
    host_insert(domain, &itself);
    return 0;
}

static int domain_note_mx(struct dns_domain *domain, const struct dns_answer *answer)
{
    struct buffer text;

    domain->mx_outcome = answer->outcome;
    domain->mx_ttl_s = answer->ttl_s;
    buffer_init(&text, 0);
    dns_answer_format(answer, DNS_TYPE_MX, &text);
    if (!text.failed)
        domain->mx_text = arena_string(&domain->arena, buffer_slice(&text));
    buffer_done(&text);
    return domain->mx_text != NULL ? 0 : ERROR_NOMEM;
}

static void domain_on_mx(void *owner, const struct dns_answer *answer)
{
    struct dns_domain *domain = owner;
    int rc = ERROR_NOMEM;

    domain->mx = NULL;
    if (answer != NULL)
        rc = domain_note_mx(domain, answer);
    if (rc == 0 && answer->outcome == DNS_FOUND)
        rc = domain_choose_hosts(domain, answer);
    else if (rc == 0 && answer->outcome == DNS_NODATA)
        rc = domain_choose_itself(domain);
    if (rc != 0) {
        domain->no_memory = true;
        domain->host_count = 0;
    } else if (domain->host_count > 0) {
        dns_signals_start(domain->resolver, domain->facts);
    }
    domain_ask_hosts(domain);
}

struct dns_domain *dns_domain_start(struct dns_resolver *resolver, const char *name, int *ret_error)
{
    struct dns_domain *domain = memory_zalloc(1, sizeof(*domain));

    *ret_error = ERROR_NOMEM;
    if (domain == NULL)
        return NULL;
    domain->resolver = resolver;
    domain->cached.evict = domain_evict;
    domain->began_ms = io_now_ms(resolver->loop);
    list_init(&domain->waiters);
    arena_init(&domain->arena);
    domain->name = memory_copy_string(name, strlen(name));
    domain->facts = dns_facts_new(name);
    if (domain->name == NULL || domain->facts == NULL ||
        table_put(&resolver->domains, slice_from_string(name), domain) != 0) {
        dns_domain_free(domain);
        return NULL;
    }
    *ret_error = dns_query_start(resolver, name, DNS_TYPE_MX, domain_on_mx, domain, &domain->mx);
    if (*ret_error != 0) {
        domain_evict(&domain->cached);
        return NULL;
    }
    list_append(&resolver->lookups, &domain->in_lookups);
    return domain;
}
