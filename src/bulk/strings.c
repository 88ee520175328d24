#include "bulk/strings.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "bulk/spool.h"

#define FLUSH_SIZE ((size_t)256 << 10)

/* A file that grows, then is mapped. */
struct growing {
    struct buffer pending;
    int fd;
    uint64_t size;
    const char *map;
};

struct bulk_strings {
    struct growing texts;
    struct growing ends; /* one uint64_t a string: where it ends in texts */
    uint64_t count;

    /* while reading */
    struct bulk_part *part;
    unsigned string_depth, phonetic_depth, text_depth;
};

static int grow(struct growing *file, const void *bytes, size_t len, bool must_flush,
                struct error *error)
{
    int code = 0;

    if (len > 0 && !buffer_append(&file->pending, bytes, len))
        return error_set(error, ERROR_NOMEM, "no memory to read the workbook");
    file->size += len;
    if (must_flush || file->pending.len >= FLUSH_SIZE) {
        code = bulk_spool_write(file->fd, NULL, buffer_slice(&file->pending), error);
        buffer_clear(&file->pending);
    }
    return code;
}

static int map(struct growing *file, struct error *error)
{
    void *start;
    int code = grow(file, NULL, 0, true, error);

    if (code != 0 || file->size == 0)
        return code;
    start = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (start == MAP_FAILED)
        return error_set(error, ERROR_IO, "temporary file: can't be mapped: %s", strerror(errno));
    file->map = start;
    return 0;
}

static void fail(struct bulk_strings *strings, int code)
{
    bulk_part_fail(strings->part, code,
                   code == ERROR_IO ? "the temporary file can't be written (see TMPDIR)"
                                    : "no memory");
}

/* <si><t>text</t></si>, or runs of it: <si><r><t>te</t></r><r><t>xt</t></r><rPh>..</rPh></si> */
static void on_begin(void *user, const char *name, const char *const *attributes)
{
    struct bulk_strings *strings = user;

    if (strcmp(name, "si") == 0)
        strings->string_depth++;
    else if (strcmp(name, "rPh") == 0)
        strings->phonetic_depth++;
    else if (strcmp(name, "t") == 0)
        strings->text_depth++;
}

static void on_end(void *user, const char *name)
{
    struct bulk_strings *strings = user;
    int code;

    if (strcmp(name, "rPh") == 0 && strings->phonetic_depth > 0)
        strings->phonetic_depth--;
    else if (strcmp(name, "t") == 0 && strings->text_depth > 0)
        strings->text_depth--;
    if (strcmp(name, "si") != 0)
        return;
    strings->string_depth--;
    code = grow(&strings->ends, &strings->texts.size, sizeof(strings->texts.size), false, NULL);
    if (code != 0)
        fail(strings, code);
    strings->count++;
}

static void on_text(void *user, struct slice text)
{
    struct bulk_strings *strings = user;
    int code;

    if (strings->string_depth == 0 || strings->text_depth == 0 || strings->phonetic_depth > 0)
        return;
    code = grow(&strings->texts, text.ptr, text.len, false, NULL);
    if (code != 0)
        fail(strings, code);
}

static int read_part(struct bulk_strings *strings, struct bulk_archive *archive, const char *part,
                     struct error *error)
{
    static const struct bulk_part_events events = {on_begin, on_end, on_text};
    int code = bulk_spool_unnamed(&strings->texts.fd, error);

    if (code == 0)
        code = bulk_spool_unnamed(&strings->ends.fd, error);
    if (code == 0)
        code = bulk_part_open(archive, part, ARCHIVE_STRINGS_MAX, &events, strings, &strings->part,
                              error);
    if (code == 0)
        code = bulk_part_run(strings->part, error);
    bulk_part_close(strings->part);
    strings->part = NULL;
    if (code == 0)
        code = map(&strings->texts, error);
    return code == 0 ? map(&strings->ends, error) : code;
}

int bulk_strings_read(struct bulk_archive *archive, const char *part,
                      struct bulk_strings **ret_strings, struct error *error)
{
    struct bulk_strings *strings = memory_zalloc(1, sizeof(*strings));
    int code = 0;

    if (strings == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to read the workbook");
    strings->texts.fd = strings->ends.fd = -1;
    buffer_init(&strings->texts.pending, 0);
    buffer_init(&strings->ends.pending, 0);
    if (part != NULL)
        code = read_part(strings, archive, part, error);
    if (code != 0) {
        bulk_strings_free(strings);
        return code;
    }
    *ret_strings = strings;
    return 0;
}

static void drop(struct growing *file)
{
    if (file->map != NULL)
        munmap((void *)file->map, file->size);
    if (file->fd >= 0)
        close(file->fd);
    buffer_done(&file->pending);
}

void bulk_strings_free(struct bulk_strings *strings)
{
    if (strings == NULL)
        return;
    drop(&strings->texts);
    drop(&strings->ends);
    memory_free(strings);
}

static uint64_t end_of(const struct bulk_strings *strings, uint64_t index)
{
    uint64_t end;

    memcpy(&end, strings->ends.map + index * sizeof(end), sizeof(end));
    return end;
}

bool bulk_strings_get(const struct bulk_strings *strings, uint64_t index, struct slice *ret_string)
{
    uint64_t begin;

    if (index >= strings->count)
        return false;
    begin = index > 0 ? end_of(strings, index - 1) : 0;
    *ret_string = strings->texts.map != NULL
                      ? slice_from(strings->texts.map + begin, end_of(strings, index) - begin)
                      : SLICE_EMPTY;
    return true;
}
