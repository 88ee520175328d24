/*
 * For tests of the resolver: a transport that answers from a script when it is told to, and a clock
 * that stands still until it is moved. One at a time, in `rig`.
 */
#ifndef MK_DNS_RESOLVER_RIG_H
#define MK_DNS_RESOLVER_RIG_H

#include "base/buffer.h"
#include "dns/resolver.h"

struct fake_loop {
    struct io_loop base;
    uint64_t now_ms;
    struct io_timer *timer; /* the resolver has one */
    int start_rc;
};

/*
 * "MX 10 a.example; MX 20 b.example", "CNAME x.example; A 9.9.9.9" (the A is x.example's), "TTL 5"
 * for what follows; or one word for all: NXDOMAIN, NODATA, NOSOA, REFERRAL, SERVFAIL, REFUSED,
 * TIMEOUT, UNREACHABLE, GARBAGE, CUT, OTHER (somebody else's question). A CNAME may be followed by
 * NXDOMAIN or NODATA.
 */
struct row {
    const char *name;
    uint16_t type;
    const char *says;
};

/* Of the transport, not answered yet. */
struct question {
    char name[256];
    uint16_t type;
    dns_transport_done *done;
    void *user;
};

struct fake_transport {
    struct dns_transport base;
    const struct row *rows;
    struct question queue[256];
    size_t count;
    struct buffer log; /* "MX example.org A mx1.example.org ..." */
    bool inside;
};

struct told {
    unsigned calls, empty;
    const struct evidence_domain *facts; /* of the last call, held */
};

extern struct resolver_rig {
    struct fake_loop loop;
    struct fake_transport transport;
    struct dns_resolver *resolver;
    struct told told; /* what came of it */
} rig;

/* Ends with an empty row, as every zone; signed_zone has SPF and DMARC. */
extern const struct row zone[], signed_zone[];

/* A resolver over these answers. options NULL: both families, nothing else. */
void start_with(const struct row *rows, const struct dns_resolver_options *options);
/* The transport outlives the resolver: it ends all questions that are left. */
void finish(void);

/* For rig.told. */
int ask(const char *name);
void on_told(void *user, const struct evidence_domain *facts);
/* Answer the question at `index` of the queue. */
void answer_one(size_t index);
void fire_timer(void);
/* Until there is nothing to answer and no timer. */
void run(void);

/* "mx=found 10:mx1.example=9.9.9.1+2620:fe::1 ..." of the last facts. */
void expect_facts(const char *expected);
/* "MX a.example, A mx.a.example": what was asked since the last time. */
void expect_log(const char *expected);

#endif
