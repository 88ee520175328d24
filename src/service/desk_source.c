/* Where a list lies, and how it is read. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "service/desk_internal.h"
#include "service/internal.h"

/* sources: {"file":"12.csv","from":"web","key":"3"} */
int service_desk_path(struct service_desk *desk, const struct store_job *job, struct arena *arena,
                      const char **ret_path, struct error *error)
{
    cJSON *object = cJSON_ParseWithLength(job->sources.ptr, job->sources.len);
    const cJSON *file = cJSON_GetObjectItemCaseSensitive(object, "file");
    int code = 0;

    if (!cJSON_IsString(file) || strchr(file->valuestring, '/') != NULL) {
        code = error_set(error, ERROR_FORMAT, "list %ju has no file here", (uintmax_t)job->id);
    } else {
        *ret_path = arena_printf(arena, "%s/%s", desk->folder, file->valuestring);
        if (*ret_path == NULL)
            code = error_set(error, ERROR_NOMEM, "out of memory");
    }
    cJSON_Delete(object);
    return code;
}

int service_desk_look_for(const char *path, struct error *error)
{
    return access(path, R_OK) == 0
               ? 0
               : error_set(error, ERROR_BUSY,
                           "the list can't be read again here: its file is where it was uploaded, "
                           "if another service works on the same store");
}

/* Fill options and path of a list from what the store has. */
int service_list_read(struct service_list *list, struct error *error)
{
    struct service_desk *desk = list->desk;
    struct store_job job;
    int code = service_desk_get_job(desk, list->id, &list->arena, &job, error);

    service_list_options_init(&list->options, &desk->service->prober->settings);
    if (code == 0)
        code = service_list_options_parse(&list->options, job.options, &list->arena, error);
    if (code == 0)
        code = service_desk_path(desk, &job, &list->arena, &list->path, error);
    if (code == 0 && job.state == STORE_JOB_LOADING &&
        slice_equal(job.note, SLICE(SERVICE_LIST_CANCELLED)))
        list->ends_as = STORE_JOB_CANCELLED;
    return code;
}

int service_list_open_reader(const char *path, const struct service_list_options *options,
                             struct bulk_reader **ret_reader, struct error *error)
{
    struct bulk_format format;

    service_list_options_format(options, &format);
    return bulk_reader_open(&path, 1, &format, ret_reader, error);
}

int service_desk_open_reader(struct service_desk *desk, uint64_t id,
                             struct bulk_reader **ret_reader, struct error *error)
{
    struct service_list_options options;
    struct store_job job;
    struct arena arena;
    const char *path;
    int code;

    arena_init(&arena);
    service_list_options_init(&options, &desk->service->prober->settings);
    code = service_desk_get_job(desk, id, &arena, &job, error);
    if (code == 0)
        code = service_list_options_parse(&options, job.options, &arena, error);
    if (code == 0)
        code = service_desk_path(desk, &job, &arena, &path, error);
    if (code == 0)
        code = service_list_open_reader(path, &options, ret_reader, error);
    arena_done(&arena);
    return code;
}

/* Uploads before they are lists, exports before they are sent, and what the writer of either makes
   (bulk/output.c). Lists have names without a hyphen, and no dot before them. */
static bool is_temporary(const char *name)
{
    static const char *const beginnings[] = {"upload-", "export-", ".mailknock-"};

    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* The file gets its name where the store has its list: 1. Else it is nobody's. */
static int keep_taken(struct service_desk *desk, int folder, const char *name, struct error *error)
{
    const char *own = name + strlen(SERVICE_DESK_TAKEN);
    size_t len = strcspn(own, ".");
    uint64_t list;
    char token[SERVICE_TOKEN_SIZE];
    int code;

    if (len + 1 != sizeof(token) || !slice_to_string(slice_from(own, len), token, sizeof(token)))
        return 0;
    code = service_desk_find_token(desk, token, &list, error);
    if (code == ERROR_NOT_FOUND) /* it may have been long ago */
        code = service_desk_seek_token(desk, token, &list, error);
    if (code != 0)
        return code == ERROR_NOT_FOUND ? 0 : code;
    return renameat(folder, name, folder, own) == 0
               ? 1
               : error_set(error, ERROR_IO, "can't rename %s/%s: %s", desk->folder, name,
                           strerror(errno));
}

int service_desk_sweep(struct service_desk *desk, struct error *error)
{
    DIR *folder = opendir(desk->folder);
    const struct dirent *entry;
    int code = 0;

    if (folder == NULL)
        return error_set(error, ERROR_IO, "can't read the folder %s: %s", desk->folder,
                         strerror(errno));
    while (code >= 0 && (entry = readdir(folder)) != NULL) {
        bool is_taken = strncmp(entry->d_name, SERVICE_DESK_TAKEN, strlen(SERVICE_DESK_TAKEN)) == 0;

        code = is_taken ? keep_taken(desk, dirfd(folder), entry->d_name, error) : 0;
        if (code == 0 && (is_taken || is_temporary(entry->d_name)) &&
            unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            code = error_set(error, ERROR_IO, "can't remove %s/%s, which was left over: %s",
                             desk->folder, entry->d_name, strerror(errno));
    }
    closedir(folder);
    return code < 0 ? code : 0;
}
