#include "bulk/names.h"

#include "base/error.h"

void bulk_names_init(struct bulk_names *names)
{
    table_init(&names->table, hash_bytes(&names, sizeof(names), 0));
    buffer_init(&names->folded, 0);
}

void bulk_names_done(struct bulk_names *names)
{
    table_done(&names->table);
    buffer_done(&names->folded);
}

/* As it is compared, until the next; false: no memory. */
static bool fold(struct bulk_names *names, struct slice name)
{
    buffer_clear(&names->folded);
    if (!buffer_append_slice(&names->folded, slice_trim(name)))
        return false;
    ascii_lower_bytes(names->folded.ptr, names->folded.len);
    return true;
}

int bulk_names_add(struct bulk_names *names, struct slice name)
{
    if (!fold(names, name))
        return ERROR_NOMEM;
    return table_put(&names->table, buffer_slice(&names->folded), names);
}

int bulk_names_has(struct bulk_names *names, struct slice name)
{
    if (!fold(names, name))
        return ERROR_NOMEM;
    return table_get(&names->table, buffer_slice(&names->folded)) != NULL;
}
