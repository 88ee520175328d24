/* Each tool is one call of the HTTP API. */
#include "cli/mcp_tools.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#define ANSWER_MAX_BYTES (16u << 20)
#define CALL_S           150                /* longer than verify's longest wait */
#define NUMBER_MAX       9007199254740992.0 /* whole numbers that JSON keeps (RFC 8259 section 6) */
#define VERIFY_MS        20000              /* a caller may ask again */

/* --- the API ---------------------------------------------------------------------------------- */

static size_t receive(char *bytes, size_t size, size_t count, void *user)
{
    struct buffer *answer = user;

    (void)size;
    if (answer->len + count > ANSWER_MAX_BYTES)
        return 0;
    buffer_append(answer, bytes, count);
    return answer->failed ? 0 : count;
}

struct request {
    struct buffer path; /* with the query */
    const char *body;   /* JSON, or NULL: GET */
    const char *file;   /* to upload, or NULL */
    const char *options_json;
};

static void query(struct mcp_api *api, struct buffer *path, const char *name, const cJSON *value)
{
    char *text = cJSON_IsString(value) ? curl_easy_escape(api->curl, value->valuestring, 0) : NULL;
    char separator = slice_find_byte(buffer_slice(path), '?') >= 0 ? '&' : '?';

    if (cJSON_IsString(value) && text != NULL)
        buffer_printf(path, "%c%s=%s", separator, name, text);
    else if (cJSON_IsNumber(value) && fabs(value->valuedouble) < NUMBER_MAX)
        buffer_printf(path, "%c%s=%" PRId64, separator, name, (int64_t)value->valuedouble);
    else if (cJSON_IsBool(value))
        buffer_printf(path, "%c%s=%s", separator, name, cJSON_IsTrue(value) ? "true" : "false");
    curl_free(text);
}

/* The HTTP status; 0 when there was no answer, which `answer` then explains. */
static long ask(struct mcp_api *api, const struct request *request, struct buffer *answer)
{
    struct buffer url;
    curl_mime *form = NULL;
    struct curl_slist *headers = curl_slist_append(NULL, api->authorization);
    CURLcode code;
    long status = 0;

    buffer_init(&url, 0);
    buffer_printf(&url, "%s%.*s", api->base, SLICE_ARG(buffer_slice(&request->path)));
    buffer_append_byte(&url, '\0');
    if (url.failed || headers == NULL) {
        buffer_append_string(answer, "out of memory");
        curl_slist_free_all(headers);
        buffer_done(&url);
        return 0;
    }
    curl_easy_reset(api->curl);
    curl_easy_setopt(api->curl, CURLOPT_URL, url.ptr);
    curl_easy_setopt(api->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(api->curl, CURLOPT_TIMEOUT, (long)CALL_S);
    curl_easy_setopt(api->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(api->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(api->curl, CURLOPT_WRITEDATA, answer);
    if (request->file != NULL) {
        curl_mimepart *part;

        form = curl_mime_init(api->curl);
        part = curl_mime_addpart(form);
        curl_mime_name(part, "options");
        curl_mime_data(part, request->options_json, CURL_ZERO_TERMINATED);
        part = curl_mime_addpart(form);
        curl_mime_name(part, "file");
        curl_mime_filedata(part, request->file);
        curl_easy_setopt(api->curl, CURLOPT_MIMEPOST, form);
    } else if (request->body != NULL) {
        (void)curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, request->body);
    }
    code = curl_easy_perform(api->curl);
    if (code == CURLE_OK) {
        curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &status);
    } else {
        buffer_clear(answer);
        buffer_printf(answer, "mailknock did not answer: %s", curl_easy_strerror(code));
    }
    curl_mime_free(form);
    curl_slist_free_all(headers);
    buffer_done(&url);
    return status;
}

/* --- tools ------------------------------------------------------------------------------------ */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_member(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);

    return cJSON_IsString(value) ? value->valuestring : NULL;
}

/* Each builds the request of its call; false: `problem` says which argument is wrong. */
static bool verify_email(struct mcp_api *api, const cJSON *arguments, struct request *request,
                         const char **problem)
{
    cJSON *wait = cJSON_CreateNumber(VERIFY_MS);

    *problem = "address: the email address to verify";
    buffer_append_string(&request->path, "/v1/verify");
    query(api, &request->path, "address", member(arguments, "address"));
    query(api, &request->path, "depth", member(arguments, "depth"));
    query(api, &request->path, "evidence", member(arguments, "evidence"));
    query(api, &request->path, "timeout_ms", wait);
    cJSON_Delete(wait);
    return text_member(arguments, "address") != NULL;
}

/* Owned by arguments, where it is deleted with them. */
static const char *add_text(cJSON *arguments, const char *name, cJSON *value)
{
    char *text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    cJSON *kept = text != NULL ? cJSON_AddStringToObject(arguments, name, text) : NULL;

    cJSON_Delete(value);
    cJSON_free(text);
    return kept != NULL ? kept->valuestring : NULL;
}

static bool start_list(struct mcp_api *api, const cJSON *arguments, struct request *request,
                       const char **problem)
{
    const cJSON *addresses = member(arguments, "addresses");
    const char *name = text_member(arguments, "name");
    cJSON *options = cJSON_CreateObject(), *body = NULL;

    (void)api;
    buffer_append_string(&request->path, "/v1/lists");
    if (name != NULL)
        cJSON_AddStringToObject(options, "name", name);
    if (cJSON_IsArray(addresses)) {
        body = cJSON_CreateObject();
        cJSON_AddItemToObject(body, "addresses", cJSON_Duplicate(addresses, true));
        cJSON_AddItemToObject(body, "options", options);
        request->body = add_text((cJSON *)arguments, "\x01", body);
        *problem = "out of memory";
        return request->body != NULL;
    }
    request->file = text_member(arguments, "path");
    request->options_json = add_text((cJSON *)arguments, "\x01", options);
    *problem = "addresses (a list of them) or path (of a file that can be read)";
    return request->file != NULL && access(request->file, R_OK) == 0 &&
           request->options_json != NULL;
}

/* "/v1/lists/ID"; an id is digits, so that nothing else of the API can be reached. */
static bool list_path(const cJSON *arguments, struct request *request)
{
    const cJSON *id = member(arguments, "id");
    uint64_t number = 0;

    if (cJSON_IsNumber(id) && id->valuedouble >= 1 && id->valuedouble < NUMBER_MAX)
        number = (uint64_t)id->valuedouble;
    else if (!cJSON_IsString(id) ||
             !slice_to_u64(slice_from_string(id->valuestring), UINT64_MAX, &number))
        return false;
    buffer_printf(&request->path, "/v1/lists/%" PRIu64, number);
    return true;
}

static bool list_status(struct mcp_api *api, const cJSON *arguments, struct request *request,
                        const char **problem)
{
    (void)api;
    *problem = "id: the number that start_list gave";
    return list_path(arguments, request);
}

static bool get_results(struct mcp_api *api, const cJSON *arguments, struct request *request,
                        const char **problem)
{
    static const char *const filters[] = {"status", "reason", "flag",  "provider",
                                          "domain", "text",   "limit", "cursor"};

    *problem = "id: the number that start_list gave";
    if (!list_path(arguments, request))
        return false;
    buffer_append_string(&request->path, "/results");
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        query(api, &request->path, filters[i], member(arguments, filters[i]));
    return true;
}

static bool classify_text(struct mcp_api *api, const cJSON *arguments, struct request *request,
                          const char **problem)
{
    static const char *const names[] = {"reply", "stage", "mx", "provider"};
    cJSON *body = cJSON_CreateObject(), *row = cJSON_CreateObject();

    (void)api;
    *problem = "reply: what the mail server said, with its code";
    buffer_append_string(&request->path, "/v1/classify");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_member(arguments, names[i]) != NULL)
            cJSON_AddStringToObject(row, names[i], text_member(arguments, names[i]));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "replies"), row);
    request->body = add_text((cJSON *)arguments, "\x01", body);
    return text_member(arguments, "reply") != NULL && request->body != NULL;
}

struct parameter {
    const char *name, *type, *words;
    const char *choices; /* "a|b", or NULL */
    bool required;
};

static const struct parameter of_verify[] = {
    {"address", "string", "The email address.", NULL, true},
    {"depth", "string", "How far to go; smtp, the default, asks the mail server itself.",
     "syntax|dns|smtp", false},
    {"evidence", "boolean", "With DNS answers and the SMTP dialogue.", NULL, false},
    {NULL, NULL, NULL, NULL, false},
};
static const struct parameter of_start[] = {
    {"addresses", "array", "The addresses.", NULL, false},
    {"path", "string", "Instead of addresses: a file on this machine.", NULL, false},
    {"name", "string", "What to call the list.", NULL, false},
    {NULL, NULL, NULL, NULL, false},
};
static const struct parameter of_status[] = {
    {"id", "string", "The list's id, from start_list.", NULL, true},
    {NULL, NULL, NULL, NULL, false},
};
static const struct parameter of_results[] = {
    {"id", "string", "The list's id, from start_list.", NULL, true},
    {"status", "string", "Only these, separated by commas.", NULL, false},
    {"reason", "string", "Only these, separated by commas.", NULL, false},
    {"flag", "string", "Only with this flag.", NULL, false},
    {"provider", "string", "Only at this mail operator.", NULL, false},
    {"domain", "string", "Only of this domain.", NULL, false},
    {"text", "string", "Only rows with this text.", NULL, false},
    {"limit", "integer", "How many at most.", NULL, false},
    {"cursor", "string", "Where to go on: next, of the page before.", NULL, false},
    {NULL, NULL, NULL, NULL, false},
};
static const struct parameter of_classify[] = {
    {"reply", "string", "As the server said it: 550 5.1.1 no such user.", NULL, true},
    {"stage", "string", "Where in the dialogue it was said.", "connect|helo|starttls|mail|rcpt",
     false},
    {"mx", "string", "The mail server's name.", NULL, false},
    {"provider", "string", "The mail operator's name.", NULL, false},
    {NULL, NULL, NULL, NULL, false},
};

static const struct mcp_tool {
    const char *name, *description;
    const struct parameter *parameters;
    bool begins; /* something; the others only look */
    bool (*build)(struct mcp_api *api, const cJSON *arguments, struct request *request,
                  const char **problem);
} tools[] = {
    {"verify_email",
     "Tell whether an email address would accept mail, without sending any: status (valid, "
     "invalid, catch_all, do_not_mail, unknown, skipped), reason, score 0-100, action and an "
     "explanation. \"pending\": true means that it is still being asked; call again.",
     of_verify, false, verify_email},
    {"start_list",
     "Begin to verify a list of addresses, given here or in a file (CSV, TSV, text, NDJSON, XLSX). "
     "Gives the list's id; it goes on in the background.",
     of_start, true, start_list},
    {"list_status", "How far a list is: state, counts by status, time left.", of_status, false,
     list_status},
    {"get_results", "Results of a list, a page at a time: next goes into cursor. Filters combine.",
     of_results, false, get_results},
    {"classify_reply",
     "What an SMTP reply means: its class, whether it speaks of the mailbox or of the sender, and "
     "what to do.",
     of_classify, false, classify_text},
};

static void write_parameter(struct json *json, const struct parameter *parameter)
{
    struct slice rest = slice_from_string(parameter->choices), word;

    json_name(json, parameter->name);
    json_object_begin(json);
    json_name_cstring(json, "type", parameter->type);
    json_name_cstring(json, "description", parameter->words);
    if (strcmp(parameter->type, "array") == 0) {
        json_name(json, "items");
        json_raw(json, SLICE("{\"type\":\"string\"}"));
    }
    if (parameter->choices != NULL) {
        json_name(json, "enum");
        json_array_begin(json);
        while (slice_split(&rest, '|', &word))
            json_string(json, word);
        json_array_end(json);
    }
    json_object_end(json);
}

/* JSON Schema of what a tool takes. */
static void write_schema(struct json *json, const struct parameter *parameters)
{
    json_object_begin(json);
    json_name_cstring(json, "type", "object");
    json_name(json, "properties");
    json_object_begin(json);
    for (const struct parameter *p = parameters; p->name != NULL; p++)
        write_parameter(json, p);
    json_object_end(json);
    json_name(json, "required");
    json_array_begin(json);
    for (const struct parameter *p = parameters; p->name != NULL; p++)
        if (p->required)
            json_cstring(json, p->name);
    json_array_end(json);
    json_object_end(json);
}

void mcp_tools_write(struct json *json)
{
    json_name(json, "tools");
    json_array_begin(json);
    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        json_object_begin(json);
        json_name_cstring(json, "name", tools[i].name);
        json_name_cstring(json, "description", tools[i].description);
        json_name(json, "inputSchema");
        write_schema(json, tools[i].parameters);
        json_name(json, "annotations");
        json_object_begin(json);
        json_name_bool(json, "readOnlyHint", !tools[i].begins);
        json_name_bool(json, "destructiveHint", false);
        json_name_bool(json, "openWorldHint", true);
        json_object_end(json);
        json_object_end(json);
    }
    json_array_end(json);
}

const struct mcp_tool *mcp_tool_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(tools); i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

bool mcp_tool_call(const struct mcp_tool *tool, struct mcp_api *api, const cJSON *given,
                   struct buffer *answer)
{
    cJSON *arguments = cJSON_IsObject(given) ? cJSON_Duplicate(given, true) : cJSON_CreateObject();
    struct request request = {.body = NULL};
    const char *problem = "arguments";
    long status = 0;

    buffer_init(&request.path, 0);
    if (arguments != NULL && tool->build(api, arguments, &request, &problem))
        status = ask(api, &request, answer);
    else
        buffer_printf(answer, "%s wants %s", tool->name, problem);
    buffer_done(&request.path);
    cJSON_Delete(arguments);
    return status >= 200 && status <= 299;
}
