/*
 * "Did you mean": the domain that a mistyped one was most likely meant to be.
 *
 * Never corrects a domain that is real: the caller tells which are (free-mail lists, its own
 * domains, domains that have MX records). The method is a repair of junk, a table of mistyped top
 * level domains that are not delegated, and a weighted restricted Damerau-Levenshtein distance to
 * a table of popular domains (data/popular_domains.tsv).
 */
#ifndef MK_ADDRESS_SUGGEST_H
#define MK_ADDRESS_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "address/address.h"
#include "base/slice.h"

struct suggest_world {
    /* True when this lower-case ASCII domain is known to be real. NULL: none is known. */
    bool (*is_real)(void *context, struct slice domain);
    void *context;
    /*
     * True when the domain to mend is known to take mail (it has MX records). Then it is left
     * alone, unless it is a listed typo-squat (data/typo_squats.txt), which takes others' mail.
     */
    bool has_mail_server;
};

/*
 * domain: as the user wrote it, ASCII, any case, possibly not even a domain ("gmail,com"). Writes
 * the mended lower-case domain, NUL-terminated, and returns true; false when there is nothing to
 * suggest. The suggestion never equals the input.
 */
bool suggest_domain(struct slice domain, const struct suggest_world *world,
                    char out[ADDRESS_DOMAIN_MAX + 1]);

/*
 * The same for a whole address, also one that does not parse: outer space trimmed, junk around it
 * removed ("<a@b.com>", "mailto:"), what is one address said twice is that address, the domain
 * mended. Returns the length written (NUL-terminated) or 0. What it writes always parses as an
 * address.
 */
size_t suggest_address(struct slice address, const struct suggest_world *world,
                       char out[ADDRESS_WIRE_SIZE]);

#endif
