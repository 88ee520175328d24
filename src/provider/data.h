/*
 * The tables that tools/compile-providers makes of data/providers.tsv and data/mailbox_rules.tsv.
 *
 * For src/provider alone. Names are sorted bytewise, shorter first, for provider_find_name.
 */
#ifndef MK_PROVIDER_DATA_H
#define MK_PROVIDER_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "provider/profile.h"

struct provider_name {
    const char *name;
    uint16_t len;
    uint16_t row;
};

/* How spellings of one mailbox fold together (data/mailbox_rules.tsv, column 6). */
enum mailbox_fold {
    MAILBOX_FOLD_LOWER = 1 << 0,
    MAILBOX_FOLD_DOTS = 1 << 1,        /* dots don't count */
    MAILBOX_FOLD_SEPARATORS = 1 << 2,  /* nor do "_" and "-" */
    MAILBOX_FOLD_PLUS = 1 << 3,        /* cut at "+" */
    MAILBOX_FOLD_DASH = 1 << 4,        /* "base-keyword" is an alias; not folded */
    MAILBOX_FOLD_DOT_IS_DASH = 1 << 5, /* "a-b" is "a.b" */
    MAILBOX_FOLD_SUBDOMAIN = 1 << 6,   /* x@user.domain is user@domain */
};

struct mailbox_rule {
    uint16_t provider;
    bool has_chars;
    const char *chars; /* allowed beside ASCII letters and digits */
    uint16_t least, most;
    unsigned folds;
    const char *key_domain; /* "": the address's own */
    const char *says_chars;
    const char *says_length;
};

extern const struct provider_profile provider_rows[];
extern const size_t provider_row_count;
extern const struct provider_name provider_names[]; /* as many as rows */
extern const struct provider_name provider_mx_names[];
extern const size_t provider_mx_name_count;
extern const struct provider_name provider_mx_wildcards[];
extern const size_t provider_mx_wildcard_count;

extern const struct mailbox_rule mailbox_rules[];
extern const struct provider_name mailbox_domains[];
extern const size_t mailbox_domain_count;
extern const struct provider_name mailbox_hosted[]; /* by the name of a profile */
extern const size_t mailbox_hosted_count;

/* The entry of exactly this name, or NULL. */
const struct provider_name *provider_find_name(const struct provider_name *names, size_t count,
                                               struct slice name);
/* The rule of a consumer domain, or NULL. */
const struct mailbox_rule *mailbox_rule_of_domain(struct slice domain);

#endif
