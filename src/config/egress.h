/*
 * An egress identity as it is configured: "source-ip=198.51.100.7 helo=probe2.example.org".
 */
#ifndef MK_CONFIG_EGRESS_H
#define MK_CONFIG_EGRESS_H

#include "base/arena.h"
#include "base/error.h"
#include "probe/egress.h"

/*
 * Words name=value, separated by blanks: source-ip, socks5, helo, mail-from, second-mail-from.
 * *egress holds what goes for those that are not said; its name becomes the address and the proxy.
 * Strings are put on the arena. ERROR_USAGE: the message continues after the value. ERROR_NOMEM.
 */
int config_parse_egress(const char *value, struct arena *arena, struct probe_egress *egress,
                        struct error *error);

#endif
