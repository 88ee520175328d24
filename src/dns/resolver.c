/* The resolver's face: cache, single flight, and telling those who wait. */
#include "dns/resolver.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "dns/resolver_internal.h"

/* --- cache --------------------------------------------------------------------------------- */

uint32_t dns_cache_ttl(const struct dns_resolver *resolver, uint32_t ttl_s, bool failure)
{
    const struct dns_resolver_options *options = &resolver->options;

    if (failure)
        return options->failure_ttl_s;
    if (ttl_s < options->ttl_min_s)
        return options->ttl_min_s;
    return ttl_s < options->ttl_max_s ? ttl_s : options->ttl_max_s;
}

bool dns_cache_is_fresh(const struct dns_resolver *resolver, const struct dns_cached *cached)
{
    return list_node_is_in(&cached->in_recent) && io_now_ms(resolver->loop) < cached->expires_ms;
}

void dns_cache_keep(struct dns_resolver *resolver, struct dns_cached *cached, uint32_t ttl_s)
{
    cached->expires_ms = io_now_ms(resolver->loop) + ttl_s * SECOND_MS;
    list_append(&resolver->recent, &cached->in_recent);
    if (++resolver->recent_count > resolver->options.cache_max) {
        struct list_node *oldest = list_first(&resolver->recent);
        struct dns_cached *victim = LIST_ELEMENT(oldest, struct dns_cached, in_recent);

        CHECK(oldest != NULL); /* more than cache_max are counted, and one was just added */
        victim->evict(victim);
    }
}

void dns_cache_touch(struct dns_resolver *resolver, struct dns_cached *cached)
{
    list_remove(&cached->in_recent);
    list_append(&resolver->recent, &cached->in_recent);
}

void dns_cache_remove(struct dns_resolver *resolver, struct dns_cached *cached)
{
    if (!list_node_is_in(&cached->in_recent))
        return;
    list_remove(&cached->in_recent);
    resolver->recent_count--;
}

/* --- telling ------------------------------------------------------------------------------- */

static void waiter_free(struct dns_waiter *waiter)
{
    list_remove(&waiter->node);
    if (waiter->facts != NULL)
        dns_facts_release(&waiter->facts->domain);
    memory_free(waiter);
}

/* Callbacks may ask for more, forget others, or free the resolver. */
void dns_resolver_tell(struct dns_resolver *resolver)
{
    struct list_node *node;
    bool freed = false;

    if (list_is_empty(&resolver->ready))
        return;
    CHECK(resolver->freed == NULL);
    resolver->freed = &freed;
    list_move_all(&resolver->telling, &resolver->ready);
    while ((node = list_pop(&resolver->telling)) != NULL) {
        struct dns_waiter *waiter = LIST_ELEMENT(node, struct dns_waiter, node);
        dns_domain_done *done = waiter->done;
        void *user = waiter->user;
        struct dns_facts *facts = waiter->facts;

        memory_free(waiter);
        done(user, facts != NULL ? &facts->domain : NULL); /* the hold goes with it */
        if (freed)
            return;
    }
    resolver->freed = NULL;
}

static void ready_on_timer(struct io_timer *timer)
{
    dns_resolver_tell(timer->user);
}

void dns_resolver_ready(struct dns_resolver *resolver, struct list *waiters,
                        struct dns_facts *facts)
{
    struct list_node *node;

    for (node = list_first(waiters); node != NULL; node = list_after(waiters, node)) {
        struct dns_waiter *waiter = LIST_ELEMENT(node, struct dns_waiter, node);

        waiter->facts = facts;
        if (facts != NULL)
            dns_facts_hold(&facts->domain);
    }
    list_move_all(&resolver->ready, waiters);
}

/* --- asking -------------------------------------------------------------------------------- */

/* The domain's entry: fresh, under way, or begun now. NULL and *ret_error. */
static struct dns_domain *domain_entry(struct dns_resolver *resolver, const char *name,
                                       int *ret_error)
{
    struct dns_domain *domain = table_get(&resolver->domains, slice_from_string(name));

    *ret_error = 0;
    if (domain != NULL && list_node_is_in(&domain->in_lookups)) {
        resolver->counts.joined++;
        return domain;
    }
    if (domain != NULL && dns_cache_is_fresh(resolver, &domain->cached)) {
        resolver->counts.cache_hits++;
        dns_cache_touch(resolver, &domain->cached);
        return domain;
    }
    if (domain != NULL)
        domain->cached.evict(&domain->cached);
    return dns_domain_start(resolver, name, ret_error);
}

int dns_resolver_domain(struct dns_resolver *resolver, const char *name, dns_domain_done *done,
                        void *user)
{
    struct dns_waiter *waiter = memory_zalloc(1, sizeof(*waiter));
    struct dns_domain *domain;
    int rc;

    if (waiter == NULL)
        return ERROR_NOMEM;
    waiter->done = done;
    waiter->user = user;
    domain = domain_entry(resolver, name, &rc);
    if (domain == NULL)
        goto fail;
    list_append(&domain->waiters, &waiter->node);
    if (!list_node_is_in(&domain->in_lookups)) {
        rc = io_timer_start(&resolver->ready_timer, io_now_ms(resolver->loop));
        if (rc != 0)
            goto fail;
        dns_resolver_ready(resolver, &domain->waiters, domain->facts);
    }
    return 0;
fail:
    waiter_free(waiter);
    return rc;
}

static void forget_in(struct list *waiters, const void *user)
{
    struct list_node *node = list_first(waiters), *next;

    for (; node != NULL; node = next) {
        struct dns_waiter *waiter = LIST_ELEMENT(node, struct dns_waiter, node);

        next = list_after(waiters, node);
        if (waiter->user == user || user == NULL)
            waiter_free(waiter);
    }
}

void dns_resolver_forget(struct dns_resolver *resolver, const void *user)
{
    struct list_node *node;

    CHECK(user != NULL);
    forget_in(&resolver->ready, user);
    forget_in(&resolver->telling, user);
    for (node = list_first(&resolver->lookups); node != NULL;
         node = list_after(&resolver->lookups, node))
        forget_in(&LIST_ELEMENT(node, struct dns_domain, in_lookups)->waiters, user);
}

void dns_resolver_counts(const struct dns_resolver *resolver, struct dns_resolver_counts *ret)
{
    *ret = resolver->counts;
}

/* --- life ---------------------------------------------------------------------------------- */

static void options_complete(struct dns_resolver_options *options)
{
    if (!options->use_ipv4 && !options->use_ipv6)
        options->use_ipv4 = options->use_ipv6 = true;
    if (options->ttl_min_s == 0)
        options->ttl_min_s = 60;
    if (options->ttl_max_s == 0)
        options->ttl_max_s = 86400;
    if (options->ttl_max_s < options->ttl_min_s)
        options->ttl_max_s = options->ttl_min_s;
    if (options->failure_ttl_s == 0)
        options->failure_ttl_s = 30;
    if (options->hosts_max == 0)
        options->hosts_max = 16;
    if (options->cache_max == 0)
        options->cache_max = 50000;
}

struct dns_resolver *dns_resolver_new(struct io_loop *loop, struct dns_transport *transport,
                                      const struct dns_resolver_options *options)
{
    struct dns_resolver *resolver = memory_zalloc(1, sizeof(*resolver));

    if (resolver == NULL)
        return NULL;
    resolver->loop = loop;
    resolver->transport = transport;
    resolver->options = *options;
    options_complete(&resolver->options);
    random_init(&resolver->random, options->seed);
    table_init(&resolver->domains, random_next(&resolver->random));
    table_init(&resolver->hosts, random_next(&resolver->random));
    table_init(&resolver->listings, random_next(&resolver->random));
    list_init(&resolver->recent);
    list_init(&resolver->queries);
    list_init(&resolver->signals);
    list_init(&resolver->lookups);
    list_init(&resolver->ready);
    list_init(&resolver->telling);
    io_timer_init(loop, &resolver->ready_timer, ready_on_timer, resolver);
    return resolver;
}

void dns_resolver_free(struct dns_resolver *resolver)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    if (resolver == NULL)
        return;
    if (resolver->freed != NULL)
        *resolver->freed = true;
    io_timer_stop(&resolver->ready_timer);
    forget_in(&resolver->ready, NULL);
    forget_in(&resolver->telling, NULL);
    dns_signals_stop(resolver);
    while (table_next(&resolver->domains, &cursor, &key, &value)) {
        forget_in(&((struct dns_domain *)value)->waiters, NULL);
        dns_domain_free(value);
    }
    cursor = 0;
    while (table_next(&resolver->hosts, &cursor, &key, &value)) /* nobody holds them now */
        dns_host_free(value);
    cursor = 0;
    while (table_next(&resolver->listings, &cursor, &key, &value))
        dns_host_free(value);
    CHECK(list_is_empty(&resolver->queries));
    table_done(&resolver->domains);
    table_done(&resolver->hosts);
    table_done(&resolver->listings);
    memory_free(resolver);
}
