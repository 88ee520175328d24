/*
 * A certificate of our own making, for servers of the lab: P-256, self-signed, valid for ten years
 * around now, in memory only. No client trusts it, which is the point: probes must not need to.
 */
#ifndef MK_IO_TLS_CERTIFICATE_H
#define MK_IO_TLS_CERTIFICATE_H

#include <openssl/types.h>
#include <stdbool.h>

/* Make key and certificate and install them; false when OpenSSL or memory fails. */
bool io_tls_certificate_make(SSL_CTX *ctx);

#endif
