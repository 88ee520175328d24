/*
 * Addresses parsed a second, on one core: 1,000,000 synthetic ASCII addresses, 95 of 100 sound.
 *
 * A reference loop over the same bytes (every byte looked up in a table and added up) runs in the
 * same process, so that figures of different machines can be compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "address/address.h"
#include "base/check.h"
#include "base/random.h"

enum {
    ADDRESS_COUNT = 1000000,
    ROUNDS = 5,
};

static const char *const first_names[] = {"anna",      "john.smith", "m.garcia",  "li.wei",
                                          "sales",     "o'neill",    "john+news", "info",
                                          "k.mueller", "x1y2z3"};
static const char *const domains[] = {
    "gmail.com",        "yahoo.co.uk", "example.org",  "mail.example-company.de",
    "hotmail.com",      "orange.fr",   "mx1.corp.net", "student.university.edu",
    "outlook.com.br",   "wanadoo.fr",  "web.de",       "subdomain.shop.example.info",
    "ACME-Widgets.Com", "icloud.com",  "t-online.de",  "a.very.long.host.name.example.museum"};
static const char *const broken[] = {"%s%u@", "%s..%u@example.com", "%s %u@gmail.com",
                                     "%s%u.gmail.com", "%s%u@gmail,com"};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(void)
{
    char *text = malloc((size_t)ADDRESS_COUNT * 80);
    uint32_t *starts = malloc(((size_t)ADDRESS_COUNT + 1) * sizeof(*starts));
    struct random random;
    size_t used = 0, accepted = 0;
    double best = 1e9, best_reference = 1e9;
    volatile uint64_t sink = 0;

    CHECK(text != NULL && starts != NULL);
    random_init(&random, 1);
    for (size_t i = 0; i < ADDRESS_COUNT; i++) {
        const char *name = first_names[random_below(&random, ARRAY_LEN(first_names))];
        unsigned number = (unsigned)random_below(&random, 10000);
        char *out = text + used;

        starts[i] = (uint32_t)used;
        if (random_below(&random, 100) < 5) {
            const char *format = broken[random_below(&random, ARRAY_LEN(broken))];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            used += (size_t)snprintf(out, 80, format, name, number);
#pragma GCC diagnostic pop
        } else {
            used += (size_t)snprintf(out, 80, "%s%u@%s", name, number,
                                     domains[random_below(&random, ARRAY_LEN(domains))]);
        }
    }
    starts[ADDRESS_COUNT] = (uint32_t)used;

    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        uint64_t sum = 0;

        accepted = 0;
        for (size_t i = 0; i < ADDRESS_COUNT; i++) {
            struct address address;

            accepted += address_parse(text + starts[i], starts[i + 1] - starts[i], &address);
            sum += address.flags;
        }
        sink += sum;
        best = seconds() - start < best ? seconds() - start : best;

        static const uint8_t table[256] = {['@'] = 1, ['.'] = 2};
        start = seconds();
        for (size_t i = 0; i < used; i++)
            sum = sum * 3 + table[(uint8_t)text[i]];
        sink += sum;
        best_reference = seconds() - start < best_reference ? seconds() - start : best_reference;
    }
    printf("address: %.0f addresses/s (%d addresses of %.1f bytes, %.1f%% accepted)\n",
           ADDRESS_COUNT / best, ADDRESS_COUNT, (double)used / ADDRESS_COUNT,
           100.0 * (double)accepted / ADDRESS_COUNT);
    printf("address: reference loop %.0f addresses/s, parser takes %.1f times as long\n",
           ADDRESS_COUNT / best_reference, best / best_reference);
    free(text);
    free(starts);
    return 0;
}
