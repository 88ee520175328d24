/*
 * One question, asked again wherever a CNAME leads. A transport cannot be told to forget; so a
 * query that its owner forgot lives on as an orphan until the transport is done with it.
 */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/resolver_internal.h"

struct dns_query {
    struct list_node node;         /* in the resolver's queries */
    struct dns_resolver *resolver; /* NULL: an orphan */
    dns_query_done *done;
    void *owner;
    uint16_t type;
    unsigned aliases;
    uint32_t ttl_s;
    char name[DNS_NAME_TEXT_MAX + 1];
};

static void query_on_message(void *user, enum dns_outcome outcome, const uint8_t *message,
                             size_t len);

static int query_ask(struct dns_query *query)
{
    int rc = dns_transport_ask(query->resolver->transport, query->name, query->type,
                               query_on_message, query);

    if (rc == 0)
        query->resolver->counts.questions++;
    return rc;
}

static void query_finish(struct dns_query *query, const struct dns_answer *answer)
{
    dns_query_done *done = query->done;
    void *owner = query->owner;

    if (answer == NULL || dns_outcome_is_failure(answer->outcome))
        query->resolver->counts.failures++;
    else
        query->resolver->counts.answers++;
    list_remove(&query->node);
    memory_free(query);
    done(owner, answer);
}

/* Go where the CNAME leads. 0, ERROR_NOMEM, or ERROR_RANGE: it leads nowhere. */
static int query_go_on(struct dns_query *query, const struct dns_answer *answer)
{
    size_t len = strlen(answer->alias);

    query->aliases += answer->alias_count;
    if (query->aliases > DNS_ALIASES_MAX || !dns_name_is_askable(answer->alias))
        return ERROR_RANGE;
    memcpy(query->name, answer->alias, len + 1);
    if (answer->ttl_s < query->ttl_s)
        query->ttl_s = answer->ttl_s;
    return query_ask(query);
}

static void query_on_message(void *user, enum dns_outcome outcome, const uint8_t *message,
                             size_t len)
{
    struct dns_query *query = user;
    struct dns_resolver *resolver = query->resolver;
    struct dns_answer answer = {.outcome = outcome};
    struct arena arena;
    int rc = 0;

    if (resolver == NULL) {
        memory_free(query);
        return;
    }
    arena_init(&arena);
    if (outcome == DNS_FOUND)
        rc = dns_answer_read(&arena, query->name, query->type, message, len, &answer);
    if (rc == 0 && answer.alias != NULL) {
        rc = query_go_on(query, &answer);
        if (rc == 0)
            goto done;
        answer = (struct dns_answer){.outcome = DNS_BOGUS};
    }
    if (answer.ttl_s > query->ttl_s)
        answer.ttl_s = query->ttl_s;
    query_finish(query, rc == ERROR_NOMEM ? NULL : &answer);
done:
    arena_done(&arena);
    dns_resolver_tell(resolver);
}

int dns_query_start(struct dns_resolver *resolver, const char *name, uint16_t type,
                    dns_query_done *done, void *owner, struct dns_query **ret_query)
{
    struct dns_query *query;
    int rc;

    if (!dns_name_is_askable(name))
        return ERROR_RANGE;
    query = memory_zalloc(1, sizeof(*query));
    if (query == NULL)
        return ERROR_NOMEM;
    query->resolver = resolver;
    query->done = done;
    query->owner = owner;
    query->type = type;
    query->ttl_s = INT32_MAX;
    memcpy(query->name, name, strlen(name) + 1);
    rc = query_ask(query);
    if (rc != 0) {
        memory_free(query);
        return rc == ERROR_RANGE ? rc : ERROR_NOMEM;
    }
    list_append(&resolver->queries, &query->node);
    *ret_query = query;
    return 0;
}

void dns_query_forget(struct dns_query *query)
{
    if (query == NULL)
        return;
    list_remove(&query->node);
    query->resolver = NULL;
}
