/*
 * The values of options that mean something to the network: endpoints, host names, reverse-paths.
 *
 * The checks fit `struct config_option`: their message goes on after the value.
 */
#ifndef MK_CONFIG_VALUE_H
#define MK_CONFIG_VALUE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "io/loop.h"

/* "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53"; without port: 0. */
bool config_parse_endpoint(struct slice text, struct io_endpoint *ret_endpoint);

/* "<>", "<user@example.org>" or "user@example.org": the path without brackets. */
struct slice config_reverse_path(struct slice text);

int config_check_endpoint(const char *value, struct error *error);
int config_check_ip(const char *value, struct error *error);
int config_check_network(const char *value, struct error *error);
/* A name that a mail server can take seriously (RFC 5321 2.3.5): full, not localhost. */
int config_check_helo(const char *value, struct error *error);
int config_check_sender(const char *value, struct error *error);
/* "ZONE" or "ZONE=CODES" (dns/blocklist.h). */
int config_check_blocklist(const char *value, struct error *error);
/* config/egress.h */
int config_check_egress(const char *value, struct error *error);
int config_check_store(const char *value, struct error *error);

#endif
