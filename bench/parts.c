#include "parts.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/slice.h"
#include "fields.h"
#include "least.h"

#define COLUMNS     4
#define ADDRESS     2                   /* its column */
#define PIECE       ((size_t)64 << 10)  /* of the list, whose fields are found at once */
#define OUT_SIZE    ((size_t)256 << 10) /* of objects, before the buffer is used again */
#define OBJECT_MOST 4096                /* octets of one, all of its cells escaped */

struct parts {
    char *bytes; /* whole blocks */
    size_t len;
    uint32_t *ends; /* of all fields, the header's first */
    size_t rows;    /* without the header */
    char *out;
    uint64_t octets; /* of all objects */
    uint64_t sum;    /* so that nothing is optimised away */
};

static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* --- fields ---------------------------------------------------------------------------------- */

static void find_fields(struct parts *parts)
{
    static uint32_t ends[PIECE + 8];
    uint64_t is_quoted = 0;

    for (size_t at = 0; at < parts->len; at += PIECE) {
        size_t len = parts->len - at < PIECE ? parts->len - at : PIECE;
        size_t count = fields_find(parts->bytes + at, len, (uint32_t)at, &is_quoted, ends);

        parts->sum += count + ends[0];
    }
}

static inline struct slice field(const struct parts *parts, size_t row, size_t column)
{
    const uint32_t *end = parts->ends + COLUMNS * (row + 1) + column;

    return slice_from(parts->bytes + end[-1] + 1, end[0] - end[-1] - 1);
}

/* --- lists ----------------------------------------------------------------------------------- */

static void look_up(struct parts *parts)
{
    for (size_t row = 0; row < parts->rows; row++)
        parts->sum += least_look_up(field(parts, row, ADDRESS));
}

/* --- object ---------------------------------------------------------------------------------- */

/*
 * A streaming writer of JSON: commas by itself, values escaped. There is room for all of an object,
 * which whoever begins one sees to.
 */
struct writer {
    char *at;
    bool has_value; /* before this one, in the same object or array */
};

/* Its two members stay in registers where nobody takes its address. */
#define INLINE static inline __attribute__((always_inline))

/* 0: as it is; 'u': by its number; else the letter behind the backslash. */
static char escapes[256];

static void prepare_escapes(void)
{
    memset(escapes, 'u', 0x20);
    escapes['\n'] = 'n';
    escapes['\r'] = 'r';
    escapes['\t'] = 't';
    escapes['"'] = '"';
    escapes['\\'] = '\\';
}

INLINE void put(struct writer *writer, const char *bytes, size_t len)
{
    memcpy(writer->at, bytes, len);
    writer->at += len;
}

INLINE void put_comma(struct writer *writer)
{
    *writer->at = ',';
    writer->at += writer->has_value;
    writer->has_value = true;
}

INLINE void begin(struct writer *writer, char bracket)
{
    put_comma(writer);
    *writer->at++ = bracket;
    writer->has_value = false;
}

INLINE void end(struct writer *writer, char bracket)
{
    *writer->at++ = bracket;
    writer->has_value = true;
}

/* A value follows it. Names are ours: none needs escaping. */
INLINE void put_name(struct writer *writer, const char *name)
{
    put_comma(writer);
    *writer->at++ = '"';
    put(writer, name, strlen(name));
    put(writer, "\":", 2);
    writer->has_value = false;
}

static char *put_escaped(char *at, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    const char bytes[] = {'\\', escapes[c], '0', '0', digits[c >> 4], digits[c & 15]};
    size_t len = escapes[c] == 'u' ? 6 : 2;

    memcpy(at, bytes, len);
    return at + len;
}

/* Octet by octet, as the writer of the targets (255 to 290 ns an object where they were set). */
INLINE void put_string(struct writer *writer, struct slice text)
{
    char *at;

    put_comma(writer);
    at = writer->at;
    *at++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (escapes[c] == 0)
            *at++ = (char)c;
        else
            at = put_escaped(at, c);
    }
    *at++ = '"';
    writer->at = at;
}

INLINE void put_number(struct writer *writer, uint64_t number)
{
    char digits[20], *at = digits + sizeof(digits);

    put_comma(writer);
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(writer, at, (size_t)(digits + sizeof(digits) - at));
}

INLINE void put_word(struct writer *writer, const char *word)
{
    put_comma(writer);
    put(writer, word, strlen(word));
}

INLINE void name_string(struct writer *writer, const char *name, struct slice text)
{
    put_name(writer, name);
    put_string(writer, text);
}

INLINE void name_number(struct writer *writer, const char *name, uint64_t number)
{
    put_name(writer, name);
    put_number(writer, number);
}

INLINE void name_word(struct writer *writer, const char *name, const char *word)
{
    put_name(writer, name);
    put_word(writer, word);
}

/* 25 members: what the list holds, and what a row's result says. Returns the end of the object. */
static char *put_object(char *to, const struct parts *parts, size_t row, struct slice moment)
{
    struct writer whole = {.at = to}, *writer = &whole;
    struct slice address = field(parts, row, ADDRESS);
    size_t at = (size_t)(slice_find_byte(address, '@') + 1);

    begin(writer, '{');
    name_number(writer, "row", row + 1);
    name_string(writer, "id", field(parts, row, 0));
    name_string(writer, "name", field(parts, row, 1));
    name_string(writer, "email", address);
    name_string(writer, "city", field(parts, row, 3));
    name_string(writer, "address", address);
    name_string(writer, "normalized", address);
    name_string(writer, "status", SLICE("unknown"));
    name_string(writer, "reason", SLICE("not_probed"));
    name_number(writer, "score", 40 + row % 16);
    name_string(writer, "action", SLICE("review"));
    name_word(writer, "retry_after", "null");
    put_name(writer, "flags");
    begin(writer, '[');
    put_string(writer, SLICE("free"));
    end(writer, ']');
    name_word(writer, "suggestion", "null");
    name_string(writer, "domain", slice_from_offset(address, at));
    name_word(writer, "provider", "null");
    put_name(writer, "mx");
    begin(writer, '[');
    end(writer, ']');
    name_word(writer, "valid", "true");
    name_word(writer, "diagnosis", "null");
    name_word(writer, "offset", "null");
    name_word(writer, "smtp", "null");
    name_string(writer, "checked_at", moment);
    name_number(writer, "duration_ms", row % 2);
    name_string(writer, "source", SLICE("live"));
    name_string(writer, "explanation",
                SLICE("Only the address itself was looked at, as asked; no server was. It reads "
                      "well, and whether there is such a mailbox its server knows."));
    end(writer, '}');
    put(writer, "\n", 1);
    return writer->at;
}

static void put_objects(struct parts *parts)
{
    const struct slice moment = SLICE("2026-11-26T18:23:39.000Z");
    char *at = parts->out;

    parts->octets = 0;
    for (size_t row = 0; row < parts->rows; row++) {
        if (at > parts->out + OUT_SIZE) {
            parts->octets += (uint64_t)(at - parts->out);
            parts->sum += (unsigned char)parts->out[row % OUT_SIZE];
            at = parts->out;
        }
        at = put_object(at, parts, row, moment);
    }
    parts->octets += (uint64_t)(at - parts->out);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void read_list(struct parts *parts, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    size_t len = 0;
    ssize_t got;

    CHECK(fd >= 0 && fstat(fd, &about) == 0 && about.st_size < UINT32_MAX);
    parts->len = ((size_t)about.st_size + FIELDS_BLOCK - 1) / FIELDS_BLOCK * FIELDS_BLOCK;
    parts->bytes = calloc(1, parts->len);
    CHECK(parts->bytes != NULL);
    while ((got = read(fd, parts->bytes + len, (size_t)about.st_size - len)) > 0)
        len += (size_t)got;
    CHECK(len == (size_t)about.st_size);
    close(fd);
}

static void keep_fields(struct parts *parts)
{
    uint64_t is_quoted = 0;
    size_t count;

    parts->ends = malloc((parts->len + 8) * sizeof(*parts->ends));
    CHECK(parts->ends != NULL);
    count = fields_find(parts->bytes, parts->len, 0, &is_quoted, parts->ends);
    CHECK(count > 0 && count % COLUMNS == 0);
    parts->rows = count / COLUMNS - 1;
}

struct parts *parts_new(const char *path)
{
    static const char *const lists[] = {"disposable_domains.txt", "free_domains.txt",
                                        "role_names.txt", "role_names_own.txt",
                                        "no_reply_names.txt"};
    struct parts *parts = calloc(1, sizeof(*parts));

    CHECK(parts != NULL);
    read_list(parts, path);
    keep_fields(parts);
    parts->out = malloc(OUT_SIZE + OBJECT_MOST);
    CHECK(parts->out != NULL);
    prepare_escapes();
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        (void)least_read_names(lists[i], NULL);
    return parts;
}

void parts_free(struct parts *parts)
{
    CHECK(parts->sum > 0);
    free(parts->bytes);
    free(parts->ends);
    free(parts->out);
    free(parts);
}

double parts_run(struct parts *parts, enum parts_part part)
{
    double began = cpu_ns();

    switch (part) {
    case PARTS_FIELDS:
        find_fields(parts);
        break;
    case PARTS_LISTS:
        look_up(parts);
        break;
    default:
        put_objects(parts);
        break;
    }
    return (cpu_ns() - began) / (double)parts->rows;
}

double parts_object_len(const struct parts *parts)
{
    return (double)parts->octets / (double)parts->rows;
}

double parts_keep(const struct parts *parts, const char *path)
{
    double began = cpu_ns();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    for (uint64_t left = parts->octets; left > 0;) {
        ssize_t len = write(fd, parts->out, left < OUT_SIZE ? (size_t)left : OUT_SIZE);

        CHECK(len > 0);
        left -= (uint64_t)len;
    }
    CHECK(fsync(fd) == 0 && close(fd) == 0);
    began = (cpu_ns() - began) / (double)parts->rows;
    unlink(path);
    return began;
}
