/* The world: starts everything, and remembers what was done to it. */
#include "lab/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "lab/dns_server.h"
#include "lab/sim_transport.h"
#include "lab/world_internal.h"

/* --- the wire log ------------------------------------------------------------------------------
 */

static void log_append(struct lab_world *world, const char *line)
{
    size_t len = strlen(line);

    if (world->line != NULL)
        world->line(world->line_user, line);
    if (world->log.len + len + 1 > LAB_LOG_BYTES_MAX) {
        /* Drop the older half, up to a line's end. */
        ptrdiff_t end =
            slice_find_byte(slice_from_offset(buffer_slice(&world->log), world->log.len / 2), '\n');

        buffer_consume(&world->log, world->log.len / 2 + (size_t)(end < 0 ? 0 : end + 1));
    }
    (void)buffer_append(&world->log, line, len);
    (void)buffer_append_byte(&world->log, '\n');
    world->log.failed = false; /* a log that lacks memory lacks lines, no more */
}

void lab_world_log(struct lab_world *world, const char *format, ...)
{
    char line[600];
    va_list args;
    int len = snprintf(line, sizeof(line), "%llu ", (unsigned long long)io_now_ms(world->loop));

    va_start(args, format);
    (void)vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
    va_end(args);
    log_append(world, line);
}

void lab_world_log_bytes(struct lab_world *world, const char *prefix, const char *bytes, size_t len)
{
    char line[1200];
    size_t at = (size_t)snprintf(line, sizeof(line), "%llu %s",
                                 (unsigned long long)io_now_ms(world->loop), prefix);

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (at + 40 > sizeof(line)) {
            (void)snprintf(line + at, sizeof(line) - at, "... (%zu bytes)", len);
            break;
        }
        if (byte == '\r' && i + 1 < len && bytes[i + 1] == '\n')
            continue;
        if (byte == '\n' && i + 1 == len)
            continue;
        if (byte == '\n')
            at += (size_t)snprintf(line + at, sizeof(line) - at, " | ");
        else if (byte >= 0x20 && byte < 0x7f)
            line[at++] = (char)byte;
        else
            at += (size_t)snprintf(line + at, sizeof(line) - at, "\\x%02x", byte);
        line[at] = '\0';
    }
    line[at < sizeof(line) - 40 ? at : strlen(line)] = '\0';
    log_append(world, line);
}

void lab_world_violate(struct lab_world *world, const char *format, ...)
{
    char message[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    world->counts.violations++;
    if (world->violation_count < LAB_VIOLATIONS_KEPT) {
        char *copy = memory_copy_string(message, strlen(message));

        if (copy != NULL)
            world->violations[world->violation_count++] = copy;
    }
    lab_world_log_bytes(world, "VIOLATION: ", message, strlen(message));
}

void lab_world_note_rcpt(struct lab_world *world, struct slice mailbox, bool unknown)
{
    char key[512];
    size_t len = mailbox.len < sizeof(key) ? mailbox.len : sizeof(key);
    uintptr_t count;

    world->counts.rcpts++;
    if (unknown)
        world->counts.unknown_rcpts++;
    memcpy(key, mailbox.ptr, len);
    ascii_lower_bytes(key, len);
    count = (uintptr_t)table_get(&world->rcpts, slice_from(key, len));
    (void)table_put(&world->rcpts, slice_from(key, len), (void *)(count + 1));
}

/* --- life --------------------------------------------------------------------------------------
 */

static int sites_start(struct lab_world *world)
{
    for (const struct lab_site *s = world->scenario->sites; s != NULL; s = s->next) {
        struct lab_site_run *site = lab_limits_new(world, s);

        if (site == NULL)
            return ERROR_NOMEM;
        site->next = world->sites;
        world->sites = site;
    }
    return 0;
}

static int servers_start(struct lab_world *world, uint16_t port, struct error *error)
{
    for (const struct lab_server *s = world->scenario->servers; s != NULL; s = s->next) {
        struct lab_site_run *site = world->sites;
        struct lab_server_run *server;

        while (site != NULL && site->model != s->site)
            site = site->next;
        server = lab_server_start(world, s, port, site, error);
        if (server == NULL)
            return ERROR_IO;
        server->next = world->servers;
        world->servers = server;
    }
    return 0;
}

struct lab_world *lab_world_new(struct io_loop *loop, const struct lab_scenario *scenario,
                                uint16_t port, uint64_t seed, struct error *error)
{
    struct lab_world *world = memory_zalloc(1, sizeof(*world));

    if (world == NULL) {
        (void)error_set(error, ERROR_NOMEM, "no memory for the lab");
        return NULL;
    }
    world->loop = loop;
    world->scenario = scenario;
    random_init(&world->random, seed);
    table_init(&world->rcpts, seed);
    buffer_init(&world->log, 0);
    world->transport = lab_sim_transport_new(world);
    if (world->transport == NULL || sites_start(world) < 0) {
        (void)error_set(error, ERROR_NOMEM, "no memory for the lab");
        lab_world_free(world);
        return NULL;
    }
    if (servers_start(world, port, error) < 0) {
        lab_world_free(world);
        return NULL;
    }
    return world;
}

void lab_world_free(struct lab_world *world)
{
    if (world == NULL)
        return;
    dns_transport_free(world->transport);
    lab_dns_server_free(world->dns_server);
    while (world->servers != NULL) {
        struct lab_server_run *server = world->servers;

        world->servers = server->next;
        lab_server_stop(server);
    }
    while (world->sites != NULL) {
        struct lab_site_run *site = world->sites;

        world->sites = site->next;
        lab_limits_free(site);
    }
    for (size_t i = 0; i < world->violation_count; i++)
        memory_free(world->violations[i]);
    table_done(&world->rcpts);
    buffer_done(&world->log);
    memory_free(world);
}

void lab_world_save_visits(const struct lab_world *world, struct buffer *out)
{
    for (const struct lab_site_run *site = world->sites; site != NULL; site = site->next)
        lab_limits_save(site, out);
}

void lab_world_restore_visits(struct lab_world *world, struct slice saved, uint64_t passed_ms)
{
    for (struct lab_site_run *site = world->sites; site != NULL; site = site->next)
        lab_limits_restore(site, &saved, passed_ms);
}

struct dns_transport *lab_world_transport(struct lab_world *world)
{
    return world->transport;
}

int lab_world_serve_dns(struct lab_world *world, const struct io_endpoint *at, struct error *error)
{
    struct error why = {0};

    CHECK(world->dns_server == NULL);
    world->dns_server = lab_dns_server_new(world, at, &why);
    if (world->dns_server != NULL)
        return 0;
    return error_set(error, why.code, "%s", why.message);
}

struct io_endpoint lab_world_dns_endpoint(const struct lab_world *world)
{
    return world->dns_server != NULL ? lab_dns_server_endpoint(world->dns_server)
                                     : (struct io_endpoint){0};
}

void lab_world_set_slack(struct lab_world *world, uint64_t slack_ms)
{
    world->slack_ms = slack_ms;
}

void lab_world_on_line(struct lab_world *world, void (*line)(void *user, const char *line),
                       void *user)
{
    world->line = line;
    world->line_user = user;
}

struct slice lab_world_log_text(const struct lab_world *world)
{
    return buffer_slice(&world->log);
}

void lab_world_counts(const struct lab_world *world, struct lab_counts *ret_counts)
{
    *ret_counts = world->counts;
}

const char *lab_world_violation(const struct lab_world *world, size_t index)
{
    return index < world->violation_count ? world->violations[index] : NULL;
}

uint64_t lab_world_rcpt_count(const struct lab_world *world, struct slice mailbox)
{
    char key[512];
    size_t len = mailbox.len < sizeof(key) ? mailbox.len : sizeof(key);

    memcpy(key, mailbox.ptr, len);
    ascii_lower_bytes(key, len);
    return (uintptr_t)table_get(&world->rcpts, slice_from(key, len));
}
