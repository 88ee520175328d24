#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void buffer_init(struct buffer *buffer, size_t ceiling)
{
    *buffer = (struct buffer){.ceiling = ceiling};
}

void buffer_done(struct buffer *buffer)
{
    memory_free(buffer->ptr);
    buffer_init(buffer, buffer->ceiling);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
}

char *buffer_reserve(struct buffer *buffer, size_t extra)
{
    size_t need, capacity;
    char *grown;

    if (__builtin_add_overflow(buffer->len, extra, &need) || need > SIZE_MAX / 2 ||
        (buffer->ceiling > 0 && need > buffer->ceiling)) {
        buffer->failed = true;
        return NULL;
    }
    if (need <= buffer->capacity && buffer->ptr != NULL)
        return buffer->ptr + buffer->len;
    capacity = buffer->capacity > 0 ? buffer->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    grown = memory_resize(buffer->ptr, capacity, 1);
    if (grown == NULL) {
        buffer->failed = true;
        return NULL;
    }
    buffer->ptr = grown;
    buffer->capacity = capacity;
    return grown + buffer->len;
}

bool buffer_append(struct buffer *buffer, const char *bytes, size_t len)
{
    char *to = buffer_reserve(buffer, len);

    if (to == NULL)
        return false;
    if (len > 0)
        memcpy(to, bytes, len);
    buffer->len += len;
    return true;
}

bool buffer_append_slice(struct buffer *buffer, struct slice s)
{
    return buffer_append(buffer, s.ptr, s.len);
}

bool buffer_append_string(struct buffer *buffer, const char *string)
{
    return buffer_append(buffer, string, strlen(string));
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    enum {
        USUALLY_ENOUGH = 64,
    };
    size_t size = USUALLY_ENOUGH;
    va_list args;
    char *to;
    int len;

    /* Near the ceiling there may be room for less than what is usual. */
    to = buffer->ceiling == 0 ? buffer_reserve(buffer, size) : NULL;
    if (to == NULL)
        size = 0;
    va_start(args, format);
    len = vsnprintf(to, size, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < size) {
        buffer->len += (size_t)len;
        return true;
    }
    if (len < 0) {
        buffer->failed = true;
        return false;
    }
    to = buffer_reserve(buffer, (size_t)len + 1);
    if (to == NULL)
        return false;
    va_start(args, format);
    vsnprintf(to, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
    return true;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    if (len >= buffer->len) {
        buffer->len = 0;
        return;
    }
    memmove(buffer->ptr, buffer->ptr + len, buffer->len - len);
    buffer->len -= len;
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return buffer->len == 0 ? SLICE_EMPTY : (struct slice){buffer->ptr, buffer->len};
}
