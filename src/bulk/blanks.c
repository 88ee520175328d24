#include "bulk/blanks.h"

#include "base/error.h"

void bulk_blanks_init(struct bulk_blanks *blanks)
{
    for (size_t i = 0; i < BULK_BLANKS_RUNS; i++)
        buffer_init(&blanks->runs[i].raw, 0);
    bulk_blanks_drop(blanks);
}

void bulk_blanks_done(struct bulk_blanks *blanks)
{
    for (size_t i = 0; i < BULK_BLANKS_RUNS; i++)
        buffer_done(&blanks->runs[i].raw);
}

void bulk_blanks_drop(struct bulk_blanks *blanks)
{
    blanks->first = blanks->end = 0;
}

int bulk_blanks_hold(struct bulk_blanks *blanks, struct slice raw, const struct bulk_csv_row *row,
                     uint64_t line)
{
    struct buffer *copy;
    size_t end = blanks->end;

    if (end > 0 && slice_equal(raw, buffer_slice(&blanks->runs[end - 1].raw))) {
        blanks->runs[end - 1].count++;
        return 1;
    }
    if (end == BULK_BLANKS_RUNS)
        return 0;
    copy = &blanks->runs[end].raw;
    buffer_clear(copy);
    if (!buffer_append_slice(copy, raw))
        return ERROR_NOMEM;
    blanks->runs[end].row = *row;
    if (row->has_cell && raw.len > 0)
        blanks->runs[end].row.cell.ptr = copy->ptr + (row->cell.ptr - raw.ptr);
    blanks->runs[end].count = 1;
    blanks->runs[end].line = line;
    blanks->end++;
    return 1;
}

bool bulk_blanks_take(struct bulk_blanks *blanks, struct slice *ret_raw,
                      struct bulk_csv_row *ret_row, uint64_t *ret_line)
{
    size_t first = blanks->first;

    if (first == blanks->end)
        return false;
    *ret_raw = buffer_slice(&blanks->runs[first].raw);
    *ret_row = blanks->runs[first].row;
    *ret_line = blanks->runs[first].line++;
    if (--blanks->runs[first].count == 0 && ++blanks->first == blanks->end)
        bulk_blanks_drop(blanks);
    return true;
}
