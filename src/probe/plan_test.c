/* Tests of the pure rules: what to do after a result, and when to ask again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "probe/plan.h"
#include "probe/retry.h"

static struct probe_plan plan_for(enum smtp_class reply_class, uint16_t code, enum smtp_stage stage)
{
    struct probe_plan_input input = {
        .outcome = SMTP_OUTCOME_REPLY,
        .stage = stage,
        .code = code,
        .classified = {.reply_class = reply_class, .confidence = 95},
        .first_in_session = true,
    };
    struct probe_plan plan;

    probe_plan_next(&input, &plan);
    return plan;
}

static void replies_lead_to_steps(void **state)
{
    static const struct {
        enum smtp_class reply_class;
        uint16_t code;
        enum smtp_stage stage;
        enum probe_step step;
        enum probe_retry_kind retry;
    } rows[] = {
        {SMTP_CLASS_ACCEPTED, 250, SMTP_STAGE_RCPT, PROBE_STEP_ACCEPTED, PROBE_RETRY_NONE},
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 550, SMTP_STAGE_RCPT, PROBE_STEP_FINISH, PROBE_RETRY_NONE},
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 450, SMTP_STAGE_RCPT, PROBE_STEP_WAIT, PROBE_RETRY_UNKNOWN},
        {SMTP_CLASS_MAILBOX_FULL, 452, SMTP_STAGE_RCPT, PROBE_STEP_FINISH, PROBE_RETRY_NONE},
        {SMTP_CLASS_RECIPIENT_RESTRICTED, 550, SMTP_STAGE_RCPT, PROBE_STEP_VAGUE, PROBE_RETRY_NONE},
        {SMTP_CLASS_MAILBOX_DISABLED, 550, SMTP_STAGE_RCPT, PROBE_STEP_VAGUE, PROBE_RETRY_NONE},
        {SMTP_CLASS_RECIPIENT_THROTTLED, 450, SMTP_STAGE_RCPT, PROBE_STEP_WAIT,
         PROBE_RETRY_THROTTLED},
        {SMTP_CLASS_GREYLISTED, 451, SMTP_STAGE_RCPT, PROBE_STEP_WAIT, PROBE_RETRY_GREYLIST},
        {SMTP_CLASS_GREYLISTED, 421, SMTP_STAGE_RCPT, PROBE_STEP_WAIT, PROBE_RETRY_GREYLIST},
        {SMTP_CLASS_RATE_LIMITED, 421, SMTP_STAGE_CONNECT, PROBE_STEP_WAIT, PROBE_RETRY_RATE},
        {SMTP_CLASS_SENDER_BLOCKED, 554, SMTP_STAGE_CONNECT, PROBE_STEP_FINISH, PROBE_RETRY_NONE},
        {SMTP_CLASS_SENDER_BLOCKED, 451, SMTP_STAGE_RCPT, PROBE_STEP_WAIT, PROBE_RETRY_RATE},
        {SMTP_CLASS_SENDER_REJECTED, 550, SMTP_STAGE_MAIL, PROBE_STEP_FINISH, PROBE_RETRY_NONE},
        {SMTP_CLASS_RELAY_DENIED, 554, SMTP_STAGE_RCPT, PROBE_STEP_NEXT_HOST, PROBE_RETRY_NONE},
        {SMTP_CLASS_SERVER_TEMPORARY_FAILURE, 421, SMTP_STAGE_CONNECT, PROBE_STEP_NEXT_HOST,
         PROBE_RETRY_TEMPORARY},
        {SMTP_CLASS_SERVER_TEMPORARY_FAILURE, 451, SMTP_STAGE_RCPT, PROBE_STEP_NEXT_HOST,
         PROBE_RETRY_TEMPORARY},
        {SMTP_CLASS_SERVER_PERMANENT_FAILURE, 554, SMTP_STAGE_CONNECT, PROBE_STEP_NEXT_HOST,
         PROBE_RETRY_NONE},
        {SMTP_CLASS_POLICY_REJECTED, 550, SMTP_STAGE_RCPT, PROBE_STEP_VAGUE, PROBE_RETRY_NONE},
        {SMTP_CLASS_POLICY_REJECTED, 550, SMTP_STAGE_MAIL, PROBE_STEP_NEXT_HOST, PROBE_RETRY_NONE},
        {SMTP_CLASS_AMBIGUOUS, 550, SMTP_STAGE_RCPT, PROBE_STEP_FINISH, PROBE_RETRY_NONE},
        {SMTP_CLASS_AMBIGUOUS, 450, SMTP_STAGE_RCPT, PROBE_STEP_NEXT_HOST, PROBE_RETRY_TEMPORARY},
        /* A misreading: before RCPT nothing is about the mailbox. */
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 550, SMTP_STAGE_MAIL, PROBE_STEP_NEXT_HOST,
         PROBE_RETRY_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe_plan plan = plan_for(rows[i].reply_class, rows[i].code, rows[i].stage);

        if (plan.step != rows[i].step || plan.retry != rows[i].retry)
            fail_msg("%s %u at %s: step %d, retry %d", smtp_class_name(rows[i].reply_class),
                     rows[i].code, smtp_stage_name(rows[i].stage), plan.step, plan.retry);
    }
}

/* "Never the sibling MX" after a refusal of us, at any stage and with any code. */
static void refusals_of_us_never_lead_to_another_host(void **state)
{
    static const enum smtp_class classes[] = {SMTP_CLASS_RATE_LIMITED, SMTP_CLASS_SENDER_BLOCKED};
    static const uint16_t codes[] = {421, 450, 550, 554};

    for (size_t c = 0; c < ARRAY_LEN(classes); c++) {
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            for (int stage = 0; stage < SMTP_STAGE_COUNT; stage++) {
                struct probe_plan plan = plan_for(classes[c], codes[k], (enum smtp_stage)stage);

                assert_true(plan.refuses_us);
                assert_false(plan.ordinary);
                assert_int_equal(plan.refuses_session, stage != SMTP_STAGE_RCPT);
                assert_true(plan.step == PROBE_STEP_FINISH || plan.step == PROBE_STEP_WAIT);
            }
        }
    }
}

static void every_result_has_a_plan_that_ends(void **state)
{
    struct probe_plan_input input = {.again_count = 9};
    struct probe_plan plan;

    for (int outcome = 0; outcome < SMTP_OUTCOME_COUNT; outcome++) {
        for (int stage = 0; stage < SMTP_STAGE_COUNT; stage++) {
            for (int reply_class = 0; reply_class < SMTP_CLASS_COUNT; reply_class++) {
                for (uint16_t code = 200; code < 600; code += 7) {
                    input.outcome = (enum smtp_outcome)outcome;
                    input.stage = (enum smtp_stage)stage;
                    input.code = outcome == SMTP_OUTCOME_REPLY ? code : 0;
                    input.classified.reply_class = (enum smtp_class)reply_class;
                    probe_plan_next(&input, &plan);
                    /* With its patience for broken sessions spent, only what was never asked
                       goes to the same host again at once. */
                    if (plan.step == PROBE_STEP_AGAIN)
                        assert_int_equal(outcome, SMTP_OUTCOME_UNTRIED);
                    if (plan.step == PROBE_STEP_WAIT)
                        assert_int_not_equal(plan.retry, PROBE_RETRY_NONE);
                    assert_true(probe_plan_random(&input) <= PROBE_RANDOM_NOTHING);
                }
            }
        }
    }
}

static void broken_conversations_lead_to_steps(void **state)
{
    static const struct {
        enum smtp_outcome outcome;
        bool first, tls_optional;
        unsigned again;
        enum probe_step step;
        bool lost_in_batch;
    } rows[] = {
        {SMTP_OUTCOME_CONNECT_FAILED, true, true, 0, PROBE_STEP_NEXT_ADDRESS},
        {SMTP_OUTCOME_DISCONNECTED, true, true, 0, PROBE_STEP_NEXT_HOST},
        {SMTP_OUTCOME_DISCONNECTED, false, true, 0, PROBE_STEP_AGAIN},
        {SMTP_OUTCOME_DISCONNECTED, false, true, 2, PROBE_STEP_NEXT_HOST},
        {SMTP_OUTCOME_TIMEOUT, true, true, 0, PROBE_STEP_NEXT_HOST},
        {SMTP_OUTCOME_TLS_FAILED, true, true, 0, PROBE_STEP_IN_CLEAR},
        {SMTP_OUTCOME_TLS_FAILED, true, false, 0, PROBE_STEP_NEXT_HOST},
        {SMTP_OUTCOME_TLS_NOT_OFFERED, true, false, 0, PROBE_STEP_NEXT_HOST},
        {SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED, true, true, 0, PROBE_STEP_FINISH},
        {SMTP_OUTCOME_PROTOCOL_ERROR, true, true, 0, PROBE_STEP_NEXT_HOST},
        {SMTP_OUTCOME_UNTRIED, true, true, 7, PROBE_STEP_AGAIN},
        {SMTP_OUTCOME_DISCONNECTED, true, true, 0, PROBE_STEP_AGAIN, true},
        {SMTP_OUTCOME_DISCONNECTED, true, true, 2, PROBE_STEP_NEXT_HOST, true},
        {SMTP_OUTCOME_TLS_FAILED, true, true, 0, PROBE_STEP_AGAIN, true},
        {SMTP_OUTCOME_TIMEOUT, true, true, 0, PROBE_STEP_AGAIN, true},
        {SMTP_OUTCOME_TIMEOUT, true, true, 2, PROBE_STEP_NEXT_HOST, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe_plan_input input = {
            .outcome = rows[i].outcome,
            .stage = SMTP_STAGE_RCPT,
            .first_in_session = rows[i].first,
            .may_do_without_tls = rows[i].tls_optional,
            .again_count = rows[i].again,
            .lost_in_batch = rows[i].lost_in_batch,
        };
        struct probe_plan plan;

        probe_plan_next(&input, &plan);
        if (plan.step != rows[i].step)
            fail_msg("row %zu: step %d", i, plan.step);
    }
}

static void a_full_session_is_nobodys_fault(void **state)
{
    struct probe_plan_input input = {
        .outcome = SMTP_OUTCOME_REPLY,
        .stage = SMTP_STAGE_RCPT,
        .code = 452,
        .classified = {.reply_class = SMTP_CLASS_RATE_LIMITED},
        .too_many = true,
    };
    struct probe_plan plan;

    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_AGAIN);
    assert_false(plan.refuses_us);
    input.first_in_session = true; /* "too many" of one is a rate limit */
    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_WAIT);
    assert_true(plan.refuses_us);
}

static void a_used_up_session_is_nobodys_fault(void **state)
{
    struct probe_plan_input input = {
        .outcome = SMTP_OUTCOME_REPLY,
        .stage = SMTP_STAGE_RCPT,
        .code = 421,
        .classified = {.reply_class = SMTP_CLASS_RATE_LIMITED},
    };
    struct probe_plan plan;

    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_AGAIN);
    assert_true(plan.refuses_us); /* and yet the site is left alone for a while */
    input.again_count = 2;
    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_WAIT);
    input.again_count = 0;
    input.first_in_session = true;
    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_WAIT);
    input.first_in_session = false;
    input.stage = SMTP_STAGE_MAIL;
    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_WAIT);
}

static void a_second_sender_is_tried_once(void **state)
{
    struct probe_plan_input input = {
        .outcome = SMTP_OUTCOME_REPLY,
        .stage = SMTP_STAGE_MAIL,
        .code = 550,
        .classified = {.reply_class = SMTP_CLASS_SENDER_REJECTED},
        .has_other_sender = true,
    };
    struct probe_plan plan;

    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_SECOND_SENDER);
    input.has_other_sender = false;
    probe_plan_next(&input, &plan);
    assert_int_equal(plan.step, PROBE_STEP_FINISH);
}

static void strangers_teach_only_by_plain_answers(void **state)
{
    static const struct {
        enum smtp_outcome outcome;
        enum smtp_class reply_class;
        uint16_t code;
        enum smtp_stage stage;
        enum probe_random_answer answer;
    } rows[] = {
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_ACCEPTED, 250, SMTP_STAGE_RCPT, PROBE_RANDOM_ACCEPTED},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_MAILBOX_NOT_FOUND, 550, SMTP_STAGE_RCPT,
         PROBE_RANDOM_REFUSED},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_AMBIGUOUS, 550, SMTP_STAGE_RCPT, PROBE_RANDOM_REFUSED},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_AMBIGUOUS, 450, SMTP_STAGE_RCPT, PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_GREYLISTED, 450, SMTP_STAGE_RCPT, PROBE_RANDOM_LATER},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_SERVER_TEMPORARY_FAILURE, 451, SMTP_STAGE_RCPT,
         PROBE_RANDOM_LATER},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_RATE_LIMITED, 451, SMTP_STAGE_RCPT, PROBE_RANDOM_LATER},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_RATE_LIMITED, 550, SMTP_STAGE_RCPT, PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_SENDER_BLOCKED, 550, SMTP_STAGE_RCPT, PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_SERVER_PERMANENT_FAILURE, 554, SMTP_STAGE_RCPT,
         PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_AUTH_REQUIRED, 530, SMTP_STAGE_RCPT, PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_MAILBOX_FULL, 552, SMTP_STAGE_RCPT, PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_MAILBOX_NOT_FOUND, 421, SMTP_STAGE_RCPT,
         PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_REPLY, SMTP_CLASS_MAILBOX_NOT_FOUND, 550, SMTP_STAGE_MAIL,
         PROBE_RANDOM_NOTHING},
        {SMTP_OUTCOME_DISCONNECTED, SMTP_CLASS_ACCEPTED, 0, SMTP_STAGE_RCPT, PROBE_RANDOM_BROKEN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe_plan_input input = {
            .outcome = rows[i].outcome,
            .stage = rows[i].stage,
            .code = rows[i].code,
            .classified = {.reply_class = rows[i].reply_class},
        };

        if (probe_plan_random(&input) != rows[i].answer)
            fail_msg("row %zu: %d", i, probe_plan_random(&input));
    }
}

#define MIN_(n) ((n)*MINUTE_MS)

static void calendars_keep_within_patience(void **state)
{
    static const struct {
        enum probe_retry_kind kind;
        enum probe_patience patience;
        unsigned tries;
        uint64_t waited_ms, asked_ms;
        uint32_t greylist_ms, hint_ms;
        uint64_t wait_ms;
    } rows[] = {
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_QUICK, 0, 0, 0, 0, 0, 0},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_NORMAL, 0, 0, 0, 0, 0, MIN_(5) + 5000},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_NORMAL, 1, MIN_(5) + 5000, 0, 0, 0, MIN_(5) - 5000},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_NORMAL, 2, MIN_(10), 0, 0, 0, 0},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_NORMAL, 0, 0, 0, 60000, 0, 65000},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_PATIENT, 1, MIN_(5), 0, 0, 0, MIN_(15) + 5000},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_PATIENT, 7, MIN_(300), 0, 0, 0, MIN_(60)},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_PATIENT, 8, MIN_(358), 0, 0, 0, 0},
        {PROBE_RETRY_TEMPORARY, PROBE_PATIENCE_NORMAL, 0, 0, 0, 0, 0, MIN_(10)},
        {PROBE_RETRY_TEMPORARY, PROBE_PATIENCE_PATIENT, 0, 0, 0, 0, 0, MIN_(15)},
        {PROBE_RETRY_TEMPORARY, PROBE_PATIENCE_PATIENT, 3, MIN_(315), 0, 0, 0, 0},
        {PROBE_RETRY_RATE, PROBE_PATIENCE_PATIENT, 0, 0, MIN_(30), 0, 0, MIN_(30)},
        {PROBE_RETRY_RATE, PROBE_PATIENCE_NORMAL, 0, 0, MIN_(30), 0, 0, 0},
        {PROBE_RETRY_NETWORK, PROBE_PATIENCE_NORMAL, 0, 0, 0, 0, 0, 0},
        {PROBE_RETRY_NETWORK, PROBE_PATIENCE_PATIENT, 0, 0, 0, 0, 0, MIN_(15)},
        {PROBE_RETRY_UNKNOWN, PROBE_PATIENCE_PATIENT, 1, MIN_(15), 0, 0, 0, 0},
        {PROBE_RETRY_DNS, PROBE_PATIENCE_NORMAL, 0, 0, 0, 0, 0, 0},
        {PROBE_RETRY_DNS, PROBE_PATIENCE_PATIENT, 0, 0, 0, 0, 0, MIN_(1)},
        {PROBE_RETRY_NONE, PROBE_PATIENCE_PATIENT, 0, 0, 0, 0, 0, 0},
        {PROBE_RETRY_TEMPORARY, PROBE_PATIENCE_NORMAL, 0, 0, 0, 0, 90000, 90000},
        {PROBE_RETRY_TEMPORARY, PROBE_PATIENCE_NORMAL, 0, 0, 0, 0, 5000, MIN_(1)},
        {PROBE_RETRY_TEMPORARY, PROBE_PATIENCE_PATIENT, 1, MIN_(1), 0, 0, 60000, MIN_(60)},
        {PROBE_RETRY_RATE, PROBE_PATIENCE_PATIENT, 0, 0, 0, 0, 60000, MIN_(15)},
        {PROBE_RETRY_GREYLIST, PROBE_PATIENCE_NORMAL, 0, 0, 60000, 0, 60000, 65000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe_retry retry = {
            .kind = rows[i].kind,
            .tries_before = rows[i].tries,
            .waited_ms = rows[i].waited_ms,
            .patience = rows[i].patience,
            .greylist_ms = rows[i].greylist_ms,
            .asked_ms = rows[i].asked_ms,
            .hint_ms = rows[i].hint_ms,
        };
        uint64_t wait = probe_retry_wait(&retry);

        if (wait != rows[i].wait_ms)
            fail_msg("row %zu: %llu ms", i, (unsigned long long)wait);
    }
}

/* Following any calendar to its end never spends more than the patience, and always ends. */
static void every_calendar_ends(void **state)
{
    for (int patience = 0; patience <= PROBE_PATIENCE_PATIENT; patience++) {
        for (int kind = 0; kind < PROBE_RETRY_COUNT; kind++) {
            struct probe_retry retry = {
                .kind = (enum probe_retry_kind)kind,
                .patience = (enum probe_patience)patience,
            };
            uint64_t wait;

            while ((wait = probe_retry_wait(&retry)) > 0) {
                retry.waited_ms += wait;
                assert_true(++retry.tries_before < 30);
            }
            assert_true(retry.waited_ms <= probe_patience_ms(retry.patience));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_lead_to_steps),
        cmocka_unit_test(refusals_of_us_never_lead_to_another_host),
        cmocka_unit_test(every_result_has_a_plan_that_ends),
        cmocka_unit_test(broken_conversations_lead_to_steps),
        cmocka_unit_test(a_full_session_is_nobodys_fault),
        cmocka_unit_test(a_used_up_session_is_nobodys_fault),
        cmocka_unit_test(a_second_sender_is_tried_once),
        cmocka_unit_test(strangers_teach_only_by_plain_answers),
        cmocka_unit_test(calendars_keep_within_patience),
        cmocka_unit_test(every_calendar_ends),
    };

    return cmocka_run_group_tests_name("probe-plan", tests, NULL, NULL);
}
