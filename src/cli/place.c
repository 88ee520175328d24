#include "cli/place.h"

#include <stdlib.h>

const char *cli_place(struct cli_call *call, const char *data)
{
    const char *state = getenv("STATE_DIRECTORY");

    if (data == NULL && call->config->history_file != NULL)
        return call->config->history_file;
    if (data == NULL && call->config->store != NULL)
        return call->config->store;
    if (data == NULL)
        data = state != NULL && state[0] != '\0' ? state : "mailknock-data";
    return arena_printf(call->arena, "sqlite:%s/mailknock.db", data);
}
