/*
 * What the halves of the simulated loop share: sim_loop.c has clock and timers, sim_stream.c the
 * network. Nobody else includes this.
 */
#ifndef MK_LAB_SIM_INTERNAL_H
#define MK_LAB_SIM_INTERNAL_H

#include "base/heap.h"
#include "base/random.h"
#include "base/table.h"
#include "lab/sim_loop.h"

#define SIM_CONTAINER(type, member, pointer)                                                       \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct sim_event {
    struct heap_node node; /* first: the heap gives it back; key: SIM_WHEN and a tie-breaker */
    void (*run)(struct sim_event *event);
};

/* A key is milliseconds and, below them, who comes first among equals. */
#define SIM_TIES      256
#define SIM_WHEN(key) ((key) / SIM_TIES)

/* What was said of an address. */
struct sim_place {
    enum lab_sim_fate fate;
    uint32_t latency_ms; /* one way; 0: the plan's */
};

struct sim_stream;
struct sim_listener;

struct sim_loop {
    struct io_loop base;
    struct lab_sim_plan plan;
    struct random random;
    struct heap events;
    uint64_t now_ms;
    int64_t wall_ms; /* the wall clock's lead over now_ms */
    bool stopped;
    void (*happened)(void *user);
    void *happened_user;
    uint16_t next_port;
    struct table listeners; /* by address and port */
    struct table places;    /* by address */
    struct lab_sim_counts counts;
};

/* 0 or ERROR_NOMEM; an event that waits already is moved. */
int sim_event_schedule(struct sim_loop *loop, struct sim_event *event, uint64_t at_ms);
void sim_event_cancel(struct sim_loop *loop, struct sim_event *event);
uint64_t sim_latency(struct sim_loop *loop);
/* NULL: nothing was said of the address. */
const struct sim_place *sim_place_of(const struct sim_loop *loop, const struct ip *ip);

#define SIM_KEY_SIZE 19
/* The key of an endpoint in the tables; of an address with port 0. */
struct slice sim_key(const struct ip *ip, uint16_t port, char key[SIM_KEY_SIZE]);

int sim_connect(struct io_loop *loop, const struct io_endpoint *from, const struct io_endpoint *to,
                const struct io_stream_events *events, void *user, struct io_stream **ret_stream,
                struct error *error);
int sim_listen(struct io_loop *loop, const struct io_endpoint *at,
               void (*accepted)(void *user, struct io_stream *stream), void *user,
               struct io_listener **ret_listener, struct error *error);
void sim_listener_close(struct io_listener *listener);
struct io_endpoint sim_listener_endpoint(const struct io_listener *listener);
int sim_stream_write(struct io_stream *stream, const char *bytes, size_t len);
int sim_stream_start_tls(struct io_stream *stream, const char *server_name);
void sim_stream_close(struct io_stream *stream);
void sim_stream_reset(struct io_stream *stream);
void sim_stream_pause(struct io_stream *stream, bool paused);
struct io_endpoint sim_stream_peer(const struct io_stream *stream);
void sim_stream_set_events(struct io_stream *stream, const struct io_stream_events *events,
                           void *user);

#endif
