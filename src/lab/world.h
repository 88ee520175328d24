/*
 * The lab: a simulated internet made from a scenario, the same on a virtual clock or on loopback.
 *
 * A scenario is text (doc/LAB.md): domains with their DNS records, mail servers with mailboxes and
 * behaviours, faults, settings, and what verdict each address must get. A world runs one scenario's
 * servers on any io_loop: lab/sim_loop.h in memory, io/uv_loop.h on 127.0.0.0/8. The servers keep a
 * wire log and count what clients do; a client that says DATA or BDAT, exceeds a site's limits or
 * connects where nothing sent it is a violation, which fails the run.
 */
#ifndef MK_LAB_WORLD_H
#define MK_LAB_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "dns/transport.h"
#include "io/loop.h"
#include "lab/scenario.h"

struct lab_world;

/*
 * Start every server of the scenario (borrowed; must outlive the world) on `loop`, all on SMTP port
 * `port`. NULL and *error on failure (address in use, ...).
 */
struct lab_world *lab_world_new(struct io_loop *loop, const struct lab_scenario *scenario,
                                uint16_t port, uint64_t seed, struct error *error);
void lab_world_free(struct lab_world *world);

/* A transport that answers from the scenario's zones on the loop's clock (no sockets). The world's
   own: freed with it, after everything that asks by it. */
struct dns_transport *lab_world_transport(struct lab_world *world);

/* Serve the zones by UDP and TCP at `at` too (the real loop only). */
/* 0 or ERROR_BUSY (the port is taken), ERROR_IO, ERROR_NOMEM. */
int lab_world_serve_dns(struct lab_world *world, const struct io_endpoint *at, struct error *error);
/* Where it serves them; family 0 when it does not. */
struct io_endpoint lab_world_dns_endpoint(const struct lab_world *world);

struct lab_counts {
    uint64_t connections, rcpts, unknown_rcpts, questions;
    uint64_t left_without_quit; /* sessions that the client ended without QUIT, though it could */
    uint64_t violations;
};
void lab_world_counts(const struct lab_world *world, struct lab_counts *ret_counts);
/* The i-th violation as an English line, or NULL past the end. */
const char *lab_world_violation(const struct lab_world *world, size_t index);
/* Forgive this much of a limit in time: what jitter makes of a client that keeps to it. Default 0.
 */
void lab_world_set_slack(struct lab_world *world, uint64_t slack_ms);
/*
 * Limits a minute hold for visitors who went away and came back: what a world that ends knows of
 * them (appended), for one of the same scenario that begins passed_ms later, on a clock of its own.
 */
void lab_world_save_visits(const struct lab_world *world, struct buffer *out);
void lab_world_restore_visits(struct lab_world *world, struct slice saved, uint64_t passed_ms);
/* Hear every line of the wire log as it is written; NULL: no longer. */
void lab_world_on_line(struct lab_world *world, void (*line)(void *user, const char *line),
                       void *user);
/* The newest part of the wire log, at most 1 MiB; borrowed until the world goes on. */
struct slice lab_world_log_text(const struct lab_world *world);
/* How often RCPT named this mailbox (case-insensitive), over all servers. */
uint64_t lab_world_rcpt_count(const struct lab_world *world, struct slice mailbox);

#endif
