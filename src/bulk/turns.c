#include "bulk/turns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/heap.h"
#include "base/memory.h"
#include "bulk/spool.h"

#define RUN_ENTRIES  32768
#define READ_ENTRIES 256 /* of a run, at once */

struct entry {
    uint64_t row;
    uint64_t turn; /* 32 bits; the whole width, so that no byte of the file is left unset */
};

/* A sorted piece of all entries, read from the file or where it was sorted. */
struct run {
    struct heap_node node;
    uint64_t offset, left; /* in the file: the next byte, entries still to read */
    const struct entry *entries;
    size_t at, count;
    struct entry *buffer; /* READ_ENTRIES of room; NULL: not from the file */
};

struct bulk_turns {
    int fd; /* -1: no run was written */
    uint64_t written;
    struct entry *entries; /* the run that is being filled */
    size_t count;
    struct run *runs;
    size_t run_count;
    struct heap heap; /* of runs with something left, by the turn of its first */
    bool is_settled;
};

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory to sort the list");
}

struct bulk_turns *bulk_turns_new(void)
{
    struct bulk_turns *turns = memory_zalloc(1, sizeof(*turns));

    if (turns == NULL)
        return NULL;
    turns->fd = -1;
    heap_init(&turns->heap);
    turns->entries = memory_zalloc(RUN_ENTRIES, sizeof(*turns->entries));
    if (turns->entries == NULL) {
        bulk_turns_free(turns);
        return NULL;
    }
    return turns;
}

void bulk_turns_free(struct bulk_turns *turns)
{
    if (turns == NULL)
        return;
    if (turns->fd >= 0)
        close(turns->fd);
    for (size_t i = 0; i < turns->run_count; i++)
        memory_free(turns->runs[i].buffer);
    memory_free(turns->runs);
    memory_free(turns->entries);
    heap_done(&turns->heap);
    memory_free(turns);
}

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->turn != b->turn)
        return a->turn < b->turn ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* One more place among the runs; NULL: no memory. */
static struct run *add_run(struct bulk_turns *turns)
{
    struct run *runs = memory_resize(turns->runs, turns->run_count + 1, sizeof(*runs));

    if (runs == NULL)
        return NULL;
    turns->runs = runs;
    runs[turns->run_count] = (struct run){.left = 0};
    return &runs[turns->run_count++];
}

static int write_run(struct bulk_turns *turns, struct error *error)
{
    struct slice bytes =
        slice_from((const char *)turns->entries, turns->count * sizeof(*turns->entries));
    struct run *run;
    int code = turns->fd >= 0 ? 0 : bulk_spool_unnamed(&turns->fd, error);

    if (code != 0)
        return code;
    run = add_run(turns);
    if (run == NULL)
        return no_memory(error);
    run->offset = turns->written;
    run->left = turns->count;
    code = bulk_spool_write(turns->fd, NULL, bytes, error);
    turns->written += bytes.len;
    turns->count = 0;
    return code;
}

int bulk_turns_add(struct bulk_turns *turns, uint32_t turn, uint64_t row, struct error *error)
{
    CHECK(!turns->is_settled);
    if (turns->count == RUN_ENTRIES) {
        int code;

        qsort(turns->entries, turns->count, sizeof(*turns->entries), compare);
        code = write_run(turns, error);
        if (code != 0)
            return code;
    }
    turns->entries[turns->count++] = (struct entry){.row = row, .turn = turn};
    return 0;
}

/* --- merging -------------------------------------------------------------------------------- */

/* The next entries of a run from the file; none is left: run->at == run->count. */
static int fill(struct bulk_turns *turns, struct run *run, struct error *error)
{
    size_t wanted = run->left < READ_ENTRIES ? (size_t)run->left : READ_ENTRIES;
    size_t size = wanted * sizeof(*run->buffer), len = 0;

    run->at = run->count = 0;
    while (len < size) {
        ssize_t part =
            pread(turns->fd, (char *)run->buffer + len, size - len, (off_t)(run->offset + len));

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            return error_set(error, ERROR_IO, "temporary file: reading failed: %s",
                             part < 0 ? strerror(errno) : "it ends too soon");
        len += (size_t)part;
    }
    run->entries = run->buffer;
    run->count = wanted;
    run->left -= wanted;
    run->offset += size;
    return 0;
}

/* Into the heap, if something is left. Of equal turns the earlier run has the lower rows. */
static int enter(struct bulk_turns *turns, struct run *run, struct error *error)
{
    uint64_t index = (uint64_t)(run - turns->runs);
    int code = run->at == run->count && run->left > 0 ? fill(turns, run, error) : 0;

    if (code != 0 || run->at == run->count)
        return code;
    return heap_push(&turns->heap, &run->node, run->entries[run->at].turn << 32 | index) == 0
               ? 0
               : no_memory(error);
}

int bulk_turns_settle(struct bulk_turns *turns, struct error *error)
{
    struct run *last = add_run(turns);
    int code = 0;

    CHECK(!turns->is_settled);
    if (last == NULL)
        return no_memory(error);
    turns->is_settled = true;
    qsort(turns->entries, turns->count, sizeof(*turns->entries), compare);
    last->entries = turns->entries;
    last->count = turns->count;
    for (size_t i = 0; code == 0 && i < turns->run_count; i++) {
        struct run *run = &turns->runs[i];

        if (run->left > 0) {
            run->buffer = memory_zalloc(READ_ENTRIES, sizeof(*run->buffer));
            if (run->buffer == NULL)
                return no_memory(error);
        }
        code = enter(turns, run, error);
    }
    return code;
}

int bulk_turns_next(struct bulk_turns *turns, uint32_t *ret_turn, uint64_t *ret_row,
                    struct error *error)
{
    struct heap_node *node = heap_pop(&turns->heap);
    struct run *run = (struct run *)node;
    int code;

    CHECK(turns->is_settled);
    if (node == NULL)
        return 0;
    *ret_turn = (uint32_t)run->entries[run->at].turn;
    *ret_row = run->entries[run->at++].row;
    code = enter(turns, run, error);
    return code == 0 ? 1 : code;
}
