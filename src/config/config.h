/*
 * The configuration that every command shares: who we are, whom to ask, how far and how patiently.
 *
 * From, in rising order: defaults, the configuration file (`--config FILE`, else $MAILKNOCK_CONFIG,
 * else /etc/mailknock/mailknock.conf if it is there), the environment, the command line. Names are
 * those of DESIGN.md section 6. Commands add tables of their own options (cli/command.h).
 */
#ifndef MK_CONFIG_CONFIG_H
#define MK_CONFIG_CONFIG_H

#include "config/option.h"

struct config {
    const char *config_file;        /* --config FILE */
    struct config_list resolvers;   /* --resolver IP[:PORT] ... */
    uint64_t port;                  /* --port N: SMTP */
    struct config_list allow_nets;  /* --allow-net CIDR ... */
    const char *helo;               /* --helo NAME; default: the host's full name */
    const char *mail_from;          /* --mail-from ADDR; "<>" is the null sender */
    const char *second_mail_from;   /* --second-mail-from ADDR */
    const char *source_ip;          /* --source-ip IP */
    const char *store;              /* --store URL */
    unsigned depth;                 /* --depth syntax|dns|smtp: enum evidence_depth */
    unsigned patience;              /* --patience quick|normal|patient: enum probe_patience */
    uint64_t timeout_ms;            /* --timeout: of one address, greylist waits aside */
    uint64_t connect_timeout_ms;    /* --connect-timeout */
    unsigned tls;                   /* --tls: enum smtp_tls_policy */
    bool catch_all;                 /* --catch-all */
    bool pipelining;                /* --pipelining */
    uint64_t connections;           /* --connections: all sites together */
    uint64_t open_cases;            /* --open-cases: addresses in flight */
    bool ipv4, ipv6;                /* --ipv4, --ipv6: families to use */
    /* Stricter limits for every site, doc/POLITENESS.md; 0: the profile's. */
    uint64_t site_connections, site_rcpts, site_per_minute, site_gap_ms;
    bool open_limits;               /* --open-limits: the four above replace the profile's; labs only */
    /* The operator's lists: files, doc in lists/operator.h. */
    struct config_list lists[8];    /* by enum lists_operator_kind: --allow FILE, --opt-out FILE ... */
    const char *colour;             /* --color auto|always|never */
    uint64_t seed;                  /* --seed N: for repeatable runs */
};

extern const struct config_table config_common;

/*
 * Read file and environment into *config on top of the defaults. `file` NULL: the usual places, and
 * no file is fine; else it must be readable. ERROR_USAGE names file and line. `extra` (may be NULL)
 * is the table of a command whose options may stand in the file too, with `extra_values`. Unknown
 * names in the file are an error that suggests the nearest known one.
 */
int config_load(struct config *config, const char *file, const struct config_table *extra,
                void *extra_values, struct arena *arena, struct error *error);

#endif
