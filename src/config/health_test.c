/* Alarms: at their thresholds, a step below, and only for what came since the mark. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "config/health.h"

#define REFUSED   (1u << HEALTH_REFUSED)
#define PORT      (1u << HEALTH_PORT)
#define RESOLVER  (1u << HEALTH_RESOLVER)
#define BLOCKLIST (1u << HEALTH_BLOCKLIST)
#define LEDGER    (1u << HEALTH_LEDGER)

static void alarms_have_thresholds(void **state)
{
    static const struct {
        uint64_t rcpts, refusals, connections, unreached, questions, unanswered, listing_refusals,
            unnoted;
        unsigned expected;
    } rows[] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0},
        {25, 5, 9, 0, 0, 0, 0, 0, REFUSED},
        {26, 5, 9, 0, 0, 0, 0, 0, 0},         /* under a fifth */
        {4, 4, 9, 0, 0, 0, 0, 0, 0},          /* too few */
        {0, 5, 9, 0, 0, 0, 0, 0, REFUSED},    /* refused before a recipient was named */
        {0, 0, 5, 5, 0, 0, 0, 0, PORT},       /* not one */
        {0, 0, 5, 4, 0, 0, 0, 0, 0},          /* one was reached */
        {0, 0, 4, 4, 0, 0, 0, 0, 0},          /* too few */
        {0, 0, 0, 0, 5, 5, 0, 0, RESOLVER},   /* silent */
        {0, 0, 0, 0, 5, 4, 0, 0, 0},          /* one answer */
        {0, 0, 0, 0, 4, 4, 0, 0, 0},          /* too few */
        {50, 0, 9, 0, 9, 0, 1, 0, BLOCKLIST}, /* one is enough */
        {0, 0, 0, 0, 0, 0, 0, 1, LEDGER},     /* once is enough */
        {6, 6, 7, 7, 9, 9, 2, 3, REFUSED | PORT | RESOLVER | BLOCKLIST | LEDGER},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct health_mark start = {{0}, {0}};
        struct health_mark since = start, now = start;

        now.probe.rcpts = rows[i].rcpts;
        now.probe.refusals_of_us = rows[i].refusals;
        now.probe.connections = rows[i].connections;
        now.probe.connect_failures = rows[i].unreached;
        now.dns.questions = rows[i].questions;
        now.dns.failures = rows[i].unanswered;
        now.dns.listing_refusals = rows[i].listing_refusals;
        now.probe.unnoted = rows[i].unnoted;
        assert_int_equal(health_judge(&since, &now), rows[i].expected);
        /* What was so before the mark, and did not go on, is over. */
        since = now;
        assert_int_equal(health_judge(&since, &now), 0);
        now.probe.rcpts += 100;
        now.probe.connections += 100;
        now.dns.questions += 100;
        assert_int_equal(health_judge(&since, &now), 0);
    }
}

static void alarms_have_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HEALTH_ALARM_COUNT; i++) {
        const char *text = health_alarm_text((enum health_alarm)i);

        assert_true(strlen(health_alarm_code((enum health_alarm)i)) > 3);
        assert_true(text[0] >= 'A' && text[0] <= 'Z' && strlen(text) > 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_have_thresholds),
        cmocka_unit_test(alarms_have_words),
    };

    return cmocka_run_group_tests_name("config-health", tests, NULL, NULL);
}
