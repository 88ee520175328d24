#include "cli/place.h"

#include <stdlib.h>
#include <sys/stat.h>

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

const char *cli_place_service(struct cli_call *call, const char *folder)
{
    return call->config->store != NULL ? call->config->store : database_in(call, folder);
}

bool cli_place_is_same(const char *left, const char *right)
{
    const char *left_path = store_url_path(left), *right_path = store_url_path(right);
    struct stat left_is, right_is;

    return left_path != NULL && right_path != NULL && stat(left_path, &left_is) == 0 &&
           stat(right_path, &right_is) == 0 && left_is.st_dev == right_is.st_dev &&
           left_is.st_ino == right_is.st_ino;
}

int cli_place_open(struct cli_call *call, const char *folder, enum store_mode mode,
                   struct store **ret_store, struct error *error)
{
    const char *url = cli_place_service(call, folder);

    if (url == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    return store_open(url, mode, ret_store, error);
}
