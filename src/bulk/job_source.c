#include "bulk/job_source.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

void bulk_job_source_write(struct buffer *out, const struct bulk_job_source *source)
{
    const struct bulk_format *format = &source->format;
    struct json json;

    json_init(&json, out);
    json_object_begin(&json);
    json_name(&json, "files");
    json_array_begin(&json);
    for (size_t i = 0; i < source->file_count; i++) {
        char *path = realpath(source->files[i], NULL);

        json_cstring(&json, path != NULL ? path : source->files[i]);
        free(path);
    }
    json_array_end(&json);
    json_name_int(&json, "kind", format->kind);
    json_name_int(&json, "encoding", format->encoding);
    json_name_int(&json, "delimiter", (unsigned char)format->delimiter);
    json_name_int(&json, "header", format->has_header);
    if (format->lead > 0)
        json_name_int(&json, "lead", format->lead);
    json_name_int(&json, "column", format->column == SIZE_MAX ? -1 : (int64_t)format->column);
    json_name_cstring(&json, "column_name", format->column_name);
    json_name_cstring(&json, "sheet", format->sheet);
    json_object_end(&json);
}

static int number_of(const cJSON *object, const char *name, int fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) ? item->valueint : fallback;
}

/* NULL where there is none; false: no memory. */
static bool text_of(const cJSON *object, const char *name, struct arena *arena,
                    const char **ret_text)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    *ret_text = NULL;
    if (cJSON_IsString(item))
        *ret_text = arena_string(arena, slice_from_string(item->valuestring));
    return *ret_text != NULL || !cJSON_IsString(item);
}

static bool read_files(const cJSON *object, struct arena *arena, struct bulk_job_source *source)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(object, "files"), *file;
    size_t count = cJSON_IsArray(files) ? (size_t)cJSON_GetArraySize(files) : 0;
    const char **names = arena_array(arena, count + 1, sizeof(const char *));

    source->files = names;
    if (names == NULL || count == 0)
        return false;
    cJSON_ArrayForEach(file, files)
    {
        const char *name =
            cJSON_IsString(file) ? arena_string(arena, slice_from_string(file->valuestring)) : NULL;

        if (name == NULL)
            return false;
        names[source->file_count++] = name;
    }
    return true;
}

int bulk_job_source_read(struct slice text, struct arena *arena, struct bulk_job_source *ret_source,
                         struct error *error)
{
    cJSON *object = cJSON_ParseWithLength(text.ptr, text.len);
    struct bulk_job_source source = {0};
    struct bulk_format *format = &source.format;
    int column, code = 0;

    if (!cJSON_IsObject(object) || !read_files(object, arena, &source) ||
        !text_of(object, "column_name", arena, &format->column_name) ||
        !text_of(object, "sheet", arena, &format->sheet)) {
        code = error_set(error, ERROR_FORMAT, "the job does not say where its list is");
        goto done;
    }
    format->kind = (enum bulk_kind)number_of(object, "kind", BULK_KIND_UNKNOWN);
    format->encoding = (enum bulk_encoding)number_of(object, "encoding", BULK_ENCODING_UTF8);
    format->delimiter = (char)number_of(object, "delimiter", 0);
    format->has_header = number_of(object, "header", -1);
    format->lead = (unsigned)number_of(object, "lead", 0);
    column = number_of(object, "column", -1);
    format->column = column < 0 ? SIZE_MAX : (size_t)column;
    if ((unsigned)format->kind > BULK_KIND_XLSX || (unsigned)format->encoding > BULK_ENCODING_UTF16)
        code = error_set(error, ERROR_FORMAT, "the job does not say how its list is to be read");
    else
        *ret_source = source;
done:
    cJSON_Delete(object);
    return code;
}
