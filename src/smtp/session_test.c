/* Tests of the session: ordinary dialogues, and a caller that does odd things. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/instant.h"
#include "smtp/script_rig.h"

static const struct script scripts[] = {
    {"one recipient",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 2.1.5 fine", "= a@x.example 250 rcpt fine", "IDLE", BYE}},
    {"a sender, a refused recipient, several lines",
     {PLAN, .sender = {"me@probe.example", 16}},
     false,
     {"+ a@x.example", "connect", "S: 220-mx\n220 hello", "C: EHLO probe.example",
      "S: 250-mx\n250-SIZE 1000\n250 HELP", "C: MAIL FROM:<me@probe.example>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 550-5.1.1 No such\n550 5.1.1 user",
      "= a@x.example 550 rcpt No such | user", "IDLE", BYE}},
    {"one transaction a domain",
     {PLAN},
     false,
     {"+ a@x.example",
      "+ b@y.example",
      "+ c@X.EXAMPLE",
      HELLO,
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<a@x.example>",
      "S: 250 ok",
      "= a@x.example 250 rcpt ok",
      "C: RCPT TO:<c@X.EXAMPLE>",
      "S: 251 will forward",
      "= c@X.EXAMPLE 251 rcpt will forward",
      "C: RSET",
      "S: 250 ok",
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<b@y.example>",
      "S: 252 cannot VRFY",
      "= b@y.example 252 rcpt cannot VRFY",
      "IDLE",
      BYE}},
    {"as many recipients a transaction as the plan allows",
     {PLAN, .rcpts_per_transaction = 1},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 450 later", "= a@x.example 450 rcpt later", "C: RSET",
      "S: 250 ok", "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<b@x.example>", "S: 250 ok",
      "= b@x.example 250 rcpt ok", "IDLE", BYE}},
    {"more recipients after IDLE go on in the same transaction",
     {PLAN},
     false,
     {"+ a@x.example",
      HELLO,
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<a@x.example>",
      "S: 250 ok",
      "= a@x.example 250 rcpt ok",
      "IDLE",
      "@ 5000",
      "+ b@x.example",
      "W 5000",
      "@ 1",
      "C: RCPT TO:<b@x.example>",
      "W 305001",
      "S: 550 no",
      "= b@x.example 550 rcpt no",
      "IDLE",
      "@ 1000",
      "+ c@y.example",
      "@ 0",
      "C: RSET",
      "S: 250 ok",
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<c@y.example>",
      "S: 250 ok",
      "= c@y.example 250 rcpt ok",
      "IDLE",
      BYE}},
    {"a gap between RCPTs",
     {PLAN, .gap_ms = 1000},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "@ 100", "S: 250 ok", "= a@x.example 250 rcpt ok", "W 1000",
      "@ 899", "W 1000", "@ 1", "C: RCPT TO:<b@x.example>", "S: 250 ok",
      "= b@x.example 250 rcpt ok", "IDLE", BYE}},
    {"a gap after a refusal, in case more is said",
     {PLAN, .gap_ms = 500},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "@ 2000", "S: 250 ok", "= a@x.example 250 rcpt ok",
      "C: RCPT TO:<b@x.example>", "@ 2000", "S: 550 no", "= b@x.example 550 rcpt no", "W 4500",
      "@ 100", "S: 550 see our page", "= c@x.example untried rcpt", "CLOSE"}},
    {"each command waits for a reply too many",
     {PLAN, .settle_ms = 500},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "W 500", "@ 500", "C: MAIL FROM:<>", "@ 300",
      "S: 250 ok", "W 1300", "@ 500", "C: RCPT TO:<a@x.example>", "@ 2000", "S: 550 no",
      "= a@x.example 550 rcpt no", "W 3800", "@ 100", "S: 550 see our page",
      "= b@x.example untried rcpt", "CLOSE"}},
    {"the session's share of recipients",
     {PLAN, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", "+! c@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok",
      "C: RCPT TO:<b@x.example>", "S: 250 ok", "= b@x.example 250 rcpt ok", "IDLE",
      "+! d@x.example", BYE}},
    {"nobody to ask",
     {PLAN},
     false,
     {HELLO, "IDLE", "W 60000", "+ a@x.example", "@ 1", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"an idle session quits by itself",
     {PLAN},
     false,
     {HELLO, "IDLE", "W 60000", "@ 59999", "W 60000", "@ 1", "C: QUIT", "+! a@x.example", "@ 5000",
      "CLOSE"}},
    {"SMTPUTF8 where offered and needed",
     {PLAN, .rcpts_per_transaction = 5},
     false,
     {"+ a@x.example",
      "+ j\xc3\xb6rg@x.example",
      "+ b@y.example",
      "connect",
      "S: 220 mx",
      "C: EHLO probe.example",
      "S: 250-mx\n250 SMTPUTF8",
      "C: MAIL FROM:<> SMTPUTF8",
      "S: 250 ok",
      "C: RCPT TO:<a@x.example>",
      "S: 250 ok",
      "= a@x.example 250 rcpt ok",
      "C: RCPT TO:<j\xc3\xb6rg@x.example>",
      "S: 250 ok",
      "= j\xc3\xb6rg@x.example 250 rcpt ok",
      "C: RSET",
      "S: 250 ok",
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<b@y.example>",
      "S: 250 ok",
      "= b@y.example 250 rcpt ok",
      "IDLE",
      "+ j\xc3\xb6rg@y.example",
      "@ 1",
      "C: RSET",
      "S: 250 ok",
      "C: MAIL FROM:<> SMTPUTF8",
      "S: 250 ok",
      "C: RCPT TO:<j\xc3\xb6rg@y.example>",
      "S: 550 no",
      "= j\xc3\xb6rg@y.example 550 rcpt no",
      "IDLE",
      BYE}},
    {"SMTPUTF8 not offered",
     {PLAN},
     false,
     {"+ a@x.example", "+ j\xc3\xb6rg@x.example", HELLO,
      "= j\xc3\xb6rg@x.example smtputf8_not_offered mail", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE",
      "+ \xc3\xbc@x.example", "@ 1", "= \xc3\xbc@x.example smtputf8_not_offered mail", "IDLE",
      BYE}},
    {"finish waits for what is asked",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "finish", "= b@x.example untried rcpt", "+! c@x.example",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "C: QUIT", "S: 221 bye", "CLOSE"}},
    {"finish while connecting",
     {PLAN},
     false,
     {"+ a@x.example", "finish", "= a@x.example untried connect", "CLOSE"}},
    {"finish before the greeting",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "finish", "= a@x.example untried connect", "S: 220 mx", "C: QUIT",
      "S: 221 bye", "CLOSE"}},
    {"finish before MAIL is answered",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "finish", "= a@x.example untried mail",
      "S: 250 ok", "C: QUIT", "S: 221 bye", "CLOSE"}},
    {"withdrawn while connecting: a goodbye is all there is to say",
     {PLAN},
     false,
     {"+ a@x.example", "- a@x.example", "-! a@x.example", HELLO, "IDLE", BYE}},
    {"withdrawn before their turn, and too late",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@y.example", HELLO, "C: MAIL FROM:<>", "- a@x.example",
      "S: 250 ok", "C: RCPT TO:<b@x.example>", "-! b@x.example", "- c@y.example", "S: 250 ok",
      "= b@x.example 250 rcpt ok", "IDLE", "-! b@x.example", BYE}},
    {"withdrawn after MAIL: the transaction stays empty",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "- a@x.example", "S: 250 ok", "IDLE",
      "+ b@x.example", "@ 1", "C: RCPT TO:<b@x.example>", "S: 250 ok", "= b@x.example 250 rcpt ok",
      "IDLE", BYE}},
    {"withdrawn in the gap",
     {PLAN, .gap_ms = 3000},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "- b@x.example",
      "@ 3000", "IDLE", BYE}},
    {"the session's deadline, asked and not asked",
     {PLAN, .deadline_ms = 1000},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "W 1000", "@ 1000", "= a@x.example timeout rcpt",
      "= b@y.example untried rcpt", "CLOSE"}},
    {"the session's deadline in the gap",
     {PLAN, .deadline_ms = 1500, .gap_ms = 3000},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "W 1500", "@ 1500",
      "= b@y.example untried rcpt", "C: QUIT", "CLOSE"}},
    {"quoted local parts and literals go out as they are",
     {PLAN},
     false,
     {"+ \"a @<>\\\"b\"@x.example",
      "+! a b@x.example",
      "+! a@x.example>",
      "+! <a@x.example",
      "+! \"a@x.example",
      "+! a@",
      "+! @x",
      "+! a",
      "+! a@x@y",
      "+! a\x7f@x",
      "+! a\xff@x",
      "+ a@[192.0.2.1]",
      HELLO,
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<\"a @<>\\\"b\"@x.example>",
      "S: 250 ok",
      "= \"a @<>\\\"b\"@x.example 250 rcpt ok",
      "C: RSET",
      "S: 250 ok",
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<a@[192.0.2.1]>",
      "S: 250 ok",
      "= a@[192.0.2.1] 250 rcpt ok",
      "IDLE",
      BYE}},
};

static void the_transcript_tells_the_whole_conversation(void **state)
{
    const struct smtp_plan plan = script_plan(&(struct smtp_plan){PLAN});
    static const char expected[] = "       5 * connected\n"
                                   "       7 S: 220 mx\\xFF\n"
                                   "       7 C: EHLO probe.example\n"
                                   "       9 * the server closed the connection\n";
    struct smtp_session_facts facts;
    struct rig rig;

    assert_true(rig_new(&rig, &plan));
    assert_int_equal(rig_add(&rig, SLICE("a@x.example"), false), 0);
    smtp_session_start(rig.session, 1000);
    rig_pull(&rig);
    smtp_session_connected(rig.session, 1005);
    rig_pull(&rig);
    smtp_session_received(rig.session, "220 mx\xff\r\n", 9, 1007);
    rig_pull(&rig);
    smtp_session_closed(rig.session, SMTP_OUTCOME_DISCONNECTED, 1009);
    rig_pull(&rig);
    smtp_session_facts(rig.session, &facts);
    if (!slice_equal(facts.transcript, slice_from_string(expected)))
        fail_msg("%.*s", SLICE_ARG(facts.transcript));
    assert_true(slice_equal(facts.greeting, SLICE("mx\xff")));
    rig_free(&rig);
}

static void floods_end_the_session(void **state)
{
    const struct smtp_plan plan = script_plan(&(struct smtp_plan){PLAN});
    static char flood[300 * 1024];
    struct rig rig;

    memset(flood, '2', sizeof(flood));
    assert_true(rig_new(&rig, &plan));
    assert_int_equal(rig_add(&rig, SLICE("a@x.example"), false), 0);
    smtp_session_start(rig.session, 0);
    smtp_session_connected(rig.session, 0);
    smtp_session_received(rig.session, flood, sizeof(flood), 0);
    rig_pull(&rig);
    assert_true(rig.is_closed);
    rig_free(&rig);
}

static void recipients_added_when_idle_is_said_are_asked_at_once(void **state)
{
    const struct smtp_plan plan = script_plan(&(struct smtp_plan){PLAN});
    struct rig rig;

    assert_true(rig_new(&rig, &plan));
    smtp_session_start(rig.session, 0);
    smtp_session_connected(rig.session, 0);
    smtp_session_received(rig.session, "220 mx\r\n", 8, 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_WAIT);
    smtp_session_received(rig.session, "250 mx\r\n", 8, 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_IDLE);
    assert_int_equal(rig_add(&rig, SLICE("a@x.example"), false), 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_SEND);
    /* Bytes may come while outputs are still to be taken, once those before are read. */
    assert_int_equal(rig_add(&rig, SLICE("b@x.example"), false), 0);
    smtp_session_received(rig.session, "550 no\r\n", 8, 0);
    assert_int_equal(rig_next(&rig), SMTP_OUTPUT_RESULT);
    smtp_session_received(rig.session, "250 huh\r\n", 9, 0);
    rig_pull(&rig);
    rig_free(&rig);

    /* Freed in the middle: nobody is told, nothing leaks. */
    assert_true(rig_new(&rig, &plan));
    assert_int_equal(rig_add(&rig, SLICE("a@x.example"), false), 0);
    smtp_session_start(rig.session, 0);
    smtp_session_received(rig.session, "2", 1, 0);
    smtp_session_free(rig.session);
}

static void misuse_is_harmless(void **state)
{
    const struct smtp_plan plan = script_plan(&(struct smtp_plan){PLAN});
    struct rig rig;

    /* Everything at the wrong time, and the time running backwards. */
    assert_true(rig_new(&rig, &plan));
    assert_int_equal(rig_add(&rig, SLICE("a@x.example"), false), 0);
    smtp_session_secured(rig.session, 100);
    smtp_session_connected(rig.session, 50);
    smtp_session_tick(rig.session, INSTANT_NEVER);
    rig_pull(&rig);
    smtp_session_start(rig.session, 0);
    smtp_session_start(rig.session, 0);
    rig_pull(&rig);
    smtp_session_secured(rig.session, 0);
    smtp_session_connected(rig.session, 0);
    smtp_session_connected(rig.session, 0);
    rig_pull(&rig);
    smtp_session_closed(rig.session, SMTP_OUTCOME_REPLY, 0);
    smtp_session_closed(rig.session, SMTP_OUTCOME_REPLY, 0);
    rig_pull(&rig);
    assert_true(rig.is_closed);
    smtp_session_received(rig.session, "220 x\r\n", 7, 0);
    smtp_session_finish(rig.session, 0);
    assert_int_equal(rig_add(&rig, SLICE("b@x.example"), false), ERROR_LIMIT);
    rig_pull(&rig);
    rig_free(&rig);
    smtp_session_free(NULL);
}

int main(void)
{
    struct scripts all = {scripts, ARRAY_LEN(scripts)};
    const struct CMUnitTest tests[] = {
        SCRIPT_TESTS(&all),
        cmocka_unit_test(the_transcript_tells_the_whole_conversation),
        cmocka_unit_test(floods_end_the_session),
        cmocka_unit_test(recipients_added_when_idle_is_said_are_asked_at_once),
        cmocka_unit_test(misuse_is_harmless),
    };

    return cmocka_run_group_tests_name("smtp-session", tests, NULL, NULL);
}
