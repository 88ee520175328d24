/* What SQL knows of places: place() and pack_places(). */
#include "store/sqlite_internal.h"

static void place_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct sqlite_store *store = sqlite3_user_data(context);
    struct error error = {0};
    uint64_t at = 0;
    int code;

    (void)argc;
    code = sqlite_places_find(store, (uint64_t)sqlite3_value_int64(argv[0]),
                              (uint64_t)sqlite3_value_int64(argv[1]), &at, &error);
    if (code == 0 && at != 0) {
        sqlite3_result_int64(context, (int64_t)place_number(at));
    } else if (code != 0) {
        sqlite3_result_error(context, error.message, -1);
        sqlite3_result_error_code(context, code == ERROR_FORMAT  ? SQLITE_CORRUPT
                                           : code == ERROR_NOMEM ? SQLITE_NOMEM
                                                                 : SQLITE_IOERR);
    }
}

/* pack_places(row, seq, reason): the chunk that these rows of one make. */
static void pack_step(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    char *chunk = sqlite3_aggregate_context(context, PLACE_CHUNK_BYTES);
    uint64_t row = (uint64_t)sqlite3_value_int64(argv[0]);

    (void)argc;
    if (chunk == NULL)
        sqlite3_result_error_nomem(context);
    else
        place_write(
            chunk, (row - 1) % PLACE_CHUNK_ROWS,
            place_at((uint64_t)sqlite3_value_int64(argv[1]), (unsigned)sqlite3_value_int(argv[2])));
}

static void pack_end(sqlite3_context *context)
{
    char *chunk = sqlite3_aggregate_context(context, PLACE_CHUNK_BYTES);

    if (chunk == NULL)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_blob(context, chunk, PLACE_CHUNK_BYTES, SQLITE_TRANSIENT);
}

int sqlite_places_register(struct sqlite_store *store)
{
    int result = sqlite3_create_function(store->db, "place", 2, SQLITE_UTF8, store, place_function,
                                         NULL, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_create_function(store->db, "pack_places", 3, SQLITE_UTF8, store, NULL,
                                         pack_step, pack_end);
    return result;
}
