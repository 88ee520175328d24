/*
 * What consumer providers let a local part be, and when two spellings are one mailbox.
 *
 * Rows in data/mailbox_rules.tsv. The canonical key is for de-duplication only: never send to it.
 */
#ifndef MK_PROVIDER_MAILBOX_H
#define MK_PROVIDER_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "address/address.h"
#include "address/traits.h"
#include "base/slice.h"
#include "provider/profile.h"

#define PROVIDER_KEY_SIZE ADDRESS_WIRE_SIZE

/*
 * The rules of a domain, found once for the many mailboxes of it. They live for ever. A domain
 * whose own are not known may be one that has the user's name in front: "anna.fastmail.com".
 */
struct mailbox_rule;
struct provider_mailbox_rules {
    const struct mailbox_rule *own;    /* or NULL */
    const struct mailbox_rule *parent; /* of the domain behind the first label; NULL beside own */
};
/* domain: lower case. */
struct provider_mailbox_rules provider_mailbox_rules_of(struct slice domain);

/*
 * Why this local part can't be a mailbox at this consumer domain: a static English sentence, or
 * NULL when it can (or the domain has no rules). domain: lower case. Only rules that the provider
 * enforces on every account that exists, so that an old account is never called impossible.
 */
const char *provider_mailbox_breach(struct slice local, struct slice domain);
const char *provider_mailbox_breach_of(struct slice local,
                                       const struct provider_mailbox_rules *rules);
/* Of one without quotes that was looked at. */
const char *provider_mailbox_breach_by(const struct address_traits *traits,
                                       const struct provider_mailbox_rules *rules);

/*
 * The canonical key of an accepted address: domain as A-label, local part folded as its provider
 * does. profile: of the domain's MX, for hosted domains (NULL: only what the domain itself tells).
 * Returns the length.
 */
size_t provider_mailbox_key(const struct address *address, const struct provider_profile *profile,
                            char out[PROVIDER_KEY_SIZE]);
/* rules: of the address's domain, or NULL where the caller does not have them. */
size_t provider_mailbox_key_of(const struct address *address,
                               const struct provider_mailbox_rules *rules,
                               const struct provider_profile *profile, char out[PROVIDER_KEY_SIZE]);
/* The same without a profile, of what an address was parsed into: its parts, as for the wire. */
size_t provider_mailbox_spelling(struct slice local, struct slice domain,
                                 char out[PROVIDER_KEY_SIZE]);

/*
 * True when the local part carries a tag ("user+tag") in the way this domain understands; where
 * that is not known, when it looks like one. Only for a flag: nothing is cut on a guess.
 */
bool provider_mailbox_is_subaddress(struct slice local, struct slice domain,
                                    const struct provider_profile *profile);
bool provider_mailbox_is_subaddress_of(struct slice local,
                                       const struct provider_mailbox_rules *rules,
                                       const struct provider_profile *profile);
/* Of one without quotes that was looked at. */
bool provider_mailbox_is_subaddress_by(const struct address_traits *traits,
                                       const struct provider_mailbox_rules *rules,
                                       const struct provider_profile *profile);

#define PROVIDER_MAILBOX_WORDS 320

/*
 * In words, what is known of local parts at a consumer domain: which can exist, and which spellings
 * are one mailbox. Into ret_names and ret_folds; "" where nothing is known. False when the domain
 * has no row.
 */
bool provider_mailbox_words(struct slice domain, char ret_names[PROVIDER_MAILBOX_WORDS],
                            char ret_folds[PROVIDER_MAILBOX_WORDS]);

#endif
