#include "service/batch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address/address.h"
#include "service/internal.h"

static const char *address_of(const cJSON *item)
{
    if (cJSON_IsObject(item))
        item = cJSON_GetObjectItemCaseSensitive(item, "address");
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static int write_lines(const cJSON *array, FILE *file, size_t *rejected, struct error *error)
{
    struct buffer line;
    const cJSON *item;
    int code = 0;

    buffer_init(&line, 0);
    cJSON_ArrayForEach(item, array)
    {
        const char *text = address_of(item);
        struct address address;
        struct json json;

        if (text == NULL) {
            code = error_set(error, ERROR_USAGE, "addresses must be strings");
            break;
        }
        if (!address_parse(text, strlen(text), &address))
            ++*rejected;
        buffer_clear(&line);
        json_init(&json, &line);
        json_object_begin(&json);
        json_name_string(&json, "address", slice_from_string(text));
        json_object_end(&json);
        buffer_append_byte(&line, '\n');
        if (line.failed)
            code = error_set(error, ERROR_NOMEM, "out of memory");
        else if (fwrite(line.ptr, 1, line.len, file) != line.len)
            code = error_set(error, ERROR_IO, "the list can't be kept: %s", strerror(errno));
        if (code != 0)
            break;
    }
    buffer_done(&line);
    return code;
}

int service_batch_file(struct service *service, const cJSON *array,
                       char path[SERVICE_BATCH_PATH_SIZE], size_t *ret_rejected,
                       struct error *error)
{
    char token[17];
    FILE *file;
    int code;

    *ret_rejected = 0;
    service_random_text(token, 16);
    if (snprintf(path, SERVICE_BATCH_PATH_SIZE, "%s/upload-%s.part", service->desk.folder, token) >=
        SERVICE_BATCH_PATH_SIZE)
        return error_set(error, ERROR_IO, "the data folder's name is too long");
    file = fopen(path, "wxe");
    if (file == NULL)
        return error_set(error, ERROR_IO, "the list can't be kept: %s", strerror(errno));
    code = write_lines(array, file, ret_rejected, error);
    if (fclose(file) != 0 && code == 0)
        code = error_set(error, ERROR_IO, "the list can't be kept: %s", strerror(errno));
    if (code != 0)
        (void)unlink(path);
    return code;
}

bool service_batch_is_over(const struct store_job *job)
{
    return job->state == STORE_JOB_FINISHED || job->state == STORE_JOB_CANCELLED;
}
