/*
 * The world from inside: what servers, limits and DNS tell it. Only files of src/lab include this.
 */
#ifndef MK_LAB_WORLD_INTERNAL_H
#define MK_LAB_WORLD_INTERNAL_H

#include "base/buffer.h"
#include "base/random.h"
#include "base/table.h"
#include "lab/limits.h"
#include "lab/model.h"
#include "lab/server.h"
#include "lab/world.h"

#define LAB_VIOLATIONS_KEPT 100
#define LAB_LOG_BYTES_MAX   (1024 * 1024)

struct lab_dns_server;

struct lab_world {
    struct io_loop *loop;
    const struct lab_scenario *scenario;
    uint64_t slack_ms;
    struct random random;
    struct lab_server_run *servers;
    struct lab_site_run *sites;
    struct dns_transport *transport;
    struct lab_dns_server *dns_server;
    struct lab_counts counts;
    uint64_t next_visit;
    char *violations[LAB_VIOLATIONS_KEPT];
    size_t violation_count; /* kept */
    struct table rcpts;     /* mailbox: its count */
    struct buffer log;      /* the newest lines */
    void (*line)(void *user, const char *line);
    void *line_user;
};

/* A line of the wire log, without newline. Bytes that are no printable ASCII are escaped. */
void lab_world_log(struct lab_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void lab_world_log_bytes(struct lab_world *world, const char *prefix, const char *bytes,
                         size_t len);
void lab_world_violate(struct lab_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void lab_world_note_rcpt(struct lab_world *world, struct slice mailbox, bool unknown);

#endif
