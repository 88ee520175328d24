/*
 * `mailknock mcp`: the service as tools for a language model (Model Context Protocol, JSON-RPC 2.0
 * a line on standard input and output).
 *
 * A thin client of the HTTP API and nothing more: it starts `mailknock serve` as a child on a
 * loopback port that nobody else knows, with a key that is taken back at the end, or talks to a
 * service that runs already (--server). One call at a time, each bounded in time.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "cli/mcp_service.h"
#include "cli/mcp_tools.h"

#define LINE_MAX_BYTES (16u << 20) /* of one message: a list of some hundred thousand addresses */

/* JSON-RPC 2.0 section 5.1 */
#define RPC_PARSE_ERROR      (-32700)
#define RPC_INVALID_REQUEST  (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS   (-32602)

struct mcp_options {
    const char *server, *api_key, *data;
};

struct mcp {
    struct cli_call *call;
    struct mcp_api api;
    struct mcp_service service; /* of our own, or only where one is and its key */
};

/* --- the protocol ----------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(value) ? value->valuestring : NULL;
}

static void write_id(struct json *json, const cJSON *id)
{
    const char *string = cJSON_GetStringValue(id);
    double number = cJSON_GetNumberValue(id); /* NAN where it is none */

    json_name(json, "id");
    if (string != NULL)
        json_cstring(json, string);
    else if (fabs(number) < 9007199254740992.0)
        json_int(json, (int64_t)number);
    else
        json_null(json);
}

static void begin(struct json *json, struct buffer *out, const cJSON *id)
{
    json_init(json, out);
    json_object_begin(json);
    json_name_cstring(json, "jsonrpc", "2.0");
    write_id(json, id);
}

static void write_error(struct buffer *out, const cJSON *id, int code, const char *message)
{
    struct json json;

    begin(&json, out, id);
    json_name(&json, "error");
    json_object_begin(&json);
    json_name_int(&json, "code", code);
    json_name_cstring(&json, "message", message);
    json_object_end(&json);
    json_object_end(&json);
}

/* As text for every client, as an object for those that read it. */
static void write_result(struct json *json, struct slice answer, bool is_error)
{
    json_name(json, "content");
    json_array_begin(json);
    json_object_begin(json);
    json_name_cstring(json, "type", "text");
    json_name_string(json, "text", answer);
    json_object_end(json);
    json_array_end(json);
    if (!is_error && slice_starts_with(answer, SLICE("{"))) {
        json_name(json, "structuredContent");
        json_raw(json, slice_trim(answer));
    }
    json_name_bool(json, "isError", is_error);
}

static void call_tool(struct mcp *mcp, const cJSON *params, const cJSON *id, struct buffer *out)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(params, "name");
    const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(params, "arguments");
    const struct mcp_tool *tool = cJSON_IsString(name) ? mcp_tool_find(name->valuestring) : NULL;
    struct buffer answer;
    struct json json;
    bool is_error;

    if (tool == NULL) {
        write_error(out, id, RPC_INVALID_PARAMS, "there is no such tool; see tools/list");
        return;
    }
    buffer_init(&answer, 0);
    is_error = !mcp_tool_call(tool, &mcp->api, arguments, &answer);
    begin(&json, out, id);
    json_name(&json, "result");
    json_object_begin(&json);
    write_result(&json, buffer_slice(&answer), is_error);
    json_object_end(&json);
    json_object_end(&json);
    out->failed |= answer.failed;
    buffer_done(&answer);
}

static void initialize(const cJSON *params, const cJSON *id, struct buffer *out)
{
    static const char *const versions[] = {"2025-06-18", "2025-03-26", "2024-11-05"};
    const char *wanted = text_of(params, "protocolVersion"), *version = versions[0];
    struct json json;

    for (size_t i = 0; wanted != NULL && i < ARRAY_LEN(versions); i++)
        if (strcmp(versions[i], wanted) == 0)
            version = versions[i];
    begin(&json, out, id);
    json_name(&json, "result");
    json_object_begin(&json);
    json_name_cstring(&json, "protocolVersion", version);
    json_name(&json, "capabilities");
    json_raw(&json, SLICE("{\"tools\":{}}"));
    json_name(&json, "serverInfo");
    json_object_begin(&json);
    json_name_cstring(&json, "name", "mailknock");
    json_name_cstring(&json, "version", MK_VERSION);
    json_object_end(&json);
    json_name_cstring(&json, "instructions",
                      "Verdicts are honest: unknown and catch_all mean that nobody can tell from "
                      "outside, not that an address is bad. Only invalid is proven undeliverable.");
    json_object_end(&json);
    json_object_end(&json);
}

/* One message; `out` stays empty where none is due (notifications). */
static void answer_message(struct mcp *mcp, const cJSON *message, struct buffer *out)
{
    const char *method = text_of(message, "method");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(message, "id"),
                *params = cJSON_GetObjectItemCaseSensitive(message, "params");
    struct json json;

    if (!cJSON_IsObject(message) || (method == NULL && id == NULL)) {
        write_error(out, NULL, RPC_INVALID_REQUEST, "a JSON-RPC request is an object");
    } else if (method == NULL || id == NULL) {
        return; /* an answer to nothing of ours, or a notification */
    } else if (strcmp(method, "initialize") == 0) {
        initialize(params, id, out);
    } else if (strcmp(method, "tools/call") == 0) {
        call_tool(mcp, params, id, out);
    } else if (strcmp(method, "tools/list") == 0 || strcmp(method, "ping") == 0) {
        begin(&json, out, id);
        json_name(&json, "result");
        json_object_begin(&json);
        if (method[0] == 't')
            mcp_tools_write(&json);
        json_object_end(&json);
        json_object_end(&json);
    } else {
        write_error(out, id, RPC_METHOD_NOT_FOUND, "there is no such method");
    }
}

/* False: nobody reads any more. */
static bool answer_line(struct mcp *mcp, const char *line, size_t len)
{
    cJSON *message = cJSON_ParseWithLength(line, len);
    struct buffer out;
    bool written = true;

    buffer_init(&out, 0);
    if (message != NULL)
        answer_message(mcp, message, &out);
    else
        write_error(&out, NULL, RPC_PARSE_ERROR, "not JSON");
    if (out.len > 0) {
        buffer_append_byte(&out, '\n');
        written = cli_print(mcp->call, &out) == CLI_EXIT_OK && fflush(mcp->call->out) == 0;
    }
    buffer_done(&out);
    cJSON_Delete(message);
    return written;
}

/* Until standard input ends. A line that is too long ends it: what follows can't be trusted. */
static int converse(struct mcp *mcp)
{
    struct buffer line;
    int c, status = CLI_EXIT_OK;

    buffer_init(&line, 0);
    while ((c = getc(stdin)) != EOF) {
        if (c != '\n') {
            buffer_append_byte(&line, (char)c);
            if (line.failed || line.len > LINE_MAX_BYTES) {
                status = cli_fail(mcp->call, CLI_EXIT_USAGE, "a message of more than %u bytes",
                                  LINE_MAX_BYTES);
                break;
            }
            continue;
        }
        if (slice_trim(buffer_slice(&line)).len > 0 && !answer_line(mcp, line.ptr, line.len))
            break;
        buffer_clear(&line);
    }
    buffer_done(&line);
    return status;
}

/* --- the command ----------------------------------------------------------------------------- */

static int use_server(struct mcp *mcp)
{
    const struct mcp_options *options = mcp->call->options;
    struct slice url = slice_from_string(options->server);

    if (options->api_key == NULL)
        return cli_fail(
            mcp->call, CLI_EXIT_USAGE,
            "--server wants a key too: MAILKNOCK_API_KEY, with scopes verify and lists");
    if (slice_ends_with(url, SLICE("/")))
        url.len--;
    mcp->service.base = arena_string(mcp->call->arena, url);
    snprintf(mcp->service.authorization, sizeof(mcp->service.authorization),
             "Authorization: Bearer %s", options->api_key);
    return mcp->service.base != NULL ? CLI_EXIT_OK
                                     : cli_fail(mcp->call, CLI_EXIT_USAGE, "out of memory");
}

static int run(struct cli_call *call)
{
    const struct mcp_options *options = call->options;
    struct mcp mcp = {
        .call = call,
        .api.curl = curl_easy_init(),
        .service = {.call = call, .data = options->data},
    };
    int status;

    if (mcp.api.curl == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    status = options->server != NULL ? use_server(&mcp) : mcp_service_start(&mcp.service);
    if (status == CLI_EXIT_OK) {
        mcp.api.base = mcp.service.base;
        mcp.api.authorization = mcp.service.authorization;
        status = converse(&mcp);
    }
    mcp_service_stop(&mcp.service);
    curl_easy_cleanup(mcp.api.curl);
    return status;
}

#define AT(member) .offset = offsetof(struct mcp_options, member)

static const struct config_option rows[] = {
    {.name = "server",
     .type = CONFIG_TEXT,
     AT(server),
     .value_name = "URL",
     .group = "Service",
     .command_line_only = true,
     .help = "A mailknock service that runs already. Default: one is started for as long as this "
             "runs."},
    {.name = "api-key",
     .type = CONFIG_TEXT,
     AT(api_key),
     .value_name = "KEY",
     .group = "Service",
     .secret = true,
     .help =
         "Its API key. Put it into the environment (MAILKNOCK_API_KEY), not on the command line, "
         "where others can read it."},
    {.name = "data",
     .type = CONFIG_TEXT,
     AT(data),
     .value_name = "FOLDER",
     .group = "Service",
     .help = "Where the started service keeps its lists. Default: $STATE_DIRECTORY, else mailknock "
             "below the user's state folder."},
};

const struct cli_command cli_mcp = {
    .name = "mcp",
    .arguments = "",
    .summary = "tools for language models (Model Context Protocol)",
    .details =
        "Speaks the protocol on standard input and output: verify_email, start_list, "
        "list_status, get_results, classify_reply. A program that knows MCP servers is told "
        "this command; nothing else is to be set up.\n"
        "\n"
        "  {\"mcpServers\": {\"mailknock\": {\"command\": \"mailknock\", \"args\": [\"mcp\"]}}}\n",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct mcp_options),
    .uses_common = true,
    .arguments_max = 0,
    .run = run,
};
