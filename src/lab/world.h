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

/* A transport that answers from the scenario's zones on the loop's clock (no sockets). */
struct dns_transport *lab_world_transport(struct lab_world *world);

/* Serve the zones by UDP and TCP at `at` too (the real loop only). */
int lab_world_serve_dns(struct lab_world *world, const struct io_endpoint *at,
                        struct error *error);

struct lab_counts {
    uint64_t connections, rcpts, unknown_rcpts, questions;
    uint64_t violations;
};
void lab_world_counts(const struct lab_world *world, struct lab_counts *ret_counts);
/* The i-th violation as an English line, or NULL past the end. */
const char *lab_world_violation(const struct lab_world *world, size_t index);
/* How often RCPT named this mailbox (case-insensitive), over all servers. */
uint64_t lab_world_rcpt_count(const struct lab_world *world, struct slice mailbox);

#endif
