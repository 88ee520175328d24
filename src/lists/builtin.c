#include "lists/builtin.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/sixteen.h"

/*
 * The tables that tools/compile-lists made; its head comment tells the layout. Keys of local parts
 * end in "@" and have a table of their own; those of mail hosts begin with one, so that none is
 * taken for a domain.
 */
extern const unsigned char lists_blob[];

enum {
    BLOB_SLOTS = 8,
    BLOB_LOCAL_SLOTS = 20,
    BLOB_COUNTS = 24,
    BLOB_TABLE = 56,
    COUNT_MAX = 8,
    KEY_MAX = 255,
    LOCAL_MAX = ADDRESS_LOCAL_MAX,
    LOCAL_FILTER_LOG2 = 14,
    TOKENS_MAX = 8,
    PART_MIN = 6, /* bytes of the shortest name with CLASS_PART: tools/compile-lists checks it */
};

/* Bits that only this file knows, beside enum lists_class. */
enum {
    CLASS_MX = 1 << 5,   /* a mail host of throwaway services */
    CLASS_PART = 1 << 6, /* a no-reply name that may be a part of a longer one */
    CLASS_DOMAIN = LISTS_DISPOSABLE | LISTS_FREE | LISTS_PROVIDER,
};

static uint32_t read_u32(const unsigned char *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static uint64_t read_u64(const unsigned char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* The last len % 8 bytes, of which there is at least one, as a little-endian number. */
static uint64_t read_tail(const unsigned char *bytes, size_t len)
{
    size_t rest = len & 7;
    uint64_t word = 0;

    if (len >= 8)
        /* cppcheck-suppress shiftTooManyBits ; rest is not 0 */
        return read_u64(bytes + len - 8) >> (8 * (8 - rest));
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

/* The part of hash_key that one word of a key makes. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * 0xD6E8FEB86659FD93u;
}

static inline uint64_t hash_begin(size_t len)
{
    return len * 0x9E3779B97F4A7C15u;
}

/* hash_key() of tools/compile-lists. No seed: nobody can insert, and the table's runs are short. */
static uint64_t hash_key(const unsigned char *bytes, size_t len)
{
    uint64_t hash = hash_begin(len);
    size_t at = 0;

    for (; at + 8 <= len; at += 8) {
        hash = hash_word(hash, read_u64(bytes + at));
        hash ^= hash >> 32;
    }
    if (at < len) {
        hash = hash_word(hash, read_tail(bytes, len));
        hash ^= hash >> 32;
    }
    return hash;
}

/* The parts of the blob behind its head. */
static inline const unsigned char *domain_table(void)
{
    return lists_blob + BLOB_TABLE;
}

static inline const unsigned char *local_table(void)
{
    return domain_table() + 8 * (size_t)read_u32(lists_blob + BLOB_SLOTS);
}

static inline const unsigned char *domain_filter(void)
{
    return local_table() + 8 * (size_t)read_u32(lists_blob + BLOB_LOCAL_SLOTS);
}

static inline const unsigned char *local_filter(void)
{
    return domain_filter() + read_u32(lists_blob + BLOB_SLOTS) / 2;
}

static inline const unsigned char *beginnings_filter(void)
{
    return local_filter() + (1 << LOCAL_FILTER_LOG2) / 8;
}

static inline const unsigned char *keys(void)
{
    return beginnings_filter() + (1 << LOCAL_FILTER_LOG2) / 8;
}

/* The class bits of exactly this key, which has this hash, in one of the tables. */
static inline unsigned find_in(const unsigned char *table, uint32_t slots, const char *key,
                               size_t len, uint64_t hash)
{
    const unsigned char *bytes = (const unsigned char *)key;
    uint32_t mask = slots - 1;

    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        uint64_t slot = read_u64(table + 8 * (size_t)at);
        const unsigned char *held;

        if (slot == 0)
            return 0;
        if (slot >> 32 != hash >> 32)
            continue;
        held = keys() + ((slot >> 8) & 0xffffff) - 1;
        if (held[0] == len && memcmp(held + 1, bytes, len) == 0)
            return slot & 0xff;
    }
}

/* Of a domain or mail host. Most stand on no list, which the filter tells. */
static unsigned find_key(const char *key, size_t len)
{
    uint32_t slots = read_u32(lists_blob + BLOB_SLOTS), bit;
    uint64_t hash;

    if (len == 0 || len > KEY_MAX)
        return 0;
    hash = hash_key((const unsigned char *)key, len);
    bit = (uint32_t)(hash >> 20) & (4 * slots - 1);
    if ((domain_filter()[bit >> 3] & (1u << (bit & 7))) == 0)
        return 0;
    return find_in(domain_table(), slots, key, len, hash);
}

unsigned lists_domain_classes(struct slice domain)
{
    const char *dot;
    unsigned classes;

    if (domain.len == 0 || domain.len > KEY_MAX)
        return 0;
    classes = find_key(domain.ptr, domain.len) & CLASS_DOMAIN;
    /*
     * Every parent of two labels or more is asked, not only those below the public suffix: that
     * asks nothing of libpsl, and no public suffix is ever listed (data/refresh sees to it).
     */
    dot = memchr(domain.ptr, '.', domain.len);
    while (dot != NULL && !(classes & LISTS_DISPOSABLE)) {
        size_t rest = domain.len - (size_t)(dot + 1 - domain.ptr);
        const char *next = memchr(dot + 1, '.', rest);

        if (next != NULL)
            classes |= find_key(dot + 1, rest) & LISTS_DISPOSABLE;
        dot = next;
    }
    return classes;
}

bool lists_mx_is_disposable(struct slice host)
{
    char key[1 + KEY_MAX];
    size_t len = host.len + 1;

    if (host.len == 0 || len > sizeof(key))
        return false;
    if (lists_domain_classes(host) & LISTS_DISPOSABLE)
        return true;
    key[0] = '@';
    memcpy(key + 1, host.ptr, host.len);
    for (size_t at = 0; at < len;) {
        const char *dot = memchr(key + at + 1, '.', len - at - 1);

        if (dot == NULL)
            return false;
        if (find_key(key + at, len - at) & CLASS_MX)
            return true;
        at = (size_t)(dot - key);
        key[at] = '@';
    }
    return false;
}

/* A local part without case, punctuation and tag; where its words begin. */
struct squeezed {
    char bytes[LOCAL_MAX + 16]; /* what stands behind its length means nothing */
    size_t len;
    size_t starts[TOKENS_MAX + 1]; /* offsets of words, then len */
    size_t token_count;
};

/* A word, and what stands behind it, up to the next sixteen bytes. */
static inline void copy_word(char *to, const char *from, size_t len)
{
    memcpy(to, from, 16);
    for (size_t at = 16; at < len; at += 16)
        memcpy(to + at, from + at, 16);
}

/* False when there is nothing to look up. */
static bool squeeze(const struct address_traits *traits, struct squeezed *ret)
{
    size_t all = address_traits_untagged(traits), len = 0;
    uint64_t separators = traits->dots | traits->hyphens | traits->underscores | traits->blanks;
    uint64_t rest = ~separators & address_traits_first(all);

    ret->token_count = 0;
    while (rest != 0) {
        unsigned from = (unsigned)__builtin_ctzll(rest);
        uint64_t behind = ~(rest >> from);
        unsigned word_len = behind != 0 ? (unsigned)__builtin_ctzll(behind) : LOCAL_MAX;

        if (ret->token_count < TOKENS_MAX)
            ret->starts[ret->token_count++] = len;
        copy_word(ret->bytes + len, traits->lower + from, word_len);
        len += word_len;
        rest = from + word_len < LOCAL_MAX ? rest >> (from + word_len) << (from + word_len) : 0;
    }
    ret->starts[ret->token_count] = ret->len = len;
    return len > 0;
}

/* Most words stand in no list, which their first bytes and their length tell nearly always. */
static inline bool may_be_local(const char *bytes, size_t len)
{
    uint64_t word = eight_read(bytes), bit;

    if (len < 8)
        word = (word & ((UINT64_C(1) << (8 * len)) - 1)) | (uint64_t)'@' << (8 * len);
    bit = hash_word(hash_begin(len + 1), word) >> (64 - LOCAL_FILTER_LOG2);
    return (local_filter()[bit >> 3] >> (bit & 7) & 1) != 0;
}

/* The class bits of a local part that may be one; room for a byte behind it. */
static __attribute__((noinline)) unsigned look_up_local(char *bytes, size_t len)
{
    char behind = bytes[len];
    unsigned classes;

    bytes[len] = '@';
    classes = find_in(local_table(), read_u32(lists_blob + BLOB_LOCAL_SLOTS), bytes, len + 1,
                      hash_key((const unsigned char *)bytes, len + 1));
    bytes[len] = behind;
    return classes;
}

/* The class bits of the bytes from..to as a local part. */
static inline unsigned find_local(struct squeezed *name, size_t from, size_t to)
{
    /* Names of people do, and no name in the table: tools/compile-lists checks it. */
    if (to - from >= 2 && ascii_is_digit(name->bytes[to - 1]) &&
        ascii_is_digit(name->bytes[to - 2]))
        return 0;
    return may_be_local(name->bytes + from, to - from)
               ? look_up_local(name->bytes + from, to - from)
               : 0;
}

/* "info2", "sales-uk", "support.1": a role with a number or a country behind it. */
static bool is_numbered_role(struct squeezed *name)
{
    size_t end = name->len;

    while (end > 0 && ascii_is_digit(name->bytes[end - 1]))
        end--;
    if (end >= 2 && end < name->len && (find_local(name, 0, end) & LISTS_ROLE))
        return true;
    return name->token_count == 2 && name->len - name->starts[1] >= 2 &&
           name->len - name->starts[1] <= 3 && (find_local(name, 0, name->starts[1]) & LISTS_ROLE);
}

static inline bool has_y(const struct squeezed *name)
{
    for (size_t at = 0; at < name->len; at += 16) {
        uint64_t found;
        sixteen bytes;

        memcpy(&bytes, name->bytes + at, 16);
        found = sixteen_gather((sixteen)(bytes == 'y')) << at;
        if ((found & address_traits_first(name->len)) != 0)
            return true;
    }
    return false;
}

/* "news-noreply", "no_reply.eu": some run of words, but not all, is a no-reply name by itself. */
static bool has_no_reply_part(struct squeezed *name)
{
    if (name->len < PART_MIN)
        return false;
    if (has_y(name) && memmem(name->bytes, name->len, "noreply", 7) != NULL)
        return true;
    for (size_t from = 0; from < name->token_count; from++) {
        for (size_t to = from + 1; to <= name->token_count; to++) {
            size_t len = name->starts[to] - name->starts[from];

            if (len >= PART_MIN && len < name->len &&
                (find_local(name, name->starts[from], name->starts[to]) & CLASS_PART))
                return true;
        }
    }
    return false;
}

/* Four letters from here on, with which no name in the table begins. */
static inline bool begins_foreign(const struct address_traits *traits, size_t at)
{
    uint64_t bit;

    if ((traits->letters >> at & 0xf) != 0xf)
        return false;
    bit = hash_word(0, eight_read_four(traits->lower + at)) >> (64 - LOCAL_FILTER_LOG2);
    return (beginnings_filter()[bit >> 3] >> (bit & 7) & 1) == 0;
}

/* Is there a "y" that may be the last of "noreply": behind an "l", or what stands between words? */
static inline bool may_end_no_reply(const struct address_traits *traits, uint64_t separators)
{
    uint64_t ys = 0, before = separators << 1;

    for (size_t at = 0; at < traits->len; at += 16) {
        sixteen bytes;

        memcpy(&bytes, traits->lower + at, 16);
        ys |= sixteen_gather((sixteen)(bytes == 'y')) << at;
        before |= sixteen_gather((sixteen)(bytes == 'l')) << at << 1;
    }
    return (ys & before & address_traits_first(traits->len)) != 0;
}

/*
 * Nearly all names of people are told from those in the table by the four letters that they and
 * each of their words begin with: then the whole stands in no list, nor what is before a number or
 * a country, nor any run of words, and it is not even squeezed.
 */
static inline bool is_foreign(const struct address_traits *traits)
{
    uint64_t separators = traits->dots | traits->hyphens | traits->underscores | traits->blanks;
    uint64_t starts =
        separators << 1 & ~separators & ~traits->digits & address_traits_first(traits->len);

    if (!begins_foreign(traits, 0) || may_end_no_reply(traits, separators))
        return false;
    for (; starts != 0; starts &= starts - 1) {
        size_t at = (size_t)__builtin_ctzll(starts);

        if (at + PART_MIN <= traits->len && !begins_foreign(traits, at))
            return false;
    }
    return true;
}

unsigned lists_local_classes_by(const struct address_traits *traits)
{
    struct squeezed name;
    unsigned classes;

    if (is_foreign(traits))
        return 0;

    if (!squeeze(traits, &name))
        return 0;
    classes = find_local(&name, 0, name.len) & (LISTS_ROLE | LISTS_NO_REPLY);
    if (!(classes & LISTS_ROLE) && is_numbered_role(&name))
        classes |= LISTS_ROLE;
    if (!(classes & LISTS_NO_REPLY) && has_no_reply_part(&name))
        classes |= LISTS_NO_REPLY;
    return classes;
}

unsigned lists_local_classes(struct slice local)
{
    struct address_traits traits;

    if (local.len >= 2 && local.ptr[0] == '"' && local.ptr[local.len - 1] == '"')
        local = slice_from(local.ptr + 1, local.len - 2);
    if (local.len > LOCAL_MAX)
        return 0;
    address_traits_of(local, &traits);
    return lists_local_classes_by(&traits);
}

size_t lists_count(enum lists_class list)
{
    unsigned bit = 0;

    while (bit < COUNT_MAX && (1u << bit) != (unsigned)list)
        bit++;
    CHECK(bit < COUNT_MAX); /* one class, not a union of them */
    return read_u32(lists_blob + BLOB_COUNTS + 4 * bit);
}
