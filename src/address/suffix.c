/* The Public Suffix List, as far as we need it: see suffix.h. */
#include "address/suffix.h"

#include <libpsl.h>
#include <string.h>

#include "address/address.h"

struct slice address_registrable_domain(struct slice ascii_domain)
{
    char name[ADDRESS_DOMAIN_MAX + 1];
    const char *found;

    /* libpsl reads C strings and takes empty labels as they come; both are ours to refuse. */
    if (ascii_domain.len == 0 || ascii_domain.len > ADDRESS_DOMAIN_MAX ||
        memchr(ascii_domain.ptr, '\0', ascii_domain.len) != NULL || ascii_domain.ptr[0] == '.' ||
        ascii_domain.ptr[ascii_domain.len - 1] == '.' || slice_find(ascii_domain, SLICE("..")) >= 0)
        return SLICE_EMPTY;
    memcpy(name, ascii_domain.ptr, ascii_domain.len);
    name[ascii_domain.len] = '\0';
    ascii_lower_bytes(name, ascii_domain.len);
    /* psl_builtin returns a pointer to static data: no handle to keep, safe from any thread. */
    found = psl_registrable_domain(psl_builtin(), name);
    if (found == NULL)
        return SLICE_EMPTY;
    return slice_from_offset(ascii_domain, (size_t)(found - name));
}
