/*
 * The whole engine, and whole lists with reader and store, in thousands of random worlds on the
 * virtual clock, with faults laid over every seam.
 *
 *   test-soak [--seed FIRST] [--seeds COUNT] [--small COUNT]
 *
 * COUNT 0: until it is stopped. Each seed makes a plan (plan.h): a world, addresses, settings and
 * faults. It is run four times: addresses given to the engine one by one, without the faults and
 * with them (engine_run.h), and the same as a list, whose process is killed and started again
 * (list_run.h). The promises are looked after at every event (stage.c): limits are kept, no DATA is
 * said, every case ends once with an explanation that its evidence bears out, nobody connects where
 * addresses are reserved, no existing mailbox is found absent and no absent one valid, a fault
 * makes nobody invalid; every row has one result, nothing kept is asked again or taken back, and
 * the list comes back whole. Every tenth list is run twice: the same seed must be the same run.
 *
 * --small COUNT: so many small lists first, each killed at each of its events and before and after
 * each call of its store; where there is no end of seeds, one now and then as well. The first seed
 * that fails is printed, and the smallest part of it that fails (trial.h) as a scenario.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "list_run.h"
#include "trial.h"

#define SEEDS        2000
#define SHRINK_TRIES 600
#define REPEAT_EACH  10
#define SMALL_EACH   50 /* where there is no end */

/* What the working child tells the parent, who outlives it. */
struct told {
    struct soak_plan plan;
    enum soak_part part; /* that failed; SOAK_PART_COUNT: none */
    char failure[SOAK_FAILURE_SIZE];
    uint64_t seeds, small, addresses, lists, deaths;
    uint64_t reasons[VERDICT_REASON_COUNT];
};

static struct told *told;

static bool run_plan(bool repeats)
{
    static struct soak_reports reports;

    told->part = soak_try(&told->plan, repeats, &reports, told->failure);
    if (told->part != SOAK_PART_COUNT)
        return false;
    told->addresses += 4 * told->plan.address_count;
    told->lists += 2;
    told->deaths += reports.list_faulty.deaths;
    for (unsigned i = 0; i < told->plan.address_count; i++)
        told->reasons[reports.engine_faulty.outcomes[i].reason]++;
    return true;
}

/* One list, killed wherever it can be. */
static bool run_small(uint64_t seed)
{
    static struct soak_report clean, killed;
    struct soak_plan *plan = &told->plan;

    soak_plan_make_small(seed, plan);
    soak_list_run(plan, &soak_no_faults, NULL, &clean);
    for (unsigned way = 0; way < 3 && clean.failure[0] == '\0'; way++) {
        uint64_t moments = way == 0 ? clean.events : clean.store_calls;

        plan->dies_in_store = way > 0;
        plan->dies_after_call = way > 1;
        for (plan->dies_at = 1; plan->dies_at <= moments; plan->dies_at++) {
            soak_list_run(plan, &plan->faults, &clean, &killed);
            told->lists++;
            told->deaths += killed.deaths;
            if (killed.failure[0] != '\0') {
                memcpy(told->failure, killed.failure, SOAK_FAILURE_SIZE);
                told->part = SOAK_LIST_FAULTY;
                return false;
            }
        }
    }
    memcpy(told->failure, clean.failure, SOAK_FAILURE_SIZE);
    told->part = clean.failure[0] != '\0' ? SOAK_LIST : SOAK_PART_COUNT;
    return clean.failure[0] == '\0';
}

static int work(uint64_t first, uint64_t seeds, uint64_t small)
{
    for (uint64_t seed = first; seed < first + small; seed++, told->small++)
        if (!run_small(seed))
            return 1;
    for (uint64_t seed = first; seeds == 0 || seed < first + seeds; seed++) {
        soak_plan_make(seed, &told->plan);
        if (!run_plan(seed % REPEAT_EACH == 0))
            return 1;
        if (++told->seeds % 1000 == 0)
            printf("%" PRIu64 " seeds\n", told->seeds);
        if (seeds == 0 && seed % SMALL_EACH == 0) {
            if (!run_small(seed))
                return 1;
            told->small++;
        }
    }
    return 0;
}

static void tell_reasons(void)
{
    uint64_t all = 0;

    for (int i = 0; i < VERDICT_REASON_COUNT; i++)
        all += told->reasons[i];
    for (int i = 0; i < VERDICT_REASON_COUNT; i++) {
        if (told->reasons[i] > 0)
            printf("  %-22s %8" PRIu64 "  %4.1f%%\n", verdict_reason_name((enum verdict_reason)i),
                   told->reasons[i], 100.0 * (double)told->reasons[i] / (double)all);
    }
    /* However odd these worlds are, a good part of the mailboxes can be told apart in them. */
    CHECK((told->reasons[REASON_ACCEPTED] + told->reasons[REASON_MAILBOX_NOT_FOUND]) * 5 > all);
}

static int judge(int status)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " addresses, %" PRIu64 " lists (%" PRIu64
           " small ones killed everywhere), %" PRIu64 " deaths\n",
           told->seeds, told->addresses, told->lists, told->small, told->deaths);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if (told->seeds >= 100)
            tell_reasons();
        return 0;
    }
    if (WIFSIGNALED(status)) {
        (void)snprintf(told->failure, SOAK_FAILURE_SIZE, "died of signal %d", WTERMSIG(status));
        told->part = SOAK_PART_COUNT; /* any */
    }
    printf("FAILED: seed %" PRIu64 "%s, %s: %s\n", told->plan.seed,
           told->plan.dies_at > 0 ? " (--small)" : "", soak_part_name(told->part), told->failure);
    soak_shrink(&told->plan, told->part, SHRINK_TRIES);
    return 1;
}

static bool read_arguments(int argc, char **argv, uint64_t *first, uint64_t *seeds, uint64_t *small)
{
    for (int i = 1; i < argc; i += 2) {
        uint64_t *number = strcmp(argv[i], "--seed") == 0    ? first
                           : strcmp(argv[i], "--seeds") == 0 ? seeds
                           : strcmp(argv[i], "--small") == 0 ? small
                                                             : NULL;

        if (number == NULL || i + 1 == argc)
            return false;
        *number = strtoull(argv[i + 1], NULL, 10);
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, seeds = SEEDS, small = 0;
    int status;
    pid_t pid;

    if (!read_arguments(argc, argv, &first, &seeds, &small)) {
        fprintf(stderr, "usage: test-soak [--seed FIRST] [--seeds COUNT] [--small COUNT]\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(told != MAP_FAILED);
    soak_list_folder_make();
    (void)signal(SIGINT, SIG_IGN); /* the child's end is the end */
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGINT, SIG_DFL);
        exit(work(first, seeds, small));
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
        status = 0;
    status = judge(status);
    soak_list_folder_remove();
    return status;
}
