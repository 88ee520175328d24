/* Notes in PostgreSQL. */
#include "store/postgres_internal.h"

int postgres_note_put(struct store *base, const char *kind, const char *id, struct slice body,
                      int64_t until_unix_ms, struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_bytes(&params, slice_from_string(kind));
    postgres_bind_bytes(&params, slice_from_string(id));
    postgres_bind_bytes(&params, body);
    postgres_bind_int(&params, until_unix_ms);
    code = postgres_store_do(postgres_store_of(base), POSTGRES_NOTE_PUT, &params, NULL,
                             "keep a note", error);
    postgres_params_done(&params);
    return code;
}

int postgres_note_change(struct store *base, const char *kind, const char *id, struct slice before,
                         struct slice body, struct error *error)
{
    struct postgres_params params;
    int64_t changed;

    postgres_params_init(&params);
    postgres_bind_bytes(&params, slice_from_string(kind));
    postgres_bind_bytes(&params, slice_from_string(id));
    postgres_bind_bytes(&params, body);
    if (before.len > 0)
        postgres_bind_bytes(&params, before);
    changed = postgres_store_change(postgres_store_of(base),
                                    before.len > 0 ? POSTGRES_NOTE_CHANGE : POSTGRES_NOTE_ADD,
                                    &params, "change a note", error);
    postgres_params_done(&params);
    return (int)changed;
}

int postgres_note_next(struct store *base, const char *kind, struct slice after, bool inclusive,
                       struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                       struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_bytes(&params, slice_from_string(kind));
    postgres_bind_bytes(&params, after);
    code = postgres_store_do(postgres_store_of(base),
                             inclusive ? POSTGRES_NOTE_FROM : POSTGRES_NOTE_NEXT, &params, &answer,
                             "read a note", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    if (PQntuples(answer) > 0) {
        struct slice id = arena_slice(arena, postgres_bytes(answer, 0, 0));
        struct slice body = arena_slice(arena, postgres_bytes(answer, 0, 1));

        if (id.ptr == NULL || body.ptr == NULL) {
            code = error_set(error, ERROR_NOMEM, "no memory to read a note");
        } else {
            *ret_id = id;
            *ret_body = body;
            code = 1;
        }
    }
    PQclear(answer);
    return code;
}

int postgres_notes_mark(struct store *base, const char *kind, uint64_t *ret_mark,
                        struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_bytes(&params, slice_from_string(kind));
    code = postgres_store_do(postgres_store_of(base), POSTGRES_NOTES_MARK, &params, &answer,
                             "look at notes", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    *ret_mark = (uint64_t)postgres_int(answer, 0, 0);
    PQclear(answer);
    return 0;
}

int postgres_note_remove(struct store *base, const char *kind, const char *id, struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_bytes(&params, slice_from_string(kind));
    postgres_bind_bytes(&params, slice_from_string(id));
    code = postgres_store_do(postgres_store_of(base), POSTGRES_NOTE_REMOVE, &params, NULL,
                             "remove a note", error);
    postgres_params_done(&params);
    return code;
}

int postgres_note_expire(struct store *base, int64_t now_unix_ms, size_t max, struct error *error)
{
    struct postgres_params params;
    int64_t gone;

    postgres_params_init(&params);
    postgres_bind_int(&params, now_unix_ms);
    postgres_bind_int(&params, (int64_t)max);
    gone = postgres_store_change(postgres_store_of(base), POSTGRES_NOTE_EXPIRE, &params,
                                 "remove old notes", error);
    postgres_params_done(&params);
    return (int)gone;
}
