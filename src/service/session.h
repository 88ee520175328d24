/*
 * Who is at the page: sessions behind a cookie, and strangers who guess at keys.
 *
 * Signing in with a key makes a session of some hours; the page never keeps the key. Somebody who
 * shows wrong keys again and again is answered 429 for a while, by address; right keys pass. Both
 * tables are bounded.
 */
#ifndef MK_SERVICE_SESSION_H
#define MK_SERVICE_SESSION_H

#include "base/ip.h"
#include "base/list.h"
#include "base/table.h"
#include "service/key.h"

#define SERVICE_SESSION_SIZE 33 /* characters of the cookie, and NUL */

struct service_sessions {
    struct table by_token; /* by hash of the cookie */
    struct list list;      /* oldest first */
};

void service_sessions_open(struct service_sessions *sessions, uint64_t seed);
void service_sessions_close(struct service_sessions *sessions);
/* ERROR_NOMEM. */
int service_session_make(struct service_sessions *sessions, uint64_t key_id, uint64_t now_ms,
                         char ret_token[SERVICE_SESSION_SIZE]);
/* The key's id; 0: no such session, or it is over. */
uint64_t service_session_find(struct service_sessions *sessions, struct slice token,
                              uint64_t now_ms);
void service_session_end(struct service_sessions *sessions, struct slice token);

struct service_strangers {
    struct table by_ip;
    struct list list;
};

void service_strangers_open(struct service_strangers *strangers, uint64_t seed);
void service_strangers_close(struct service_strangers *strangers);
/* A wrong key was shown. */
void service_stranger_failed(struct service_strangers *strangers, const struct ip *ip,
                             uint64_t now_ms);
/* Seconds to wait before the next try; 0: go on. */
uint32_t service_stranger_wait_s(const struct service_strangers *strangers, const struct ip *ip,
                                 uint64_t now_ms);

#endif
