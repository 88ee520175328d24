/* The cheap layers, their verdict and its JSON: addresses a second on one core. */
#include <stdio.h>
#include <time.h>

#include "base/check.h"
#include "base/random.h"
#include "probe/offline.h"
#include "verdict/result.h"

enum {
    ADDRESSES = 4096,
    ROUNDS = 100,
};

static char addresses[ADDRESSES][64];

/* Most people have a plain name at a provider or at a company of their own. */
static void make_addresses(void)
{
    static const char *const names[] = {"anna.berg", "jsmith",   "li.wei",  "m.rossi",
                                        "info",      "o.farouk", "tanaka7", "post+shop"};
    static const char *const providers[] = {"gmail.com", "outlook.com", "yahoo.com",  "gmx.de",
                                            "web.de",    "icloud.com",  "hotmail.com"};
    struct random random;

    random_init(&random, 1);
    for (size_t i = 0; i < ADDRESSES; i++) {
        const char *name = names[random_below(&random, ARRAY_LEN(names))];
        unsigned number = (unsigned)random_below(&random, 100000);

        if (random_chance(&random, 1, 100))
            snprintf(addresses[i], sizeof(addresses[i]), "%s%u@gmial.com", name, number);
        else if (random_chance(&random, 60, 100))
            snprintf(addresses[i], sizeof(addresses[i]), "%s%u@%s", name, number,
                     providers[random_below(&random, ARRAY_LEN(providers))]);
        else
            snprintf(addresses[i], sizeof(addresses[i]), "%s@company%u.example", name, number);
    }
}

static double measure(struct probe_offline_memory *memory, bool with_json)
{
    const struct probe_offline_terms terms = {.unix_ms = 1000, .stop = EVIDENCE_STOP_DEPTH};
    struct probe_offline_case each;
    struct timespec start, end;
    struct verdict verdict;
    struct buffer out;
    struct json json;
    size_t bytes = 0;

    buffer_init(&out, 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < ADDRESSES; i++) {
            probe_offline_judge(slice_from_string(addresses[i]), memory, &terms, &each, &verdict);
            bytes += verdict.score;
            if (!with_json)
                continue;
            buffer_clear(&out);
            json_init(&json, &out);
            result_write_json(&json, &each.evidence, &verdict, NULL);
            bytes += out.len;
        }
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    buffer_done(&out);
    CHECK(bytes > 0);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
           (ROUNDS * ADDRESSES);
}

int main(void)
{
    struct probe_offline_memory memory;
    double strange, judge, with_json;

    make_addresses();
    probe_offline_memory_init(&memory);
    strange = measure(NULL, false);
    judge = measure(&memory, false);
    with_json = measure(&memory, true);
    printf("offline: %.0f ns/address judged (%.0f with domains never seen before), %.0f with JSON "
           "(%.2f M addresses/s)\n",
           judge, strange, with_json, 1000 / with_json);
    probe_offline_memory_done(&memory);
    return 0;
}
