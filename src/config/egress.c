#include "config/egress.h"

#include <string.h>

#include "base/check.h"
#include "config/value.h"

#define SOCKS_PORT 1080 /* RFC 1928 section 3 */

struct parsing {
    struct arena *arena;
    struct probe_egress *egress;
    const char *source, *proxy; /* as said, for the name */
    struct error *error;
};

static int wrong(struct parsing *parsing, const char *name, const char *value, const char *why)
{
    return error_set(parsing->error, ERROR_USAGE, "has %s=%.60s, which %s", name, value, why);
}

static int set_source(struct parsing *parsing, const char *value)
{
    parsing->source = value;
    return ip_parse(slice_from_string(value), &parsing->egress->source.ip)
               ? 0
               : wrong(parsing, "source-ip", value, "is no IP address");
}

/* [USER:PASSWORD@]IP[:PORT]; what is wrong is told without the password. */
static int set_proxy(struct parsing *parsing, const char *value)
{
    struct io_socks_proxy *proxy = arena_alloc(parsing->arena, sizeof(*proxy));
    struct slice at = slice_from_string(value);
    ptrdiff_t mark = slice_rfind_byte(at, '@'), colon;

    if (proxy == NULL)
        return ERROR_NOMEM;
    *proxy = (struct io_socks_proxy){.user = NULL};
    if (mark >= 0) {
        struct slice login = slice_prefix(at, (size_t)mark);

        at = slice_from_offset(at, (size_t)mark + 1);
        colon = slice_find_byte(login, ':');
        if (colon <= 0 || colon > IO_SOCKS_WORD_MAX ||
            login.len - (size_t)colon - 1 > IO_SOCKS_WORD_MAX)
            return error_set(parsing->error, ERROR_USAGE,
                             "has a socks5 whose user and password are not USER:PASSWORD of at "
                             "most %d octets each",
                             IO_SOCKS_WORD_MAX);
        proxy->user = arena_string(parsing->arena, slice_prefix(login, (size_t)colon));
        proxy->password = arena_string(parsing->arena, slice_from_offset(login, (size_t)colon + 1));
        if (proxy->user == NULL || proxy->password == NULL)
            return ERROR_NOMEM;
    }
    parsing->proxy = arena_string(parsing->arena, at);
    if (parsing->proxy == NULL)
        return ERROR_NOMEM;
    if (!config_parse_endpoint(at, &proxy->at))
        return wrong(parsing, "socks5", parsing->proxy, "is not IP:PORT");
    if (proxy->at.port == 0)
        proxy->at.port = SOCKS_PORT;
    parsing->egress->proxy = proxy;
    return 0;
}

static int set_helo(struct parsing *parsing, const char *value)
{
    struct error reason = {0};

    parsing->egress->helo_name = slice_from_string(value);
    return config_check_helo(value, &reason) == 0 ? 0
                                                  : wrong(parsing, "helo", value, reason.message);
}

static int set_sender(struct parsing *parsing, const char *name, const char *value,
                      struct slice *ret)
{
    struct error reason = {0};

    *ret = config_reverse_path(slice_from_string(value));
    return config_check_sender(value, &reason) == 0 ? 0
                                                    : wrong(parsing, name, value, reason.message);
}

static int set_word(struct parsing *parsing, struct slice word)
{
    ptrdiff_t equals = slice_find_byte(word, '=');
    struct slice name = slice_prefix(word, equals > 0 ? (size_t)equals : 0);
    const char *value =
        arena_string(parsing->arena, slice_from_offset(word, equals > 0 ? (size_t)equals + 1 : 0));

    if (value == NULL)
        return ERROR_NOMEM;
    if (slice_equal(name, SLICE("source-ip")))
        return set_source(parsing, value);
    if (slice_equal(name, SLICE("socks5")))
        return set_proxy(parsing, value);
    if (slice_equal(name, SLICE("helo")))
        return set_helo(parsing, value);
    if (slice_equal(name, SLICE("mail-from")))
        return set_sender(parsing, "mail-from", value, &parsing->egress->sender);
    if (slice_equal(name, SLICE("second-mail-from")))
        return set_sender(parsing, "second-mail-from", value, &parsing->egress->second_sender);
    return error_set(parsing->error, ERROR_USAGE,
                     "has a word that is none of source-ip=, socks5=, helo=, mail-from=, "
                     "second-mail-from=");
}

int config_parse_egress(const char *value, struct arena *arena, struct probe_egress *egress,
                        struct error *error)
{
    struct parsing parsing = {.arena = arena, .egress = egress, .error = error};
    struct slice rest = slice_from_string(value), word;
    char *name;

    while (slice_split(&rest, ' ', &word)) {
        int code = word.len > 0 ? set_word(&parsing, word) : 0;

        if (code < 0)
            return code;
    }
    if (parsing.source == NULL && parsing.proxy == NULL)
        return error_set(error, ERROR_USAGE, "says neither source-ip= nor socks5=");
    name = arena_printf(arena, "%s via %s", parsing.source != NULL ? parsing.source : "any",
                        parsing.proxy != NULL ? parsing.proxy : "nobody");
    if (name == NULL)
        return ERROR_NOMEM;
    egress->name = slice_from_string(name);
    return 0;
}

int config_check_egress(const char *value, struct error *error)
{
    struct probe_egress egress = {.name = SLICE_EMPTY};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = config_parse_egress(value, &arena, &egress, error);
    arena_done(&arena);
    return code;
}
