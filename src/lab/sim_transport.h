/*
 * A dns_transport that asks the scenario's zones on the loop's own clock, without sockets.
 */
#ifndef MK_LAB_SIM_TRANSPORT_H
#define MK_LAB_SIM_TRANSPORT_H

#include "dns/transport.h"

struct lab_world;

/* NULL: no memory. The world counts the questions and has the loop and the scenario. */
struct dns_transport *lab_sim_transport_new(struct lab_world *world);

#endif
