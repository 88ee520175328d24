/*
 * Single addresses on request: asked once, remembered a while, and asked on in the background when
 * whoever wanted to know could not wait.
 *
 * Results are kept in memory under a ceiling of bytes, the least recently used go first. How long
 * one is good: proven ones (valid, catch-all) longer than refusals, and what is unknown only so
 * long that somebody who could not wait finds the answer. The same address under way is joined.
 */
#ifndef MK_SERVICE_VERIFIER_H
#define MK_SERVICE_VERIFIER_H

#include "base/list.h"
#include "base/table.h"
#include "config/prober.h"
#include "http/server.h"

struct service_verifier_options {
    size_t bytes_max;    /* of kept results; 0: 64 MiB */
    uint64_t proven_ms;  /* valid, catch_all, do_not_mail; 0: 24 h */
    uint64_t refused_ms; /* invalid; 0: 2 h */
    uint64_t unknown_ms; /* 0: 1 min */
};

/* A result as it is kept. */
struct service_verified {
    enum verdict_status status;
    enum verdict_reason reason;
    uint32_t flags;
    struct slice json;     /* one object; source: live or cache */
    struct slice evidence; /* the same with the evidence */
    /* Of one that is remembered: room for an answer made of its json, freed with it. NULL: none. */
    struct http_answer **again;
};

struct service_question {
    struct list_node node;
    struct io_timer timer;
    uint64_t asker; /* whose question it is: for `late` */
    /* Once: what was found, or, `pending`, what is known now. Valid for the call. */
    void (*answered)(struct service_question *question, const struct service_verified *verified,
                     bool pending);
};

struct service_verifier {
    struct prober *prober;
    struct service_verifier_options options;
    struct table entries; /* by depth and address */
    struct list used;     /* finished ones, oldest first */
    struct list open;     /* under way */
    size_t bytes;
    uint64_t hits, misses;
    /* The answer came to a question that was told `pending`: whose those were (the first few).
       NULL: nobody wants to know. */
    void (*late)(void *user, const uint64_t *askers, size_t count,
                 const struct service_verified *verified);
    void *late_user;
};

void service_verifier_open(struct service_verifier *verifier, struct prober *prober,
                           const struct service_verifier_options *options);
/* Questions that wait are forgotten without an answer; the engines must be closed afterwards. */
void service_verifier_close(struct service_verifier *verifier);

/*
 * Ask. The answer may come during this call. timeout_ms 0: answer at once what is known. fresh: not
 * from memory. ERROR_BUSY: too many are under way; ERROR_NOMEM; then there is no answer.
 */
int service_verifier_ask(struct service_verifier *verifier, struct slice address,
                         enum evidence_depth depth, bool fresh, uint64_t timeout_ms,
                         struct service_question *question);
/* Whoever asked went away. The probe goes on. */
void service_verifier_forget(struct service_question *question);
/* Drop what is kept of an address (erasure). */
void service_verifier_erase(struct service_verifier *verifier, struct slice address);
/*
 * Drop everything that is kept: the operator's lists changed, and an entry of a domain or a mail
 * host concerns addresses that can't be told by it. What is under way is told and not kept.
 */
void service_verifier_forget_all(struct service_verifier *verifier);

#endif
