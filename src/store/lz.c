#include "store/lz.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define HASH_BITS    12
#define MATCH_LEAST  4
#define LAST_BYTES   5  /* of a block are literals, */
#define LAST_MATCH   12 /* and no match begins in so many: what the format asks for */
#define NIBBLE       15 /* a length that goes on in further bytes */
#define OFFSET_BYTES 2

struct lz {
    struct slice dictionary;
    uint16_t known[1 << HASH_BITS]; /* where four bytes of this hash stand in the dictionary */
    uint16_t seen[1 << HASH_BITS];  /* the same for dictionary and text */
    char window[LZ_TEXT_MAX];       /* the dictionary, then the text */
};

static uint32_t load(const char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static uint32_t hash(const char *at)
{
    return load(at) * UINT32_C(2654435761) >> (32 - HASH_BITS);
}

struct lz *lz_new(struct slice dictionary)
{
    struct lz *lz = memory_zalloc(1, sizeof(*lz));

    CHECK(dictionary.len >= MATCH_LEAST && dictionary.len <= LZ_TEXT_MAX / 2);
    if (lz == NULL)
        return NULL;
    lz->dictionary = dictionary;
    memcpy(lz->window, dictionary.ptr, dictionary.len);
    /* What stands nowhere leads to position 0, and differs there. */
    for (size_t at = 0; at + MATCH_LEAST <= dictionary.len; at++)
        lz->known[hash(dictionary.ptr + at)] = (uint16_t)at;
    return lz;
}

void lz_free(struct lz *lz)
{
    memory_free(lz);
}

/* --- packing ------------------------------------------------------------------------------- */

struct writer {
    char *at, *end;
};

static bool put_length(struct writer *out, size_t len)
{
    if (len < NIBBLE)
        return true;
    for (len -= NIBBLE; out->at < out->end; len -= UINT8_MAX) {
        *out->at++ = (char)(len < UINT8_MAX ? len : UINT8_MAX);
        if (len < UINT8_MAX)
            return true;
    }
    return false;
}

/* match_len 0: the last sequence, which has none. */
static bool put_sequence(struct writer *out, const char *literals, size_t literals_len,
                         size_t distance, size_t match_len)
{
    size_t more = match_len > 0 ? match_len - MATCH_LEAST : 0;
    size_t high = literals_len < NIBBLE ? literals_len : NIBBLE,
           low = more < NIBBLE ? more : NIBBLE;

    if (out->at == out->end)
        return false;
    *out->at++ = (char)(high << 4 | low);
    if (!put_length(out, literals_len) || (size_t)(out->end - out->at) < literals_len)
        return false;
    memcpy(out->at, literals, literals_len);
    out->at += literals_len;
    if (match_len == 0)
        return true;
    if (out->end - out->at < OFFSET_BYTES)
        return false;
    *out->at++ = (char)distance;
    *out->at++ = (char)(distance >> 8);
    return put_length(out, more);
}

static size_t common(const char *left, const char *right, const char *right_end)
{
    const char *start = right;

    while (right_end - right >= 8) {
        uint64_t a, b;

        memcpy(&a, left, sizeof(a));
        memcpy(&b, right, sizeof(b));
        if (a != b)
            break;
        left += 8;
        right += 8;
    }
    while (right < right_end && *left == *right) {
        left++;
        right++;
    }
    return (size_t)(right - start);
}

size_t lz_pack(struct lz *lz, struct slice text, char *out, size_t room)
{
    size_t before = lz->dictionary.len;
    const char *window = lz->window, *end, *literals, *at, *last_match;
    struct writer writer = {out, out + room};

    if (text.len > LZ_TEXT_MAX - before || text.len <= LAST_MATCH)
        return 0;
    memcpy(lz->window + before, text.ptr, text.len);
    memcpy(lz->seen, lz->known, sizeof(lz->seen));
    literals = at = window + before;
    end = at + text.len;
    last_match = end - LAST_MATCH;
    while (at <= last_match) {
        uint16_t *seen = &lz->seen[hash(at)];
        const char *match = window + *seen;
        size_t len;

        *seen = (uint16_t)(at - window);
        if (load(match) != load(at)) {
            at++;
            continue;
        }
        len = common(match, at, end - LAST_BYTES);
        while (at > literals && match > window && at[-1] == match[-1]) {
            at--;
            match--;
            len++;
        }
        if (!put_sequence(&writer, literals, (size_t)(at - literals), (size_t)(at - match), len))
            return 0;
        at += len;
        literals = at;
        if (at <= last_match) /* where the next is likely to go on from */
            lz->seen[hash(at - 2)] = (uint16_t)(at - 2 - window);
    }
    if (!put_sequence(&writer, literals, (size_t)(end - literals), 0, 0) || writer.at == writer.end)
        return 0;
    return (size_t)(writer.at - out);
}

/* --- unpacking ----------------------------------------------------------------------------- */

/* False where the block ends too early, or is too long for anybody. */
static bool get_length(struct slice *block, size_t *len)
{
    unsigned char byte = UINT8_MAX;

    if (*len < NIBBLE)
        return true;
    for (; byte == UINT8_MAX && *len <= LZ_TEXT_MAX; *len += byte) {
        if (block->len == 0)
            return false;
        byte = (unsigned char)*block->ptr;
        *block = slice_from_offset(*block, 1);
    }
    return *len <= LZ_TEXT_MAX;
}

/* From `distance` bytes before *at, which may lie in the dictionary. It may run into itself. */
static bool copy_match(const struct lz *lz, const char *out, char *at, size_t distance, size_t len)
{
    size_t done = (size_t)(at - out), before = 0;

    if (distance == 0 || distance > done + lz->dictionary.len)
        return false;
    if (distance > done) {
        before = distance - done < len ? distance - done : len;
        memcpy(at, lz->dictionary.ptr + lz->dictionary.len - (distance - done), before);
        if (before == len)
            return true;
        at += before;
        len -= before;
    }
    if (distance >= len)
        memcpy(at, at - distance, len);
    else
        for (size_t i = 0; i < len; i++)
            at[i] = at[(ptrdiff_t)i - (ptrdiff_t)distance];
    return true;
}

bool lz_unpack(const struct lz *lz, struct slice block, char *out, size_t len)
{
    char *at = out, *end = out + len;

    while (block.len > 0) {
        unsigned char token = (unsigned char)*block.ptr;
        size_t literals = token >> 4, match = token & NIBBLE, distance;

        block = slice_from_offset(block, 1);
        if (!get_length(&block, &literals) || literals > block.len || literals > (size_t)(end - at))
            return false;
        memcpy(at, block.ptr, literals);
        at += literals;
        block = slice_from_offset(block, literals);
        if (block.len == 0)
            return at == end;
        if (block.len < OFFSET_BYTES)
            return false;
        distance = (unsigned char)block.ptr[0] | (size_t)(unsigned char)block.ptr[1] << 8;
        block = slice_from_offset(block, OFFSET_BYTES);
        if (!get_length(&block, &match))
            return false;
        match += MATCH_LEAST;
        if (match > (size_t)(end - at) || !copy_match(lz, out, at, distance, match))
            return false;
        at += match;
    }
    return false;
}
