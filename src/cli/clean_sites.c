/* The operators that a running list waits for, the longest first: for SIGUSR1 and --json-progress.
 */
#include <inttypes.h>

#include "base/instant.h"
#include "cli/clean.h"
#include "cli/view.h"
#include "io/loop.h"

#define SHOWN 8

struct sites {
    struct probe_site_state items[SHOWN];
    size_t count;
};

/* What decides when the list is done: queue and later attempts. */
static uint64_t need_ms(const struct probe_site_state *site, uint64_t now)
{
    uint64_t need = site->waiting > 0 ? site->eta_ms : 0;

    if (site->later > 0 && site->later_ms > now && need < site->later_ms - now)
        need = site->later_ms - now;
    return need;
}

static bool is_before(const struct probe_site_state *a, const struct probe_site_state *b,
                      uint64_t now)
{
    uint64_t need_a = need_ms(a, now), need_b = need_ms(b, now);

    return need_a != need_b ? need_a > need_b : a->waiting > b->waiting;
}

/* Keys live until the engine goes on. */
static void choose(struct probe_engine *engine, uint64_t now, struct sites *ret_sites)
{
    struct probe_site_state site;
    size_t at;

    ret_sites->count = 0;
    for (size_t cursor = 0; probe_engine_next_site(engine, &cursor, &site);) {
        if (site.waiting == 0 && site.later == 0 && site.breaker_until_ms == 0)
            continue;
        if (ret_sites->count < SHOWN)
            at = ret_sites->count++;
        else if (is_before(&site, &ret_sites->items[SHOWN - 1], now))
            at = SHOWN - 1;
        else
            continue;
        for (; at > 0 && is_before(&site, &ret_sites->items[at - 1], now); at--)
            ret_sites->items[at] = ret_sites->items[at - 1];
        ret_sites->items[at] = site;
    }
}

static void add_moment(struct json *json, const char *name, struct io_loop *loop, uint64_t at_ms)
{
    uint64_t now = io_now_ms(loop);
    char moment[INSTANT_TEXT_SIZE];

    if (at_ms == 0 || at_ms == INSTANT_NEVER)
        json_name_null(json, name);
    else
        json_name_cstring(json, name,
                          instant_format(io_unix_ms(loop) + (int64_t)at_ms - (int64_t)now, moment));
}

void clean_sites_write(struct json *json, struct probe_engine *engine, struct io_loop *loop)
{
    struct sites sites = {0};

    choose(engine, io_now_ms(loop), &sites);
    json_array_begin(json);
    for (size_t i = 0; i < sites.count; i++) {
        const struct probe_site_state *site = &sites.items[i];

        json_object_begin(json);
        json_name_cstring(json, "site", site->key);
        json_name_int(json, "queued", (int64_t)site->waiting);
        json_name_int(json, "connections", (int64_t)site->sessions);
        json_name(json, "probes_per_s");
        json_double(json, site->rcpts_per_s, 1);
        if (site->eta_ms == INSTANT_NEVER)
            json_name_null(json, "eta_s");
        else
            json_name_int(json, "eta_s", (int64_t)((site->eta_ms + SECOND_MS - 1) / SECOND_MS));
        json_name_int(json, "waiting", (int64_t)site->later);
        add_moment(json, "waiting_until", loop, site->later_ms);
        add_moment(json, "blocked_until", loop, site->breaker_until_ms);
        json_object_end(json);
    }
    json_array_end(json);
}

static void add_clock(struct buffer *out, struct io_loop *loop, uint64_t at_ms)
{
    clean_add_clock(out, io_unix_ms(loop) + (int64_t)at_ms - (int64_t)io_now_ms(loop));
}

/* Only what there is to say: a line is to fit into 80 columns. */
static void print_site(struct buffer *out, const struct probe_site_state *site,
                       struct io_loop *loop)
{
    const char *comma = ": ";
    char span[32];

    buffer_append_string(out, "\n  ");
    view_clean(out, slice_from_string(site->key));
    if (site->waiting > 0 || site->sessions > 0) {
        buffer_printf(out, ": %zu queued, %zu connections, %.1f/s", site->waiting, site->sessions,
                      site->rcpts_per_s);
        if (site->eta_ms != INSTANT_NEVER && site->waiting > 0)
            buffer_printf(out, ", %s left", span_format(site->eta_ms, span));
        comma = ", ";
    }
    if (site->later > 0 && site->later_ms != INSTANT_NEVER) {
        buffer_printf(out, "%s%zu waiting until ", comma, site->later);
        add_clock(out, loop, site->later_ms);
        comma = ", ";
    }
    if (site->breaker_until_ms > io_now_ms(loop)) {
        buffer_printf(out, "%srefuses us, left alone until ", comma);
        add_clock(out, loop, site->breaker_until_ms);
    }
}

void clean_sites_print(struct buffer *out, struct probe_engine *engine, struct io_loop *loop)
{
    struct sites sites = {0};

    choose(engine, io_now_ms(loop), &sites);
    for (size_t i = 0; i < sites.count; i++)
        print_site(out, &sites.items[i], loop);
}
