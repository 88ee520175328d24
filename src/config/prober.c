#include "config/prober.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "config/egress.h"
#include "config/kept_lists.h"
#include "config/value.h"
#include "dns/ares_transport.h"
#include "io/uv_loop.h"
#include "probe/ledger.h"
#include "provider/mailbox.h"

#define LIST_FILE_MAX   ((size_t)1 << 30) /* octets */
#define HOSTS_MAX       65536             /* octets of /etc/hosts that are looked at */
#define GOODBYE_LOOK_MS 20
#define BLOCKLISTS_MAX  8 /* each costs several questions a domain */

/* --- who we are ------------------------------------------------------------------------------ */

/* Names that are nobody else's business: no mail server can look them up. */
static bool is_private_name(struct slice name)
{
    static const char *const endings[] = {
        ".local", ".internal", ".lan", ".home", ".home.arpa", ".intranet", ".corp", ".private",
    };

    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (slice_ends_with_nocase(name, slice_from_string(endings[i])))
            return true;
    return false;
}

static bool is_name_to_say(const char *name)
{
    return config_check_helo(name, NULL) == 0 && !is_private_name(slice_from_string(name));
}

/* The first name of the line of /etc/hosts that names `host` too (hosts(5)). */
static bool full_name_from_hosts(const char *host, char *out, size_t size)
{
    char *bytes = memory_alloc(HOSTS_MAX);
    FILE *file = fopen("/etc/hosts", "r");
    bool found = false;
    struct slice text, line, word;

    if (bytes == NULL || file == NULL)
        goto done;
    text = slice_from(bytes, fread(bytes, 1, HOSTS_MAX, file));
    while (!found && slice_split(&text, '\n', &line)) {
        struct slice first = SLICE_EMPTY;
        bool is_ours = false;

        for (size_t i = 0; i < line.len; i++)
            if (ascii_is_space(bytes[line.ptr - bytes + (ptrdiff_t)i]))
                bytes[line.ptr - bytes + (ptrdiff_t)i] = ' ';
        line = slice_prefix(
            line, slice_find_byte(line, '#') >= 0 ? (size_t)slice_find_byte(line, '#') : line.len);
        for (size_t field = 0; slice_split(&line, ' ', &word);) {
            if (word.len == 0)
                continue;
            if (field == 1)
                first = word;
            is_ours |= field > 0 && slice_equal_nocase(word, slice_from_string(host));
            field++;
        }
        found = is_ours && slice_to_string(first, out, size) && is_name_to_say(out);
    }
done:
    if (file != NULL)
        fclose(file);
    memory_free(bytes);
    return found;
}

/*
 * A UDP socket is told where to send, nothing is sent, and the system says which of its addresses
 * it would use.
 */
bool prober_own_address(uint8_t family, struct ip *ret_ip)
{
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(9)}, from4 = {0};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)}, from6 = {0};
    struct sockaddr *to = family == 4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6;
    struct sockaddr *from = family == 4 ? (struct sockaddr *)&from4 : (struct sockaddr *)&from6;
    socklen_t len = family == 4 ? sizeof(to4) : sizeof(to6), from_len = len;
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found;

    if (fd < 0)
        return false;
    to4.sin_addr.s_addr = htonl(0xc0000201);       /* 192.0.2.1, RFC 5737 */
    memcpy(&to6.sin6_addr, "\x20\x01\x0d\xb8", 4); /* 2001:db8::, RFC 3849 */
    found = connect(fd, to, len) == 0 && getsockname(fd, from, &from_len) == 0;
    close(fd);
    if (!found)
        return false;
    *ret_ip = (struct ip){.family = family};
    if (family == 4)
        memcpy(ret_ip->bytes, &from4.sin_addr, 4);
    else
        memcpy(ret_ip->bytes, &from6.sin6_addr, 16);
    return true;
}

int prober_host_name(struct arena *arena, const char *source_ip, struct slice *ret_name,
                     bool *ret_is_literal, struct error *error)
{
    char host[256] = "", full[256], text[IP_TEXT_SIZE];

    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    *ret_is_literal = false;
    if (is_name_to_say(host)) {
        snprintf(full, sizeof(full), "%s", host);
    } else if (host[0] == '\0' || !full_name_from_hosts(host, full, sizeof(full))) {
        struct ip ip = ip_v4(127, 0, 0, 1);

        if (source_ip == NULL || !ip_parse(slice_from_string(source_ip), &ip))
            (void)prober_own_address(4, &ip);
        *ret_is_literal = true;
        ip_format(&ip, text);
        snprintf(full, sizeof(full), ip.family == 6 ? "[IPv6:%s]" : "[%s]", text);
    }
    *ret_name = arena_slice(arena, slice_from_string(full));
    return ret_name->ptr != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
}

const char *prober_advice(const struct prober *prober, unsigned index)
{
    static const char no_name[] =
        "this machine has no public name to say to mail servers, so its address is said instead, "
        "and some will refuse that. Give it a name with --helo, such as --helo "
        "probe.example.org; DNS should lead from there to the machine's address and back.";
    const char *said[] = {
        prober->has_no_name ? no_name : NULL,
        prober->few_files[0] != '\0' ? prober->few_files : NULL,
    };

    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        if (said[i] != NULL && index-- == 0)
            return said[i];
    return NULL;
}

/* --- the operator's lists -------------------------------------------------------------------- */

static int load_list(struct lists_operator *lists, enum lists_operator_kind kind, const char *path,
                     struct error *error)
{
    FILE *file = fopen(path, "rb");
    struct buffer text;
    struct error detail = {0};
    int code = 0;

    buffer_init(&text, LIST_FILE_MAX);
    if (file == NULL) {
        code =
            error_set(error, ERROR_USAGE, "can't read the list %.200s: %s", path, strerror(errno));
        goto done;
    }
    for (size_t got = 1; got > 0 && !text.failed;) {
        char *room = buffer_reserve(&text, 65536);

        got = room != NULL ? fread(room, 1, 65536, file) : 0;
        text.len += got;
    }
    if (ferror(file))
        code =
            error_set(error, ERROR_USAGE, "can't read the list %.200s: %s", path, strerror(errno));
    else if (text.failed)
        code = error_set(error, ERROR_NOMEM, "%.200s: out of memory", path);
    else
        code = lists_operator_load(lists, kind, buffer_slice(&text), &detail);
    if (code < 0 && detail.code != 0)
        code = error_set(error, code == ERROR_NOMEM ? code : ERROR_USAGE, "%.200s: %s", path,
                         detail.message);
done:
    buffer_done(&text);
    if (file != NULL)
        fclose(file);
    return code;
}

/* A service may keep them where the history is, or where results go to. */
static int load_kept(struct lists_operator *lists, const struct config *config, struct error *error)
{
    const char *places[] = {config->store, config->history_file};
    struct error detail = {0};
    int code = 0;

    for (size_t i = 0; i < ARRAY_LEN(places) && code == 0; i++)
        if (places[i] != NULL)
            code = kept_lists_add_from(places[i], lists, &detail);
    return code == 0 ? 0
                     : error_set(error, code,
                                 "%s; as your lists of whom to leave alone may be kept there, "
                                 "nobody is asked",
                                 detail.message);
}

int prober_load_lists(const struct config *config, struct lists_operator **ret_lists,
                      struct error *error)
{
    struct lists_operator *lists = lists_operator_new();
    int code = lists != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");

    if (code == 0)
        lists_operator_heed_spellings(lists, provider_mailbox_spelling);
    for (unsigned kind = 0; code == 0 && kind < LISTS_OPERATOR_KIND_COUNT; kind++)
        for (size_t i = 0; code == 0 && i < config->lists[kind].count; i++)
            code = load_list(lists, (enum lists_operator_kind)kind, config->lists[kind].values[i],
                             error);
    if (code == 0 && config->heeds_kept_lists)
        code = load_kept(lists, config, error);
    if (code < 0)
        lists_operator_free(lists);
    else
        *ret_lists = lists;
    return code;
}

int prober_reload_lists(struct prober *prober, const struct config *config, struct store *store,
                        struct error *error)
{
    struct lists_operator *fresh = NULL;
    int code = prober_load_lists(config, &fresh, error);

    if (code == 0 && store != NULL)
        code = kept_lists_add(store, fresh, error);
    if (code < 0) {
        lists_operator_free(fresh);
        return code;
    }
    probe_engine_set_lists(prober->engine, fresh);
    lists_operator_free(prober->lists);
    prober->lists = fresh;
    return 0;
}

/* --- settings -------------------------------------------------------------------------------- */

static int set_allowed(struct prober *prober, const struct config *config, struct error *error)
{
    size_t count = config->allow_nets.count;
    struct ip_network *networks = arena_array(&prober->arena, count + 1, sizeof(*networks));

    if (networks == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (!ip_network_parse(slice_from_string(config->allow_nets.values[i]), &networks[i]))
            return error_set(error, ERROR_USAGE, "'%.60s' is no network",
                             config->allow_nets.values[i]);
    prober->allowed = (struct ip_networks){networks, count};
    return 0;
}

static uint64_t choose_seed(uint64_t wanted)
{
    while (wanted == 0)
        if (getrandom(&wanted, sizeof(wanted), 0) != (ssize_t)sizeof(wanted))
            wanted = (uint64_t)getpid();
    return wanted;
}

/* Who we are, only where it is said. */
static int set_names(struct prober *prober, const struct config *config, struct error *error)
{
    struct probe_settings *settings = &prober->settings;
    struct slice sender = slice_from_string(config->mail_from);
    struct slice second = slice_from_string(config->second_mail_from);

    if (config->helo == NULL) {
        int code = prober_host_name(&prober->arena, config->source_ip, &settings->helo_name,
                                    &prober->has_no_name, error);

        if (code < 0)
            return code;
    } else {
        settings->helo_name = arena_slice(&prober->arena, slice_from_string(config->helo));
    }
    settings->sender = arena_slice(&prober->arena, config_reverse_path(sender));
    settings->second_sender = arena_slice(&prober->arena, config_reverse_path(second));
    if (settings->helo_name.ptr == NULL || settings->sender.ptr == NULL ||
        settings->second_sender.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    return 0;
}

/* Identities, where there are several; what one does not say is as for a single one. */
static int set_egresses(struct prober *prober, const struct config *config, struct error *error)
{
    struct probe_settings *settings = &prober->settings;
    size_t count = config->egresses.count;
    struct probe_egress *egresses = arena_array(&prober->arena, count + 1, sizeof(*egresses));

    if (egresses == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        struct error reason = {0};
        int code;

        egresses[i] = (struct probe_egress){
            .helo_name = settings->helo_name,
            .sender = settings->sender,
            .second_sender = settings->second_sender,
            .source = settings->source,
        };
        code =
            config_parse_egress(config->egresses.values[i], &prober->arena, &egresses[i], &reason);
        if (code < 0)
            return error_set(error, code, "egress number %zu %s", i + 1, reason.message);
        for (size_t k = 0; k < i; k++)
            if (slice_equal(egresses[k].name, egresses[i].name))
                return error_set(error, ERROR_USAGE,
                                 "egresses number %zu and %zu go out by the same way", k + 1,
                                 i + 1);
    }
    settings->egresses = count > 0 ? egresses : NULL;
    settings->egress_count = count;
    return 0;
}

static int set_settings(struct prober *prober, const struct config *config, struct error *error)
{
    struct probe_settings *settings = &prober->settings;
    unsigned sockets = io_uv_loop_socket_limit();
    int code = set_allowed(prober, config, error);

    if (code < 0)
        return code;
    if (!config->ipv4 && !config->ipv6)
        return error_set(error, ERROR_USAGE, "ipv4 and ipv6 are both off: nobody can be asked");
    probe_settings_init(settings);
    settings->depth = (enum evidence_depth)config->depth;
    settings->patience = (enum probe_patience)config->patience;
    settings->port = (uint16_t)config->port;
    settings->tls = (enum smtp_tls_policy)config->tls;
    settings->case_timeout_ms = (uint32_t)config->timeout_ms;
    settings->connect_timeout_ms = (uint32_t)config->connect_timeout_ms;
    settings->connections_max =
        config->connections < sockets ? (unsigned)config->connections : sockets;
    if (config->connections > sockets && config->depth == EVIDENCE_DEPTH_SMTP)
        (void)snprintf(prober->few_files, sizeof(prober->few_files),
                       "descriptors do for %u connections at a time, not for the %" PRIu64
                       " of --connections: raise the limit of open files (ulimit -n, "
                       "LimitNOFILE= of the service), or lower --connections.",
                       sockets, config->connections);
    settings->cases_max = (unsigned)config->open_cases;
    settings->pipelining = config->pipelining;
    settings->transcripts = config->transcripts;
    settings->catch_all = config->catch_all;
    settings->allowed = prober->allowed;
    settings->limits_override = (struct provider_limits){
        .connections = (uint16_t)config->site_connections,
        .connections_per_minute = (uint16_t)config->site_per_minute,
        .rcpts_per_session = (uint16_t)config->site_rcpts,
        .gap_ms = (uint32_t)config->site_gap_ms,
    };
    settings->limits_opened = config->open_limits;
    settings->seed = choose_seed(config->seed);
    if (config->source_ip != NULL &&
        !ip_parse(slice_from_string(config->source_ip), &settings->source.ip))
        return error_set(error, ERROR_USAGE, "'%.60s' is no IP address", config->source_ip);
    code = config->depth == EVIDENCE_DEPTH_SMTP ? set_names(prober, config, error) : 0;
    return code == 0 ? set_egresses(prober, config, error) : code;
}

/* --- opening and closing --------------------------------------------------------------------- */

static int set_blocklists(struct prober *prober, const struct config *config,
                          struct dns_resolver_options *options, struct error *error)
{
    const struct config_list *sources[] = {&config->domain_blocklists, &config->mx_blocklists};
    size_t count = sources[0]->count + sources[1]->count;
    struct dns_blocklist *lists = arena_array(&prober->arena, count + 1, sizeof(*lists));
    size_t at = 0;

    if (lists == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    if (count > BLOCKLISTS_MAX)
        return error_set(error, ERROR_USAGE, "there are more than %d block lists", BLOCKLISTS_MAX);
    for (size_t kind = 0; kind < ARRAY_LEN(sources); kind++)
        for (size_t i = 0; i < sources[kind]->count; i++, at++) {
            int code =
                dns_blocklist_parse(slice_from_string(sources[kind]->values[i]), &lists[at], error);

            if (code < 0)
                return code;
            lists[at].of_addresses = kind == 1;
        }
    options->blocklists = prober->blocklists = lists;
    options->blocklist_count = prober->blocklist_count = count;
    return 0;
}

static int open_dns(struct prober *prober, const struct config *config, struct error *error)
{
    size_t count = config->resolvers.count;
    struct io_endpoint *servers = arena_array(&prober->arena, count + 1, sizeof(*servers));
    struct dns_ares_options transport = {.servers = servers, .server_count = count};
    struct dns_resolver_options options = {
        .allowed = prober->allowed,
        .use_ipv4 = config->ipv4,
        .use_ipv6 = config->ipv6,
        .want_spf = true,
        .want_dmarc = true,
        .seed = prober->settings.seed,
    };
    int code;

    if (servers == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    code = set_blocklists(prober, config, &options, error);
    if (code < 0)
        return code;
    for (size_t i = 0; i < count; i++)
        if (!config_parse_endpoint(slice_from_string(config->resolvers.values[i]), &servers[i]))
            return error_set(error, ERROR_USAGE, "'%.60s' is no resolver's address",
                             config->resolvers.values[i]);
    prober->transport = dns_ares_transport_new(prober->loop, &transport, error);
    if (prober->transport == NULL)
        return error != NULL && error->code < 0 ? error->code : ERROR_IO;
    prober->resolver = dns_resolver_new(prober->loop, prober->transport, &options);
    if (prober->resolver == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    return 0;
}

static int open_parts(struct prober *prober, const struct config *config, struct error *error)
{
    int code = set_settings(prober, config, error);

    if (code == 0)
        code = prober_load_lists(config, &prober->lists, error);
    if (code == 0 && prober->loop == NULL) {
        prober->loop = io_uv_loop_new(error);
        prober->owns_loop = prober->loop != NULL;
        if (prober->loop == NULL)
            code = error != NULL && error->code < 0 ? error->code : ERROR_IO;
    }
    if (code == 0 && config->depth != EVIDENCE_DEPTH_SYNTAX)
        code = open_dns(prober, config, error);
    if (code < 0)
        return code;
    prober->engine =
        probe_engine_new(prober->loop, prober->resolver, prober->lists, &prober->settings);
    return prober->engine != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
}

int prober_open(struct prober *prober, struct io_loop *loop, const struct config *config,
                struct error *error)
{
    int code;

    *prober = (struct prober){.loop = loop};
    arena_init(&prober->arena);
    code = open_parts(prober, config, error);
    if (code < 0)
        prober_close(prober);
    return code;
}

struct farewell {
    struct prober *prober;
    struct io_timer timer;
    uint64_t until_ms;
};

static void look_whether_gone(struct io_timer *timer)
{
    struct farewell *farewell = timer->user;
    struct io_loop *loop = farewell->prober->loop;
    uint64_t now = io_now_ms(loop);
    struct probe_counts counts;

    probe_engine_counts(farewell->prober->engine, &counts);
    if (counts.open_sessions == 0 || now >= farewell->until_ms ||
        io_timer_start(timer, now + GOODBYE_LOOK_MS) < 0)
        io_loop_stop(loop);
}

void prober_say_goodbye(struct prober *prober, uint64_t limit_ms)
{
    uint64_t now = io_now_ms(prober->loop);
    struct farewell farewell = {.prober = prober, .until_ms = now + limit_ms};
    struct probe_counts counts;

    probe_engine_counts(prober->engine, &counts);
    if (counts.open_sessions == 0)
        return;
    io_timer_init(prober->loop, &farewell.timer, look_whether_gone, &farewell);
    if (io_timer_start(&farewell.timer, now) == 0)
        io_loop_run(prober->loop);
    io_timer_stop(&farewell.timer);
}

static int open_place(struct prober *prober, const struct config *config, struct error *error)
{
    const char *place = config->history_file != NULL ? config->history_file : config->store;

    return place != NULL ? store_open(place, STORE_MODE_CREATE, &prober->history_store, error) : 0;
}

int prober_remember(struct prober *prober, struct store *store, const struct config *config,
                    struct error *error)
{
    const struct history_options options = {
        .positive_expire_ms = config->positive_expire_ms,
        .positive_refresh_ms = config->positive_refresh_ms,
        .negative_expire_ms = config->negative_expire_ms,
        .negative_refresh_ms = config->negative_refresh_ms,
        .bounce_days = (uint32_t)(config->bounce_ms / DAY_MS),
        .bytes_max = config->history_bytes,
        .refreshes_behind = store != NULL,
        .asks_always = config->fresh,
    };
    int code = 0;

    if (!config->history)
        return 0;
    if (store == NULL) {
        code = open_place(prober, config, error);
        store = prober->history_store;
    }
    if (code < 0 || store == NULL)
        return code;
    return history_open(prober->loop, store, prober->engine, &options, &prober->history, error);
}

int prober_keep_ledger(struct prober *prober, const char *owner, struct error *error)
{
    const char *path = arena_printf(&prober->arena, "%s" PROBE_LEDGER_END, owner);
    int code;

    if (path == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    code = probe_ledger_open(path, 0, NULL, io_now_ms(prober->loop), &prober->ledger, error);
    if (code == 0)
        probe_engine_set_ledger(prober->engine, prober->ledger);
    return code;
}

void prober_close(struct prober *prober)
{
    history_close(prober->history);
    store_close(prober->history_store);
    probe_engine_free(prober->engine);
    probe_ledger_close(prober->ledger);
    dns_resolver_free(prober->resolver);
    dns_transport_free(prober->transport);
    lists_operator_free(prober->lists);
    if (prober->owns_loop)
        io_loop_free(prober->loop);
    arena_done(&prober->arena);
    *prober = (struct prober){0};
}
