/* Watching what visitors do to a site. */
#include "lab/limits.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "lab/server.h"
#include "lab/world_internal.h"

static void over_fire(struct io_timer *timer)
{
    struct lab_site_run *site = timer->user;

    if (site->open > site->model->connections)
        lab_world_violate(site->world, "site %.*s: %u connections at once, %u allowed",
                          SLICE_ARG(site->model->name), site->open, site->model->connections);
}

struct lab_site_run *lab_limits_new(struct lab_world *world, const struct lab_site *model)
{
    struct lab_site_run *site = memory_zalloc(1, sizeof(*site));

    if (site == NULL)
        return NULL;
    site->world = world;
    site->model = model;
    io_timer_init(world->loop, &site->over, over_fire, site);
    if (model->per_minute != 0) {
        site->starts = memory_zalloc(model->per_minute, sizeof(*site->starts));
        if (site->starts == NULL) {
            memory_free(site);
            return NULL;
        }
    }
    return site;
}

void lab_limits_free(struct lab_site_run *site)
{
    if (site == NULL)
        return;
    io_timer_stop(&site->over);
    memory_free(site->starts);
    memory_free(site);
}

void lab_limits_save(const struct lab_site_run *site, struct buffer *out)
{
    uint64_t now = io_now_ms(site->world->loop), count = site->start_count;

    (void)buffer_append(out, (const char *)&count, sizeof(count));
    for (unsigned i = 0; i < site->model->per_minute; i++) {
        uint64_t age = now - site->starts[i];

        (void)buffer_append(out, (const char *)&age, sizeof(age));
    }
}

static uint64_t take(struct slice *saved)
{
    uint64_t number;

    CHECK(saved->len >= sizeof(number));
    memcpy(&number, saved->ptr, sizeof(number));
    *saved = slice_from_offset(*saved, sizeof(number));
    return number;
}

/* Before the clock began is a number that wraps round, as differences do. */
void lab_limits_restore(struct lab_site_run *site, struct slice *saved, uint64_t passed_ms)
{
    uint64_t now = io_now_ms(site->world->loop);

    site->start_count = (size_t)take(saved);
    for (unsigned i = 0; i < site->model->per_minute; i++)
        site->starts[i] = now - passed_ms - take(saved);
}

static void per_minute_check(struct lab_site_run *site, uint64_t now)
{
    unsigned limit = site->model->per_minute;
    uint64_t *slot = &site->starts[site->start_count % limit];
    uint64_t slack = site->world->slack_ms;

    /* The slot holds the connection `limit` before this one. */
    if (site->start_count >= limit && now - *slot + slack < MINUTE_MS)
        lab_world_violate(
            site->world, "site %.*s: %u new connections within %llu ms, %u a minute allowed",
            SLICE_ARG(site->model->name), limit + 1, (unsigned long long)(now - *slot), limit);
    *slot = now;
    site->start_count++;
}

void lab_limits_connect(struct lab_site_run *site, struct lab_visit *visit)
{
    uint64_t now = lab_visit_now_ms(visit);

    if (site == NULL)
        return;
    site->open++;
    if (site->open > site->peak)
        site->peak = site->open;
    if (site->model->connections != 0 && site->open > site->model->connections &&
        !io_timer_is_running(&site->over))
        (void)io_timer_start(&site->over, now + site->world->slack_ms);
    if (site->model->per_minute != 0)
        per_minute_check(site, now);
}

void lab_limits_disconnect(struct lab_site_run *site)
{
    if (site != NULL)
        site->open--;
}

void lab_limits_rcpt(struct lab_site_run *site, struct lab_visit *visit)
{
    uint64_t now = lab_visit_now_ms(visit), slack;

    if (site == NULL)
        return;
    slack = site->world->slack_ms;
    if (site->model->rcpts_per_session != 0 && visit->rcpts == site->model->rcpts_per_session + 1)
        lab_visit_violate(visit, "more than %u RCPTs in one session of site %.*s",
                          site->model->rcpts_per_session, SLICE_ARG(site->model->name));
    if (site->model->rcpts_per_transaction != 0 &&
        visit->transaction_rcpts == site->model->rcpts_per_transaction + 1)
        lab_visit_violate(visit, "more than %u RCPTs in one transaction of site %.*s",
                          site->model->rcpts_per_transaction, SLICE_ARG(site->model->name));
    if (site->model->gap_ms != 0 && visit->rcpts > 1 &&
        now - visit->last_rcpt_ms + slack < site->model->gap_ms)
        lab_visit_violate(visit, "RCPTs %llu ms apart, site %.*s wants %llu ms",
                          (unsigned long long)(now - visit->last_rcpt_ms),
                          SLICE_ARG(site->model->name), (unsigned long long)site->model->gap_ms);
    if (visit->unknown_limit_ms != 0 && now > visit->unknown_limit_ms + slack)
        lab_visit_violate(visit, "RCPT after %u refused recipients in one session of site %.*s",
                          visit->unknowns, SLICE_ARG(site->model->name));
}

void lab_limits_unknown(struct lab_site_run *site, struct lab_visit *visit)
{
    if (site != NULL && site->model->unknowns_per_session != 0 &&
        visit->unknowns == site->model->unknowns_per_session)
        visit->unknown_limit_ms = lab_visit_now_ms(visit);
}
