#include "bulk/zip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "bulk/spool.h"

#define CHUNK_SIZE     ((size_t)64 << 10)
#define LEVEL          6
#define MEMORY_LEVEL   8
#define MAX_32         UINT32_C(0xffffffff)
#define VERSION_PLAIN  20
#define VERSION_ZIP64  45
#define MADE_ON_UNIX   (3U << 8) /* so that the mode below counts */
#define FLAG_UTF8      0x800U
#define METHOD_DEFLATE 8
#define MODE           (UINT32_C(0100644) << 16)
#define EXTRA_ZIP64    1

struct entry {
    char *name;
    uint64_t offset, size, packed;
    uint32_t crc;
    bool is_large; /* its sizes stand in a ZIP64 field of the local header */
};

struct bulk_zip {
    int fd;
    uint64_t offset; /* of what is written next */
    uint16_t date, time;
    z_stream stream;
    bool has_stream;
    struct entry entry; /* being written, if it has a name */
    uint64_t count;
    struct buffer directory;
    struct buffer scratch;
    char out[CHUNK_SIZE];
};

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory to pack the list");
}

/* With the folder where only that tells the place: a file without a name (for a pipe) lies there.
 */
static int write_failed(const struct bulk_zip *zip, int number, struct error *error)
{
    bool is_full = number == ENOSPC || number == EDQUOT;
    struct stat about;

    if (fstat(zip->fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_nlink == 0)
        return error_set(error, ERROR_IO,
                         "the archive can't be written: a temporary file in %s: %s; %sTMPDIR names "
                         "another folder",
                         bulk_spool_folder(), strerror(number),
                         is_full ? "make room there, or " : "");
    return error_set(error, ERROR_IO, "the archive can't be written: %s%s", strerror(number),
                     is_full ? "; make room and run it again: nothing that was found out is lost"
                             : "");
}

static int write_at(struct bulk_zip *zip, uint64_t offset, const char *bytes, size_t len,
                    struct error *error)
{
    while (len > 0) {
        ssize_t done = pwrite(zip->fd, bytes, len, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return write_failed(zip, errno, error);
        bytes += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

/* At the end. */
static int append(struct bulk_zip *zip, const char *bytes, size_t len, struct error *error)
{
    int code = write_at(zip, zip->offset, bytes, len, error);

    if (code == 0)
        zip->offset += len;
    return code;
}

/* Little-endian, as everything in an archive. */
static void put(struct buffer *out, unsigned bytes, uint64_t number)
{
    for (unsigned i = 0; i < bytes; i++)
        buffer_append_byte(out, (char)(number >> 8 * i));
}

/* From 1980 to 2107, in UTC: the format knows no zones. */
static void set_time(struct bulk_zip *zip, int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;

    zip->date = 1 << 5 | 1;
    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < 80 || tm.tm_year > 207)
        return;
    zip->date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
    zip->time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

int bulk_zip_open(int fd, int64_t unix_ms, struct bulk_zip **ret_zip, struct error *error)
{
    struct bulk_zip *zip = memory_zalloc(1, sizeof(*zip));

    if (zip == NULL)
        return no_memory(error);
    zip->fd = fd;
    set_time(zip, unix_ms);
    buffer_init(&zip->directory, 0);
    buffer_init(&zip->scratch, 0);
    zip->has_stream = deflateInit2(&zip->stream, LEVEL, Z_DEFLATED, -MAX_WBITS, MEMORY_LEVEL,
                                   Z_DEFAULT_STRATEGY) == Z_OK;
    if (!zip->has_stream) {
        bulk_zip_close(zip);
        return no_memory(error);
    }
    *ret_zip = zip;
    return 0;
}

void bulk_zip_close(struct bulk_zip *zip)
{
    if (zip == NULL)
        return;
    if (zip->has_stream)
        deflateEnd(&zip->stream);
    buffer_done(&zip->directory);
    buffer_done(&zip->scratch);
    memory_free(zip->entry.name);
    memory_free(zip);
}

/* --- entries ---------------------------------------------------------------------------------- */

/* What local header and directory say alike: from "version needed" to the length of the name. */
static void put_common(struct buffer *out, const struct bulk_zip *zip, unsigned version,
                       bool hide_sizes)
{
    const struct entry *entry = &zip->entry;

    put(out, 2, version);
    put(out, 2, FLAG_UTF8);
    put(out, 2, METHOD_DEFLATE);
    put(out, 2, zip->time);
    put(out, 2, zip->date);
    put(out, 4, entry->crc);
    put(out, 4, hide_sizes ? MAX_32 : entry->packed);
    put(out, 4, hide_sizes ? MAX_32 : entry->size);
    put(out, 2, strlen(entry->name));
}

/* Written when the entry begins, and once more, of the same length, when its sizes are known. */
static bool make_local_header(struct bulk_zip *zip)
{
    const struct entry *entry = &zip->entry;
    struct buffer *out = &zip->scratch;

    buffer_clear(out);
    put(out, 4, 0x04034b50);
    put_common(out, zip, entry->is_large ? VERSION_ZIP64 : VERSION_PLAIN, entry->is_large);
    put(out, 2, entry->is_large ? 20 : 0);
    buffer_append_string(out, entry->name);
    if (entry->is_large) {
        put(out, 2, EXTRA_ZIP64);
        put(out, 2, 16);
        put(out, 8, entry->size);
        put(out, 8, entry->packed);
    }
    return !out->failed;
}

/* The directory's record of it. */
static bool list_entry(struct bulk_zip *zip)
{
    const struct entry *entry = &zip->entry;
    struct buffer *out = &zip->directory;
    bool is_far = entry->offset >= MAX_32, needs_64 = is_far || entry->is_large;

    put(out, 4, 0x02014b50);
    put(out, 2, MADE_ON_UNIX | VERSION_ZIP64);
    put_common(out, zip, needs_64 ? VERSION_ZIP64 : VERSION_PLAIN, entry->is_large);
    put(out, 2, needs_64 ? 4U + (entry->is_large ? 16U : 0U) + (is_far ? 8U : 0U) : 0U);
    put(out, 2, 0); /* comment */
    put(out, 2, 0); /* disk */
    put(out, 2, 0); /* internal attributes */
    put(out, 4, MODE);
    put(out, 4, is_far ? MAX_32 : entry->offset);
    buffer_append_string(out, entry->name);
    if (needs_64) {
        put(out, 2, EXTRA_ZIP64);
        put(out, 2, (entry->is_large ? 16U : 0U) + (is_far ? 8U : 0U));
        if (entry->is_large) {
            put(out, 8, entry->size);
            put(out, 8, entry->packed);
        }
        if (is_far)
            put(out, 8, entry->offset);
    }
    return !out->failed;
}

int bulk_zip_begin(struct bulk_zip *zip, const char *name, uint64_t size, struct error *error)
{
    CHECK(zip->entry.name == NULL && strlen(name) <= UINT16_MAX);
    zip->entry = (struct entry){
        .name = memory_copy_string(name, strlen(name)),
        .offset = zip->offset,
        .crc = (uint32_t)crc32(0, NULL, 0),
        .is_large = size >= BULK_ZIP_PLAIN_MAX,
    };
    if (zip->entry.name == NULL || !make_local_header(zip))
        return no_memory(error);
    CHECK(deflateReset(&zip->stream) == Z_OK);
    return append(zip, zip->scratch.ptr, zip->scratch.len, error);
}

static int compress_some(struct bulk_zip *zip, int flush, struct error *error)
{
    int code = 0;

    do {
        size_t len;

        zip->stream.next_out = (Bytef *)zip->out;
        zip->stream.avail_out = sizeof(zip->out);
        CHECK(deflate(&zip->stream, flush) != Z_STREAM_ERROR);
        len = sizeof(zip->out) - zip->stream.avail_out;
        zip->entry.packed += len;
        code = append(zip, zip->out, len, error);
    } while (code == 0 && zip->stream.avail_out == 0);
    return code;
}

int bulk_zip_write(struct bulk_zip *zip, struct slice bytes, struct error *error)
{
    CHECK(zip->entry.name != NULL && bytes.len <= UINT32_MAX);
    if (bytes.len == 0)
        return 0;
    zip->entry.crc = (uint32_t)crc32(zip->entry.crc, (const Bytef *)bytes.ptr, (uInt)bytes.len);
    zip->entry.size += bytes.len;
    zip->stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    zip->stream.avail_in = (uInt)bytes.len;
    return compress_some(zip, Z_NO_FLUSH, error);
}

int bulk_zip_end(struct bulk_zip *zip, struct error *error)
{
    int code;

    CHECK(zip->entry.name != NULL);
    zip->stream.next_in = NULL;
    zip->stream.avail_in = 0;
    code = compress_some(zip, Z_FINISH, error);
    if (code != 0)
        return code;
    CHECK(zip->entry.is_large || (zip->entry.size < MAX_32 && zip->entry.packed < MAX_32));
    if (!make_local_header(zip) || !list_entry(zip))
        return no_memory(error);
    memory_free(zip->entry.name);
    zip->entry.name = NULL;
    zip->count++;
    return write_at(zip, zip->entry.offset, zip->scratch.ptr, zip->scratch.len, error);
}

void bulk_zip_skip(struct bulk_zip *zip, uint64_t bytes)
{
    CHECK(zip->entry.name == NULL);
    zip->offset += bytes;
}

/* --- the directory ---------------------------------------------------------------------------- */

static void put_end_64(struct buffer *out, const struct bulk_zip *zip, uint64_t size)
{
    put(out, 4, 0x06064b50);
    put(out, 8, 44); /* bytes of this record that follow */
    put(out, 2, MADE_ON_UNIX | VERSION_ZIP64);
    put(out, 2, VERSION_ZIP64);
    put(out, 4, 0);
    put(out, 4, 0);
    put(out, 8, zip->count);
    put(out, 8, zip->count);
    put(out, 8, size);
    put(out, 8, zip->offset);
    /* where that is */
    put(out, 4, 0x07064b50);
    put(out, 4, 0);
    put(out, 8, zip->offset + size);
    put(out, 4, 1);
}

int bulk_zip_finish(struct bulk_zip *zip, struct error *error)
{
    struct buffer *out = &zip->directory;
    uint64_t size = out->len;

    CHECK(zip->entry.name == NULL && zip->count < UINT16_MAX && size < MAX_32);
    if (zip->offset >= MAX_32)
        put_end_64(out, zip, size);
    put(out, 4, 0x06054b50);
    put(out, 2, 0);
    put(out, 2, 0);
    put(out, 2, zip->count);
    put(out, 2, zip->count);
    put(out, 4, size);
    put(out, 4, zip->offset >= MAX_32 ? MAX_32 : zip->offset);
    put(out, 2, 0); /* comment */
    return out->failed ? no_memory(error) : append(zip, out->ptr, out->len, error);
}
