/*
 * The options that a job was begun with, as far as they change its results: as text in the job
 * file, and what differs when the same list is to be gone on with.
 *
 * What only changes how fast the work goes, where it comes from or how the output looks may change
 * from one start to the next.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "bulk/job_file.h"
#include "cli/clean_run.h"

static const char *const depths[] = {"syntax", "dns", "smtp"};
static const char *const patiences[] = {"quick", "normal", "patient"};

/* A list's file counts by its content; lists that are not used are not named. */
static int write_lists(struct json *json, const struct config *config, struct error *error)
{
    char fingerprint[BULK_FINGERPRINT_SIZE], name[32];
    int code = 0;

    for (size_t kind = 0; kind < LISTS_OPERATOR_KIND_COUNT && code == 0; kind++) {
        const struct config_list *files = &config->lists[kind];

        if (files->count == 0)
            continue;
        code = bulk_job_fingerprint(files->values, files->count, fingerprint, error);
        snprintf(name, sizeof(name), "%s",
                 lists_operator_kind_name((enum lists_operator_kind)kind));
        for (char *at = name; *at != '\0'; at++)
            *at = *at == '_' ? '-' : *at;
        if (code == 0)
            json_name_cstring(json, name, fingerprint);
    }
    return code;
}

/* Names are those of the options. */
static int write_options(struct json *json, const struct clean *clean, struct error *error)
{
    static const char *const dedupes[] = {"off", "exact", "mailbox"};
    static const char *const tls[] = {"opportunistic", "demanded", "never", "required"};
    const struct config *config = clean->call->config;
    int code;

    json_object_begin(json);
    json_name_cstring(json, "depth", depths[config->depth]);
    json_name_cstring(json, "patience", patiences[config->patience]);
    json_name_cstring(json, "dedupe", dedupes[clean->options->dedupe]);
    json_name_bool(json, "catch-all", config->catch_all);
    json_name_bool(json, "fresh", config->fresh);
    json_name_bool(json, "keep-evidence", clean->options->keep_evidence);
    json_name_cstring(json, "tls", tls[config->tls]);
    json_name_cstring(json, "helo", config->helo != NULL ? config->helo : "");
    json_name_cstring(json, "mail-from", config->mail_from != NULL ? config->mail_from : "");
    json_name_cstring(json, "second-mail-from",
                      config->second_mail_from != NULL ? config->second_mail_from : "");
    json_name_cstring(json, "column", clean->format.note);
    code = write_lists(json, config, error);
    json_object_end(json);
    return code;
}

int clean_options_text(const struct clean *clean, struct slice *ret_text, struct error *error)
{
    struct buffer out;
    struct json json;
    int code;

    buffer_init(&out, 0);
    json_init(&json, &out);
    code = write_options(&json, clean, error);
    if (code == 0) {
        *ret_text =
            out.failed ? slice_from(NULL, 0) : arena_slice(clean->call->arena, buffer_slice(&out));
        if (ret_text->ptr == NULL)
            code = error_set(error, ERROR_NOMEM, "out of memory");
    }
    buffer_done(&out);
    return code;
}

/* --- what differs -------------------------------------------------------------------------- */

static const char *words_of(const cJSON *value)
{
    if (value == NULL)
        return "none";
    if (cJSON_IsString(value))
        return value->valuestring[0] != '\0' ? value->valuestring : "the default";
    return cJSON_IsTrue(value) ? "yes" : "no";
}

static bool is_list(const char *name)
{
    for (size_t kind = 0; kind < LISTS_OPERATOR_KIND_COUNT; kind++) {
        const char *own = lists_operator_kind_name((enum lists_operator_kind)kind);
        size_t at = 0;

        while (own[at] != '\0' && (own[at] == name[at] || (own[at] == '_' && name[at] == '-')))
            at++;
        if (own[at] == '\0' && name[at] == '\0')
            return true;
    }
    return false;
}

static void add_difference(struct buffer *out, const char *name, const cJSON *before,
                           const cJSON *now)
{
    if (out->len > 0)
        buffer_append_string(out, "; ");
    if (is_list(name))
        buffer_printf(out, "the lists of --%s are others", name);
    else if (strcmp(name, "column") == 0)
        buffer_printf(out, "%s, now %s", words_of(before), words_of(now));
    else
        buffer_printf(out, "--%s was %s, now %s", name, words_of(before), words_of(now));
}

/* An option that an older version did not write down is not compared; a list that was not named
   was not used. */
static void compare(struct buffer *out, const cJSON *before, const cJSON *now)
{
    const cJSON *item, *other;

    cJSON_ArrayForEach(item, now)
    {
        other = cJSON_GetObjectItemCaseSensitive(before, item->string);
        if (other != NULL ? !cJSON_Compare(other, item, true) : is_list(item->string))
            add_difference(out, item->string, other, item);
    }
    cJSON_ArrayForEach(item, before)
    {
        if (cJSON_GetObjectItemCaseSensitive(now, item->string) == NULL && is_list(item->string))
            add_difference(out, item->string, item, NULL);
    }
}

void clean_options_compare(struct slice before, struct slice now, struct buffer *out)
{
    cJSON *old_options = cJSON_ParseWithLength(before.ptr, before.len);
    cJSON *new_options = cJSON_ParseWithLength(now.ptr, now.len);

    if (old_options == NULL || new_options == NULL)
        buffer_append_string(out, "they can't be read");
    else
        compare(out, old_options, new_options);
    cJSON_Delete(old_options);
    cJSON_Delete(new_options);
}

/* --- what a job was begun with -------------------------------------------------------------- */

static void take_word(const cJSON *object, const char *name, const char *const words[],
                      size_t count, unsigned *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    for (size_t i = 0; cJSON_IsString(item) && i < count; i++)
        if (strcmp(item->valuestring, words[i]) == 0)
            *value = (unsigned)i;
}

void clean_options_take(struct slice text, struct config *config)
{
    cJSON *object = cJSON_ParseWithLength(text.ptr, text.len);
    const cJSON *catch_all = cJSON_GetObjectItemCaseSensitive(object, "catch-all");

    take_word(object, "depth", depths, ARRAY_LEN(depths), &config->depth);
    take_word(object, "patience", patiences, ARRAY_LEN(patiences), &config->patience);
    if (cJSON_IsBool(catch_all))
        config->catch_all = cJSON_IsTrue(catch_all);
    cJSON_Delete(object);
}
