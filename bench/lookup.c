/*
 * The offline layers: addresses parsed, normalised and looked up in the lists, a second on one
 * core, against the least that could do it.
 *
 *   bench-lookup [ADDRESSES]      in the source folder, or with MK_SOURCE_ROOT set
 *
 * The least is a loop of its own (bench/least.h). Ours is address_parse, the wire form, and
 * lists_domain_classes and lists_local_classes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "address/address.h"
#include "base/check.h"
#include "base/random.h"
#include "least.h"
#include "lists/builtin.h"

#define ADDRESSES 1000000
#define ROUNDS    5
#define TEXT_SIZE 96
#define TARGET    0.60

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
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

/* A tenth disposable, half free, the rest companies'; one in 200 has letters beyond ASCII. */
static void make_addresses(char (*texts)[TEXT_SIZE], size_t count)
{
    static struct slice disposable[LEAST_NAMES_MAX], free_mail[LEAST_NAMES_MAX],
        roles[LEAST_NAMES_MAX];
    static const char *const first[] = {"anna", "john", "Maria", "k.lee", "jean-luc", "tom+news"};
    size_t disposable_count = least_read_names("disposable_domains.txt", disposable);
    size_t free_count = least_read_names("free_domains.txt", free_mail);
    size_t role_count = least_read_names("role_names.txt", roles);
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
        double a = rate(least_look_up, texts, count), b = rate(ours, texts, count);

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
