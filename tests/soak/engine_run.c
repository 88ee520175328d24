#include "engine_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct run {
    struct soak_stage stage;
    struct soak_report *report;
    struct io_timer feed, cancel;
    uint64_t started_ms;
    unsigned fed;
    bool is_full; /* more are submitted when one has ended */
    bool is_cancelled;
};

struct ticket {
    struct run *run;
    unsigned index;
};

/* What was judged, or remembered of another case, is what its evidence alone is judged to be. */
static void check_again(struct run *run, const char *text, const struct evidence *evidence,
                        const struct verdict *verdict)
{
    struct verdict again;

    verdict_judge(evidence, &again);
    if (again.reason != verdict->reason || again.score != verdict->score ||
        again.action != verdict->action || again.flags != verdict->flags ||
        again.retry_after_s != verdict->retry_after_s || again.attempt != verdict->attempt ||
        again.classification.rule != verdict->classification.rule ||
        strcmp(again.explanation, verdict->explanation) != 0)
        soak_fail(&run->stage, "%s is %s (%u): %s But its evidence says %s (%u): %s", text,
                  verdict_reason_name(verdict->reason), verdict->score, verdict->explanation,
                  verdict_reason_name(again.reason), again.score, again.explanation);
}

static void feed(struct io_timer *timer);

static void done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct ticket *ticket = user;
    struct run *run = ticket->run;
    struct soak_outcome *outcome = &run->report->outcomes[ticket->index];
    char text[SOAK_ADDRESS_SIZE];

    (void)soak_address_text(&run->stage.plan->addresses[ticket->index], text);
    outcome->done++;
    outcome->status = verdict->status;
    outcome->reason = verdict->reason;
    memcpy(outcome->explanation, verdict->explanation, sizeof(outcome->explanation));
    if (!slice_equal(evidence->input, slice_from_string(text)))
        soak_fail(&run->stage, "%s ended as another", text);
    if (!run->stage.memory_is_short)
        check_again(run, text, evidence, verdict);
    free(ticket);
    if (run->is_full)
        feed(&run->feed);
}

static bool is_full(struct run *run)
{
    struct probe_settings settings;
    struct probe_counts counts;

    soak_plan_settings(run->stage.plan, &settings);
    probe_engine_counts(run->stage.engine, &counts);
    return counts.open_cases >= settings.cases_max;
}

/* Only the engine's own want of memory excuses a submission that is refused; false: it is full. */
static bool submit(struct run *run, unsigned index)
{
    const struct soak_address *address = &run->stage.plan->addresses[index];
    struct probe_wish wish = {EVIDENCE_DEPTH_SMTP, run->stage.plan->patience, address->in_no_hurry};
    struct ticket *ticket = malloc(sizeof(*ticket));
    char text[SOAK_ADDRESS_SIZE];
    int code;

    CHECK(ticket != NULL);
    *ticket = (struct ticket){run, index};
    code = probe_engine_submit_wish(run->stage.engine,
                                    slice_from_string(soak_address_text(address, text)), &wish,
                                    done, ticket);
    if (code == 0)
        return true;
    if (code == ERROR_BUSY && is_full(run)) {
        free(ticket);
        return false;
    }
    if (code != ERROR_NOMEM || !run->stage.memory_is_short)
        soak_fail(&run->stage, "%s was not taken: %d", text, code);
    run->report->outcomes[index] =
        (struct soak_outcome){1, VERDICT_SKIPPED, REASON_CANCELLED, "no memory"};
    free(ticket);
    return true;
}

/* All that are due so long after the start, as far as there is room. */
static void submit_due(struct run *run, uint64_t since_ms)
{
    const struct soak_plan *plan = run->stage.plan;

    run->is_full = false;
    while (!run->is_full && run->fed < plan->address_count &&
           plan->addresses[run->fed].at_ms <= since_ms) {
        run->is_full = !submit(run, run->fed);
        run->fed += !run->is_full;
    }
}

static void feed(struct io_timer *timer)
{
    struct run *run = timer->user;
    const struct soak_plan *plan = run->stage.plan;

    submit_due(run, io_now_ms(run->stage.loop) - run->started_ms);
    if (run->is_full || run->fed == plan->address_count)
        return;
    if (io_timer_start(timer, run->started_ms + plan->addresses[run->fed].at_ms) !=
        0) /* no memory: now, then */
        submit_due(run, UINT64_MAX);
}

static void cancel(struct io_timer *timer)
{
    struct run *run = timer->user;

    run->is_cancelled = true;
    probe_engine_cancel(run->stage.engine);
}

static void check(struct run *run, const struct soak_report *clean)
{
    const struct soak_plan *plan = run->stage.plan;

    for (unsigned i = 0; i < plan->address_count; i++) {
        const struct soak_outcome *outcome = &run->report->outcomes[i];

        soak_check_outcome(&run->stage, &plan->addresses[i], outcome);
        if (clean != NULL)
            soak_check_against(&run->stage, &plan->addresses[i], outcome, &clean->outcomes[i]);
        if (outcome->reason == REASON_CANCELLED && !run->is_cancelled &&
            !run->stage.memory_is_short)
            soak_fail(&run->stage, "number %u was cancelled by nobody", i);
    }
    if (!run->is_cancelled)
        soak_stage_check_end(&run->stage);
}

void soak_engine_run(const struct soak_plan *plan, const struct soak_faults *faults,
                     const struct soak_report *clean, struct soak_report *ret_report)
{
    soak_engine_live(plan, faults, clean, &(struct soak_dawn){0}, NULL, ret_report);
}

static bool was_killed(const struct run *run, const struct soak_dawn *dawn,
                       const struct soak_guest *guest)
{
    return (guest != NULL && guest->is_dead) ||
           (dawn->stop_events > 0 && soak_stage_events(&run->stage) >= dawn->stop_events);
}

void soak_engine_live(const struct soak_plan *plan, const struct soak_faults *faults,
                      const struct soak_report *clean, const struct soak_dawn *dawn,
                      struct soak_guest *guest, struct soak_report *ret_report)
{
    struct run run = {.report = ret_report, .started_ms = dawn->start_ms};
    bool is_over;

    *ret_report = (struct soak_report){0};
    soak_stage_build(&run.stage, plan, faults, dawn);
    if (guest != NULL)
        guest->come(guest->user, &run.stage);
    io_timer_init(run.stage.loop, &run.feed, feed, &run);
    io_timer_init(run.stage.loop, &run.cancel, cancel, &run);
    CHECK(io_timer_start(&run.feed, run.started_ms) == 0);
    if (faults->stop_ms > 0)
        CHECK(io_timer_start(&run.cancel, run.started_ms + faults->stop_ms) == 0);
    soak_stage_run(&run.stage, NULL, NULL);
    is_over = was_killed(&run, dawn, guest);
    ret_report->deaths = is_over;
    if (run.stage.memory_is_short && !is_over) /* the world may stand still for want of it */
        probe_engine_cancel(run.stage.engine);
    if (run.stage.failure[0] == '\0' && !is_over)
        check(&run, clean);
    ret_report->events = soak_stage_events(&run.stage);
    ret_report->digest = run.stage.digest;
    if (guest != NULL)
        guest->go(guest->user, &run.stage, is_over);
    memcpy(ret_report->failure, run.stage.failure, sizeof(ret_report->failure));
    io_timer_stop(&run.feed);
    io_timer_stop(&run.cancel);
    soak_stage_done(&run.stage);
}
