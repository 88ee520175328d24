/*
 * The offline layers: addresses parsed, normalised and looked up in the lists, a second on one
 * core, against the least that could do it.
 *
 *   bench-lookup [ADDRESSES]      in the source folder, or with MK_SOURCE_ROOT set
 *
 * The least is a loop of its own: one pass that checks characters and lowers the domain, libidn2
 * for those that are not ASCII, and one open-addressing table of disposable and free domains (and
 * one parent of each) and role names, keys verified. It knows no quotes, literals, lengths, tags,
 * public suffixes or providers' rules, and diagnoses nothing. Ours is address_parse, the wire form,
 * and lists_domain_classes and lists_local_classes.
 */
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "address/address.h"
#include "base/check.h"
#include "base/random.h"
#include "base/table.h"
#include "lists/builtin.h"

#define ADDRESSES 1000000
#define ROUNDS    5
#define SLOTS     (1U << 19)
#define NAMES_MAX 200000
#define TEXT_SIZE 96
#define TARGET    0.60

struct slot {
    const char *key;
    uint32_t hash;
    uint8_t len;
};

static struct slot slots[SLOTS];

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- the least ----------------------------------------------------------------------------- */

static struct slot *slot_of(struct slice key)
{
    uint64_t hash = hash_bytes(key.ptr, key.len, 0);
    struct slot *slot = &slots[hash % SLOTS];

    while (slot->key != NULL && !(slot->hash == (uint32_t)(hash >> 32) && slot->len == key.len &&
                                  memcmp(slot->key, key.ptr, key.len) == 0))
        slot = slot + 1 < slots + SLOTS ? slot + 1 : slots;
    slot->hash = (uint32_t)(hash >> 32);
    return slot;
}

static bool is_listed(struct slice key)
{
    return slot_of(key)->key != NULL;
}

/* "@" and a plain local part before it: its offset, or -1. */
static ptrdiff_t scan_local(struct slice text)
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

static uint64_t least(struct slice text)
{
    ptrdiff_t at = scan_local(text), dot;
    char lowered[TEXT_SIZE], *ascii = NULL;
    struct slice domain, local = slice_prefix(text, at > 0 ? (size_t)at : 0);
    bool is_ascii = true;
    uint64_t found;

    if (at < 0)
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

/* --- ours ---------------------------------------------------------------------------------- */

static uint64_t ours(struct slice text)
{
    struct address address;
    char wire[ADDRESS_WIRE_SIZE];

    if (!address_parse(text.ptr, text.len, &address))
        return 0;
    return address_format_wire(&address, wire) +
           lists_domain_classes(slice_from(address.domain_ascii, address.domain_ascii_len)) +
           lists_local_classes(address.local);
}

/* --- the list ------------------------------------------------------------------------------ */

static size_t read_names(const char *name, struct slice *out, size_t room)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    char path[1024], line[300];
    size_t count = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/data/lists/%s", root != NULL ? root : ".", name);
    file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    while (count < room && fgets(line, sizeof(line), file) != NULL) {
        struct slice entry = slice_trim(slice_from_string(line));
        struct slot *slot;

        if (entry.len == 0 || entry.ptr[0] == '#')
            continue;
        out[count] = slice_from(strndup(entry.ptr, entry.len), entry.len);
        CHECK(out[count].ptr != NULL);
        slot = slot_of(out[count]);
        slot->key = out[count].ptr;
        slot->len = (uint8_t)entry.len;
        count++;
    }
    fclose(file);
    return count;
}

/* A tenth disposable, half free, the rest companies'; one in 200 has letters beyond ASCII. */
static void make_addresses(char (*texts)[TEXT_SIZE], size_t count)
{
    static struct slice disposable[NAMES_MAX], free_mail[NAMES_MAX], roles[NAMES_MAX];
    static const char *const first[] = {"anna", "john", "Maria", "k.lee", "jean-luc", "tom+news"};
    size_t disposable_count = read_names("disposable_domains.txt", disposable, NAMES_MAX);
    size_t free_count = read_names("free_domains.txt", free_mail, NAMES_MAX);
    size_t role_count = read_names("role_names.txt", roles, NAMES_MAX);
    struct random random;

    random_init(&random, 7);
    for (size_t i = 0; i < count; i++) {
        uint64_t kind = random_below(&random, 200);
        struct slice domain = kind < 20 ? disposable[random_below(&random, disposable_count)]
                                        : free_mail[random_below(&random, free_count)];
        char local[32], company[40];

        if (random_chance(&random, 1, 20))
            snprintf(local, sizeof(local), "%.*s",
                     SLICE_ARG(slice_prefix(roles[random_below(&random, role_count)], 30)));
        else
            snprintf(local, sizeof(local), "%s.%u", first[random_below(&random, 6)],
                     (unsigned)random_below(&random, 10000));
        snprintf(company, sizeof(company), "%scompany%u.%s", kind == 199 ? "m\xc3\xbcller-" : "",
                 (unsigned)random_below(&random, 100000), i % 2 == 0 ? "com" : "example");
        if (kind >= 120)
            domain = slice_from_string(company);
        snprintf(texts[i], TEXT_SIZE, "%s@%.*s", local, SLICE_ARG(slice_prefix(domain, 60)));
    }
}

static double rate(uint64_t (*run)(struct slice), char (*texts)[TEXT_SIZE], size_t count)
{
    double start = cpu_seconds();
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += run(slice_from_string(texts[i]));
    CHECK(sum > 0); /* so that nothing is optimised away */
    return (double)count / (cpu_seconds() - start);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : ADDRESSES;
    char(*texts)[TEXT_SIZE] = calloc(count > 0 ? count : 1, sizeof(*texts));
    double best_least = 0, best_ours = 0, share;

    CHECK(texts != NULL && count > 0);
    make_addresses(texts, count);
    for (int round = 0; round < ROUNDS; round++) {
        double a = rate(least, texts, count), b = rate(ours, texts, count);

        best_least = a > best_least ? a : best_least;
        best_ours = b > best_ours ? b : best_ours;
    }
    share = best_ours / best_least;
    printf("parse, normalise, look up: least loop %.2f M/s, ours %.2f M/s, share %.0f%%, target "
           "%.0f%%  %s\n",
           best_least / 1e6, best_ours / 1e6, share * 100, TARGET * 100,
           share >= TARGET ? "ok" : "MISSED");
    free(texts);
    return share >= TARGET ? 0 : 1;
}
