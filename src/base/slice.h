/*
 * A borrowed run of bytes: pointer and length, never NUL-terminated, never owned.
 *
 * Whoever hands out a slice says how long the bytes live. ptr may be NULL only when len is 0.
 * Case folding here is ASCII only, as SMTP and DNS want it. What is smaller than a call stands in
 * line.
 */
#ifndef MK_BASE_SLICE_H
#define MK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_EMPTY    ((struct slice){"", 0})
/* For printf: "%.*s" */
#define SLICE_ARG(slice) (int)(slice).len, ((slice).ptr != NULL ? (slice).ptr : "")

static inline struct slice slice_from(const char *bytes, size_t len)
{
    return (struct slice){bytes, len};
}

/* NULL gives the empty slice. */
static inline struct slice slice_from_string(const char *string)
{
    return string == NULL ? SLICE_EMPTY : (struct slice){string, strlen(string)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_equal_nocase(struct slice a, struct slice b);
int slice_compare(struct slice a, struct slice b); /* bytewise, shorter first; <0, 0, >0 */
bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
bool slice_ends_with_nocase(struct slice s, struct slice suffix);

/* Offset of the first (last) byte c, or -1. */
ptrdiff_t slice_find_byte(struct slice s, char c);
ptrdiff_t slice_rfind_byte(struct slice s, char c);
/* Offset of the first occurrence of needle, or -1; the empty needle is found at 0. */
ptrdiff_t slice_find(struct slice s, struct slice needle);
ptrdiff_t slice_find_nocase(struct slice s, struct slice needle);

/* Empty past the end. */
static inline struct slice slice_from_offset(struct slice s, size_t offset)
{
    return offset >= s.len ? SLICE_EMPTY : (struct slice){s.ptr + offset, s.len - offset};
}

/* Cut to the slice's own length. */
static inline struct slice slice_prefix(struct slice s, size_t len)
{
    return (struct slice){s.ptr, len < s.len ? len : s.len};
}

struct slice slice_trim(struct slice s); /* SP, TAB, CR, LF at both ends */

/*
 * Take the part before the first `separator` off *rest and put it in *ret_part; false when *rest
 * was exhausted (its ptr is NULL). A trailing separator yields one last empty part.
 */
bool slice_split(struct slice *rest, char separator, struct slice *ret_part);

/* Decimal digits only, no sign, no blanks; false when empty, foreign or above max. */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *ret_value);

/* Copy as a NUL-terminated string into out[size]; false (and an empty string) if it does not fit.
 */
bool slice_to_string(struct slice s, char *out, size_t size);

/* ASCII, locale-free. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* SP and 9 to 13. */
static inline bool ascii_is_space(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

int ascii_hex_value(char c); /* 0 to 15, or -1 */
void ascii_lower_bytes(char *bytes, size_t len);
/* to: as much room, elsewhere or the same. */
void ascii_copy_lower(char *to, const char *from, size_t len);

#endif
