/*
 * The tools of `mailknock mcp`: what they are called, what they take, which call of the HTTP API
 * they make. They know nothing of the protocol that they are called by.
 */
#ifndef MK_CLI_MCP_TOOLS_H
#define MK_CLI_MCP_TOOLS_H

#include <cjson/cJSON.h>
#include <curl/curl.h>

#include "base/buffer.h"
#include "base/json.h"

/* A service that answers; all borrowed. */
struct mcp_api {
    CURL *curl;
    const char *authorization; /* a header with the key */
    const char *base;          /* "http://127.0.0.1:40123" */
};

struct mcp_tool;

/* "tools": [...], each with its JSON Schema. */
void mcp_tools_write(struct json *json);
/* NULL: none of that name. */
const struct mcp_tool *mcp_tool_find(const char *name);
/*
 * Call it. True: `answer` is the API's JSON. False: it says what went wrong: a problem (RFC 9457)
 * of the API, or a sentence. given: an object, or NULL.
 */
bool mcp_tool_call(const struct mcp_tool *tool, struct mcp_api *api, const cJSON *given,
                   struct buffer *answer);

#endif
