/*
 * A `mailknock serve` of one's own: a child on a loopback port, with a key for as long as both run.
 *
 * It ends with us, whatever ends us. Common options go on to it.
 */
#ifndef MK_CLI_MCP_SERVICE_H
#define MK_CLI_MCP_SERVICE_H

#include <sys/types.h>

#include "cli/command.h"
#include "service/key.h"

struct mcp_service {
    struct cli_call *call;
    const char *data;        /* its folder, or NULL: the user's own state */
    const char *base;        /* "http://127.0.0.1:40123" */
    char authorization[256]; /* a header with the key */
    pid_t child;             /* 0: none */
    struct store *store;
    struct service_keys keys;
    uint64_t key_id;
};

/* An exit status; on failure it was said why. mcp_service_stop is due in either case. */
int mcp_service_start(struct mcp_service *own);
/* Ends the child, when it has saved what is under way, and takes the key back. */
void mcp_service_stop(struct mcp_service *own);

#endif
