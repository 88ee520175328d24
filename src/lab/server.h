/*
 * A scripted mail server: takes connections on any io_loop and answers as its scenario says.
 *
 * Written once for the virtual clock and for real sockets. Every connection is a *visit*; every
 * greeting or command is a *turn*, on which the server's behaviours act (lab/behaviour.h). A server
 * takes no message: DATA and BDAT are violations.
 */
#ifndef MK_LAB_SERVER_H
#define MK_LAB_SERVER_H

#include "base/buffer.h"
#include "base/table.h"
#include "io/loop.h"
#include "lab/behaviour.h"
#include "lab/model.h"

struct lab_world;
struct lab_site_run;
struct lab_visit;

struct lab_server_run {
    struct lab_server_run *next;
    struct lab_world *world;
    const struct lab_server *model;
    struct lab_site_run *site; /* NULL: no limits to watch */
    struct io_listener **listeners;
    size_t listener_count;
    struct lab_visit *visits;
    unsigned open_count;
    struct table memory; /* what behaviours remember: struct lab_memory by key */
};

/* One remembered thing: a greylist entry, a counter in a window. */
struct lab_memory {
    uint64_t since_ms;
    uint64_t count;
};

enum lab_then {
    LAB_THEN_GO_ON,
    LAB_THEN_CLOSE,
    LAB_THEN_RESET,
    LAB_THEN_SILENCE, /* read, and never answer again */
    LAB_THEN_DEAF,    /* not even read */
    LAB_THEN_TLS,
    LAB_THEN_FLOOD, /* send `flood` again and again */
};

enum lab_mode {
    LAB_MODE_READY,   /* waits for a command */
    LAB_MODE_DELAY,   /* the answer is held back */
    LAB_MODE_WRITING, /* the answer goes out in pieces */
    LAB_MODE_TLS,
    LAB_MODE_FLOOD,
    LAB_MODE_SILENT,
};

struct lab_visit {
    struct lab_visit *next, *prev;
    struct lab_server_run *server;
    struct io_stream *stream;
    struct io_timer timer, idle_timer;
    uint64_t id;
    struct ip client;
    enum lab_mode mode;
    enum lab_then then;
    bool dead; /* closed; freed when the callback returns */
    struct buffer in, out;
    size_t out_at;
    bool fresh; /* the first byte of what is in `in` came after our last answer */
    bool previous_may_be_followed; /* by a pipelined command (RFC 2920) */
    bool greeted, hello, extended, tls, smtputf8, in_transaction, mail_was_refused, said_quit,
        counted;
    char helo[256], sender[512], domain[256]; /* domain: of the first RCPT of the transaction */
    unsigned rcpts, unknowns, transaction_rcpts, rcpts_after_limit;
    uint64_t last_rcpt_ms, unknown_limit_ms;
    /* habits set by behaviours */
    uint64_t drip_ms;
    uint64_t idle_ms;
    struct slice idle_reply;
    bool splits, bare_lf, loses_pipelined, loses_line, is_careless, gathers, is_hasty;
    struct slice flood;
};

/* One thing to answer: the greeting or a command. */
struct lab_turn {
    enum lab_stage stage;
    struct slice argument;      /* HELO name, sender, recipient; "" */
    struct slice local, domain; /* of the recipient, lower case */
    bool served;                /* the recipient's domain is ours */
    enum lab_mailbox_state state;
    struct slice mailbox_reply; /* "" for the text of the state */
    /* What is decided: */
    bool settled;
    struct slice reply; /* template */
    struct slice raw;   /* octets as they are, instead of a reply; ptr NULL: none */
    size_t raw_repeat;  /* how often raw is said */
    struct slice extra; /* one more reply that nobody asked for; "" for none */
    bool mute;          /* say nothing */
    uint64_t delay_ms;
    enum lab_then then;
};

/* Listen. NULL and *error on failure. Servers that are `down` have no listener. */
struct lab_server_run *lab_server_start(struct lab_world *world, const struct lab_server *model,
                                        uint16_t port, struct lab_site_run *site,
                                        struct error *error);
/* Closes all visits and listeners, frees. NULL accepted. */
void lab_server_stop(struct lab_server_run *server);

/* For behaviours. What is remembered under a key of this behaviour; NULL: no memory. A new entry
   begins now with count 0. */
struct lab_memory *lab_visit_memory(struct lab_visit *visit, const struct lab_behaviour *behaviour,
                                    struct slice key);
uint64_t lab_visit_now_ms(const struct lab_visit *visit);
void lab_visit_violate(struct lab_visit *visit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The text of a situation: the server's own, its preset's, or the default. */
struct slice lab_server_text(const struct lab_server *server, enum lab_text text);

#endif
