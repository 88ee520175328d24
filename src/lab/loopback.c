/* Ports that are taken are passed over, one by one. */
#include "lab/loopback.h"

#include "lab/file.h"
#include "lab/model.h"

#define PORTS_TRIED 200
/* What a busy machine makes of a client that keeps to its limits, seen from the other side. */
#define SLACK_MS 750

struct lab_scenario *lab_loopback_read(const char *path, struct error *error)
{
    struct lab_scenario *scenario = NULL;
    struct error why = {0};
    struct buffer text;

    buffer_init(&text, 0);
    if (lab_file_read(path, &text, error) == 0) {
        scenario = lab_scenario_parse(buffer_slice(&text), &why);
        if (scenario == NULL)
            (void)error_set(error, why.code, "%s: %s", path, why.message);
    }
    buffer_done(&text);
    return scenario;
}

static int addresses_check(const struct lab_scenario *scenario, struct error *error)
{
    struct ip_network four, six;
    char text[IP_TEXT_SIZE];

    (void)ip_network_parse(SLICE("127.0.0.0/8"), &four);
    (void)ip_network_parse(SLICE("::1/128"), &six);
    for (const struct lab_server *s = scenario->servers; s != NULL; s = s->next)
        for (size_t i = 0; i < s->ip_count; i++)
            if (!ip_network_contains(&four, &s->ips[i]) && !ip_network_contains(&six, &s->ips[i]))
                return error_set(error, ERROR_USAGE,
                                 "line %u: %s is not on 127.0.0.0/8 or ::1: this scenario runs on "
                                 "the virtual clock only",
                                 s->line, ip_format(&s->ips[i], text));
    return 0;
}

static int servers_open(struct lab_loopback *loopback, struct io_loop *loop,
                        const struct lab_scenario *scenario,
                        const struct lab_loopback_options *options, struct error *error)
{
    unsigned port = options->port != 0 ? options->port : LAB_LOOPBACK_SMTP_PORT;
    struct error why = {0};

    for (unsigned tries = 0; tries < PORTS_TRIED && port <= UINT16_MAX; tries++, port++) {
        loopback->world = lab_world_new(loop, scenario, (uint16_t)port, options->seed, &why);
        if (loopback->world != NULL) {
            loopback->port = (uint16_t)port;
            return 0;
        }
        if (why.code != ERROR_BUSY)
            break;
    }
    return error_set(error, why.code, "%s", why.message);
}

static int dns_open(struct lab_loopback *loopback, const struct lab_loopback_options *options,
                    struct error *error)
{
    struct io_endpoint at = options->dns;
    struct error why = {0};

    if (at.ip.family == 0)
        at.ip = ip_v4(127, 0, 0, 1);
    if (at.port == 0)
        at.port = LAB_LOOPBACK_DNS_PORT;
    for (unsigned tries = 0; tries < PORTS_TRIED; tries++, at.port++) {
        if (lab_world_serve_dns(loopback->world, &at, &why) == 0) {
            loopback->dns = lab_world_dns_endpoint(loopback->world);
            return 0;
        }
        if (why.code != ERROR_BUSY || at.port == UINT16_MAX)
            break;
    }
    return error_set(error, why.code, "%s", why.message);
}

int lab_loopback_open(struct lab_loopback *loopback, struct io_loop *loop,
                      const struct lab_scenario *scenario,
                      const struct lab_loopback_options *options, struct error *error)
{
    int code = addresses_check(scenario, error);

    *loopback = (struct lab_loopback){0};
    if (code == 0)
        code = servers_open(loopback, loop, scenario, options, error);
    if (code == 0)
        code = dns_open(loopback, options, error);
    if (code < 0) {
        lab_loopback_close(loopback);
        return code;
    }
    lab_world_set_slack(loopback->world, SLACK_MS);
    return 0;
}

void lab_loopback_close(struct lab_loopback *loopback)
{
    lab_world_free(loopback->world);
    *loopback = (struct lab_loopback){0};
}
