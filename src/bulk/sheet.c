#include "bulk/sheet.h"

#include <stddef.h>

int bulk_sheet_open(const char *path, const char *sheet_name, struct bulk_sheet **ret_sheet,
                    struct error *error)
{
    return error_set(error, ERROR_FORMAT, "%s: XLSX can't be read yet; save it as CSV", path);
}

int bulk_sheet_open_source(struct bulk_source *source, const char *name, const char *sheet_name,
                           struct bulk_sheet **ret_sheet, struct error *error)
{
    return bulk_sheet_open(name, sheet_name, ret_sheet, error);
}

void bulk_sheet_close(struct bulk_sheet *sheet)
{
}

const char *bulk_sheet_name(const struct bulk_sheet *sheet)
{
    return "";
}

int bulk_sheet_next(struct bulk_sheet *sheet, struct slice *ret_raw, uint64_t *ret_line,
                    struct error *error)
{
    return 0;
}

int bulk_sheet_rewind(struct bulk_sheet *sheet, struct error *error)
{
    return 0;
}

uint64_t bulk_sheet_offset(const struct bulk_sheet *sheet)
{
    return 0;
}

uint64_t bulk_sheet_size(const struct bulk_sheet *sheet)
{
    return 0;
}
