#include "fifo.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/heap.h"

#define GREYLIST_MS      305000
#define DEAD_MS          60000 /* two hosts, 30 s each */
#define CONNECTIONS_MOST 1024  /* of one site at a time, that are told apart */

struct site {
    double *ends; /* when each of its connections ends */
    unsigned room, count;
    double next_start; /* the gap after the last one allows it */
};

/* An address that was greylisted comes again: they wait equally long, so in order. */
struct again {
    double at;
    uint32_t domain;
};

struct run {
    const struct realistic_list *list;
    bool limited, pipelined;
    struct site *sites;
    struct heap workers;
    struct fifo_outcome outcome;
    struct again *agains;
    size_t again_first, again_count;
};

static unsigned connections_of(const struct realistic_domain *domain)
{
    return realistic_limits[domain->owner].connections;
}

/* When a connection that is wanted at `at` can be had. */
static double slot_from(const struct run *run, const struct site *site,
                        const struct realistic_domain *domain, double at)
{
    double first = 0;

    if (!run->limited)
        return at;
    if (at < site->next_start)
        at = site->next_start;
    if (site->count < connections_of(domain))
        return at;
    for (unsigned i = 0; i < site->count; i++)
        first = i == 0 || site->ends[i] < first ? site->ends[i] : first;
    return at > first ? at : first;
}

static void slot_take(struct run *run, struct site *site, const struct realistic_domain *domain,
                      double start, double end)
{
    unsigned open = 0, limit = connections_of(domain);

    for (unsigned i = 0; i < site->count; i++) {
        if (site->ends[i] > start)
            site->ends[open++] = site->ends[i];
    }
    site->count = open;
    if (site->count == site->room) {
        site->room = site->room == 0 ? 4 : site->room * 2;
        CHECK(site->room <= CONNECTIONS_MOST);
        site->ends = realloc(site->ends, site->room * sizeof(*site->ends));
        CHECK(site->ends != NULL);
    }
    site->ends[site->count++] = end;
    if (site->count > limit && site->count - limit > run->outcome.over)
        run->outcome.over = site->count - limit;
    site->next_start = start + realistic_limits[domain->owner].gap_ms;
}

/* One session with `rcpts` recipients; returns when it is over. */
static double session(struct run *run, uint32_t index, unsigned rcpts, double at)
{
    const struct realistic_domain *domain = &run->list->domains[index];
    struct site *site = &run->sites[domain->site];
    double start = slot_from(run, site, domain, at), trips = 4, end;

    trips += run->pipelined ? 0 : rcpts;
    end = start + (domain->is_dead ? DEAD_MS : trips * domain->rtt_ms);
    slot_take(run, site, domain, start, end);
    run->outcome.connections++;
    if (end / 1e3 > run->outcome.seconds)
        run->outcome.seconds = end / 1e3;
    return end;
}

static void work(struct run *run, uint32_t domain, bool is_again)
{
    struct heap_node *worker = heap_pop(&run->workers);
    double at = (double)worker->key / 1e3;

    if (is_again && at < run->agains[run->again_first - 1].at)
        at = run->agains[run->again_first - 1].at;
    at = session(run, domain, 1, at);
    CHECK(heap_push(&run->workers, worker, (uint64_t)(at * 1e3)) == 0);
    if (run->list->domains[domain].greylists && !is_again)
        run->agains[run->again_count++] = (struct again){at + GREYLIST_MS, domain};
}

/* Greylisted ones whose time has come go first; with `all` they are waited for. */
static void work_agains(struct run *run, bool all)
{
    while (run->again_first < run->again_count &&
           (all || run->agains[run->again_first].at * 1e3 <= (double)heap_peek(&run->workers)->key))
        work(run, run->agains[run->again_first++].domain, true);
}

static void run_rows(struct run *run)
{
    for (size_t i = 0; i < run->list->address_count; i++) {
        work_agains(run, false);
        work(run, run->list->addresses[i].domain, false);
    }
    work_agains(run, true);
}

/* Domains in the order of their first rows. */
static void run_domains(struct run *run)
{
    const struct realistic_list *list = run->list;
    bool *seen = calloc(list->domain_count, sizeof(*seen));

    CHECK(seen != NULL);
    for (size_t i = 0; i < list->address_count; i++) {
        uint32_t index = list->addresses[i].domain;
        const struct realistic_domain *domain = &list->domains[index];
        unsigned most = realistic_limits[domain->owner].rcpts_per_session;
        struct heap_node *worker;
        double at;

        if (seen[index])
            continue;
        seen[index] = true;
        worker = heap_pop(&run->workers);
        at = (double)worker->key / 1e3;
        for (int round = 0; round <= domain->greylists; round++) {
            at += round * GREYLIST_MS;
            for (unsigned left = domain->address_count, n; left > 0; left -= n) {
                n = left < most ? left : most;
                at = session(run, index, n, at);
                if (domain->is_dead)
                    break; /* found out once */
            }
        }
        CHECK(heap_push(&run->workers, worker, (uint64_t)(at * 1e3)) == 0);
    }
    free(seen);
}

struct fifo_outcome fifo_run(const struct realistic_list *list, enum fifo_policy policy,
                             unsigned workers, bool pipelined)
{
    struct run run = {.list = list, .limited = policy != FIFO_UNLIMITED, .pipelined = pipelined};
    struct heap_node *nodes = calloc(workers, sizeof(*nodes));

    run.sites = calloc(list->site_count, sizeof(*run.sites));
    run.agains = calloc(list->address_count, sizeof(*run.agains));
    CHECK(nodes != NULL && run.sites != NULL && run.agains != NULL);
    heap_init(&run.workers);
    for (unsigned i = 0; i < workers; i++)
        CHECK(heap_push(&run.workers, &nodes[i], 0) == 0);
    if (policy == FIFO_DOMAINS)
        run_domains(&run);
    else
        run_rows(&run);
    for (size_t i = 0; i < list->site_count; i++)
        free(run.sites[i].ends);
    heap_done(&run.workers);
    free(run.sites);
    free(run.agains);
    free(nodes);
    return run.outcome;
}
