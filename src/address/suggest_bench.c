/*
 * Suggestions a second, on one core, for the rows of a small table: real, popular and mistyped
 * domains, with no list of real domains behind it, so that each row takes the long way.
 */
#include <stdio.h>
#include <time.h>

#include "address/suggest.h"
#include "base/check.h"

enum {
    ROUNDS = 20000,
};

static const char *const domains[] = {"gmail.com",       "gmial.com",
                                      "hotmal.co.uk",    "example.org",
                                      "acme-works.de",   "some-company.con",
                                      "shop.example.fr", "yahoocom",
                                      "university.edu",  "long-company-name.com"};

int main(void)
{
    struct timespec start, end;
    size_t found = 0;
    double seconds;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
            char out[ADDRESS_DOMAIN_MAX + 1];

            found += suggest_domain(slice_from_string(domains[i]), NULL, out);
        }
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("suggest: %.0f domains/s (%zu suggestions in %d)\n",
           (double)(ROUNDS * ARRAY_LEN(domains)) / seconds, found,
           ROUNDS * (int)ARRAY_LEN(domains));
    return 0;
}
