/*
 * The lists that come with mailknock: disposable domains and mail hosts, free-mail domains, role
 * and no-reply names. Compiled from data/ into one constant table, embedded in the program.
 *
 * Look-ups neither allocate nor lock. Sources and licences: data/SOURCES.md.
 */
#ifndef MK_LISTS_BUILTIN_H
#define MK_LISTS_BUILTIN_H

#include <stdbool.h>
#include <stddef.h>

#include "address/traits.h"
#include "base/slice.h"

enum lists_class {
    LISTS_DISPOSABLE = 1 << 0, /* a throwaway domain, or below one */
    LISTS_FREE = 1 << 1,       /* a free-mail provider's domain */
    LISTS_ROLE = 1 << 2,       /* a function, not a person */
    LISTS_NO_REPLY = 1 << 3,   /* an address that nobody reads */
    LISTS_PROVIDER = 1 << 4,   /* a popular mail provider's domain, free or not */
};

/*
 * Classes of a lower-case ASCII domain: DISPOSABLE, FREE, PROVIDER. DISPOSABLE also when a parent
 * domain down to the registrable one is listed; the others match exactly.
 */
unsigned lists_domain_classes(struct slice domain);

/* True when mail for a domain with this MX host (lower-case ASCII) goes to a throwaway service. */
bool lists_mx_is_disposable(struct slice host);

/* ROLE and NO_REPLY of a local part, any case; "+tag" and punctuation are seen through. */
unsigned lists_local_classes(struct slice local);
/* The same of one without quotes that was looked at. */
unsigned lists_local_classes_by(const struct address_traits *traits);

/* How many entries the class has, for `mailknock lists`. */
size_t lists_count(enum lists_class list);

#endif
