#include "bulk/archive.h"

#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/memory.h"

#define CHUNK_SIZE (128 << 10)
#define DEPTH_MAX  64
#define TOKEN_MAX  (4 << 20)            /* bytes of one tag with its attributes */
#define SWELL_FROM (UINT64_C(64) << 20) /* bytes from which on the ratio is looked at */
#define SWELL_MAX  200                  /* times; sheets shrink to a tenth */

struct bulk_archive {
    zip_t *zip;
    char *name;
};

struct bulk_part {
    struct bulk_archive *archive;
    const struct bulk_part_events *events;
    void *user;
    zip_file_t *file;
    XML_Parser parser;
    char *name;
    uint64_t most, packed_size, size, fed;
    unsigned depth;
    bool is_paused, is_over;
    int failure; /* from an event: negative */
    const char *why;
};

static void *resize(void *block, size_t size)
{
    return memory_resize(block, size, 1);
}

int bulk_archive_open(int fd, const char *name, struct bulk_archive **ret_archive,
                      struct error *error)
{
    struct bulk_archive *archive = memory_zalloc(1, sizeof(*archive));
    int number = ZIP_ER_MEMORY;

    if (archive != NULL)
        archive->name = memory_copy_string(name, strlen(name));
    if (archive == NULL || archive->name == NULL) {
        close(fd);
        bulk_archive_close(archive);
        return error_set(error, ERROR_NOMEM, "%s: no memory to read it", name);
    }
    archive->zip = zip_fdopen(fd, 0, &number);
    if (archive->zip == NULL) {
        zip_error_t why;

        close(fd);
        zip_error_init_with_code(&why, number);
        error_set(error, number == ZIP_ER_MEMORY ? ERROR_NOMEM : ERROR_FORMAT,
                  "%s: is a damaged zip archive or workbook: %s", name, zip_error_strerror(&why));
        zip_error_fini(&why);
        bulk_archive_close(archive);
        return number == ZIP_ER_MEMORY ? ERROR_NOMEM : ERROR_FORMAT;
    }
    *ret_archive = archive;
    return 0;
}

void bulk_archive_close(struct bulk_archive *archive)
{
    if (archive == NULL)
        return;
    if (archive->zip != NULL)
        zip_discard(archive->zip);
    memory_free(archive->name);
    memory_free(archive);
}

const char *bulk_archive_name(const struct bulk_archive *archive)
{
    return archive->name;
}

bool bulk_archive_has(const struct bulk_archive *archive, const char *part)
{
    return zip_name_locate(archive->zip, part, ZIP_FL_NOCASE) >= 0;
}

static const char *without_prefix(const char *name)
{
    const char *colon = strchr(name, ':');

    return colon != NULL ? colon + 1 : name;
}

const char *bulk_part_attribute(const char *const *attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2)
        if (strcmp(without_prefix(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}

void bulk_part_fail(struct bulk_part *part, int code, const char *why)
{
    if (part->failure == 0) {
        part->failure = code;
        part->why = why;
    }
    XML_StopParser(part->parser, XML_FALSE);
}

void bulk_part_pause(struct bulk_part *part)
{
    part->is_paused = true;
    XML_StopParser(part->parser, XML_TRUE);
}

static void XMLCALL on_begin(void *user, const char *name, const char **attributes)
{
    struct bulk_part *part = user;

    if (++part->depth > DEPTH_MAX)
        bulk_part_fail(part, ERROR_LIMIT, "its elements are nested too deep");
    else if (part->events->begin != NULL)
        part->events->begin(part->user, without_prefix(name), (const char *const *)attributes);
}

static void XMLCALL on_end(void *user, const char *name)
{
    struct bulk_part *part = user;

    part->depth--;
    if (part->events->end != NULL && part->failure == 0)
        part->events->end(part->user, without_prefix(name));
}

static void XMLCALL on_text(void *user, const char *text, int len)
{
    struct bulk_part *part = user;

    if (part->events->text != NULL && part->failure == 0)
        part->events->text(part->user, slice_from(text, (size_t)len));
}

/* No workbook has one; entities are what it would be good for. */
static void XMLCALL on_doctype(void *user, const char *name, const char *system, const char *public,
                               int has_subset)
{
    bulk_part_fail(user, ERROR_FORMAT, "it declares a document type");
}

static int refuse(const struct bulk_part *part, int code, const char *why, struct error *error)
{
    return error_set(error, code, "%s: the workbook's part %s can't be read: %s",
                     part->archive->name, part->name, why);
}

static int open_entry(struct bulk_part *part, struct error *error)
{
    zip_t *zip = part->archive->zip;
    zip_int64_t index = zip_name_locate(zip, part->name, ZIP_FL_NOCASE);
    zip_stat_t about;

    if (index < 0)
        return refuse(part, ERROR_NOT_FOUND, "it is not there", error);
    if (zip_stat_index(zip, (zip_uint64_t)index, 0, &about) != 0)
        return refuse(part, ERROR_FORMAT, zip_strerror(zip), error);
    part->packed_size = about.comp_size;
    part->size = about.size;
    if (about.size > part->most)
        return refuse(part, ERROR_LIMIT, "it is too large", error);
    part->file = zip_fopen_index(zip, (zip_uint64_t)index, 0);
    return part->file != NULL ? 0 : refuse(part, ERROR_FORMAT, zip_strerror(zip), error);
}

int bulk_part_open(struct bulk_archive *archive, const char *name, uint64_t most,
                   const struct bulk_part_events *events, void *user, struct bulk_part **ret_part,
                   struct error *error)
{
    static const XML_Memory_Handling_Suite memory = {memory_alloc, resize, memory_free};
    struct bulk_part *part = memory_zalloc(1, sizeof(*part));
    int code = 0;

    if (part == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to read it", archive->name);
    part->archive = archive;
    part->events = events;
    part->user = user;
    part->most = most;
    part->name = memory_copy_string(name, strlen(name));
    part->parser = part->name != NULL ? XML_ParserCreate_MM(NULL, &memory, NULL) : NULL;
    if (part->parser == NULL)
        code = error_set(error, ERROR_NOMEM, "%s: no memory to read it", archive->name);
    else
        code = open_entry(part, error);
    if (code != 0) {
        bulk_part_close(part);
        return code;
    }
    XML_SetUserData(part->parser, part);
    XML_SetElementHandler(part->parser, on_begin, on_end);
    XML_SetCharacterDataHandler(part->parser, on_text);
    XML_SetStartDoctypeDeclHandler(part->parser, on_doctype);
    *ret_part = part;
    return 0;
}

void bulk_part_close(struct bulk_part *part)
{
    if (part == NULL)
        return;
    if (part->file != NULL)
        zip_fclose(part->file);
    if (part->parser != NULL)
        XML_ParserFree(part->parser);
    memory_free(part->name);
    memory_free(part);
}

/* The next bytes of the part into the parser. */
static int feed(struct bulk_part *part, enum XML_Status *ret_status, struct error *error)
{
    char *room = XML_GetBuffer(part->parser, CHUNK_SIZE);
    zip_int64_t len;

    if (room == NULL)
        return refuse(part, ERROR_NOMEM, "no memory", error);
    len = zip_fread(part->file, room, CHUNK_SIZE);
    if (len < 0)
        return refuse(part, ERROR_FORMAT, zip_file_strerror(part->file), error);
    part->fed += (uint64_t)len;
    if (part->fed > part->most ||
        (part->fed > SWELL_FROM && part->fed / SWELL_MAX > part->packed_size))
        return refuse(part, ERROR_LIMIT, "it swells without measure", error);
    part->is_over = len == 0;
    *ret_status = XML_ParseBuffer(part->parser, (int)len, part->is_over);
    if (*ret_status == XML_STATUS_OK &&
        part->fed > (uint64_t)XML_GetCurrentByteIndex(part->parser) + TOKEN_MAX)
        return refuse(part, ERROR_LIMIT, "a tag in it has no end", error);
    return 0;
}

int bulk_part_run(struct bulk_part *part, struct error *error)
{
    enum XML_Status status = XML_STATUS_OK;
    bool was_paused = part->is_paused;
    int code = 0;

    part->is_paused = false;
    if (was_paused)
        status = XML_ResumeParser(part->parser);
    while (status == XML_STATUS_OK && !part->is_over) {
        code = feed(part, &status, error);
        if (code != 0)
            return code;
    }
    if (part->failure != 0)
        return refuse(part, part->failure, part->why, error);
    if (status == XML_STATUS_SUSPENDED)
        return 1;
    if (status == XML_STATUS_OK)
        return 0;
    code = XML_GetErrorCode(part->parser) == XML_ERROR_NO_MEMORY ? ERROR_NOMEM : ERROR_FORMAT;
    return refuse(part, code, XML_ErrorString(XML_GetErrorCode(part->parser)), error);
}

uint64_t bulk_part_packed_size(const struct bulk_part *part)
{
    return part->packed_size;
}

uint64_t bulk_part_packed_offset(const struct bulk_part *part)
{
    if (part->is_over || part->size == 0)
        return part->packed_size;
    return (uint64_t)((double)part->packed_size * ((double)part->fed / (double)part->size));
}
