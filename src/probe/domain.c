#include "probe/domain.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "lists/builtin.h"
#include "probe/case.h"
#include "probe/stranger.h"

#define IDLE_DOMAINS_MAX 50000
#define HOSTS_LOOKED_AT  16 /* for the operator's name */

static void release_facts(struct probe_domain *domain)
{
    if (!domain->is_literal)
        dns_facts_release(domain->facts);
    arena_done(&domain->facts_arena);
    domain->facts = NULL;
}

static void domain_free(struct probe_domain *domain)
{
    struct probe_engine *engine = domain->engine;

    CHECK(domain->holds == 0 && list_is_empty(&domain->rows));
    table_take(&engine->domains, slice_from_string(domain->name));
    if (list_node_is_in(&domain->in_idle)) {
        list_remove(&domain->in_idle);
        engine->idle_domain_count--;
    }
    if (domain->is_looking_up)
        dns_resolver_forget(engine->resolver, domain);
    release_facts(domain);
    probe_stranger_free(domain->stranger);
    probe_domain_forget_habit(domain);
    memory_free(domain->name);
    memory_free(domain);
}

static struct probe_domain *domain_new(struct probe_engine *engine, struct slice name)
{
    struct probe_domain *domain = memory_zalloc(1, sizeof(*domain));

    if (domain == NULL)
        return NULL;
    domain->name = memory_copy_string(name.ptr, name.len);
    if (domain->name == NULL || table_put(&engine->domains, name, domain) != 0) {
        memory_free(domain->name);
        memory_free(domain);
        return NULL;
    }
    domain->engine = engine;
    domain->is_literal = name.len > 0 && name.ptr[0] == '[';
    if (!domain->is_literal)
        probe_offline_know(name, &domain->known);
    list_init(&domain->rows);
    list_init(&domain->dns_waiters);
    arena_init(&domain->facts_arena);
    return domain;
}

struct probe_domain *probe_domain_find(const struct probe_engine *engine, struct slice name)
{
    return table_get(&engine->domains, name);
}

struct probe_domain *probe_domain_get(struct probe_engine *engine, struct slice name)
{
    struct probe_domain *domain = probe_domain_find(engine, name);

    if (domain == NULL)
        domain = domain_new(engine, name);
    if (domain != NULL)
        probe_domain_hold(domain);
    return domain;
}

void probe_domain_hold(struct probe_domain *domain)
{
    if (list_node_is_in(&domain->in_idle)) {
        list_remove(&domain->in_idle);
        domain->engine->idle_domain_count--;
    }
    domain->holds++;
}

/* Something would be lost: a habit, or that we are not welcome. */
static bool is_worth_keeping(struct probe_domain *domain)
{
    return probe_domain_habit(domain, &domain->catch_all_place) != EVIDENCE_CATCH_ALL_UNKNOWN ||
           domain->breaker.until_ms != 0;
}

void probe_domain_release(struct probe_domain *domain)
{
    struct probe_engine *engine = domain->engine;
    struct list_node *oldest;

    CHECK(domain->holds > 0);
    if (--domain->holds > 0)
        return;
    release_facts(domain);
    if (!is_worth_keeping(domain)) {
        domain_free(domain);
        return;
    }
    list_append(&engine->idle_domains, &domain->in_idle);
    if (++engine->idle_domain_count > IDLE_DOMAINS_MAX) {
        oldest = list_first(&engine->idle_domains);
        domain_free(LIST_ELEMENT(oldest, struct probe_domain, in_idle));
    }
}

void probe_domain_free_all(struct probe_engine *engine)
{
    struct list_node *node;

    while ((node = list_first(&engine->idle_domains)) != NULL)
        domain_free(LIST_ELEMENT(node, struct probe_domain, in_idle));
    CHECK(engine->domains.count == 0);
}

/* --- DNS ----------------------------------------------------------------------------------- */

static void find_provider(struct probe_domain *domain)
{
    const struct evidence_domain *facts = domain->facts;
    const struct provider_profile *own;
    struct slice names[HOSTS_LOOKED_AT];
    size_t count = facts->host_count < HOSTS_LOOKED_AT ? facts->host_count : HOSTS_LOOKED_AT;

    domain->disposable_mx = false;
    domain->mx_matches = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = facts->hosts[i].name;
        domain->disposable_mx |= lists_mx_is_disposable(names[i]);
        if (domain->engine->lists != NULL)
            domain->mx_matches |= lists_operator_match_mx(domain->engine->lists, names[i]);
    }
    domain->provider = provider_by_mx_set(names, count);
    /* At a provider's own domain no customer can make a catch-all; anything may stand behind a
       domain that only looks like one. */
    own = provider_by_domain(slice_from_string(domain->name));
    domain->is_consumer = own != NULL && own == domain->provider && !own->is_gateway;
}

static void facts_came(void *user, const struct evidence_domain *facts)
{
    struct probe_domain *domain = user;
    struct probe_engine *engine = domain->engine;
    struct list_node *node;

    probe_engine_enter(engine);
    domain->is_looking_up = false;
    probe_domain_hold(domain); /* against its last waiter leaving */
    release_facts(domain);
    domain->facts = facts;
    if (facts != NULL) {
        domain->facts_until_ms = probe_engine_now(engine) + facts->ttl_s * SECOND_MS;
        domain->facts_id = ++engine->facts_count;
        find_provider(domain);
    }
    while ((node = list_pop(&domain->dns_waiters)) != NULL) {
        struct probe_case *kase = LIST_ELEMENT(node, struct probe_case, node);

        kase->state = PROBE_CASE_READY;
        if (facts == NULL)
            probe_case_fail(kase, "out of memory in the resolver");
        else
            list_append(&engine->ready, &kase->node);
    }
    probe_domain_release(domain);
    probe_engine_leave(engine);
}

int probe_domain_look_up(struct probe_domain *domain, const struct evidence_domain **ret_facts)
{
    int code;

    *ret_facts = NULL;
    if (domain->facts != NULL &&
        (domain->is_literal || probe_engine_now(domain->engine) <= domain->facts_until_ms)) {
        *ret_facts = domain->facts;
        return 0;
    }
    if (domain->is_looking_up)
        return 0;
    code = dns_resolver_domain(domain->engine->resolver, domain->name, facts_came, domain);
    domain->is_looking_up = code == 0;
    return code;
}

int probe_domain_make_literal(struct probe_domain *domain, const struct ip *ip)
{
    struct evidence_domain *facts;
    struct evidence_host *host;
    struct ip *address;
    bool may_probe = ip->family != 0 && ip_may_probe(ip, domain->engine->settings.allowed);

    if (domain->facts != NULL)
        return 0;
    facts = arena_alloc(&domain->facts_arena, sizeof(*facts));
    host = arena_alloc(&domain->facts_arena, sizeof(*host));
    address = arena_alloc(&domain->facts_arena, sizeof(*address));
    if (facts == NULL || host == NULL || address == NULL)
        return ERROR_NOMEM;
    *address = *ip;
    *host = (struct evidence_host){
        .name = slice_from_string(domain->name),
        .outcome = DNS_FOUND,
        .addresses = address,
        .address_count = may_probe ? 1 : 0,
        .refused_count = may_probe ? 0 : 1,
        .refused_range = may_probe ? NULL : "a kind of address that can't be probed",
    };
    if (!may_probe && ip->family != 0)
        host->refused_range = ip_reserved_range(ip);
    *facts = (struct evidence_domain){
        .name = host->name,
        .mx_outcome = DNS_NOT_ASKED,
        .address_outcome = DNS_FOUND,
        .hosts = host,
        .host_count = 1,
        .spf = SLICE_EMPTY,
        .dmarc = SLICE_EMPTY,
    };
    domain->facts = facts;
    find_provider(domain);
    return 0;
}

void probe_domain_greeted(struct probe_domain *domain, const struct provider_profile *profile)
{
    if (profile != NULL && domain->provider == provider_generic())
        domain->provider = profile;
}
