#include "probe/taken.h"

#include <string.h>

static struct slice domain_on_wire(const struct address *address)
{
    return address->is_literal ? address->domain
                               : slice_from(address->domain_ascii, address->domain_ascii_len);
}

/* An address that its domain tells all of; false: it must be parsed. */
static bool take_plain(const struct probe_engine *engine, struct slice input,
                       struct probe_taken *taken)
{
    size_t local_len = address_plain_local_len(input);
    struct probe_domain *known;
    struct slice name;

    if (local_len == 0 || input.len > ADDRESS_MAX)
        return false;
    name = slice_from(input.ptr + local_len + 1, input.len - local_len - 1);
    known = probe_domain_find(engine, name);
    if (known == NULL || !known->known.is_plain)
        return false;
    taken->wire = input;
    taken->local = slice_from(input.ptr, local_len);
    taken->domain = name;
    taken->memo = (struct address_memo){known->known.address_flags, (uint8_t)local_len};
    taken->needs_smtputf8 = taken->is_literal = false;
    taken->literal.family = 0;
    taken->is_plain = true;
    taken->known = known;
    return true;
}

void probe_take_in(const struct probe_engine *engine, struct slice input,
                   struct probe_taken *ret_taken)
{
    struct address *parsed = &ret_taken->parsed;

    if (take_plain(engine, input, ret_taken))
        return;
    ret_taken->wire = SLICE_EMPTY;
    if (address_parse(input.ptr, input.len, parsed))
        ret_taken->wire = slice_from(ret_taken->room, address_format_wire(parsed, ret_taken->room));
    ret_taken->local = parsed->local;
    ret_taken->domain = domain_on_wire(parsed);
    ret_taken->memo = address_remember(parsed);
    ret_taken->needs_smtputf8 = address_needs_smtputf8(parsed);
    ret_taken->is_literal = parsed->is_literal;
    ret_taken->literal = parsed->literal;
    ret_taken->is_plain = false;
    ret_taken->known = parsed->diagnosis == ADDRESS_VALID && !parsed->is_literal
                           ? probe_domain_find(engine, ret_taken->domain)
                           : NULL;
}

const struct address *probe_taken_address(struct probe_taken *taken)
{
    if (taken->is_plain)
        address_parse_again(taken->wire.ptr, taken->wire.len, taken->memo, &taken->parsed);
    return &taken->parsed;
}
