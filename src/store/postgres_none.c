/* A program built without libpq. */
#include "store/store.h"

bool store_has_postgres(void)
{
    return false;
}

int store_postgres_open(const char *url, enum store_mode mode, struct store **ret_store,
                        struct error *error)
{
    return error_set(error, ERROR_USAGE,
                     "this mailknock was built without PostgreSQL (libpq): use a file's name or "
                     "sqlite:PATH, or build it with -Dpostgres=enabled");
}
