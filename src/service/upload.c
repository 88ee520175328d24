#include "service/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "service/batch.h"
#include "service/internal.h"

#define OPTIONS_BYTES_MAX 65536
#define NAME_BYTES_MAX    200

struct service_upload {
    struct service_call *call;
    char path[SERVICE_BATCH_PATH_SIZE];
    int fd; /* -1: none is open */
    uint64_t bytes;
    bool is_json, has_file;
    char name[NAME_BYTES_MAX + 1];
    char ending[16];
    struct buffer options_text;
    cJSON *options;
    EVP_MD_CTX *digest; /* of the file */
};

static void upload_ended(struct service_call *call)
{
    struct service_upload *upload = call->state;

    if (upload->fd >= 0)
        close(upload->fd);
    if (upload->path[0] != '\0')
        (void)unlink(upload->path); /* no-op when it became a list */
    buffer_done(&upload->options_text);
    cJSON_Delete(upload->options);
    EVP_MD_CTX_free(upload->digest);
    memory_free(upload);
}

/* --- names ---------------------------------------------------------------------------------------
 */

/* The last part of a path as some browsers send it; control characters are left out. */
static void take_name(struct service_upload *upload, const char *name)
{
    const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
    size_t len = 0;

    if (backslash != NULL && (slash == NULL || backslash > slash))
        slash = backslash;
    if (slash != NULL)
        name = slash + 1;
    for (; *name != '\0' && len < NAME_BYTES_MAX; name++)
        if ((unsigned char)*name >= ' ' && *name != 127)
            upload->name[len++] = *name;
    upload->name[len] = '\0';
}

/* The endings that mean something to the reader; ".csv.gz" is one. */
static void take_ending(struct service_upload *upload)
{
    static const char *const known[] = {
        ".csv.gz", ".tsv.gz", ".txt.gz", ".ndjson.gz", ".jsonl.gz", ".csv",
        ".tsv",    ".txt",    ".ndjson", ".jsonl",     ".xlsx",     ".gz",
    };
    size_t len = strlen(upload->name);

    upload->ending[0] = '\0';
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t ending_len = strlen(known[i]);

        if (len > ending_len && strcasecmp(upload->name + len - ending_len, known[i]) == 0) {
            strcpy(upload->ending, known[i]);
            return;
        }
    }
}

/* --- bytes ---------------------------------------------------------------------------------------
 */

static bool open_file(struct service_upload *upload)
{
    struct service *service = upload->call->service;
    char token[17];

    service_random_text(token, 16);
    if (snprintf(upload->path, sizeof(upload->path), "%s/upload-%s.part", service->desk.folder,
                 token) >= (int)sizeof(upload->path)) {
        upload->path[0] = '\0';
        service_problem(upload->call, 507, "storage", "the data folder's name is too long");
        return false;
    }
    upload->fd = open(upload->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (upload->fd < 0) {
        service_problem(upload->call, 507, "storage", "the upload can't be kept: %s",
                        strerror(errno));
        upload->path[0] = '\0';
        return false;
    }
    return true;
}

static bool write_bytes(struct service_upload *upload, const char *bytes, size_t len)
{
    uint64_t max = upload->call->service->options.upload_bytes;

    upload->bytes += len;
    if (upload->bytes > max) {
        service_problem(upload->call, 413, "too_large",
                        "the list is larger than the %ju bytes that this server takes "
                        "(--max-upload)",
                        (uintmax_t)max);
        return false;
    }
    CHECK(EVP_DigestUpdate(upload->digest, bytes, len) == 1);
    while (len > 0) {
        ssize_t written = write(upload->fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            service_problem(upload->call, 507, "storage", "the upload can't be kept: %s",
                            strerror(errno));
            return false;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

static bool take_file(struct service_upload *upload, const char *filename, const char *bytes,
                      size_t len, uint64_t offset)
{
    if (offset == 0 && upload->fd < 0) {
        if (upload->has_file) {
            service_problem(upload->call, 422, "two_files", "send one file at a time");
            return false;
        }
        upload->has_file = true;
        if (filename != NULL && upload->name[0] == '\0')
            take_name(upload, filename);
        if (!open_file(upload))
            return false;
    }
    return write_bytes(upload, bytes, len);
}

static bool sink(void *user, struct http_request *request, const char *name, const char *filename,
                 const char *bytes, size_t len, uint64_t offset)
{
    struct service_upload *upload = user;

    if (http_request_is_answered(request))
        return false;
    if (name == NULL || strcmp(name, "file") == 0)
        return take_file(upload, filename, bytes, len, upload->fd < 0 ? 0 : offset);
    if (strcmp(name, "options") == 0 && upload->options_text.len + len <= OPTIONS_BYTES_MAX) {
        if (buffer_append(&upload->options_text, bytes, len))
            return true;
        service_no_memory(upload->call);
        return false;
    }
    service_problem(upload->call, 422, "unknown_part",
                    "the parts of an upload are \"file\" and \"options\", not \"%.60s\"", name);
    return false;
}

void service_upload_begin(struct service_call *call)
{
    const char *type = http_request_header(call->request, "Content-Type");
    const char *name = http_request_query(call->request, "name");
    struct service_upload *upload = memory_zalloc(1, sizeof(*upload));
    int code;

    if (upload == NULL) {
        service_no_memory(call);
        return;
    }
    upload->digest = EVP_MD_CTX_new();
    if (upload->digest == NULL || EVP_DigestInit_ex(upload->digest, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(upload->digest);
        memory_free(upload);
        service_no_memory(call);
        return;
    }
    upload->call = call;
    upload->fd = -1;
    buffer_init(&upload->options_text, OPTIONS_BYTES_MAX);
    call->state = upload;
    call->ended = upload_ended;
    if (name != NULL)
        take_name(upload, name);
    upload->is_json = type != NULL && strncasecmp(type, "application/json", 16) == 0;
    code = upload->is_json ? 0 : http_request_set_sink(call->request, sink, upload);
    if (code == ERROR_NOMEM)
        service_no_memory(call);
    else if (code != 0)
        service_problem(call, 400, "bad_multipart", "the multipart body names no boundary");
}

/* --- all of it
 * ------------------------------------------------------------------------------------- */

static bool take_json(struct service_upload *upload)
{
    struct service_call *call = upload->call;
    cJSON *object = service_body(call, "name,addresses,options");
    const cJSON *addresses = cJSON_GetObjectItemCaseSensitive(object, "addresses");
    cJSON *options = cJSON_DetachItemFromObjectCaseSensitive(object, "options");
    const char *name = NULL;
    struct error error = {0};
    size_t rejected;
    bool is_taken = false;

    if (object == NULL)
        return false;
    upload->options = options;
    if (!service_get_text(call, object, "name", &name))
        goto done;
    if (name != NULL)
        take_name(upload, name);
    if (!cJSON_IsArray(addresses) || cJSON_GetArraySize(addresses) == 0) {
        service_problem(call, 422, "bad_addresses",
                        "\"addresses\" must be an array with at least one string");
        goto done;
    }
    is_taken = service_batch_file(call->service, addresses, upload->path, &rejected, &error) == 0;
    if (!is_taken) {
        upload->path[0] = '\0';
        service_problem_of(call, &error);
    }
    strcpy(upload->ending, ".ndjson");
done:
    cJSON_Delete(object);
    return is_taken;
}

static bool parse_options(struct service_upload *upload)
{
    const char *query = http_request_query(upload->call->request, "options");
    struct slice text = buffer_slice(&upload->options_text);

    if (text.len == 0)
        text = slice_from_string(query);
    if (text.len == 0)
        return true;
    upload->options = cJSON_ParseWithLength(text.ptr, text.len);
    if (cJSON_IsObject(upload->options))
        return true;
    service_problem(upload->call, 422, "bad_options", "\"options\" must be a JSON object");
    return false;
}

bool service_upload_finish(struct service_call *call)
{
    struct service_upload *upload = call->state;
    int fd;

    if (upload->is_json) {
        if (!take_json(upload))
            return false;
    } else {
        if (!parse_options(upload))
            return false;
        if (upload->fd < 0 || upload->bytes == 0) {
            service_problem(call, 422, "no_file",
                            "the upload is empty: send a file as \"file\" in "
                            "multipart/form-data, or as the body");
            return false;
        }
        take_ending(upload);
    }
    fd = upload->fd;
    upload->fd = -1;
    if (fd >= 0 && close(fd) != 0) {
        service_problem(call, 507, "storage", "the upload can't be kept: %s", strerror(errno));
        return false;
    }
    if (upload->name[0] == '\0')
        strcpy(upload->name, "list");
    return true;
}

void service_upload_digest(const struct service_upload *upload, char ret_file[], char ret_all[])
{
    struct slice body = http_request_body(upload->call->request), parts[3];
    struct slice options = buffer_slice(&upload->options_text);
    EVP_MD_CTX *digest = upload->digest;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (options.len == 0)
        options = service_query_text(upload->call, "options");
    CHECK(EVP_DigestUpdate(digest, body.ptr, body.len) == 1);
    CHECK(EVP_DigestFinal_ex(digest, hash, &len) == 1);
    service_hex(hash, len, ret_file);
    /* The name's NUL stands between the parts: none of them can hold it unseen. */
    parts[0] = slice_from_string(ret_file);
    parts[1] = slice_from(upload->name, strlen(upload->name) + 1);
    parts[2] = options;
    CHECK(EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        CHECK(EVP_DigestUpdate(digest, parts[i].ptr, parts[i].len) == 1);
    CHECK(EVP_DigestFinal_ex(digest, hash, &len) == 1);
    service_hex(hash, len, ret_all);
}

const char *service_upload_path(const struct service_upload *upload)
{
    return upload->path;
}

const char *service_upload_name(const struct service_upload *upload)
{
    return upload->name;
}

const char *service_upload_ending(const struct service_upload *upload)
{
    return upload->ending;
}

const cJSON *service_upload_options(const struct service_upload *upload)
{
    return upload->options;
}
