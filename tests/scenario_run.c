/*
 * Every scenario below the folders and files named, over several seeds, on the virtual clock: each
 * `expect` must come true and nobody may be annoyed.
 *
 *     test-scenarios tests/scenarios examples/demo.scenario
 *
 * MK_SEEDS=N runs N seeds (default 6), MK_SEED=N only that one, MK_LOG=1 prints the conversations
 * of a run that went wrong.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/loopback.h"
#include "lab/run.h"

static unsigned files, runs, failures;
static size_t verdicts;

static void scenario_try(const char *path, const struct lab_scenario *scenario, uint64_t seed)
{
    struct lab_run run;
    struct buffer report;
    struct error error = {0};

    buffer_init(&report, 0);
    runs++;
    if (lab_run_virtual(scenario, seed, getenv("MK_LOG") != NULL, &report, NULL, &run, &error) <
        0) {
        printf("%s: seed %llu: %s\n", path, (unsigned long long)seed, error.message);
        failures++;
    } else if (run.faults > 0) {
        printf("%s: seed %llu:\n%.*s", path, (unsigned long long)seed,
               SLICE_ARG(buffer_slice(&report)));
        failures++;
    }
    verdicts += run.asked;
    buffer_done(&report);
}

static int file_try(const char *path, const struct stat *status, int type, struct FTW *where)
{
    const char *one = getenv("MK_SEED"), *many = getenv("MK_SEEDS");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t last = one != NULL ? first : many != NULL ? strtoull(many, NULL, 10) : 6;
    size_t len = strlen(path);
    struct lab_scenario *scenario;
    struct error error = {0};

    if (type != FTW_F || len < 9 || strcmp(path + len - 9, ".scenario") != 0)
        return 0;
    files++;
    scenario = lab_loopback_read(path, &error);
    if (scenario == NULL) {
        printf("%s\n", error.message);
        failures++;
        return 0;
    }
    if (lab_scenario_expectation_count(scenario) == 0) {
        printf("%s: expects nothing\n", path);
        failures++;
    }
    for (uint64_t seed = first; seed <= last; seed++)
        scenario_try(path, scenario, seed);
    lab_scenario_free(scenario);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (nftw(argv[i], file_try, 16, FTW_PHYS) != 0) {
            perror(argv[i]);
            failures++;
        }
    printf("%u scenarios, %u runs, %zu verdicts, %u runs failed\n", files, runs, verdicts,
           failures);
    return failures > 0 || files == 0;
}
