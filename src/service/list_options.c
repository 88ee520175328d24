#include "service/list_options.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"

#define RETENTION_DAYS_MAX 36500

static const char *const dedupes[] = {"off", "exact", "mailbox"};
static const char *const depths[] = {"syntax", "dns", "smtp"};
static const char *const patiences[] = {"quick", "normal", "patient"};

void service_list_options_init(struct service_list_options *options,
                               const struct probe_settings *settings)
{
    *options = (struct service_list_options){
        .has_header = -1,
        .dedupe = BULK_DEDUPE_MAILBOX,
        .wish = {settings->depth, settings->patience},
        .start = true,
    };
}

static int read_text(const cJSON *object, const char *name, struct arena *arena,
                     const char **ret_text, struct error *error)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (member == NULL || cJSON_IsNull(member))
        return 0;
    if (!cJSON_IsString(member) || strlen(member->valuestring) > 1000)
        return error_set(error, ERROR_USAGE, "\"%s\" must be a string", name);
    *ret_text = arena_string(arena, slice_from_string(member->valuestring));
    return *ret_text != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
}

static int read_choice(const cJSON *object, const char *name, const char *const choices[3],
                       unsigned *ret_index, struct error *error)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (member == NULL || cJSON_IsNull(member))
        return 0;
    for (unsigned i = 0; cJSON_IsString(member) && i < 3; i++) {
        if (strcmp(member->valuestring, choices[i]) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    return error_set(error, ERROR_USAGE, "\"%s\" must be %s, %s or %s", name, choices[0],
                     choices[1], choices[2]);
}

static int read_choices(struct service_list_options *options, const cJSON *object,
                        struct error *error)
{
    unsigned dedupe = options->dedupe, depth = options->wish.depth;
    unsigned patience = options->wish.patience;
    int code = read_choice(object, "dedupe", dedupes, &dedupe, error);

    if (code == 0)
        code = read_choice(object, "depth", depths, &depth, error);
    if (code == 0)
        code = read_choice(object, "patience", patiences, &patience, error);
    options->dedupe = (enum bulk_dedupe)dedupe;
    options->wish.depth = (enum evidence_depth)depth;
    options->wish.patience = (enum probe_patience)patience;
    return code;
}

static int read_rest(struct service_list_options *options, const cJSON *object, struct error *error)
{
    const cJSON *header = cJSON_GetObjectItemCaseSensitive(object, "header");
    const cJSON *start = cJSON_GetObjectItemCaseSensitive(object, "start");
    const cJSON *days = cJSON_GetObjectItemCaseSensitive(object, "retention_days");

    if (cJSON_IsBool(header))
        options->has_header = cJSON_IsTrue(header) ? 1 : 0;
    else if (header != NULL && !cJSON_IsNull(header))
        return error_set(error, ERROR_USAGE, "\"header\" must be true, false or null");
    if (cJSON_IsBool(start))
        options->start = cJSON_IsTrue(start);
    else if (start != NULL && !cJSON_IsNull(start))
        return error_set(error, ERROR_USAGE, "\"start\" must be true or false");
    if (cJSON_IsNumber(days) && days->valuedouble >= 0 && days->valuedouble <= RETENTION_DAYS_MAX)
        options->retention_days = (uint32_t)days->valuedouble;
    else if (days != NULL && !cJSON_IsNull(days))
        return error_set(error, ERROR_USAGE, "\"retention_days\" must be from 0 to %d",
                         RETENTION_DAYS_MAX);
    return 0;
}

static int check_names(const cJSON *object, struct error *error)
{
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        struct slice known = SLICE(SERVICE_LIST_MEMBERS), word;
        bool is_known = false;

        while (!is_known && slice_split(&known, ',', &word))
            is_known = slice_equal(word, slice_from_string(member->string));
        if (!is_known)
            return error_set(error, ERROR_USAGE,
                             "\"%.60s\" is no option of a list; known are: " SERVICE_LIST_MEMBERS,
                             member->string);
    }
    return 0;
}

int service_list_options_read(struct service_list_options *options, const cJSON *object,
                              struct arena *arena, struct error *error)
{
    int code = check_names(object, error);

    if (code == 0)
        code = read_text(object, "column", arena, &options->column, error);
    if (code == 0)
        code = read_text(object, "field", arena, &options->field, error);
    if (code == 0)
        code = read_text(object, "sheet", arena, &options->sheet, error);
    if (code == 0)
        code = read_text(object, "webhook", arena, &options->webhook, error);
    if (code == 0)
        code = read_text(object, "webhook_secret", arena, &options->webhook_secret, error);
    if (code == 0)
        code = read_choices(options, object, error);
    return code == 0 ? read_rest(options, object, error) : code;
}

int service_list_options_parse(struct service_list_options *options, struct slice json,
                               struct arena *arena, struct error *error)
{
    cJSON *object = cJSON_ParseWithLength(json.ptr, json.len);
    int code = object != NULL ? service_list_options_read(options, object, arena, error)
                              : error_set(error, ERROR_FORMAT, "a list's options are damaged");

    cJSON_Delete(object);
    return code;
}

void service_list_options_write(struct json *json, const struct service_list_options *options)
{
    json_object_begin(json);
    json_name_cstring(json, "column", options->column);
    json_name_cstring(json, "field", options->field);
    json_name_cstring(json, "sheet", options->sheet);
    if (options->has_header < 0)
        json_name_null(json, "header");
    else
        json_name_bool(json, "header", options->has_header != 0);
    json_name_cstring(json, "dedupe", dedupes[options->dedupe]);
    json_name_cstring(json, "depth", depths[options->wish.depth]);
    json_name_cstring(json, "patience", patiences[options->wish.patience]);
    json_name_bool(json, "start", options->start);
    json_name_int(json, "retention_days", options->retention_days);
    json_name_cstring(json, "webhook", options->webhook);
    json_object_end(json);
}

void service_list_options_format(const struct service_list_options *options,
                                 struct bulk_format *ret_format)
{
    uint64_t number;

    *ret_format = (struct bulk_format){
        .kind = BULK_KIND_UNKNOWN,
        .has_header = options->has_header,
        .column = SIZE_MAX,
        .column_name = options->field != NULL ? options->field : options->column,
        .sheet = options->sheet,
    };
    if (options->field == NULL && options->column != NULL &&
        slice_to_u64(slice_from_string(options->column), 100000, &number) && number > 0) {
        ret_format->column = (size_t)number - 1;
        ret_format->column_name = NULL;
    }
}
