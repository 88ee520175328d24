#include "least.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/table.h"

#define SLOTS     (1U << 18) /* twice as many as there are names */
#define KEYS_SIZE ((size_t)8 << 20)
#define TEXT_SIZE 96

/* A key stands behind its length. place 0: nothing here. */
struct slot {
    uint32_t fingerprint, place;
};

static struct slot slots[SLOTS];
static char keys[KEYS_SIZE];
static uint32_t keys_len = 1;

static inline bool is_at(const struct slot *slot, uint32_t fingerprint, struct slice key)
{
    const char *held = keys + slot->place;

    return slot->fingerprint == fingerprint && (unsigned char)held[0] == key.len &&
           memcmp(held + 1, key.ptr, key.len) == 0;
}

/* Where the key is, or would be. */
static inline struct slot *slot_of(struct slice key, uint32_t *ret_fingerprint)
{
    uint64_t hash = hash_bytes(key.ptr, key.len, 0);
    uint32_t at = (uint32_t)hash % SLOTS;

    *ret_fingerprint = (uint32_t)(hash >> 32);
    while (slots[at].place != 0 && !is_at(&slots[at], *ret_fingerprint, key))
        at = (at + 1) % SLOTS;
    return &slots[at];
}

static inline bool is_listed(struct slice key)
{
    uint32_t fingerprint;

    return slot_of(key, &fingerprint)->place != 0;
}

static struct slice put_key(struct slice key)
{
    uint32_t fingerprint;
    struct slot *slot = slot_of(key, &fingerprint);

    if (slot->place == 0) {
        CHECK(keys_len + 1 + key.len <= KEYS_SIZE && key.len <= UINT8_MAX);
        *slot = (struct slot){fingerprint, keys_len};
        keys[keys_len] = (char)key.len;
        memcpy(keys + keys_len + 1, key.ptr, key.len);
        keys_len += 1 + (uint32_t)key.len;
    }
    return slice_from(keys + slot->place + 1, key.len);
}

size_t least_read_names(const char *file, struct slice *out)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    char path[1024], line[300];
    size_t count = 0;
    FILE *names;

    snprintf(path, sizeof(path), "%s/data/lists/%s", root != NULL ? root : ".", file);
    names = fopen(path, "re");
    if (names == NULL) {
        perror(path);
        exit(2);
    }
    while (count < LEAST_NAMES_MAX && fgets(line, sizeof(line), names) != NULL) {
        struct slice entry = slice_trim(slice_from_string(line));

        if (entry.len == 0 || entry.ptr[0] == '#')
            continue;
        entry = put_key(entry);
        if (out != NULL)
            out[count] = entry;
        count++;
    }
    fclose(names);
    return count;
}

/* "@" and a plain local part before it: its offset, or -1. */
static inline ptrdiff_t scan_local(struct slice text)
{
    static const char specials[] = "!#$%&'*+-/=?^_`{|}~.";
    static bool is_atext[256];
    size_t i = 0;

    if (!is_atext['a']) {
        for (int c = 0; c < 256; c++)
            is_atext[c] = c >= 0x80 || (c >= '0' && c <= '9') ||
                          ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                          (c != 0 && strchr(specials, c) != NULL);
    }
    while (i < text.len && is_atext[(unsigned char)text.ptr[i]])
        i++;
    return i > 0 && i < text.len && text.ptr[i] == '@' ? (ptrdiff_t)i : -1;
}

uint64_t least_look_up(struct slice text)
{
    ptrdiff_t at = scan_local(text), dot;
    char lowered[TEXT_SIZE], *ascii = NULL;
    struct slice domain, local = slice_prefix(text, at > 0 ? (size_t)at : 0);
    bool is_ascii = true;
    uint64_t found;

    if (at < 0 || text.len >= TEXT_SIZE)
        return 0;
    domain = slice_from_offset(text, (size_t)at + 1);
    for (size_t i = 0; i < domain.len; i++) {
        unsigned char c = (unsigned char)domain.ptr[i];

        is_ascii &= c < 0x80;
        lowered[i] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
    }
    lowered[domain.len] = '\0';
    if (!is_ascii && idn2_to_ascii_8z(lowered, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK)
        domain = slice_from_string(ascii);
    else
        domain = slice_from(lowered, domain.len);
    dot = slice_find_byte(domain, '.');
    found = (uint64_t)is_listed(domain) + is_listed(slice_from_offset(domain, (size_t)(dot + 1))) +
            is_listed(local);
    if (ascii != NULL)
        idn2_free(ascii);
    return found;
}
