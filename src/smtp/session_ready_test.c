/* READY: when the server has said that it takes batches, and the first is not under way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/instant.h"
#include "base/memory.h"
#include "smtp/session_rig.h"

#define EHLO_REPLY "250-mx\r\n250 PIPELINING\r\n"

static struct smtp_plan batching(void)
{
    return (struct smtp_plan){
        .helo_name = SLICE("probe.example"),
        .sender = SLICE_EMPTY,
        .tls = SMTP_TLS_OPPORTUNISTIC,
        .use_pipelining = true,
        .rcpts_per_transaction = 10,
        .rcpts_per_session = 10,
        .timeout_percent = 100,
        .deadline_ms = INSTANT_NEVER,
    };
}

static void say(struct rig *rig, const char *words)
{
    smtp_session_received(rig->session, words, strlen(words), rig->now_ms);
}

/* Up to the answer to EHLO, with one recipient. */
static void greet(struct rig *rig, const struct smtp_plan *plan)
{
    assert_true(rig_new(rig, plan));
    assert_int_equal(rig_add(rig, SLICE("a@x.example"), false), 0);
    smtp_session_start(rig->session, 0);
    smtp_session_connected(rig->session, 0);
    say(rig, "220 mx\r\n");
    assert_int_equal(rig_next(rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rig_next(rig), SMTP_OUTPUT_WAIT);
}

static unsigned rcpts_of(struct slice bytes)
{
    unsigned count = 0;
    struct slice line;

    while (slice_split(&bytes, '\n', &line))
        count += slice_starts_with(line, SLICE("RCPT TO:"));
    return count;
}

static void count_rcpts(struct rig *rig, const struct smtp_output *output)
{
    if (output->kind == SMTP_OUTPUT_SEND)
        *(unsigned *)rig->user = rcpts_of(output->bytes);
}

static void who_is_added_goes_with_the_first_batch(void **state)
{
    const struct smtp_plan plan = batching();
    unsigned rcpts = 0;
    struct rig rig;

    greet(&rig, &plan);
    rig.watch = count_rcpts;
    rig.user = &rcpts;
    say(&rig, EHLO_REPLY);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_READY);
    assert_int_equal(rig_add(&rig, SLICE("b@x.example"), false), 0);
    assert_int_equal(rig_add(&rig, SLICE("c@x.example"), false), 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rcpts, 3);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    rig_free(&rig);
}

/* Said once, and nobody need be added. */
static void nobody_need_be_added(void **state)
{
    const struct smtp_plan plan = batching();
    struct rig rig;

    greet(&rig, &plan);
    say(&rig, EHLO_REPLY);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_READY);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rig.rcpts, 1);
    rig_free(&rig);
}

/* What comes after the list of offers instead of READY. */
static void expect_instead(const struct smtp_plan *plan, const char *offers,
                           enum smtp_output_kind kind)
{
    struct rig rig;

    greet(&rig, plan);
    say(&rig, offers);
    assert_int_equal(rig_next(&rig), kind);
    rig_free(&rig);
}

static void it_is_said_where_batches_are_sent_alone(void **state)
{
    struct smtp_plan plan = batching();

    expect_instead(&plan, "250 mx\r\n", SMTP_OUTPUT_SEND);
    plan.use_pipelining = false;
    expect_instead(&plan, EHLO_REPLY, SMTP_OUTPUT_SEND);
    plan = batching();
    plan.gap_ms = 100;
    expect_instead(&plan, EHLO_REPLY, SMTP_OUTPUT_SEND);
}

static void in_tls_it_is_said_after_the_second_list(void **state)
{
    const struct smtp_plan plan = batching();
    struct rig rig;

    greet(&rig, &plan);
    say(&rig, "250-mx\r\n250-STARTTLS\r\n250 PIPELINING\r\n");
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    say(&rig, "220 go\r\n");
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_START_TLS);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    rig.is_tls = true;
    smtp_session_secured(rig.session, 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    say(&rig, EHLO_REPLY);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_READY);
    rig_free(&rig);
}

static void in_clear_after_all_it_is_said_when_starttls_is_refused(void **state)
{
    const struct smtp_plan plan = batching();
    struct rig rig;

    greet(&rig, &plan);
    say(&rig, "250-mx\r\n250-STARTTLS\r\n250 PIPELINING\r\n");
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    say(&rig, "454 not now\r\n");
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_READY);
    rig_free(&rig);
}

/*
 * A batch without its proof (another transaction is to follow) is answered, and before anybody
 * looks at that the session is told to finish: QUIT proves it.
 */
static void who_is_told_to_leave_when_a_batch_is_answered_says_quit(void **state)
{
    struct smtp_plan plan = batching();
    struct rig rig;

    plan.rcpts_per_transaction = 2;
    greet(&rig, &plan);
    say(&rig, EHLO_REPLY);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_READY);
    assert_int_equal(rig_add(&rig, SLICE("b@x.example"), false), 0);
    assert_int_equal(rig_add(&rig, SLICE("c@x.example"), false), 0);
    rig_pull(&rig);
    assert_int_equal(rig.rcpts, 2);
    say(&rig, "250 ok\r\n250 ok\r\n550 no\r\n");
    smtp_session_finish(rig.session, 0);
    rig_pull(&rig);
    assert_true(rig.said_quit);
    assert_int_equal(rig.told, 1); /* c, untried; the batch is not proven yet */
    say(&rig, "221 bye\r\n");
    rig_pull(&rig);
    assert_int_equal(rig.told, 3);
    rig_free(&rig);
}

static void who_is_leaving_is_not_ready(void **state)
{
    const struct smtp_plan plan = batching();
    struct rig rig;

    greet(&rig, &plan);
    smtp_session_finish(rig.session, 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_RESULT); /* untried */
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    say(&rig, EHLO_REPLY);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND); /* QUIT */
    assert_true(rig.said_quit);
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_added_goes_with_the_first_batch),
        cmocka_unit_test(nobody_need_be_added),
        cmocka_unit_test(it_is_said_where_batches_are_sent_alone),
        cmocka_unit_test(in_tls_it_is_said_after_the_second_list),
        cmocka_unit_test(in_clear_after_all_it_is_said_when_starttls_is_refused),
        cmocka_unit_test(who_is_told_to_leave_when_a_batch_is_answered_says_quit),
        cmocka_unit_test(who_is_leaving_is_not_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
