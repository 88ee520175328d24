/*
 * DNS over the network by c-ares (LIMITS section 2 has its traps and what they cost).
 *
 * c-ares carries messages: sockets, time-outs, TCP after TC. The rest is ours. A question goes to
 * the first server, in the order given, that is not known to be dead, and on to the next when one
 * does not answer, or answers that it cannot or will not (SERVFAIL, REFUSED, ...); when none does
 * better, what was said is the answer. A server that fails three times in a row is left alone for a
 * second to a minute, then tried with one question. When all are dead, all are tried.
 *
 * Outcomes: FOUND (a message, whatever its RCODE); TIMEOUT: somebody did not answer and nobody did;
 * UNREACHABLE: every try was refused or had no route. Octets that do not answer the question are
 * dropped, as whoever sent them may not be the server; so a server that sends nothing else times
 * out. Answers are as trustworthy as the path: ids come from the system's generator, but all
 * questions leave by one port. Use a resolver on this host or network.
 */
#ifndef MK_DNS_ARES_TRANSPORT_H
#define MK_DNS_ARES_TRANSPORT_H

#include "dns/transport.h"
#include "io/loop.h"

#define DNS_ARES_SERVERS_MAX     8
#define DNS_ARES_OUTSTANDING_MAX 16384 /* above it, picking an id that is free takes long */

struct dns_ares_options {
    const struct io_endpoint *servers; /* port 0: 53 */
    size_t server_count;               /* 0: those of /etc/resolv.conf */
    unsigned timeout_ms;               /* of one try; 0: 2000 */
    unsigned tries;                    /* over all servers; 0: 4 */
    unsigned max_outstanding;          /* further questions wait; 0: 2000 */
};

/*
 * NULL and *error on failure: ERROR_NOMEM, ERROR_RANGE (more servers or outstanding questions than
 * there may be), ERROR_NOT_FOUND (no servers), ERROR_INTERNAL. The real loop only; it must outlive
 * the transport, whose open sockets keep it running. Freeing it from inside `done` is allowed; a
 * question asked while it is being freed is refused with ERROR_BUSY.
 */
struct dns_transport *dns_ares_transport_new(struct io_loop *loop,
                                             const struct dns_ares_options *options,
                                             struct error *error);

struct dns_ares_counts {
    uint64_t sent;     /* over the wire, every try */
    uint64_t resent;   /* of them, again: another try, another server, without EDNS */
    uint64_t timeouts; /* tries nobody answered */
};
void dns_ares_transport_counts(const struct dns_transport *transport, struct dns_ares_counts *ret);

#endif
