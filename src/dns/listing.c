/*
 * Block lists asked about a domain: its name, and the names and addresses of its mail hosts. Each
 * question is kept and shared like a host's addresses (it is one: an A record), so that the hosts
 * of a big operator are asked about once. A list that fails or refuses is no evidence.
 */
#include <stdio.h>
#include <string.h>

#include "address/suffix.h"
#include "base/check.h"
#include "dns/resolver_internal.h"

/* Of one domain: its own name, that of its organisation, the most preferred hosts. */
#define HOSTS_MAX     4
#define ADDRESSES_MAX 2 /* of each host */

static void listing_on_answer(struct dns_host_wait *wait)
{
    struct dns_domain_listing *listing = LIST_ELEMENT(wait, struct dns_domain_listing, wait);
    struct dns_domain *domain = listing->domain;

    if (--domain->listing_pending == 0)
        dns_domain_listings_known(domain);
}

static bool is_asked(const struct dns_domain *domain, const char *name)
{
    for (size_t i = 0; i < domain->listing_count; i++)
        if (strcmp(domain->listings[i].name, name) == 0)
            return true;
    return false;
}

static void ask(struct dns_domain *domain, const struct dns_blocklist *list, struct slice subject,
                const char *name)
{
    struct dns_domain_listing *listing = &domain->listings[domain->listing_count];
    int rc;

    CHECK(domain->listing_count < DNS_LISTINGS_MAX);
    if (domain->listing_count == DNS_LISTINGS_MAX - 1 || !dns_name_is_askable(name) ||
        is_asked(domain, name))
        return;
    *listing = (struct dns_domain_listing){
        .domain = domain,
        .list = list,
        .name = arena_string(&domain->arena, slice_from_string(name)),
        .subject = arena_string(&domain->arena, subject),
        .wait = {.done = listing_on_answer},
    };
    if (listing->name == NULL || listing->subject == NULL)
        return; /* one list less was asked */
    rc = dns_host_want_listing(domain->resolver, listing->name, &listing->wait);
    if (rc < 0)
        return;
    domain->listing_count++;
    domain->listing_pending += rc == 0;
}

static void ask_about_name(struct dns_domain *domain, const struct dns_blocklist *list,
                           struct slice subject)
{
    char name[2 * DNS_NAME_TEXT_MAX + 2];

    snprintf(name, sizeof(name), "%.*s.%s", (int)(subject.len < 253 ? subject.len : 253),
             subject.ptr, list->zone);
    ask(domain, list, subject, name);
}

static void ask_about_names(struct dns_domain *domain, const struct dns_blocklist *list)
{
    struct slice own = slice_from_string(domain->name), whole = address_registrable_domain(own);

    ask_about_name(domain, list, own);
    if (whole.len > 0 && whole.len < own.len)
        ask_about_name(domain, list, whole);
    for (size_t i = 0; i < domain->host_count && i < HOSTS_MAX; i++)
        if (domain->hosts[i].unusable == NULL)
            ask_about_name(domain, list, slice_from_string(domain->hosts[i].name));
}

static void ask_about_address(struct dns_domain *domain, const struct dns_blocklist *list,
                              const struct ip *ip)
{
    char name[DNS_REVERSE_SIZE], text[IP_TEXT_SIZE];

    ask(domain, list, slice_from_string(ip_format(ip, text)),
        dns_reverse_name(ip, list->zone, name));
}

static void ask_about_addresses(struct dns_domain *domain, const struct dns_blocklist *list)
{
    for (size_t i = 0; i < domain->host_count && i < HOSTS_MAX; i++) {
        const struct dns_host *host = domain->hosts[i].wait.host;
        size_t asked = 0;

        for (size_t f = 0; host != NULL && f < ARRAY_LEN(host->families); f++)
            for (size_t k = 0; k < host->families[f].ip_count && asked < ADDRESSES_MAX;
                 k++, asked++)
                ask_about_address(domain, list, &host->families[f].ips[k]);
    }
}

void dns_domain_ask_listings(struct dns_domain *domain)
{
    const struct dns_resolver_options *options = &domain->resolver->options;

    domain->listing_pending = 1; /* we: so that nothing ends before everything is asked */
    if (options->blocklist_count > 0 && domain->host_count > 0 && !domain->no_memory)
        domain->listings = arena_array(&domain->arena, DNS_LISTINGS_MAX, sizeof(*domain->listings));
    for (size_t i = 0; domain->listings != NULL && i < options->blocklist_count; i++) {
        const struct dns_blocklist *list = &options->blocklists[i];

        if (list->of_addresses)
            ask_about_addresses(domain, list);
        else
            ask_about_names(domain, list);
    }
    if (--domain->listing_pending == 0)
        dns_domain_listings_known(domain);
}

void dns_domain_release_listings(struct dns_domain *domain)
{
    for (size_t i = 0; i < domain->listing_count; i++)
        dns_host_release(&domain->listings[i].wait);
    domain->listing_count = 0;
    domain->listings = NULL;
}

enum dns_listing dns_domain_listing_of(const struct dns_domain_listing *listing,
                                       const char **ret_meaning, const struct ip **ret_code)
{
    const struct dns_host_family *family =
        listing->wait.host != NULL ? &listing->wait.host->families[0] : NULL;
    enum dns_listing worst = DNS_LISTING_NONE;

    *ret_meaning = "";
    *ret_code = NULL;
    for (size_t i = 0; family != NULL && i < family->ip_count; i++) {
        const char *meaning;
        enum dns_listing found = dns_blocklist_judge(listing->list, &family->ips[i], &meaning);

        if (found <= worst)
            continue;
        worst = found;
        *ret_meaning = meaning;
        *ret_code = &family->ips[i];
    }
    return worst;
}
