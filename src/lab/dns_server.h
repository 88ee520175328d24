/*
 * The scenario's zones on real sockets: a small DNS server, UDP and TCP, for the real loop.
 */
#ifndef MK_LAB_DNS_SERVER_H
#define MK_LAB_DNS_SERVER_H

#include "base/error.h"
#include "io/loop.h"

struct lab_world;
struct lab_dns_server;

/* Serve at `at` (port 0: any; the same for both). NULL and *error on failure. */
struct lab_dns_server *lab_dns_server_new(struct lab_world *world, const struct io_endpoint *at,
                                          struct error *error);
void lab_dns_server_free(struct lab_dns_server *server); /* NULL accepted */
struct io_endpoint lab_dns_server_endpoint(const struct lab_dns_server *server);

#endif
