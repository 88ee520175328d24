#include "cli/place.h"

#include <stdlib.h>

const char *cli_place_folder(const char *data)
{
    const char *state = getenv("STATE_DIRECTORY");

    if (data != NULL)
        return data;
    return state != NULL && state[0] != '\0' ? state : "mailknock-data";
}

static const char *database_in(struct cli_call *call, const char *folder)
{
    return arena_printf(call->arena, "sqlite:%s/mailknock.db", folder);
}

const char *cli_place(struct cli_call *call, const char *data)
{
    if (data == NULL && call->config->history_file != NULL)
        return call->config->history_file;
    if (data == NULL && call->config->store != NULL)
        return call->config->store;
    return database_in(call, cli_place_folder(data));
}

int cli_place_open(struct cli_call *call, const char *folder, enum store_mode mode,
                   struct store **ret_store, struct error *error)
{
    const char *url = call->config->store;

    if (url == NULL)
        url = database_in(call, folder);
    if (url == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    return store_open(url, mode, ret_store, error);
}
