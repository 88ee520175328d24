/*
 * A scenario on real sockets: its servers on the loopback addresses that it names, its zones on a
 * DNS port, without root.
 *
 * Real servers listen on port 25 and name servers on 53; here both take the next port that is free,
 * and whoever knocks must be told (`--port`, `--resolver`). All servers share one port, as on the
 * real internet, because a client connects to addresses that DNS gave it.
 */
#ifndef MK_LAB_LOOPBACK_H
#define MK_LAB_LOOPBACK_H

#include "lab/world.h"

#define LAB_LOOPBACK_SMTP_PORT 2525
#define LAB_LOOPBACK_DNS_PORT  5300

struct lab_loopback_options {
    uint16_t port;          /* first SMTP port to try; 0: LAB_LOOPBACK_SMTP_PORT */
    struct io_endpoint dns; /* where to serve DNS; family 0: 127.0.0.1, port 0: ..._DNS_PORT */
    uint64_t seed;
};

struct lab_loopback {
    struct lab_world *world;
    uint16_t port;          /* where the servers listen */
    struct io_endpoint dns; /* where the zones are served */
};

/* Read a scenario from a file. NULL and *error ("FILE: line 3: ..."; ERROR_IO, ERROR_FORMAT). */
struct lab_scenario *lab_loopback_read(const char *path, struct error *error);

/*
 * Open the scenario (borrowed; must outlive the loopback) on a real loop. Ports that are taken are
 * passed over, upwards. ERROR_USAGE when the scenario names addresses that are not loopback,
 * ERROR_BUSY when no port is free, ERROR_IO, ERROR_NOMEM. On failure *loopback is zeroed.
 */
int lab_loopback_open(struct lab_loopback *loopback, struct io_loop *loop,
                      const struct lab_scenario *scenario,
                      const struct lab_loopback_options *options, struct error *error);
void lab_loopback_close(struct lab_loopback *loopback); /* safe on a zeroed one */

#endif
