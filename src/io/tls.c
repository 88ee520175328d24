#include "io/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "io/tls_certificate.h"

#define EARLY_MAX ((size_t)1 << 20) /* plaintext that waits for the handshake */

struct io_tls_context {
    SSL_CTX *client;
    SSL_CTX *server; /* NULL until the first session as server */
};

struct io_tls_session {
    SSL *ssl;
    BIO *incoming, *outgoing; /* owned by ssl */
    bool secured, failed;
    struct buffer early;
    struct io_tls_facts facts;
    char failure[128];
};

/* --- context ------------------------------------------------------------------------------- */

static SSL_CTX *context_make(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, 0);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                 SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    if (SSL_CTX_set_cipher_list(ctx, "DEFAULT:!aNULL:!eNULL:@SECLEVEL=0") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

struct io_tls_context *io_tls_context_new(struct error *error)
{
    struct io_tls_context *context = memory_zalloc(1, sizeof(*context));

    if (context == NULL) {
        error_set(error, ERROR_NOMEM, "no memory for TLS");
        return NULL;
    }
    ERR_clear_error();
    context->client = context_make(TLS_client_method());
    if (context->client == NULL) {
        error_set(error, ERROR_INTERNAL, "cannot set up TLS: %s",
                  ERR_reason_error_string(ERR_peek_last_error()));
        memory_free(context);
        return NULL;
    }
    /* Verification runs and is recorded, and fails no handshake. */
    SSL_CTX_set_verify(context->client, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_default_verify_paths(context->client);
    return context;
}

void io_tls_context_free(struct io_tls_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->client);
    SSL_CTX_free(context->server);
    memory_free(context);
}

static SSL_CTX *context_server(struct io_tls_context *context)
{
    if (context->server == NULL) {
        context->server = context_make(TLS_server_method());
        if (context->server != NULL && !io_tls_certificate_make(context->server)) {
            SSL_CTX_free(context->server);
            context->server = NULL;
        }
    }
    return context->server;
}

/* --- session ------------------------------------------------------------------------------- */

static void session_fail(struct io_tls_session *session)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    session->failed = true;
    if (!slice_to_string(slice_from_string(reason != NULL ? reason : "TLS error"), session->failure,
                         sizeof(session->failure)))
        strcpy(session->failure, "TLS error");
    ERR_clear_error();
}

/* SNI is for names only (RFC 6066 section 3); what is checked follows RFC 6125. */
static bool session_expect(SSL *ssl, const char *server_name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct ip ip;

    if (server_name[0] == '\0')
        return true;
    if (ip_parse(slice_from_string(server_name), &ip))
        return X509_VERIFY_PARAM_set1_ip_asc(param, server_name) == 1;
    return SSL_set_tlsext_host_name(ssl, server_name) == 1 && SSL_set1_host(ssl, server_name) == 1;
}

int io_tls_session_new(struct io_tls_context *context, const char *server_name,
                       struct io_tls_session **ret_session)
{
    SSL_CTX *ctx = server_name != NULL ? context->client : context_server(context);
    struct io_tls_session *session;
    size_t len;
    char none;

    if (ctx == NULL)
        return ERROR_INTERNAL;
    session = memory_zalloc(1, sizeof(*session));
    if (session == NULL)
        return ERROR_NOMEM;
    buffer_init(&session->early, EARLY_MAX);
    session->ssl = SSL_new(ctx);
    session->incoming = BIO_new(BIO_s_mem());
    session->outgoing = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->incoming == NULL || session->outgoing == NULL) {
        BIO_free(session->incoming);
        BIO_free(session->outgoing);
        session->incoming = session->outgoing = NULL;
        io_tls_session_free(session);
        return ERROR_NOMEM;
    }
    SSL_set_bio(session->ssl, session->incoming, session->outgoing);
    if (server_name == NULL) {
        SSL_set_accept_state(session->ssl);
    } else {
        SSL_set_connect_state(session->ssl);
        if (!session_expect(session->ssl, server_name)) {
            ERR_clear_error();
            io_tls_session_free(session);
            return ERROR_INTERNAL;
        }
        /* Puts the ClientHello out. */
        if (io_tls_advance(session, &none, 0, &len) == IO_TLS_FAILED) {
            io_tls_session_free(session);
            return ERROR_INTERNAL;
        }
    }
    *ret_session = session;
    return 0;
}

void io_tls_session_free(struct io_tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    buffer_done(&session->early);
    memory_free(session);
}

int io_tls_feed(struct io_tls_session *session, const char *bytes, size_t len)
{
    while (len > 0) {
        int n = BIO_write(session->incoming, bytes, len < INT32_MAX ? (int)len : INT32_MAX);

        if (n <= 0)
            return ERROR_NOMEM;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A distinguished name in RFC 2253 form, control characters and non-ASCII octets escaped. */
static void name_print(X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = -1;

    out[0] = '\0';
    if (bio == NULL || name == NULL) {
        BIO_free(bio);
        return;
    }
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        n = BIO_read(bio, out, (int)size - 1);
    out[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
}

static void session_note_facts(struct io_tls_session *session)
{
    struct io_tls_facts *facts = &session->facts;
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    long verdict = SSL_get_verify_result(session->ssl);

    slice_to_string(slice_from_string(SSL_get_version(session->ssl)), facts->version,
                    sizeof(facts->version));
    slice_to_string(slice_from_string(SSL_get_cipher_name(session->ssl)), facts->cipher,
                    sizeof(facts->cipher));
    if (certificate == NULL) {
        strcpy(facts->verify_error, "no certificate");
        return;
    }
    name_print(X509_get_subject_name(certificate), facts->subject, sizeof(facts->subject));
    name_print(X509_get_issuer_name(certificate), facts->issuer, sizeof(facts->issuer));
    facts->verified = verdict == X509_V_OK;
    if (!facts->verified)
        slice_to_string(slice_prefix(slice_from_string(X509_verify_cert_error_string(verdict)),
                                     sizeof(facts->verify_error) - 1),
                        facts->verify_error, sizeof(facts->verify_error));
    ERR_clear_error();
}

static enum io_tls_event session_shake(struct io_tls_session *session)
{
    int rc = SSL_do_handshake(session->ssl);
    int why = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, rc);

    if (why == SSL_ERROR_WANT_READ)
        return IO_TLS_WANTS_MORE;
    if (rc != 1) {
        session_fail(session);
        return IO_TLS_FAILED;
    }
    session->secured = true;
    session_note_facts(session);
    if (session->early.len > 0) {
        rc = SSL_write(session->ssl, session->early.ptr, (int)session->early.len);
        buffer_done(&session->early);
        buffer_init(&session->early, EARLY_MAX);
        if (rc <= 0) {
            session_fail(session);
            return IO_TLS_FAILED;
        }
    }
    return IO_TLS_SECURED;
}

enum io_tls_event io_tls_advance(struct io_tls_session *session, char *out, size_t size,
                                 size_t *ret_len)
{
    int n;

    if (session->failed)
        return IO_TLS_FAILED;
    ERR_clear_error();
    if (!session->secured)
        return session_shake(session);
    n = SSL_read(session->ssl, out, size < INT32_MAX ? (int)size : INT32_MAX);
    if (n > 0) {
        *ret_len = (size_t)n;
        return IO_TLS_DATA;
    }
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return IO_TLS_WANTS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return IO_TLS_ENDED;
    default:
        session_fail(session);
        return IO_TLS_FAILED;
    }
}

int io_tls_write(struct io_tls_session *session, const char *bytes, size_t len)
{
    if (session->failed)
        return ERROR_IO;
    if (!session->secured) {
        if (len > EARLY_MAX - session->early.len)
            return ERROR_LIMIT;
        if (buffer_append(&session->early, bytes, len))
            return 0;
        session->early.failed = false;
        return ERROR_NOMEM;
    }
    while (len > 0) {
        int n;

        ERR_clear_error();
        n = SSL_write(session->ssl, bytes, len < INT32_MAX ? (int)len : INT32_MAX);
        if (n <= 0) { /* a memory BIO never wants to be tried again */
            session_fail(session);
            return ERROR_IO;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

void io_tls_shutdown(struct io_tls_session *session)
{
    if (session->secured && !session->failed)
        SSL_shutdown(session->ssl);
    ERR_clear_error();
}

struct slice io_tls_output(struct io_tls_session *session)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(session->outgoing, &bytes);

    return slice_from(bytes, len > 0 ? (size_t)len : 0);
}

void io_tls_output_done(struct io_tls_session *session)
{
    (void)BIO_reset(session->outgoing);
}

bool io_tls_is_secured(const struct io_tls_session *session)
{
    return session->secured;
}

const struct io_tls_facts *io_tls_facts(const struct io_tls_session *session)
{
    return &session->facts;
}

const char *io_tls_failure(const struct io_tls_session *session)
{
    return session->failure;
}

void io_tls_rest(struct io_tls_session *session)
{
    if (session->secured && !session->failed)
        SSL_free_buffers(session->ssl); /* refuses by itself when they are in use */
}
