/* What a parsed scenario answers. */
#include "lab/scenario.h"

#include <stdio.h>

#include "base/memory.h"
#include "dns/name.h"
#include "dns/transport.h"
#include "lab/model.h"

void lab_scenario_free(struct lab_scenario *scenario)
{
    if (scenario == NULL)
        return;
    for (struct lab_server *server = scenario->servers; server != NULL; server = server->next)
        table_done(&server->mailboxes);
    table_done(&scenario->names);
    table_done(&scenario->inner);
    arena_done(&scenario->arena);
    memory_free(scenario);
}

size_t lab_scenario_expectation_count(const struct lab_scenario *scenario)
{
    return scenario->expectation_count;
}

const struct lab_expectation *lab_scenario_expectation(const struct lab_scenario *scenario,
                                                       size_t index)
{
    return index < scenario->expectation_count ? scenario->expectation_index[index] : NULL;
}

struct slice lab_scenario_setting(const struct lab_scenario *scenario, struct slice name)
{
    struct slice value = SLICE_EMPTY;

    for (const struct lab_setting *s = scenario->settings; s != NULL; s = s->next)
        if (slice_equal(s->name, name))
            value = s->value; /* the last line wins */
    return value;
}

bool lab_scenario_list_entry(const struct lab_scenario *scenario, size_t index,
                             struct slice *ret_kind, struct slice *ret_entry)
{
    const struct lab_list_entry *entry = scenario->lists;

    while (entry != NULL && index-- > 0)
        entry = entry->next;
    if (entry == NULL)
        return false;
    *ret_kind = entry->kind;
    *ret_entry = entry->entry;
    return true;
}

const struct lab_name *lab_scenario_name(const struct lab_scenario *scenario, struct slice name)
{
    const struct lab_name *node = table_get(&scenario->names, name);
    struct slice parent = name;
    char key[DNS_NAME_SIZE + 2];
    ptrdiff_t dot;

    if (node != NULL)
        return node;
    /* The wildcard at the closest encloser answers, and only there (RFC 4592 3.3.1). */
    while ((dot = slice_find_byte(parent, '.')) >= 0) {
        parent = slice_from_offset(parent, (size_t)dot + 1);
        if (parent.len + 2 < sizeof(key)) {
            int len = snprintf(key, sizeof(key), "*.%.*s", SLICE_ARG(parent));

            node = table_get(&scenario->names, slice_from(key, (size_t)len));
            if (node != NULL)
                return node;
        }
        if (table_get(&scenario->names, parent) != NULL ||
            table_get(&scenario->inner, parent) != NULL)
            return NULL;
    }
    return NULL;
}

bool lab_scenario_is_inner(const struct lab_scenario *scenario, struct slice name)
{
    return table_get(&scenario->inner, name) != NULL;
}

static bool server_has_ip(const struct lab_server *server, const struct ip *ip)
{
    for (size_t i = 0; i < server->ip_count; i++)
        if (ip_equal(&server->ips[i], ip))
            return true;
    return false;
}

static const struct lab_name *canonical_name(const struct lab_scenario *scenario, struct slice name)
{
    const struct lab_name *node = lab_scenario_name(scenario, name);

    for (int hops = 0; hops < 8 && node != NULL && node->records != NULL; hops++) {
        if (node->records->type != DNS_TYPE_CNAME)
            return node;
        node = lab_scenario_name(scenario, slice_from_string(node->records->target));
    }
    return node;
}

static bool leads_to_server(const struct lab_scenario *scenario, const struct lab_server *server,
                            const struct lab_name *node)
{
    const struct lab_record *r = node != NULL ? node->records : NULL;

    for (; r != NULL; r = r->next)
        if ((r->type == DNS_TYPE_A || r->type == DNS_TYPE_AAAA) && server_has_ip(server, &r->ip))
            return true;
    return false;
}

bool lab_scenario_serves(const struct lab_scenario *scenario, const struct lab_server *server,
                         struct slice domain)
{
    const struct lab_name *node;
    bool has_mx = false;

    for (const struct lab_word_list *w = server->serves; w != NULL; w = w->next)
        if (slice_equal(w->word, domain) ||
            (slice_starts_with(w->word, SLICE("*.")) &&
             slice_ends_with(domain, slice_from_offset(w->word, 1))))
            return true;
    node = canonical_name(scenario, domain);
    if (node == NULL)
        return false;
    for (const struct lab_record *r = node->records; r != NULL; r = r->next) {
        struct slice host;

        if (r->type != DNS_TYPE_MX)
            continue;
        has_mx = true;
        host = slice_from_string(r->target);
        if (slice_equal(host, server->host) ||
            leads_to_server(scenario, server, canonical_name(scenario, host)))
            return true;
    }
    return !has_mx && leads_to_server(scenario, server, node);
}

const struct lab_mailbox *lab_server_mailbox(const struct lab_server *server, struct slice local,
                                             struct slice domain)
{
    char key[1024];
    int len = snprintf(key, sizeof(key), "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain));
    const struct lab_mailbox *mailbox = NULL;

    if (len > 0 && (size_t)len < sizeof(key))
        mailbox = table_get(&server->mailboxes, slice_from(key, (size_t)len));
    if (mailbox == NULL)
        mailbox = table_get(&server->mailboxes, local);
    for (const struct lab_mailbox *m = server->patterns; mailbox == NULL && m != NULL; m = m->next)
        if (slice_starts_with(local, m->prefix))
            mailbox = m;
    return mailbox;
}
