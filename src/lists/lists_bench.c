/*
 * Look-ups a second: the built-in lists against a plain open-addressing table of the same keys,
 * built in the same run (XXH3, keys verified). Both answer "domain and one parent" and a local
 * part.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/random.h"
#include "base/table.h"
#include "lists/builtin.h"

enum {
    DOMAIN_COUNT = 200000,
    QUERY_COUNT = 1000000,
    SLOTS = 1 << 19,
    ROUNDS = 5,
};

struct query {
    struct slice local, domain;
};

static const char *slots[SLOTS]; /* of the reference table */
static uint8_t slot_lens[SLOTS];
static uint32_t slot_hashes[SLOTS];

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t reference_find(struct slice key, uint32_t *ret_hash)
{
    uint64_t hash = hash_bytes(key.ptr, key.len, 0);
    uint32_t at = (uint32_t)hash & (SLOTS - 1);

    *ret_hash = (uint32_t)(hash >> 32);
    while (slots[at] != NULL && !(slot_hashes[at] == *ret_hash && slot_lens[at] == key.len &&
                                  memcmp(slots[at], key.ptr, key.len) == 0))
        at = (at + 1) & (SLOTS - 1);
    return at;
}

static bool reference_has(struct slice key)
{
    uint32_t hash;

    return slots[reference_find(key, &hash)] != NULL;
}

/* All lines of a list, kept for good; returns how many. */
static size_t read_list(const char *path, struct slice *out, size_t room)
{
    FILE *file = fopen(path, "r");
    char line[300];
    size_t count = 0;

    if (file == NULL)
        return 0;
    while (count < room && fgets(line, sizeof(line), file) != NULL) {
        struct slice entry = slice_trim(slice_from_string(line));
        uint32_t hash, at;

        if (entry.len == 0 || entry.ptr[0] == '#')
            continue;
        out[count] = slice_from(strndup(entry.ptr, entry.len), entry.len);
        CHECK(out[count].ptr != NULL);
        at = reference_find(out[count], &hash);
        slots[at] = out[count].ptr;
        slot_lens[at] = (uint8_t)entry.len;
        slot_hashes[at] = hash;
        count++;
    }
    fclose(file);
    return count;
}

/* One query in five is listed, one in four has a third label; names as people have them. */
static void make_queries(struct query *queries, const struct slice *listed, size_t listed_count)
{
    static const char *const names[] = {"john.smith", "info",    "m.mustermann", "anna",  "sales",
                                        "k.lee+news", "noreply", "dupont_p",     "b2ml2", "office"};
    struct random random;

    random_init(&random, 42);
    for (size_t i = 0; i < QUERY_COUNT; i++) {
        char text[300];
        const struct slice *some = &listed[random_below(&random, listed_count)];
        bool is_listed = random_chance(&random, 1, 5), is_deep = random_chance(&random, 1, 4);

        snprintf(text, sizeof(text), "%s%s%.*s", is_deep ? "mail." : "", is_listed ? "" : "q",
                 SLICE_ARG(*some));
        queries[i].domain = slice_from_string(strdup(text));
        queries[i].local = slice_from_string(names[random_below(&random, ARRAY_LEN(names))]);
    }
}

static uint64_t run_lists(const struct query *queries)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < QUERY_COUNT; i++)
        sum += lists_domain_classes(queries[i].domain) + lists_local_classes(queries[i].local);
    return sum;
}

static uint64_t run_domains(const struct query *queries)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < QUERY_COUNT; i++)
        sum += lists_domain_classes(queries[i].domain);
    return sum;
}

static uint64_t run_reference(const struct query *queries)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < QUERY_COUNT; i++) {
        struct slice domain = queries[i].domain;
        ptrdiff_t dot = slice_find_byte(domain, '.');

        sum += reference_has(domain);
        sum += reference_has(slice_from_offset(domain, (size_t)dot + 1));
    }
    return sum;
}

static double best_of(uint64_t (*run)(const struct query *), const struct query *queries)
{
    uint64_t sink = 0;
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds(), took;

        sink += run(queries);
        took = seconds() - start;
        best = took < best ? took : best;
    }
    CHECK(sink > 0); /* so that nothing is optimised away */
    return QUERY_COUNT / best;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/lists/disposable_domains.txt";
    struct slice *listed = calloc(DOMAIN_COUNT, sizeof(*listed));
    struct query *queries = calloc(QUERY_COUNT, sizeof(*queries));
    double domains, both, reference;
    size_t count;

    CHECK(listed != NULL && queries != NULL);
    count = read_list(path, listed, DOMAIN_COUNT);
    if (count == 0) {
        fprintf(stderr, "lists: %s can't be read; run in the source folder\n", path);
        return 2;
    }
    make_queries(queries, listed, count);
    reference = best_of(run_reference, queries);
    domains = best_of(run_domains, queries);
    both = best_of(run_lists, queries);
    printf("lists: %.1f M domains/s (%zu listed), %.1f M addresses/s with the local part\n",
           domains / 1e6, count, both / 1e6);
    printf("lists: reference table %.1f M domains/s; ours is %.2f of it\n", reference / 1e6,
           domains / reference);
    return 0;
}
