/*
 * A prober: the engine with all that it stands on, set up from a configuration.
 *
 * One loop, one DNS transport and resolver, the operator's lists, one engine. Every face that asks
 * mail servers (check, clean, serve, worker, the lab's demo) makes one of these and nothing else.
 */
#ifndef MK_CONFIG_PROBER_H
#define MK_CONFIG_PROBER_H

#include "config/config.h"
#include "probe/engine.h"

struct prober {
    struct io_loop *loop;
    struct dns_transport *transport;
    struct dns_resolver *resolver;
    struct lists_operator *lists;
    struct probe_engine *engine;
    struct probe_settings settings; /* as given to the engine */
    struct ip_networks allowed;     /* parsed --allow-net, on the arena */
    struct arena arena;
};

/*
 * Open everything that config->depth needs on `loop` (NULL: a new uv loop of its own). ERROR_USAGE
 * with what is wrong with the configuration (a bad address, list file and line, ...), ERROR_IO,
 * ERROR_NOMEM. On failure *prober is as after prober_close.
 */
int prober_open(struct prober *prober, struct io_loop *loop, const struct config *config,
                struct error *error);
/* Open cases end (cancelled) during this call. Safe on a zeroed one. */
void prober_close(struct prober *prober);

/* Read the operator's list files again. On failure the old lists stay and *error says why. */
int prober_reload_lists(struct prober *prober, const struct config *config, struct error *error);

#endif
