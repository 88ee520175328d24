/*
 * A prober: the engine with all that it stands on, set up from a configuration.
 *
 * One loop, one DNS transport and resolver, the operator's lists, one engine. Every face that asks
 * mail servers (check, clean, serve, worker, the lab's demo) makes one of these and nothing else.
 */
#ifndef MK_CONFIG_PROBER_H
#define MK_CONFIG_PROBER_H

#include "config/config.h"
#include "history/history.h"
#include "probe/engine.h"

struct prober {
    struct io_loop *loop;
    struct dns_transport *transport;
    struct dns_resolver *resolver; /* NULL: the depth is syntax */
    struct lists_operator *lists;
    const struct dns_blocklist *blocklists; /* as configured, on the arena */
    size_t blocklist_count;
    struct probe_engine *engine;
    struct probe_settings settings; /* as given to the engine */
    struct ip_networks allowed;     /* parsed --allow-net, on the arena */
    struct arena arena;
    bool owns_loop;
    struct history *history;     /* NULL: nothing is remembered */
    struct store *history_store; /* opened for it; NULL: somebody else's */
    struct probe_ledger *ledger; /* NULL: limits hold within this process */
    bool has_no_name;            /* an address is said in EHLO for want of a name */
    char few_files[200];         /* why there are fewer connections than configured; "": there
                                    are not */
};

/*
 * Open everything that config->depth needs on `loop` (NULL: a new uv loop of its own). The prober
 * must stay where it is. ERROR_USAGE with what is wrong with the configuration (no host name to
 * say, list file and line, ...), ERROR_IO, ERROR_NOMEM. On failure *prober is as after
 * prober_close.
 */
int prober_open(struct prober *prober, struct io_loop *loop, const struct config *config,
                struct error *error);
/*
 * Remember what is found out, and answer from it, as config says; a prober without it remembers
 * nothing. store: somebody's who outlives the prober and lives long (refreshes run behind); NULL:
 * one of the prober's own, where config names a place. 0 also when there is no place. The store's
 * errors: then nothing is remembered, and the prober works all the same.
 */
int prober_remember(struct prober *prober, struct store *store, const struct config *config,
                    struct error *error);
/*
 * Have limits a minute hold for whoever comes after this process, by a ledger (probe/ledger.h)
 * beside what it works on; only whoever owns that may. Its errors.
 */
int prober_keep_ledger(struct prober *prober, const char *owner, struct error *error);
/* Open cases end (cancelled) during this call. Safe on a zeroed one. */
void prober_close(struct prober *prober);

/* Run the loop until every session has said QUIT and gone, but no longer than limit_ms. */
void prober_say_goodbye(struct prober *prober, uint64_t limit_ms);

/*
 * Read the operator's list files, as they are now, into new lists, and what is kept in the places
 * that config names where it says so. The caller frees. ERROR_USAGE names file and line;
 * ERROR_NOMEM; the store's errors.
 */
int prober_load_lists(const struct config *config, struct lists_operator **ret_lists,
                      struct error *error);

/*
 * Read the operator's list files again, and what is kept in `store` (NULL: none; see
 * config/kept_lists.h). On failure the old lists stay and *error says why.
 */
int prober_reload_lists(struct prober *prober, const struct config *config, struct store *store,
                        struct error *error);

/*
 * The name to say in EHLO when none is configured: this host's full name as the system and
 * /etc/hosts have it (DNS is not asked), else the address that it speaks from, as a literal
 * (RFC 5321 4.1.4): then *ret_is_literal is set and the operator should be told. *ret_name is on
 * the arena. ERROR_NOMEM.
 */
int prober_host_name(struct arena *arena, const char *source_ip, struct slice *ret_name,
                     bool *ret_is_literal, struct error *error);

/* The address of a family (4 or 6) that the system speaks to strangers from; false: none. */
bool prober_own_address(uint8_t family, struct ip *ret_ip);

/*
 * What the operator should be told of an open prober, the index-th of it from 0, or NULL at the
 * end: no name to say, too few descriptors for the connections wanted. Lives as long as the prober.
 */
const char *prober_advice(const struct prober *prober, unsigned index);

#endif
