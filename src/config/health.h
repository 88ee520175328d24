/*
 * Health: what only the operator can mend, seen while it happens.
 *
 * Refusals of us, a closed port, a resolver that is silent or that block lists refuse, a ledger
 * that cannot be written: judged by how the counts of engine and resolver grew since a mark. One
 * judgement for every face; `clean` says it at the end, `serve` shows, logs and counts it.
 */
#ifndef MK_CONFIG_HEALTH_H
#define MK_CONFIG_HEALTH_H

#include "config/prober.h"

#define HEALTH_ALARMS(X)                                                                           \
    X(REFUSED, "refused",                                                                          \
      "Mail servers refuse us, not the mailboxes. Look at the reputation and the reverse DNS of "  \
      "the address that you probe from before you go on. See: mailknock doctor")                   \
    X(PORT, "port_25",                                                                             \
      "Not one mail server could be reached: connections to their port seem to be blocked from "   \
      "here, so nothing is said about these addresses. See: mailknock doctor")                     \
    X(RESOLVER, "resolver",                                                                        \
      "No DNS resolver answers, so nothing is said about these addresses. See --resolver, and: "   \
      "mailknock doctor")                                                                          \
    X(BLOCKLIST, "blocklist",                                                                      \
      "A block list refuses to answer the resolver, so nothing is looked up there: ask through a " \
      "resolver of your own, or register with the list.")                                          \
    X(LEDGER, "ledger",                                                                            \
      "The file in which connections are noted before they are made (its name ends in -opened) "   \
      "cannot be written, so mail servers are not asked meanwhile. See whether its disk is full "  \
      "or read-only: it goes on by itself when the file can be written again.")

enum health_alarm {
#define X(symbol, code, text) HEALTH_##symbol,
    HEALTH_ALARMS(X)
#undef X
    HEALTH_ALARM_COUNT,
};

const char *health_alarm_code(enum health_alarm alarm); /* snake_case */
const char *health_alarm_text(enum health_alarm alarm); /* for people */

/* How things stood at some moment; all zero: at the start. */
struct health_mark {
    struct probe_counts probe;
    struct dns_resolver_counts dns;
};
void health_mark_take(const struct prober *prober, struct health_mark *ret_mark);

/* Bits 1 << enum health_alarm of what grew between the marks. Pure. */
unsigned health_judge(const struct health_mark *since, const struct health_mark *now);

#endif
