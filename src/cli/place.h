/* Where a service keeps its data, and the store of a command that works on it, or on a history. */
#ifndef MK_CLI_PLACE_H
#define MK_CLI_PLACE_H

#include "cli/command.h"
#include "store/store.h"

/*
 * The URL: of `data` (a folder; NULL: not said), else --history-file, else --store, else of
 * $STATE_DIRECTORY or ./mailknock-data. On the call's arena or borrowed; NULL: no memory.
 */
const char *cli_place(struct cli_call *call, const char *data);

/* `data` (NULL: not said), else $STATE_DIRECTORY, else ./mailknock-data. Borrowed. */
const char *cli_place_folder(const char *data);
/* The URL of a service's own store: of --store, else in its folder. As above. */
const char *cli_place_service(struct cli_call *call, const char *folder);
/* That store, opened. ERROR_NOMEM; the store's errors. */
int cli_place_open(struct cli_call *call, const char *folder, enum store_mode mode,
                   struct store **ret_store, struct error *error);
/* Do both URLs lead to the same file that is there? */
bool cli_place_is_same(const char *left, const char *right);

#endif
