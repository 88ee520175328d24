/* The addresses of one name, asked for once and kept for all domains that name it. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/resolver_internal.h"

void dns_host_free(struct dns_host *host)
{
    for (size_t i = 0; i < ARRAY_LEN(host->families); i++) {
        dns_query_forget(host->families[i].query);
        memory_free(host->families[i].ips);
        memory_free(host->families[i].text);
    }
    memory_free(host->name);
    memory_free(host);
}

/* Apart, so that nobody who names a mail host like a question to a list gets its answer. */
static struct table *table_of(struct dns_resolver *resolver, bool is_listing)
{
    return is_listing ? &resolver->listings : &resolver->hosts;
}

/* Out of table and cache; those who hold it keep it. */
static void host_detach(struct dns_host *host)
{
    dns_cache_remove(host->resolver, &host->cached);
    if (!host->is_detached)
        table_take(table_of(host->resolver, host->is_listing), slice_from_string(host->name));
    host->is_detached = true;
    if (host->holds == 0)
        dns_host_free(host);
}

static void host_evict(struct dns_cached *cached)
{
    host_detach(LIST_ELEMENT(cached, struct dns_host, cached));
}

enum dns_outcome dns_host_outcome(const struct dns_host *host)
{
    const enum dns_outcome a = host->families[0].outcome, aaaa = host->families[1].outcome;

    if (a == DNS_FOUND || aaaa == DNS_FOUND)
        return DNS_FOUND;
    if (dns_outcome_is_failure(a) || aaaa == DNS_NOT_ASKED)
        return a;
    if (dns_outcome_is_failure(aaaa) || a == DNS_NOT_ASKED)
        return aaaa;
    return a == DNS_NXDOMAIN ? a : aaaa;
}

uint32_t dns_host_ttl(const struct dns_host *host)
{
    const enum dns_outcome outcome = dns_host_outcome(host);
    bool failure = dns_outcome_is_failure(outcome);
    uint32_t ttl_s = UINT32_MAX;

    for (size_t i = 0; i < ARRAY_LEN(host->families); i++) {
        const struct dns_host_family *family = &host->families[i];

        failure |= dns_outcome_is_failure(family->outcome);
        /* That AAAA is missing, where A is there, need not be looked at so often. */
        if (family->outcome != DNS_NOT_ASKED &&
            (family->outcome == DNS_FOUND || outcome != DNS_FOUND) && family->ttl_s < ttl_s)
            ttl_s = family->ttl_s;
    }
    return dns_cache_ttl(host->resolver, ttl_s, failure);
}

static void host_finish(struct dns_host *host)
{
    struct list waiters;
    struct list_node *node;

    list_init(&waiters);
    list_move_all(&waiters, &host->waiters);
    host->holds++;
    if (host->no_memory)
        host_detach(host);
    else
        dns_cache_keep(host->resolver, &host->cached, dns_host_ttl(host));
    while ((node = list_pop(&waiters)) != NULL) {
        struct dns_host_wait *wait = LIST_ELEMENT(node, struct dns_host_wait, node);

        wait->done(wait);
    }
    if (--host->holds == 0 && host->is_detached)
        dns_host_free(host);
}

static int family_fill(struct dns_host_family *family, const struct dns_answer *answer)
{
    struct buffer text;

    family->outcome = answer->outcome;
    family->ttl_s = answer->ttl_s;
    if (answer->record_count == 0)
        return 0;
    family->ips = memory_zalloc(answer->record_count, sizeof(*family->ips));
    if (family->ips == NULL)
        return ERROR_NOMEM;
    for (size_t i = 0; i < answer->record_count; i++)
        family->ips[family->ip_count++] = answer->records[i].ip;
    buffer_init(&text, 0);
    dns_answer_format(answer, family->type, &text);
    if (!text.failed)
        family->text = memory_copy_string(text.ptr, text.len);
    buffer_done(&text);
    return family->text != NULL ? 0 : ERROR_NOMEM;
}

static bool host_may_be_probed(const struct dns_host *host)
{
    for (size_t f = 0; f < ARRAY_LEN(host->families); f++) {
        for (size_t i = 0; i < host->families[f].ip_count; i++) {
            if (ip_may_probe(&host->families[f].ips[i], host->resolver->options.allowed))
                return true;
        }
    }
    return false;
}

static int family_ask(struct dns_host *host, size_t index);

/*
 * A host without an address in the family that we speak may have one in the other: then it is out
 * of our reach, not absent. True when that is being asked for.
 */
static bool host_asks_further(struct dns_host *host)
{
    const enum dns_outcome outcome = dns_host_outcome(host);

    if (host->is_listing || host->no_memory || (outcome != DNS_NODATA && outcome != DNS_FOUND) ||
        host_may_be_probed(host))
        return false;
    for (size_t f = 0; f < ARRAY_LEN(host->families); f++) {
        if (host->families[f].outcome != DNS_NOT_ASKED)
            continue;
        host->no_memory = family_ask(host, f) != 0;
        return !host->no_memory;
    }
    return false;
}

static void host_on_answer(struct dns_host *host, struct dns_host_family *family,
                           const struct dns_answer *answer)
{
    family->query = NULL;
    if (answer == NULL || family_fill(family, answer) != 0)
        host->no_memory = true;
    if (--host->pending == 0 && !host_asks_further(host))
        host_finish(host);
}

static void host_on_a(void *owner, const struct dns_answer *answer)
{
    struct dns_host *host = owner;

    host_on_answer(host, &host->families[0], answer);
}

static void host_on_aaaa(void *owner, const struct dns_answer *answer)
{
    struct dns_host *host = owner;

    host_on_answer(host, &host->families[1], answer);
}

static struct dns_host *host_new(struct dns_resolver *resolver, const char *name, bool is_listing)
{
    struct dns_host *host = memory_zalloc(1, sizeof(*host));

    if (host == NULL)
        return NULL;
    host->resolver = resolver;
    host->is_listing = is_listing;
    host->cached.evict = host_evict;
    host->families[0].type = DNS_TYPE_A;
    host->families[1].type = DNS_TYPE_AAAA;
    list_init(&host->waiters);
    host->name = memory_copy_string(name, strlen(name));
    if (host->name == NULL ||
        table_put(table_of(resolver, is_listing), slice_from_string(name), host) != 0) {
        memory_free(host->name);
        memory_free(host);
        return NULL;
    }
    return host;
}

static int family_ask(struct dns_host *host, size_t index)
{
    static dns_query_done *const done[] = {host_on_a, host_on_aaaa};
    struct dns_host_family *family = &host->families[index];
    int rc = dns_query_start(host->resolver, host->name, family->type, done[index], host,
                             &family->query);

    if (rc == 0)
        host->pending++;
    return rc;
}

static int host_start(struct dns_host *host)
{
    const struct dns_resolver_options *options = &host->resolver->options;
    int rc = options->use_ipv4 || host->is_listing ? family_ask(host, 0) : 0;

    if (rc == 0 && options->use_ipv6 && !host->is_listing)
        rc = family_ask(host, 1);
    return rc;
}

static int want(struct dns_resolver *resolver, const char *name, bool is_listing,
                struct dns_host_wait *wait)
{
    struct dns_host *host = table_get(table_of(resolver, is_listing), slice_from_string(name));
    int rc;

    if (host != NULL && host->pending == 0 && !dns_cache_is_fresh(resolver, &host->cached)) {
        host_detach(host);
        host = NULL;
    }
    if (host == NULL) {
        host = host_new(resolver, name, is_listing);
        if (host == NULL)
            return ERROR_NOMEM;
        rc = host_start(host);
        if (rc != 0) {
            host_detach(host);
            return rc;
        }
    } else if (host->pending == 0) {
        dns_cache_touch(resolver, &host->cached);
        resolver->counts.cache_hits++;
    } else {
        resolver->counts.joined++;
    }
    host->holds++;
    wait->host = host;
    if (host->pending == 0)
        return 1;
    list_append(&host->waiters, &wait->node);
    return 0;
}

int dns_host_want(struct dns_resolver *resolver, const char *name, struct dns_host_wait *wait)
{
    return want(resolver, name, false, wait);
}

int dns_host_want_listing(struct dns_resolver *resolver, const char *name,
                          struct dns_host_wait *wait)
{
    return want(resolver, name, true, wait);
}

void dns_host_release(struct dns_host_wait *wait)
{
    struct dns_host *host = wait->host;

    if (host == NULL)
        return;
    list_remove(&wait->node);
    wait->host = NULL;
    CHECK(host->holds > 0);
    if (--host->holds == 0 && host->is_detached)
        dns_host_free(host);
}
