/*
 * The configuration that every command shares: who we are, whom to ask, how far and how patiently.
 *
 * From, in rising order: defaults, the configuration file (`--config FILE`, else $MAILKNOCK_CONFIG,
 * else /etc/mailknock/mailknock.conf if it is there), the environment, the command line. A source
 * that gives a list replaces the whole list of the sources below it. Names are those of DESIGN.md
 * section 6. Commands add tables of their own options (cli/command.h).
 */
#ifndef MK_CONFIG_CONFIG_H
#define MK_CONFIG_CONFIG_H

#include "config/option.h"
#include "lists/operator.h"

#define CONFIG_DEFAULT_FILE "/etc/mailknock/mailknock.conf"
#define CONFIG_FILE_MAX     (UINT64_C(1) << 20) /* octets */

enum config_colour {
    CONFIG_COLOUR_AUTO, /* on a terminal, unless NO_COLOR is set */
    CONFIG_COLOUR_ALWAYS,
    CONFIG_COLOUR_NEVER,
};

struct config {
    const char *config_file;       /* --config FILE */
    struct config_list resolvers;  /* --resolver IP[:PORT] ... */
    uint64_t port;                 /* --port N: SMTP */
    struct config_list allow_nets; /* --allow-net CIDR ... */
    const char *helo;              /* --helo NAME; NULL: the host's full name */
    const char *mail_from;         /* --mail-from ADDR; "<>" is the null sender */
    const char *second_mail_from;  /* --second-mail-from ADDR */
    const char *source_ip;         /* --source-ip IP */
    struct config_list egresses;   /* --egress "source-ip=IP helo=NAME ..." ... */
    const char *store;             /* --store URL */
    unsigned depth;                /* --depth syntax|dns|smtp: enum evidence_depth */
    unsigned patience;             /* --patience quick|normal|patient: enum probe_patience */
    uint64_t timeout_ms;           /* --timeout: of one address, greylist waits aside */
    uint64_t connect_timeout_ms;   /* --connect-timeout */
    unsigned tls;                  /* --tls: enum smtp_tls_policy */
    bool catch_all;                /* --catch-all */
    bool pipelining;               /* --pipelining */
    uint64_t connections;          /* --connections: all sites together */
    uint64_t open_cases;           /* --open-cases: addresses in flight */
    bool ipv4, ipv6;               /* --ipv4, --ipv6: families to use */
    /* Stricter limits for every site, doc/POLITENESS.md; 0: the profile's. */
    uint64_t site_connections, site_rcpts, site_per_minute, site_gap_ms;
    bool open_limits; /* --open-limits: the four above replace the profile's; labs only */
    /* The operator's lists: files, doc in lists/operator.h. */
    struct config_list lists[LISTS_OPERATOR_KIND_COUNT]; /* --allow FILE, --opt-out FILE ... */
    struct config_list domain_blocklists;                /* --domain-blocklist ZONE[=CODES] ... */
    struct config_list mx_blocklists;                    /* --mx-blocklist ZONE[=CODES] ... */
    /* What was found out before (history/history.h). */
    bool history;             /* --history */
    bool fresh;               /* --fresh: kept, and not answered from */
    const char *history_file; /* --history-file FILE; NULL: the store, where one is named */
    uint64_t positive_expire_ms, positive_refresh_ms, negative_expire_ms, negative_refresh_ms;
    uint64_t bounce_ms;     /* --bounce-time */
    uint64_t history_bytes; /* --history-size */
    unsigned colour;        /* --color auto|always|never: enum config_colour */
    uint64_t seed;          /* --seed N: for repeatable runs; 0: a new one each time */
    bool transcripts;       /* no option: the command shows conversations */
    bool heeds_kept_lists;  /* no option: lists kept in store and history_file are heeded too */
};

extern const struct config_table config_common;

/* A table and where its values go; values NULL: a name that others know, passed over. */
struct config_target {
    const struct config_table *table;
    void *values;
};

/*
 * Read file and environment on top of the defaults that the caller has set. A name may stand in
 * several targets and goes to each. `file` NULL: the usual places, and no file is fine; else it
 * must be readable. *ret_file (may be NULL) is what was read, on the arena, or NULL. ERROR_USAGE
 * names file and line, or the variable; unknown names in the file are an error that suggests the
 * nearest known one. ERROR_NOMEM.
 */
int config_load(const struct config_target *targets, size_t target_count, const char *file,
                struct arena *arena, const char **ret_file, struct error *error);

/* The part that is pure: the bytes of a file called `name`. */
int config_read_text(struct slice text, const char *name, const struct config_target *targets,
                     size_t target_count, struct arena *arena, struct error *error);

#endif
