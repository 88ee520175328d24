/*
 * What a scenario says of those who visit it: its `set` and `list` lines, checked and made ready.
 *
 * Most settings are options of mailknock under the same name, so that a run on the virtual clock,
 * one on real sockets and one by hand (lab/loopback.h prints them) behave alike. Where a scenario
 * says nothing, visitors ask as far as SMTP, wait for nothing (`patience normal`), and may reach
 * 127.0.0.0/8 and ::1 only.
 */
#ifndef MK_LAB_SETUP_H
#define MK_LAB_SETUP_H

#include "base/buffer.h"
#include "lab/scenario.h"
#include "probe/engine.h"

#define LAB_SETUP_NETWORKS_MAX   16
#define LAB_SETUP_BLOCKLISTS_MAX 4

struct lab_setup {
    struct probe_settings settings; /* the port is the world's: set it */
    struct ip_network networks[LAB_SETUP_NETWORKS_MAX];
    size_t network_count;
    struct dns_blocklist blocklists[LAB_SETUP_BLOCKLISTS_MAX]; /* for the resolver */
    size_t blocklist_count;
    struct lists_operator *lists; /* NULL: the scenario names no entries */
    bool real;                    /* short enough to be run on real sockets */
    bool split;                   /* the virtual network may cut replies into pieces */
};

/* A setting that scenarios know: NULL past the end. */
struct lab_setting_kind {
    const char *name;
    const char *values;  /* "quick|normal|patient", "TIME", ... */
    bool is_option;      /* of mailknock, in configuration files too */
    const char *summary; /* for doc/LAB.md and `mailknock lab settings` */
};
const struct lab_setting_kind *lab_setting_at(size_t index);

/* Is "set NAME VALUE" understood? NULL, or why not: static. */
const char *lab_setting_fault(struct slice name, struct slice value);
/* Is "list KIND" understood? "opt-out" and "opt_out" are the same. */
bool lab_list_kind(struct slice kind, enum lists_operator_kind *ret_kind);

/*
 * *setup borrows from the scenario. ERROR_FORMAT for an entry of a list that is neither address nor
 * domain; ERROR_NOMEM. On failure *setup is as after lab_setup_done.
 */
int lab_setup_init(struct lab_setup *setup, const struct lab_scenario *scenario,
                   struct error *error);
void lab_setup_done(struct lab_setup *setup);

/*
 * The options that make mailknock behave so, one "name = value" a line, or as words of a command
 * line (" --name value", quoted for a shell). A failure shows in out->failed.
 */
void lab_setup_write(struct buffer *out, const struct lab_scenario *scenario, bool for_shell);

#endif
