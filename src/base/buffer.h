/*
 * A growable run of bytes that it owns, with an optional ceiling.
 *
 * A failed append (no memory, or the ceiling reached) leaves the contents as they were and sets
 * `failed`, so that a writer may append many times and look once.
 */
#ifndef MK_BASE_BUFFER_H
#define MK_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct buffer {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t ceiling; /* bytes; 0: none */
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t ceiling);
void buffer_done(struct buffer *buffer);  /* frees; may be used again after buffer_init */
void buffer_clear(struct buffer *buffer); /* empties, keeps the memory, clears failed */

/* Room for `extra` more bytes at ptr + len, or NULL. The caller adds to len what it wrote. */
char *buffer_reserve(struct buffer *buffer, size_t extra);

/* The same, with the usual case in line: for what is a few bytes, again and again. */
static inline char *buffer_room(struct buffer *buffer, size_t extra)
{
    if (buffer->capacity - buffer->len >= extra && buffer->ceiling == 0 && buffer->ptr != NULL)
        return buffer->ptr + buffer->len;
    return buffer_reserve(buffer, extra);
}

static inline bool buffer_append_byte(struct buffer *buffer, char byte)
{
    char *to = buffer_room(buffer, 1);

    if (to == NULL)
        return false;
    *to = byte;
    buffer->len++;
    return true;
}

bool buffer_append(struct buffer *buffer, const char *bytes, size_t len);
bool buffer_append_slice(struct buffer *buffer, struct slice s);
bool buffer_append_string(struct buffer *buffer, const char *string);
bool buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop the first len bytes (at most all). */
void buffer_consume(struct buffer *buffer, size_t len);

/* The contents; valid until the next change. */
struct slice buffer_slice(const struct buffer *buffer);

#endif
