#include "store/memory_note.h"

#include <string.h>

#include "base/memory.h"

struct note {
    struct list_node node;
    struct slice kind, id, body; /* in bytes */
    int64_t until_unix_ms;
    char bytes[];
};

void memory_notes_init(struct memory_notes *notes)
{
    list_init(&notes->list);
}

void memory_notes_done(struct memory_notes *notes)
{
    struct list_node *node;

    while ((node = list_pop(&notes->list)) != NULL)
        memory_free(LIST_ELEMENT(node, struct note, node));
}

/* Bytewise, as SQLite orders them. */
static int compare(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first note of the kind with an id from `id` on, or NULL. */
static struct note *find_from(const struct memory_notes *notes, struct slice kind, struct slice id)
{
    for (struct list_node *node = list_first(&notes->list); node != NULL;
         node = list_after(&notes->list, node)) {
        struct note *note = LIST_ELEMENT(node, struct note, node);

        if (slice_equal(note->kind, kind) && compare(note->id, id) >= 0)
            return note;
    }
    return NULL;
}

static struct slice add_bytes(struct note *note, size_t *at, struct slice from)
{
    struct slice to = slice_from(note->bytes + *at, from.len);

    if (from.len > 0)
        memcpy(note->bytes + *at, from.ptr, from.len);
    *at += from.len;
    return to;
}

/* Before the first note of its kind that comes after it, or at the end. */
static void insert(struct memory_notes *notes, struct note *note)
{
    struct note *next = find_from(notes, note->kind, note->id);

    if (next != NULL)
        list_link(&note->node, next->node.previous, &next->node);
    else
        list_append(&notes->list, &note->node);
}

int memory_notes_put(struct memory_notes *notes, struct slice kind, struct slice id,
                     struct slice body, int64_t until_unix_ms)
{
    struct note *note = memory_zalloc(1, sizeof(*note) + kind.len + id.len + body.len + 1);
    size_t at = 0;

    if (note == NULL)
        return ERROR_NOMEM;
    note->kind = add_bytes(note, &at, kind);
    note->id = add_bytes(note, &at, id);
    note->body = add_bytes(note, &at, body);
    note->until_unix_ms = until_unix_ms;
    memory_notes_remove(notes, kind, id);
    insert(notes, note);
    return 0;
}

int memory_notes_change(struct memory_notes *notes, struct slice kind, struct slice id,
                        struct slice before, struct slice body)
{
    const struct note *note = find_from(notes, kind, id);
    struct slice kept = note != NULL && slice_equal(note->id, id) ? note->body : SLICE_EMPTY;

    if (!slice_equal(kept, before) && !slice_equal(kept, body))
        return 0;
    return memory_notes_put(notes, kind, id, body, 0) == 0 ? 1 : ERROR_NOMEM;
}

int memory_notes_next(const struct memory_notes *notes, struct slice kind, struct slice after,
                      bool inclusive, struct arena *arena, struct slice *ret_id,
                      struct slice *ret_body)
{
    struct note *note = find_from(notes, kind, after);
    struct slice id, body;

    while (note != NULL && !inclusive && slice_equal(note->id, after)) {
        struct list_node *node = list_after(&notes->list, &note->node);

        note = node != NULL ? LIST_ELEMENT(node, struct note, node) : NULL;
        while (note != NULL && !slice_equal(note->kind, kind)) {
            node = list_after(&notes->list, &note->node);
            note = node != NULL ? LIST_ELEMENT(node, struct note, node) : NULL;
        }
    }
    if (note == NULL)
        return 0;
    id = arena_slice(arena, note->id);
    body = arena_slice(arena, note->body);
    if (id.ptr == NULL || body.ptr == NULL)
        return ERROR_NOMEM;
    *ret_id = id;
    *ret_body = body;
    return 1;
}

void memory_notes_remove(struct memory_notes *notes, struct slice kind, struct slice id)
{
    struct note *note = find_from(notes, kind, id);

    if (note == NULL || !slice_equal(note->id, id))
        return;
    list_remove(&note->node);
    memory_free(note);
}

int memory_notes_expire(struct memory_notes *notes, int64_t now_unix_ms, size_t max)
{
    struct list_node *node = list_first(&notes->list);
    int count = 0;

    while (node != NULL && (size_t)count < max) {
        struct note *note = LIST_ELEMENT(node, struct note, node);

        node = list_after(&notes->list, node);
        if (note->until_unix_ms == 0 || note->until_unix_ms > now_unix_ms)
            continue;
        list_remove(&note->node);
        memory_free(note);
        count++;
    }
    return count;
}
