/*
 * TLS without a socket: ciphertext in, ciphertext out, plaintext both ways (OpenSSL 3, memory
 * BIOs).
 *
 * A mail probe must talk to old servers and to certificates nobody renewed, so everything from
 * TLS 1.0 and security level 0 up is accepted and nothing needs to verify (RFC 7435, opportunistic
 * security); what was negotiated and whether the certificate held is recorded as facts. As server
 * (the lab) a certificate is made in memory at first use. This file knows no stream: who feeds it
 * sends what it puts out, after every call.
 */
#ifndef MK_IO_TLS_H
#define MK_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"
#include "io/loop.h"

struct io_tls_context;
struct io_tls_session;

/* NULL and *error on failure. Expensive: make one a loop, when first needed. */
struct io_tls_context *io_tls_context_new(struct error *error);
void io_tls_context_free(struct io_tls_context *context); /* NULL accepted */

/*
 * server_name: SNI and the name to check, as client; NULL: be the server. Begins the handshake, so
 * that io_tls_output may have something at once. 0, ERROR_NOMEM, ERROR_INTERNAL. The context must
 * outlive the session.
 */
int io_tls_session_new(struct io_tls_context *context, const char *server_name,
                       struct io_tls_session **ret_session);
void io_tls_session_free(struct io_tls_session *session); /* NULL accepted */

/* Take ciphertext from the peer. 0 or ERROR_NOMEM. */
int io_tls_feed(struct io_tls_session *session, const char *bytes, size_t len);

enum io_tls_event {
    IO_TLS_WANTS_MORE, /* nothing to do until more ciphertext comes */
    IO_TLS_SECURED,    /* the handshake is done; once */
    IO_TLS_DATA,       /* *ret_len bytes of plaintext in out */
    IO_TLS_ENDED,      /* the peer closed its side properly */
    IO_TLS_FAILED,     /* io_tls_failure says why */
};

/* Go on with what was fed; call again until it wants more, has ended or failed. */
enum io_tls_event io_tls_advance(struct io_tls_session *session, char *out, size_t size,
                                 size_t *ret_len);

/* Encrypt; before the handshake is done it waits. 0, ERROR_NOMEM, ERROR_IO (the session failed). */
int io_tls_write(struct io_tls_session *session, const char *bytes, size_t len);
void io_tls_shutdown(struct io_tls_session *session); /* say goodbye (close_notify) */

/* Ciphertext for the peer; valid until the next call. */
struct slice io_tls_output(struct io_tls_session *session);
void io_tls_output_done(struct io_tls_session *session); /* it was sent or copied */

bool io_tls_is_secured(const struct io_tls_session *session);
const struct io_tls_facts *io_tls_facts(const struct io_tls_session *session); /* once secured */
const char *io_tls_failure(const struct io_tls_session *session);
/* Give the idle session's buffers back (27 KB instead of 36 KB each: the design's measurement). */
void io_tls_rest(struct io_tls_session *session);

#endif
