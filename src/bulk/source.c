#include "bulk/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"
#include "bulk/recode.h"

#define READ_SIZE  ((size_t)256 << 10)
#define SWELL_FROM (UINT64_C(1) << 30) /* bytes from which on the ratio is looked at */
#define SWELL_MAX  200                 /* times; lists of addresses shrink to a third or a tenth */

struct bulk_source {
    char *name;
    int fd; /* -1: memory */
    bool is_terminal;
    struct slice bytes; /* of memory: what is left */
    size_t piece;
    uint64_t offset, size;

    enum bulk_container container;
    enum bulk_encoding encoding;
    enum recode_from recode;
    bool has_bom;

    z_stream inflate;
    bool is_inflating, is_member_done;
    uint64_t swollen;      /* bytes that came out of the gzip stream */
    char *packed;          /* READ_SIZE bytes as they came, where they are gzipped */
    struct buffer foreign; /* in another encoding, to be recoded */

    char *window; /* [start, start + len) of capacity bytes */
    size_t start, len, capacity;
    bool is_drained; /* the file has no more */
    bool at_end;     /* nor has anything between it and the window */
};

static int no_memory(const struct bulk_source *source, struct error *error)
{
    return error_set(error, ERROR_NOMEM, "%s: no memory to read it", source->name);
}

/*
 * Bytes as they come; *ret_len 0 at the end. A signal ends the wait for them (standard input may be
 * silent for ever) where its handler was set without SA_RESTART: whoever does so wants that.
 */
static int read_raw(struct bulk_source *source, char *out, size_t size, size_t *ret_len,
                    struct error *error)
{
    ssize_t len;

    if (source->fd < 0) {
        size_t most = source->piece > 0 && source->piece < size ? source->piece : size;
        struct slice piece = slice_prefix(source->bytes, most);

        memcpy(out, piece.ptr, piece.len);
        source->bytes = slice_from_offset(source->bytes, piece.len);
        len = (ssize_t)piece.len;
    } else {
        len = read(source->fd, out, size);
        if (len < 0 && errno == EINTR)
            return error_set(error, ERROR_STOPPED, "%s: a signal ended the wait for it",
                             source->name);
        if (len < 0)
            return error_set(error, ERROR_IO, "%s: reading failed after %llu bytes: %s",
                             source->name, (unsigned long long)source->offset, strerror(errno));
    }
    source->offset += (size_t)len;
    source->is_drained = len == 0;
    *ret_len = (size_t)len;
    return 0;
}

static int inflate_error(const struct bulk_source *source, struct error *error)
{
    return error_set(
        error, ERROR_FORMAT,
        "%s: the gzip data is damaged near byte %llu (%s): get the file anew, or unpack "
        "what stands before that by gzip -dc",
        source->name, (unsigned long long)(source->offset - source->inflate.avail_in),
        source->inflate.msg != NULL ? source->inflate.msg : "no gzip member");
}

/* Inflate into out; *ret_len 0 at the end of the last member (RFC 1952 allows several). */
static int read_inflated(struct bulk_source *source, char *out, size_t size, size_t *ret_len,
                         struct error *error)
{
    z_stream *z = &source->inflate;

    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)size;
    while (z->avail_out == size) {
        size_t len = 0;
        int code;

        if (z->avail_in == 0 && !source->is_drained) {
            code = read_raw(source, source->packed, READ_SIZE, &len, error);
            if (code != 0)
                return code;
            z->next_in = (Bytef *)source->packed;
            z->avail_in = (uInt)len;
        }
        if (z->avail_in == 0) {
            if (!source->is_member_done)
                return error_set(
                    error, ERROR_FORMAT,
                    "%s: the gzip data is cut off after %llu bytes: get the file anew, "
                    "or unpack what is there by gzip -dc",
                    source->name, (unsigned long long)source->offset);
            break;
        }
        if (source->is_member_done) {
            /* Padding by zero bytes after the last member is common on tapes and disks. */
            while (z->avail_in > 0 && *z->next_in == 0) {
                z->next_in++;
                z->avail_in--;
            }
            if (z->avail_in == 0)
                continue;
            if (inflateReset(z) != Z_OK)
                return inflate_error(source, error);
            source->is_member_done = false;
        }
        code = inflate(z, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            source->is_member_done = true;
        else if (code == Z_MEM_ERROR)
            return no_memory(source, error);
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return inflate_error(source, error);
    }
    *ret_len = size - z->avail_out;
    source->swollen += *ret_len;
    if (source->swollen > SWELL_FROM && source->swollen / SWELL_MAX > source->offset)
        return error_set(
            error, ERROR_LIMIT,
            "%s: swells more than %d times when inflated; inflate it yourself if it is "
            "a list",
            source->name, SWELL_MAX);
    return 0;
}

static int read_some(struct bulk_source *source, char *out, size_t size, size_t *ret_len,
                     struct error *error)
{
    return source->is_inflating ? read_inflated(source, out, size, ret_len, error)
                                : read_raw(source, out, size, ret_len, error);
}

/* Room for `extra` bytes behind the window. */
static int make_room(struct bulk_source *source, size_t extra, struct error *error)
{
    size_t capacity = source->capacity > 0 ? source->capacity : READ_SIZE;
    char *grown;

    if (source->start > 0 && source->len > 0)
        memmove(source->window, source->window + source->start, source->len);
    source->start = 0;
    while (capacity - source->len < extra)
        capacity *= 2;
    if (capacity == source->capacity)
        return 0;
    grown = memory_resize(source->window, capacity, 1);
    if (grown == NULL)
        return no_memory(source, error);
    source->window = grown;
    source->capacity = capacity;
    return 0;
}

/* Put what the foreign bytes mean behind the window. */
static int recode_into_window(struct bulk_source *source, struct error *error)
{
    struct buffer out;
    size_t used;
    int code;

    buffer_init(&out, 0);
    used = recode_append(source->recode, buffer_slice(&source->foreign), source->at_end, &out);
    code = out.failed ? no_memory(source, error) : make_room(source, out.len, error);
    if (code == 0) {
        if (out.len > 0)
            memcpy(source->window + source->len, out.ptr, out.len);
        source->len += out.len;
        buffer_consume(&source->foreign, used);
    }
    buffer_done(&out);
    return code;
}

static int more_foreign(struct bulk_source *source, struct error *error)
{
    char *room = buffer_reserve(&source->foreign, READ_SIZE);
    size_t len;
    int code;

    if (room == NULL)
        return no_memory(source, error);
    code = read_some(source, room, READ_SIZE, &len, error);
    if (code != 0)
        return code;
    source->foreign.len += len;
    source->at_end = len == 0;
    return recode_into_window(source, error);
}

int bulk_source_more(struct bulk_source *source, struct error *error)
{
    size_t len;
    int code;

    if (source->at_end)
        return 0;
    if (source->recode != RECODE_NONE)
        return more_foreign(source, error);
    code = make_room(source, READ_SIZE / 2, error);
    if (code != 0)
        return code;
    code = read_some(source, source->window + source->len, source->capacity - source->len, &len,
                     error);
    if (code != 0)
        return code;
    source->len += len;
    source->at_end = len == 0;
    return 0;
}

int bulk_source_recode(struct bulk_source *source, struct error *error)
{
    source->recode = RECODE_LATIN1;
    source->encoding = BULK_ENCODING_UTF8;
    if (!buffer_append_slice(&source->foreign, bulk_source_window(source)))
        return no_memory(source, error);
    source->start = source->len = 0;
    return recode_into_window(source, error);
}

static int fill_sample(struct bulk_source *source, struct error *error)
{
    while (!source->at_end && source->len < BULK_SOURCE_SAMPLE) {
        int code = bulk_source_more(source, error);

        if (code != 0)
            return code;
        if (source->is_terminal) /* somebody is typing: what there is must do */
            break;
    }
    return 0;
}

static int begin_inflating(struct bulk_source *source, struct error *error)
{
    source->packed = memory_alloc(READ_SIZE > source->len ? READ_SIZE : source->len);
    if (source->packed == NULL || inflateInit2(&source->inflate, 15 + 16) != Z_OK)
        return no_memory(source, error);
    source->is_inflating = true;
    source->container = BULK_CONTAINER_GZIP;
    memcpy(source->packed, source->window + source->start, source->len);
    source->inflate.next_in = (Bytef *)source->packed;
    source->inflate.avail_in = (uInt)source->len;
    source->is_drained = source->at_end;
    source->start = source->len = 0;
    source->at_end = false;
    return fill_sample(source, error);
}

static int find_encoding(struct bulk_source *source, struct error *error)
{
    struct slice sample = bulk_source_window(source);
    size_t bom_len;

    if (slice_starts_with(sample, SLICE("\xef\xbb\xbf"))) {
        source->has_bom = true;
        bulk_source_use(source, 3);
        return 0;
    }
    source->recode = recode_find_utf16(sample, &bom_len);
    if (source->recode != RECODE_NONE) {
        source->encoding = BULK_ENCODING_UTF16;
        source->has_bom = bom_len > 0;
        if (!buffer_append_slice(&source->foreign, slice_from_offset(sample, bom_len)))
            return no_memory(source, error);
        source->start = source->len = 0;
        return recode_into_window(source, error);
    }
    if (recode_looks_latin1(sample))
        source->encoding = BULK_ENCODING_LATIN1;
    return 0;
}

/* The first bytes, and what they are. */
static int begin(struct bulk_source *source, struct error *error)
{
    struct slice sample;
    int code = fill_sample(source, error);

    if (code != 0)
        return code;
    sample = bulk_source_window(source);
    if (slice_starts_with(sample, SLICE("PK\x03\x04"))) {
        source->container = BULK_CONTAINER_ZIP;
        return 0;
    }
    if (slice_starts_with(sample, SLICE("\x1f\x8b\x08")))
        code = begin_inflating(source, error);
    return code == 0 ? find_encoding(source, error) : code;
}

static struct bulk_source *make_source(const char *name)
{
    struct bulk_source *source = memory_zalloc(1, sizeof(*source));

    if (source == NULL)
        return NULL;
    source->fd = -1;
    source->bytes = SLICE_EMPTY;
    buffer_init(&source->foreign, 0);
    source->name = memory_copy_string(name, strlen(name));
    if (source->name == NULL) {
        memory_free(source);
        return NULL;
    }
    return source;
}

bool bulk_source_is_once(const char *path)
{
    struct stat about;

    return strcmp(path, "-") == 0 ||
           (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode));
}

static int open_file(struct bulk_source *source, const char *path, struct error *error)
{
    struct stat about;

    if (strcmp(path, "-") == 0)
        source->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 && errno == EINTR) /* a pipe without a writer */
        return error_set(error, ERROR_STOPPED, "%s: a signal ended the wait for it", source->name);
    if (source->fd < 0 || fstat(source->fd, &about) != 0)
        return error_set(error, ERROR_IO, "%s: can't be opened: %s", source->name, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return error_set(error, ERROR_IO, "%s: is a folder; name the file in it", source->name);
    if (S_ISREG(about.st_mode))
        source->size = (uint64_t)about.st_size;
    source->is_terminal = isatty(source->fd);
    return 0;
}

int bulk_source_open(const char *path, struct bulk_source **ret_source, struct error *error)
{
    struct bulk_source *source = make_source(strcmp(path, "-") == 0 ? "standard input" : path);
    int code;

    if (source == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to read it", path);
    code = open_file(source, path, error);
    if (code == 0)
        code = begin(source, error);
    if (code != 0) {
        bulk_source_close(source);
        return code;
    }
    *ret_source = source;
    return 0;
}

int bulk_source_open_bytes(const char *name, struct slice bytes, size_t piece,
                           struct bulk_source **ret_source, struct error *error)
{
    struct bulk_source *source = make_source(name);
    int code;

    if (source == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to read it", name);
    source->bytes = bytes;
    source->piece = piece;
    source->size = bytes.len;
    code = begin(source, error);
    if (code != 0) {
        bulk_source_close(source);
        return code;
    }
    *ret_source = source;
    return 0;
}

void bulk_source_close(struct bulk_source *source)
{
    if (source == NULL)
        return;
    if (source->fd >= 0)
        close(source->fd);
    if (source->is_inflating)
        inflateEnd(&source->inflate);
    buffer_done(&source->foreign);
    memory_free(source->packed);
    memory_free(source->window);
    memory_free(source->name);
    memory_free(source);
}

enum bulk_container bulk_source_container(const struct bulk_source *source)
{
    return source->container;
}

enum bulk_encoding bulk_source_encoding(const struct bulk_source *source)
{
    return source->encoding;
}

bool bulk_source_has_bom(const struct bulk_source *source)
{
    return source->has_bom;
}

struct slice bulk_source_window(const struct bulk_source *source)
{
    return source->len > 0 ? slice_from(source->window + source->start, source->len) : SLICE_EMPTY;
}

bool bulk_source_at_end(const struct bulk_source *source)
{
    return source->at_end;
}

void bulk_source_use(struct bulk_source *source, size_t len)
{
    source->start += len;
    source->len -= len;
}

uint64_t bulk_source_offset(const struct bulk_source *source)
{
    return source->offset;
}

uint64_t bulk_source_size(const struct bulk_source *source)
{
    return source->size;
}
