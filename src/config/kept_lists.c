#include "config/kept_lists.h"

struct slice kept_lists_text(struct slice kept)
{
    return slice_starts_with(kept, SLICE("\xef\xbb\xbf")) ? slice_from_offset(kept, 3) : kept;
}

int kept_lists_read(struct store *store, enum lists_operator_kind kind, struct arena *arena,
                    struct slice *ret_text, struct error *error)
{
    int code = store_note_get(store, KEPT_LISTS_NOTE, lists_operator_kind_name(kind), arena,
                              ret_text, error);

    if (code == ERROR_NOT_FOUND) {
        *ret_text = SLICE_EMPTY;
        return 0;
    }
    if (code == 0)
        *ret_text = kept_lists_text(*ret_text);
    return code;
}

int kept_lists_add(struct store *store, struct lists_operator *lists, struct error *error)
{
    struct slice text;
    struct arena arena;
    int code = 0;

    arena_init(&arena);
    for (unsigned i = 0; i < LISTS_OPERATOR_KIND_COUNT && code == 0; i++) {
        enum lists_operator_kind kind = (enum lists_operator_kind)i;

        code = kept_lists_read(store, kind, &arena, &text, error);
        if (code == 0)
            code = lists_operator_load(lists, kind, text, error);
    }
    arena_done(&arena);
    return code;
}

int kept_lists_add_from(const char *url, struct lists_operator *lists, struct error *error)
{
    struct store *store = NULL;
    int code = store_open(url, STORE_MODE_NOTES, &store, error);

    if (code == ERROR_NOT_FOUND)
        return 0;
    if (code == 0)
        code = kept_lists_add(store, lists, error);
    store_close(store);
    return code;
}

int kept_lists_stamp(struct store *store, uint64_t *ret_stamp, struct error *error)
{
    return store_notes_mark(store, KEPT_LISTS_NOTE, ret_stamp, error);
}
