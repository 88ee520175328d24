/*
 * A stream by way of a SOCKS5 proxy (RFC 1928), with user and password where it asks (RFC 1929).
 *
 * The proxy is given addresses, never names: who is asked was settled by our own DNS and its
 * checks. What the owner sees is an ordinary stream: `connected` when the proxy has connected,
 * `closed` with the proxy's reason when it could not. A proxy is not trusted: what it says is
 * bounded.
 */
#ifndef MK_IO_SOCKS_H
#define MK_IO_SOCKS_H

#include "io/loop.h"

#define IO_SOCKS_WORD_MAX 255 /* octets of user and password each (RFC 1929 section 2) */

struct io_socks_proxy {
    struct io_endpoint at;
    const char *user, *password; /* borrowed; NULL: none */
};

struct io_socks;

/*
 * As io_connect. The proxy is borrowed until `connected` or `closed`. *ret_socks is to be freed by
 * whoever closes the stream, and may be from the first `received` or `closed` on, also inside it.
 */
int io_socks_connect(struct io_loop *loop, const struct io_endpoint *from,
                     const struct io_socks_proxy *proxy, const struct io_endpoint *to,
                     const struct io_stream_events *events, void *user, struct io_socks **ret_socks,
                     struct io_stream **ret_stream, struct error *error);
void io_socks_free(struct io_socks *socks); /* NULL accepted */

#endif
