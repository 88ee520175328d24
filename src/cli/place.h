/* Where the store of a command that works on a service's data, or on a history, is. */
#ifndef MK_CLI_PLACE_H
#define MK_CLI_PLACE_H

#include "cli/command.h"

/*
 * The URL: of `data` (a folder; NULL: not said), else --history-file, else --store, else of
 * $STATE_DIRECTORY or ./mailknock-data. On the call's arena or borrowed; NULL: no memory.
 */
const char *cli_place(struct cli_call *call, const char *data);

#endif
