#include "service/export_zip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "bulk/zip.h"
#include "service/internal.h"
#include "service/report.h"

#define CHUNK_SIZE ((size_t)64 << 10) /* packed in some milliseconds */

enum part {
    PART_PENDING = VERDICT_STATUS_COUNT, /* one a status before it */
    PART_ALL,
    PART_ORIGINAL,
    PART_COUNT,
};

struct service_export_zip {
    struct arena arena;
    const char *stem, *name, *original_name;
    struct bulk_report report;
    struct bulk_stats stats;
    struct bulk_zip *zip;
    int fd;       /* of the archive */
    int original; /* of the upload, until it is packed; -1: not kept */
    int part;     /* of what is being packed; -1: nothing is */
    unsigned next;
    uint64_t left; /* bytes of the part */
    char path[4224];
    char bytes[CHUNK_SIZE];
};

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory to pack the list");
}

static const char *word_of(unsigned part)
{
    return part == PART_ALL       ? "all"
           : part == PART_PENDING ? "pending"
                                  : verdict_status_name((enum verdict_status)part);
}

static const char *path_of(struct service_export_zip *self, unsigned part)
{
    snprintf(self->path, sizeof(self->path), "%s.%s.csv", self->stem, word_of(part));
    return self->path;
}

/* Held open from the start: it stays to be packed when the list is removed meanwhile. */
static int open_original(struct service_export_zip *self, struct service *service,
                         const struct store_job *job, struct error *error)
{
    const char *path, *ending;
    int code = service_desk_path(&service->desk, job, &self->arena, &path, error);

    if (code != 0)
        return code;
    ending = strchr(strrchr(path, '/'), '.');
    self->original_name =
        arena_printf(&self->arena, "original/%s%s", self->name, ending != NULL ? ending : "");
    if (self->original_name == NULL)
        return no_memory(error);
    self->original = open(path, O_RDONLY | O_CLOEXEC);
    if (self->original < 0 && errno != ENOENT)
        return error_set(error, ERROR_IO, "the list can't be read: %s", strerror(errno));
    return 0;
}

static int open_archive(struct service_export_zip *self, int64_t unix_ms, struct error *error)
{
    const char *path = arena_printf(&self->arena, "%s.zip", self->stem);

    if (path == NULL)
        return no_memory(error);
    self->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (self->fd < 0)
        return error_set(error, ERROR_IO, "the archive can't be written: %s", strerror(errno));
    (void)unlink(path); /* gone when the client is */
    return bulk_zip_open(self->fd, unix_ms, &self->zip, error);
}

int service_export_zip_open(struct service *service, const struct store_job *job, const char *stem,
                            const char *name, struct service_export_zip **ret_zip,
                            struct error *error)
{
    struct service_export_zip *self = memory_zalloc(1, sizeof(*self));
    int code;

    if (self == NULL)
        return no_memory(error);
    self->fd = self->original = self->part = -1;
    arena_init(&self->arena);
    bulk_stats_init(&self->stats, service->prober->settings.seed);
    self->stem = arena_string(&self->arena, slice_from_string(stem));
    self->name = arena_string(&self->arena, slice_from_string(name));
    code = self->stem != NULL && self->name != NULL
               ? service_report_of(service, job, &self->arena, &self->report, error)
               : no_memory(error);
    self->report.stats = &self->stats;
    if (code == 0)
        code = open_original(self, service, job, error);
    if (code == 0)
        code = open_archive(self, service_unix_ms(service), error);
    if (code != 0) {
        service_export_zip_close(self);
        return code;
    }
    *ret_zip = self;
    return 0;
}

struct bulk_stats *service_export_zip_stats(struct service_export_zip *self)
{
    return &self->stats;
}

int service_export_zip_take(struct service_export_zip *self)
{
    int fd = self->fd;

    self->fd = -1;
    return fd;
}

static void close_file(int fd)
{
    if (fd >= 0)
        close(fd);
}

void service_export_zip_close(struct service_export_zip *self)
{
    if (self == NULL)
        return;
    for (unsigned part = self->next; self->stem != NULL && part < PART_ORIGINAL; part++)
        (void)unlink(path_of(self, part)); /* most often there is none */
    bulk_zip_close(self->zip);
    close_file(self->part);
    close_file(self->original);
    close_file(self->fd);
    bulk_stats_done(&self->stats);
    arena_done(&self->arena);
    memory_free(self);
}

/* --- packing ---------------------------------------------------------------------------------- */

/* The next part's file into self->part, its name in the archive into *ret_name. 0; 1: there is no
   such part, which is no fault; ERROR_IO, ERROR_NOMEM. */
static int open_part(struct service_export_zip *self, const char **ret_name, struct error *error)
{
    const char *path;

    if (self->next == PART_ORIGINAL) {
        self->part = self->original;
        self->original = -1;
        *ret_name = self->original_name;
        return self->part < 0;
    }
    *ret_name = arena_printf(&self->arena, "%s.%s.csv", self->name, word_of(self->next));
    if (*ret_name == NULL)
        return no_memory(error);
    path = path_of(self, self->next);
    self->part = open(path, O_RDONLY | O_CLOEXEC);
    if (self->part < 0 && self->next == PART_PENDING && errno == ENOENT)
        return 1;
    if (self->part < 0)
        return error_set(error, ERROR_IO, "the export can't be read: %s", strerror(errno));
    (void)unlink(path);
    return 0;
}

static int begin_part(struct service_export_zip *self, struct error *error)
{
    const char *name;
    struct stat about;
    int code = open_part(self, &name, error);

    if (code < 0)
        return code;
    if (code == 1) {
        self->next++;
        return 1;
    }
    if (fstat(self->part, &about) != 0)
        return error_set(error, ERROR_IO, "the export can't be read: %s", strerror(errno));
    self->left = (uint64_t)about.st_size;
    code = bulk_zip_begin(self->zip, name, self->left, error);
    return code == 0 ? 1 : code;
}

static int pack_some(struct service_export_zip *self, struct error *error)
{
    size_t wanted = self->left < sizeof(self->bytes) ? (size_t)self->left : sizeof(self->bytes);
    ssize_t len = read(self->part, self->bytes, wanted);
    int code;

    if (len < 0)
        return error_set(error, ERROR_IO, "the export can't be read: %s", strerror(errno));
    if (len > 0) {
        self->left -= (uint64_t)len;
        code = bulk_zip_write(self->zip, slice_from(self->bytes, (size_t)len), error);
        return code == 0 ? 1 : code;
    }
    close(self->part);
    self->part = -1;
    self->next++;
    code = bulk_zip_end(self->zip, error);
    return code == 0 ? 1 : code;
}

static int pack_report(struct service_export_zip *self, struct error *error)
{
    struct buffer page;
    int code;

    buffer_init(&page, 0);
    code = bulk_report_render(&self->report, &page)
               ? bulk_zip_begin(self->zip, "report.html", page.len, error)
               : no_memory(error);
    if (code == 0)
        code = bulk_zip_write(self->zip, buffer_slice(&page), error);
    if (code == 0)
        code = bulk_zip_end(self->zip, error);
    buffer_done(&page);
    return code;
}

static int finish(struct service_export_zip *self, struct error *error)
{
    int code = pack_report(self, error);

    if (code == 0)
        code = bulk_zip_finish(self->zip, error);
    if (code == 0 && lseek(self->fd, 0, SEEK_SET) != 0)
        code = error_set(error, ERROR_IO, "the export can't be read: %s", strerror(errno));
    return code;
}

int service_export_zip_step(struct service_export_zip *self, const struct io_pace *pace,
                            struct error *error)
{
    do {
        int code;

        if (self->next == PART_COUNT)
            return finish(self, error);
        code = self->part >= 0 ? pack_some(self, error) : begin_part(self, error);
        if (code < 0)
            return code;
    } while (!io_pace_is_over(pace));
    return 1;
}
