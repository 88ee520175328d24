/*
 * A scenario as data: what its text said, ready to be acted out. Plain structures on one arena,
 * never changed after parsing; what happens at run time is kept by world.c and server.c.
 */
#ifndef MK_LAB_MODEL_H
#define MK_LAB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ip.h"
#include "base/slice.h"
#include "base/table.h"
#include "lab/scenario.h"
#include "lab/text.h"

/* --- names ----------------------------------------------------------------------------------- */

struct lab_record {
    struct lab_record *next;
    uint16_t type; /* DNS_TYPE_... */
    uint32_t ttl_s;
    uint16_t preference; /* MX */
    const char *target;  /* MX, CNAME, PTR: NUL-terminated; "." for the null MX */
    struct slice text;   /* TXT */
    struct ip ip;        /* A, AAAA */
};

enum lab_fault_kind {
    LAB_FAULT_NONE,
    LAB_FAULT_SERVFAIL,
    LAB_FAULT_REFUSED,
    LAB_FAULT_NXDOMAIN,
    LAB_FAULT_NOTIMP,
    LAB_FAULT_TIMEOUT,  /* never answered */
    LAB_FAULT_GARBAGE,  /* octets that are no message */
    LAB_FAULT_TRUNCATE, /* by UDP only TC; whole by TCP and in the simulated world */
    LAB_FAULT_POINTERS, /* names of answers whose compression pointers lead in a circle */
    LAB_FAULT_NAMES,    /* names with bytes that no host name has */
    LAB_FAULT_CROWD,    /* as many records as a message holds, by TCP some thousands */
};

struct lab_fault {
    struct lab_fault *next;
    uint16_t type; /* 0: every type */
    enum lab_fault_kind kind;
    uint64_t delay_ms;
};

struct lab_name {
    struct lab_name *next;
    struct slice name; /* lower-case, no trailing dot; "*.example" is a wildcard */
    uint32_t ttl_s;
    struct lab_record *records, *last_record;
    struct lab_fault *faults;
};

/* --- servers --------------------------------------------------------------------------------- */

#define LAB_MAILBOX_STATES(X)                                                                      \
    X(OK, "ok", RCPT)                                                                              \
    X(UNKNOWN, "unknown", UNKNOWN)                                                                 \
    X(FULL, "full", FULL)                                                                          \
    X(DISABLED, "disabled", DISABLED)                                                              \
    X(MOVED, "moved", MOVED)                                                                       \
    X(RESTRICTED, "restricted", RESTRICTED)                                                        \
    X(THROTTLED, "throttled", THROTTLED)                                                           \
    X(TEMPORARY, "temporary", TEMPORARY)                                                           \
    X(FORWARDS, "forwards", FORWARDS)                                                              \
    X(UNVERIFIED, "unverified", UNVERIFIED)                                                        \
    X(NEVER, "never", RCPT) /* accepted, but naming it is a violation */

enum lab_mailbox_state {
#define X(symbol, name, text) LAB_MAILBOX_##symbol,
    LAB_MAILBOX_STATES(X)
#undef X
    LAB_MAILBOX_STATE_COUNT,
};

struct lab_mailbox {
    struct lab_mailbox *next; /* among the patterns */
    struct slice prefix;      /* of a pattern "user*": what it must begin with */
    enum lab_mailbox_state state;
    struct slice reply; /* "" for the text of the state */
};

struct lab_behaviour_kind;

struct lab_behaviour {
    struct lab_behaviour *next;
    const struct lab_behaviour_kind *kind;
    unsigned stages; /* 1 << enum lab_stage */
    uint64_t span_ms;
    uint64_t count;
    struct slice word;
    struct slice reply;
    unsigned index; /* within its server: the key of what it remembers */
};

struct lab_site {
    struct lab_site *next;
    struct slice name;
    /* Limits; 0: none. */
    unsigned connections, per_minute, rcpts_per_session, rcpts_per_transaction,
        unknowns_per_session;
    uint64_t gap_ms;
};

enum lab_offer {
    LAB_OFFER_PIPELINING = 1 << 0,
    LAB_OFFER_STARTTLS = 1 << 1,
    LAB_OFFER_SMTPUTF8 = 1 << 2,
    LAB_OFFER_8BITMIME = 1 << 3,
    LAB_OFFER_SIZE = 1 << 4,
    LAB_OFFER_ENHANCED = 1 << 5,
    LAB_OFFER_CHUNKING = 1 << 6,
    LAB_OFFER_DSN = 1 << 7,
    LAB_OFFER_AUTH = 1 << 8,
};

struct lab_word_list {
    struct lab_word_list *next;
    struct slice word;
};

struct lab_preset;

struct lab_server {
    struct lab_server *next;
    struct slice host;
    const char *host_string;
    struct ip *ips;
    size_t ip_count;
    const struct lab_site *site;     /* or NULL */
    const struct lab_preset *preset; /* or NULL */
    unsigned offers;
    bool offers_set;
    struct lab_word_list *serves; /* domains beside those whose MX leads here */
    struct table mailboxes;       /* "alice" or "alice@example.com", lower case: lab_mailbox */
    struct lab_mailbox *patterns;
    struct slice texts[LAB_TEXT_COUNT]; /* ptr NULL: not set */
    struct lab_behaviour *behaviours, *last_behaviour;
    unsigned behaviour_count;
    unsigned line;
};

/* --- the whole ------------------------------------------------------------------------------- */

struct lab_setting {
    struct lab_setting *next;
    struct slice name, value;
};

struct lab_list_entry {
    struct lab_list_entry *next;
    struct slice kind, entry;
};

struct lab_expectation_node {
    struct lab_expectation_node *next;
    struct lab_expectation expectation;
};

struct lab_scenario {
    struct arena arena;
    struct table names; /* lab_name, wildcards under "*.parent" */
    struct table inner; /* empty non-terminals: names that exist only because others lie below */
    struct lab_name *first_name, *last_name;
    struct lab_server *servers, *last_server;
    struct lab_site *sites;
    struct lab_setting *settings, *last_setting; /* in the order of the file */
    struct lab_list_entry *lists, *last_list;
    struct lab_expectation_node *expectations, *last_expectation;
    const struct lab_expectation **expectation_index;
    size_t expectation_count;
};

/* The node that answers for a name (lower case), by wildcard too; NULL: there is none. */
const struct lab_name *lab_scenario_name(const struct lab_scenario *scenario, struct slice name);
/* True when the name exists without records of its own. */
bool lab_scenario_is_inner(const struct lab_scenario *scenario, struct slice name);
/* True when mail for the domain comes to this server: by `serves`, by MX, or by implicit MX. */
bool lab_scenario_serves(const struct lab_scenario *scenario, const struct lab_server *server,
                         struct slice domain);
/* What a server knows of a recipient; NULL: nothing. Lower-case local part and domain. */
const struct lab_mailbox *lab_server_mailbox(const struct lab_server *server, struct slice local,
                                             struct slice domain);

#endif
