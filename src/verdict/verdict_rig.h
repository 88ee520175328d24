/*
 * For tests: evidence from a few words.
 *
 * Attempts are lines "HOST STAGE SAID", in time order:
 *   "mx1 rcpt 550 5.1.1 No such user"   a reply to the real recipient
 *   "?mx1 rcpt 250 Ok"                  one to a random recipient
 *   "mx2 connect !connect_failed"       a silence, by the outcome's name
 *   "+900 mx1 rcpt 250 Ok"              900 seconds after the one before (otherwise one second)
 * Hosts are written without their domain, ".example.net".
 */
#ifndef MK_VERDICT_VERDICT_RIG_H
#define MK_VERDICT_VERDICT_RIG_H

#include "verdict/verdict.h"

#define RIG_ATTEMPTS_MAX 16
#define RIG_HOSTS_MAX    8

struct rig {
    struct evidence evidence;
    struct evidence_domain domain;
    struct evidence_host hosts[RIG_HOSTS_MAX];
    struct ip ip;
    struct evidence_dns_answer answers[3];
    struct evidence_attempt attempts[RIG_ATTEMPTS_MAX];
    char host_names[RIG_ATTEMPTS_MAX][64];
    char texts[RIG_ATTEMPTS_MAX][SMTP_REPLY_TEXT_MAX];
};

/* A parsed address, no domain facts, SMTP depth, checked on 2026-03-01. */
void rig_init(struct rig *rig, const char *address);
/*
 * DNS in words: a failure or absence by its outcome's name ("nxdomain", "servfail"), "none" (no MX,
 * no address), "null_mx", "implicit", or hosts separated by spaces: "mx1 mx2", each "=dead",
 * "=reserved", "=servfail" or "=ipv6" where it is no good.
 */
void rig_domain(struct rig *rig, const char *words);
void rig_attempts(struct rig *rig, const char *lines);
void rig_provider(struct rig *rig, const char *name);

#endif
