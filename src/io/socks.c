#include "io/socks.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define VERSION      5
#define AUTH_VERSION 1 /* RFC 1929 */
#define METHOD_NONE  0
#define METHOD_USER  2
#define CONNECT      1
#define TYPE_IPV4    1
#define TYPE_NAME    3
#define TYPE_IPV6    4
#define REPLY_HEAD   5 /* up to the first octet of the bound address */
#define REPLY_MAX    (REPLY_HEAD + 255 + 2)

enum state {
    STATE_METHOD,
    STATE_USER,
    STATE_REPLY
};

struct io_socks {
    const struct io_socks_proxy *proxy;
    struct io_endpoint to;
    const struct io_stream_events *events;
    void *user;
    struct io_stream *stream; /* NULL: over */
    enum state state;
    uint8_t in[REPLY_MAX];
    size_t len;
    bool *freed; /* set when that happens inside `connected` */
};

static void say(struct io_socks *socks, const uint8_t *bytes, size_t len)
{
    (void)io_stream_write(socks->stream, (const char *)bytes, len); /* failing, it closes */
    socks->len = 0;
}

/* --- the end, one way or the other ------------------------------------------------------------ */

static void fail(struct io_socks *socks, enum io_close_reason reason, const char *what)
{
    struct io_stream *stream = socks->stream;

    socks->stream = NULL;
    io_stream_close(stream);
    socks->events->closed(socks->user, reason, what);
}

/* The stream is the owner's from here on, with what the server has said already. */
static void succeed(struct io_socks *socks, const char *rest, size_t len)
{
    const struct io_stream_events *events = socks->events;
    struct io_stream *stream = socks->stream;
    void *user = socks->user;
    bool freed = false;

    socks->freed = &freed;
    socks->stream = NULL;
    io_stream_set_events(stream, events, user);
    events->connected(user);
    if (freed) /* with the stream */
        return;
    socks->freed = NULL;
    if (len > 0)
        events->received(user, rest, len);
}

static enum io_close_reason reason_of(uint8_t reply)
{
    switch (reply) {
    case 3: /* network unreachable */
    case 4: /* host unreachable */
    case 6: /* TTL expired */
        return IO_CLOSED_UNREACHABLE;
    case 5:
        return IO_CLOSED_REFUSED;
    default:
        return IO_CLOSED_ERROR;
    }
}

/* RFC 1928 section 6 */
static const char *words_of(uint8_t reply)
{
    static const char *const words[] = {
        "the SOCKS proxy says nothing is wrong",
        "the SOCKS proxy failed",
        "the SOCKS proxy's rules do not allow this connection",
        "the SOCKS proxy says: network unreachable",
        "the SOCKS proxy says: host unreachable",
        "the SOCKS proxy says: connection refused",
        "the SOCKS proxy says: TTL expired",
        "the SOCKS proxy can't connect",
        "the SOCKS proxy does not do this family of addresses",
    };

    return reply < ARRAY_LEN(words) ? words[reply] : "the SOCKS proxy gave an unknown reason";
}

/* --- what is said ----------------------------------------------------------------------------- */

static void say_methods(struct io_socks *socks)
{
    static const uint8_t plain[] = {VERSION, 1, METHOD_NONE};
    static const uint8_t both[] = {VERSION, 2, METHOD_NONE, METHOD_USER};

    if (socks->proxy->user != NULL)
        say(socks, both, sizeof(both));
    else
        say(socks, plain, sizeof(plain));
}

static void say_user(struct io_socks *socks)
{
    const char *password = socks->proxy->password != NULL ? socks->proxy->password : "";
    size_t user_len = strlen(socks->proxy->user), password_len = strlen(password), len = 0;
    uint8_t out[3 + 2 * IO_SOCKS_WORD_MAX];

    CHECK(user_len <= IO_SOCKS_WORD_MAX && password_len <= IO_SOCKS_WORD_MAX);
    out[len++] = AUTH_VERSION;
    out[len++] = (uint8_t)user_len;
    memcpy(out + len, socks->proxy->user, user_len);
    len += user_len;
    out[len++] = (uint8_t)password_len;
    memcpy(out + len, password, password_len);
    len += password_len;
    socks->state = STATE_USER;
    say(socks, out, len);
    memset(out, 0, sizeof(out));
}

static void say_connect(struct io_socks *socks)
{
    bool is_ipv6 = socks->to.ip.family == 6;
    size_t address_len = is_ipv6 ? 16 : 4, len = 0;
    uint8_t out[4 + 16 + 2];

    out[len++] = VERSION;
    out[len++] = CONNECT;
    out[len++] = 0;
    out[len++] = is_ipv6 ? TYPE_IPV6 : TYPE_IPV4;
    memcpy(out + len, socks->to.ip.bytes, address_len);
    len += address_len;
    out[len++] = (uint8_t)(socks->to.port >> 8);
    out[len++] = (uint8_t)socks->to.port;
    socks->state = STATE_REPLY;
    say(socks, out, len);
}

/* --- what is answered ------------------------------------------------------------------------- */

/* Octets that the answer has as a whole, as far as that can be told. */
static size_t wanted(const struct io_socks *socks)
{
    if (socks->state != STATE_REPLY)
        return 2;
    if (socks->len < REPLY_HEAD)
        return REPLY_HEAD;
    switch (socks->in[3]) {
    case TYPE_IPV4:
        return 4 + 4 + 2;
    case TYPE_IPV6:
        return 4 + 16 + 2;
    default: /* TYPE_NAME; others were refused */
        return REPLY_HEAD + socks->in[4] + 2;
    }
}

/* A whole answer is in. True: the stream is still ours. */
static bool take_answer(struct io_socks *socks)
{
    const uint8_t *in = socks->in;

    if (socks->state == STATE_USER) {
        if (in[1] != 0) {
            fail(socks, IO_CLOSED_ERROR, "the SOCKS proxy refused user and password");
            return false;
        }
        say_connect(socks);
    } else if (in[1] == METHOD_NONE) {
        say_connect(socks);
    } else if (in[1] == METHOD_USER && socks->proxy->user != NULL) {
        say_user(socks);
    } else {
        fail(socks, IO_CLOSED_ERROR, "the SOCKS proxy wants a user and a password");
        return false;
    }
    return true;
}

/* Told as early as it can be known, before lengths are read from what may be anything. */
static bool is_sound(struct io_socks *socks)
{
    uint8_t version = socks->state == STATE_USER ? AUTH_VERSION : VERSION;

    if (socks->in[0] != version) {
        fail(socks, IO_CLOSED_ERROR, "what answers is no SOCKS5 proxy");
        return false;
    }
    if (socks->state != STATE_REPLY || socks->len < 4)
        return true;
    if (socks->in[1] != 0) {
        fail(socks, reason_of(socks->in[1]), words_of(socks->in[1]));
        return false;
    }
    if (socks->in[3] != TYPE_IPV4 && socks->in[3] != TYPE_IPV6 && socks->in[3] != TYPE_NAME) {
        fail(socks, IO_CLOSED_ERROR, "what answers is no SOCKS5 proxy");
        return false;
    }
    return true;
}

static void proxy_connected(void *user)
{
    say_methods(user);
}

static void proxy_received(void *user, const char *bytes, size_t len)
{
    struct io_socks *socks = user;

    for (size_t i = 0; i < len; i++) {
        CHECK(socks->len < sizeof(socks->in));
        socks->in[socks->len++] = (uint8_t)bytes[i];
        if (!is_sound(socks))
            return;
        if (socks->len < wanted(socks))
            continue;
        if (socks->state == STATE_REPLY) {
            succeed(socks, bytes + i + 1, len - i - 1);
            return;
        }
        if (!take_answer(socks))
            return;
    }
}

static void proxy_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct io_socks *socks = user;
    char words[160];

    socks->stream = NULL;
    snprintf(words, sizeof(words), "the SOCKS proxy can't be reached: %s",
             detail != NULL && detail[0] != '\0' ? detail : io_close_reason_name(reason));
    socks->events->closed(socks->user, IO_CLOSED_ERROR, words);
}

static const struct io_stream_events proxy_events = {
    .connected = proxy_connected,
    .received = proxy_received,
    .closed = proxy_closed,
};

int io_socks_connect(struct io_loop *loop, const struct io_endpoint *from,
                     const struct io_socks_proxy *proxy, const struct io_endpoint *to,
                     const struct io_stream_events *events, void *user, struct io_socks **ret_socks,
                     struct io_stream **ret_stream, struct error *error)
{
    struct io_socks *socks = memory_zalloc(1, sizeof(*socks));
    int code;

    if (socks == NULL)
        return ERROR_NOMEM;
    socks->proxy = proxy;
    socks->to = *to;
    socks->events = events;
    socks->user = user;
    code = io_connect(loop, from, &proxy->at, &proxy_events, socks, &socks->stream, error);
    if (code != 0) {
        memory_free(socks);
        return code;
    }
    *ret_socks = socks;
    *ret_stream = socks->stream;
    return 0;
}

void io_socks_free(struct io_socks *socks)
{
    if (socks != NULL && socks->freed != NULL)
        *socks->freed = true;
    memory_free(socks);
}
