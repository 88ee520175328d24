#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "history_run.h"
#include "list_run.h"

#define HISTORY_EACH 4

const char *soak_part_name(enum soak_part part)
{
    static const char *const names[] = {
        [SOAK_ENGINE] = "engine, without faults",
        [SOAK_ENGINE_FAULTY] = "engine, with faults",
        [SOAK_HISTORY] = "engine with a history",
        [SOAK_LIST] = "list, without faults",
        [SOAK_LIST_FAULTY] = "list, with faults",
        [SOAK_REPEAT] = "list, the same again",
        [SOAK_PART_COUNT] = "a crash",
    };

    return names[part];
}

/* --- trying ---------------------------------------------------------------------------------- */

static bool has_failed(const struct soak_report *report, char failure[SOAK_FAILURE_SIZE])
{
    if (report->failure[0] == '\0')
        return false;
    memcpy(failure, report->failure, SOAK_FAILURE_SIZE);
    return true;
}

static bool repeats_itself(const struct soak_plan *plan, const struct soak_reports *reports,
                           char failure[SOAK_FAILURE_SIZE])
{
    static struct soak_report again;

    soak_list_run(plan, &plan->faults, &reports->list, &again);
    if (again.digest == reports->list_faulty.digest && again.events == reports->list_faulty.events)
        return true;
    (void)snprintf(failure, SOAK_FAILURE_SIZE, "the same seed gave another run");
    return false;
}

enum soak_part soak_try(const struct soak_plan *plan, bool repeats, struct soak_reports *reports,
                        char failure[SOAK_FAILURE_SIZE])
{
    soak_engine_run(plan, &soak_no_faults, NULL, &reports->engine);
    if (has_failed(&reports->engine, failure))
        return SOAK_ENGINE;
    soak_engine_run(plan, &plan->faults, &reports->engine, &reports->engine_faulty);
    if (has_failed(&reports->engine_faulty, failure))
        return SOAK_ENGINE_FAULTY;
    if (plan->seed % HISTORY_EACH == 0) {
        soak_history_run(plan, &plan->faults, &reports->engine, &reports->history);
        if (has_failed(&reports->history, failure))
            return SOAK_HISTORY;
    }
    soak_list_run(plan, &soak_no_faults, NULL, &reports->list);
    if (has_failed(&reports->list, failure))
        return SOAK_LIST;
    soak_list_run(plan, &plan->faults, &reports->list, &reports->list_faulty);
    if (has_failed(&reports->list_faulty, failure))
        return SOAK_LIST_FAULTY;
    if (repeats && !repeats_itself(plan, reports, failure))
        return SOAK_REPEAT;
    return SOAK_PART_COUNT;
}

/* --- making it smaller ----------------------------------------------------------------------- */

struct shrinking {
    struct soak_plan plan; /* the smallest that fails */
    enum soak_part part;
    unsigned tries, tries_max;
    bool speaks;   /* what a crash says is seen */
    char *failure; /* shared with the children */
};

/* In the child: 1 when it fails in the part wanted, and no word of what it says meanwhile. */
static int try_alone(const struct shrinking *s, const struct soak_plan *plan)
{
    static struct soak_reports reports;
    char failure[SOAK_FAILURE_SIZE] = "";
    enum soak_part part;

    (void)alarm(60);
    if (!s->speaks)
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
    part = soak_try(plan, s->part == SOAK_REPEAT, &reports, failure);
    if (part != s->part || s->part == SOAK_PART_COUNT)
        return 0;
    memcpy(s->failure, failure, SOAK_FAILURE_SIZE);
    return 1;
}

/* Does it fail in the same part? Where it crashed, the part is none, and it must crash again. */
static bool fails(struct shrinking *s, const struct soak_plan *plan)
{
    pid_t pid;
    int status;

    if (s->tries == s->tries_max)
        return false;
    s->tries++;
    (void)fflush(stdout);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(try_alone(s, plan));
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status))
        (void)snprintf(s->failure, SOAK_FAILURE_SIZE, "died of signal %d", WTERMSIG(status));
    return WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
}

static bool keep_if_fails(struct shrinking *s, const struct soak_plan *smaller)
{
    if (memcmp(smaller, &s->plan, sizeof(*smaller)) == 0 || !fails(s, smaller))
        return false;
    s->plan = *smaller;
    return true;
}

static bool shrink_faults(struct shrinking *s)
{
    bool did = false;
    struct soak_plan smaller;

#define X(name)                                                                                    \
    smaller = s->plan;                                                                             \
    smaller.faults.name = 0;                                                                       \
    did = keep_if_fails(s, &smaller) || did;
    SOAK_FAULTS(X)
#undef X
    return did;
}

static bool shrink_addresses(struct shrinking *s)
{
    bool did = false;

    for (unsigned count = s->plan.address_count / 2; count > 0; count /= 2) {
        for (unsigned at = 0; at + count <= s->plan.address_count;) {
            struct soak_plan smaller = s->plan;
            unsigned left = smaller.address_count - count - at;

            if (count == smaller.address_count)
                break;
            memmove(&smaller.addresses[at], &smaller.addresses[at + count],
                    left * sizeof(smaller.addresses[0]));
            smaller.address_count -= count;
            if (keep_if_fails(s, &smaller))
                did = true;
            else
                at += count;
        }
    }
    return did;
}

static bool shrink_site(struct shrinking *s, unsigned number)
{
    const struct soak_site *site = &s->plan.world.sites[number];
    struct soak_plan smaller = s->plan;
    bool did;

    smaller.world.sites[number].domain_count = 0;
    did = keep_if_fails(s, &smaller);
    while (site->domain_count > 1) {
        smaller = s->plan;
        smaller.world.sites[number].domain_count--;
        if (!keep_if_fails(s, &smaller))
            break;
        did = true;
    }
    while (site->host_count > 1) {
        smaller = s->plan;
        smaller.world.sites[number].host_count--;
        if (!keep_if_fails(s, &smaller))
            break;
        did = true;
    }
    smaller = s->plan;
    memset(smaller.world.sites[number].signals, 0, sizeof(site->signals));
    did = keep_if_fails(s, &smaller) || did;
    for (unsigned h = 0; h < site->host_count; h++) {
        smaller = s->plan;
        smaller.world.sites[number].quirks[h] = 0;
        did = keep_if_fails(s, &smaller) || did;
        smaller = s->plan;
        smaller.world.sites[number].pipelines[h] = false;
        did = keep_if_fails(s, &smaller) || did;
    }
    return did;
}

static bool shrink_settings(struct shrinking *s)
{
    struct soak_plan smaller = s->plan;
    bool did;

    smaller.transcripts = smaller.has_second_sender = smaller.few_connections = smaller.few_cases =
        smaller.on_disk = false;
    smaller.piece = 0;
    did = keep_if_fails(s, &smaller);
    smaller = s->plan;
    smaller.patience = PROBE_PATIENCE_QUICK;
    did = keep_if_fails(s, &smaller) || did;
    smaller = s->plan;
    smaller.window = 1;
    return keep_if_fails(s, &smaller) || did;
}

void soak_shrink(struct soak_plan *plan, enum soak_part part, unsigned tries)
{
    static struct shrinking s;
    bool did = true;

    s = (struct shrinking){.plan = *plan, .part = part, .tries_max = tries};
    s.failure =
        mmap(NULL, SOAK_FAILURE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(s.failure != MAP_FAILED);
    if (!fails(&s, plan)) {
        printf("alone it does not fail: what ran before it in the same process counts\n");
        return;
    }
    while (did && s.tries < s.tries_max) {
        did = shrink_addresses(&s);
        did = shrink_faults(&s) || did;
        for (unsigned i = 0; i < s.plan.world.site_count; i++)
            did = shrink_site(&s, i) || did;
        did = shrink_settings(&s) || did;
    }
    s.tries_max = s.tries + 1;
    s.speaks = true;
    (void)fails(&s, &s.plan);
    printf("made smaller in %u tries, it fails so (%s):\n  %s\n\n", s.tries - 1,
           soak_part_name(part), s.failure);
    soak_plan_print(&s.plan);
    *plan = s.plan;
    (void)munmap(s.failure, SOAK_FAILURE_SIZE);
}
