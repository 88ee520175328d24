/*
 * Tests of the session by scripted dialogues.
 *
 * A script is a list of lines. What the world does: "S: line" (the server says; \n inside: several
 * lines in one read), "S! bytes" (without a line end), "@ ms" (time passes), "+ mailbox" (add),
 * "connect", "secure", "close OUTCOME", "finish". What the session must do, in this order, before
 * the next thing happens: "C: line" (send), "= mailbox outcome stage text" (RESULT; for replies the
 * outcome is the code), "TLS", "IDLE", "CLOSE". "W ms" is the deadline it then waits for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/memory.h"
#include "smtp/command.h"
#include "smtp/session_rig.h"

#define LINES_MAX 64

struct script {
    const char *name;
    struct smtp_plan plan;
    bool whole_only; /* what comes in one read matters */
    const char *lines[LINES_MAX];
};

#define PLAN .helo_name = {"probe.example", 13}, .keep_transcript = true

#define HELLO "connect", "S: 220 mx.example ESMTP", "C: EHLO probe.example", "S: 250 mx.example"
#define HELLO_PIPELINING                                                                           \
    "connect", "S: 220 mx.example ESMTP", "C: EHLO probe.example",                                 \
        "S: 250-mx.example\n250 PIPELINING"
#define HELLO_STARTTLS                                                                             \
    "connect", "S: 220 mx.example ESMTP", "C: EHLO probe.example", "S: 250-mx.example\n250 STARTTLS"
#define MARK "C: EHLO probe.example"
#define LIST "S: 250-mx.example\n250 PIPELINING"
#define BYE  "finish", "C: QUIT", "S: 221 bye", "CLOSE"

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
    {"pipelining: EHLO goes with the last, and its list proves all",
     {PLAN, .use_pipelining = true, .rcpts_per_transaction = 2},
     false,
     {"+ a@x.example",
      "+ b@x.example",
      "+ c@x.example",
      HELLO_PIPELINING,
      "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>",
      "C: RCPT TO:<b@x.example>",
      "S: 250 sender ok\n250 a ok\n550 b no",
      "C: RSET",
      "C: MAIL FROM:<>",
      "C: RCPT TO:<c@x.example>",
      MARK,
      "S: 250 reset\n250 sender ok",
      "S: 250 c ok",
      LIST,
      "= a@x.example 250 rcpt a ok",
      "= b@x.example 550 rcpt b no",
      "= c@x.example 250 rcpt c ok",
      "IDLE",
      BYE}},
    {"EHLO proves once a session; then QUIT does",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "S: 250 ok\n250 ok", LIST, "= a@x.example 250 rcpt ok", "IDLE", "@ 1000", "+ b@x.example",
      "@ 0", "C: MAIL FROM:<>", "C: RCPT TO:<b@x.example>", "C: QUIT", "+! c@x.example",
      "S: 250 ok\n550 no\n221 bye", "= b@x.example 550 rcpt no", "CLOSE"}},
    {"pipelining is not used where not offered",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"pipelining is not used where the plan forbids it",
     {PLAN},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"pipelining is not used where RCPTs have a gap",
     {PLAN, .gap_ms = 1000, .use_pipelining = true, .rcpts_per_session = 1},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"pipelining is not used where TLS may be demanded yet",
     {PLAN, .tls = SMTP_TLS_DEMANDED, .use_pipelining = true, .rcpts_per_session = 1},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example",
      "S: 250-mx\n250-PIPELINING\n250 STARTTLS", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"pipelining: MAIL refused, the replies to RCPT mean nothing",
     {PLAN, .use_pipelining = true, .rcpts_per_transaction = 2},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>",
      "S: 550 sender refused\n503 need MAIL\n250 strange", "= a@x.example 550 mail sender refused",
      "= b@x.example 550 mail sender refused", "C: MAIL FROM:<>", "C: RCPT TO:<c@x.example>", MARK,
      "S: 250 ok\n250 ok", LIST, "= c@x.example 250 rcpt ok", "IDLE", BYE}},
    {"pipelining: MAIL refused, EHLO behind it",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "S: 550 sender refused", "= a@x.example 550 mail sender refused", "S: 503 need MAIL", LIST,
      "IDLE", BYE}},
    {"a batch counts when all of it is answered",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example",
      "+ b@x.example",
      "+ c@x.example",
      HELLO_PIPELINING,
      "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>",
      "C: RCPT TO:<b@x.example>",
      "C: RCPT TO:<c@x.example>",
      MARK,
      "S: 250 ok\n550 5.1.1 a no",
      "@ 4000",
      "S: 250 b",
      "@ 8000",
      "S: 450-4.2.0 c\n450 later",
      "@ 1",
      LIST,
      "= a@x.example 550 rcpt a no",
      "= b@x.example 250 rcpt b",
      "= c@x.example 450 rcpt c | later",
      "IDLE",
      BYE}},
    {"a batch has a time of its own",
     {PLAN, .use_pipelining = true, .batch_ms = 90000},
     false,
     {"+ a@x.example", "+ b@x.example", "@ 1000", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", MARK, "W 91000", "@ 60000",
      "S: 250 ok\n250 a", "W 91000", "@ 30000", "= a@x.example timeout rcpt",
      "= b@x.example timeout rcpt", "CLOSE"}},
    {"a batch has a time of its own, and no longer",
     {PLAN, .use_pipelining = true, .batch_ms = 90000},
     false,
     {"+ a@x.example",
      "+ b@x.example",
      HELLO_PIPELINING,
      "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>",
      "C: RCPT TO:<b@x.example>",
      MARK,
      "W 90000",
      "S: 250 ok\n250 a\n250 b",
      LIST,
      "= a@x.example 250 rcpt a",
      "= b@x.example 250 rcpt b",
      "IDLE",
      "W 60000",
      "@ 40000",
      "+ c@x.example",
      "+ d@x.example",
      "@ 0",
      "C: MAIL FROM:<>",
      "C: RCPT TO:<c@x.example>",
      "C: RCPT TO:<d@x.example>",
      "C: QUIT",
      "W 130000",
      "S: 250 ok\n250 c\n250 d",
      "W 60000",
      "S: 221 bye",
      "= c@x.example 250 rcpt c",
      "= d@x.example 250 rcpt d",
      "CLOSE"}},
    {"one alone waits for as long as ever",
     {PLAN, .use_pipelining = true, .batch_ms = 90000},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "W 300000", "S: 250 ok\n250 a", LIST, "= a@x.example 250 rcpt a", "IDLE", BYE}},
    {"a reply of a batch is lost: whose are the others?",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", "+ d@y.example", HELLO_PIPELINING,
      "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>",
      "C: RCPT TO:<c@x.example>", "S: 250 ok\n250 b\n550 c no", "W 300000", "@ 300000",
      "= a@x.example timeout rcpt", "= b@x.example timeout rcpt", "= c@x.example timeout rcpt",
      "= d@y.example untried rcpt", "CLOSE"}},
    {"the list comes for MAIL: a line too many came before it",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>",
      "S: 250-mx\n250-SIZE\n250 8BITMIME", "= a@x.example protocol_error mail",
      "= b@x.example protocol_error mail", "CLOSE"}},
    {"MAIL is answered in two lines",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250-ok\n250 go on", "C: RCPT TO:<a@x.example>",
      "S: 250-ok\n250 and welcome", "= a@x.example 250 rcpt ok | and welcome", "IDLE", BYE}},
    {"a reply of a batch is lost: the list stands in its place",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", MARK, "S: 250 ok\n550 b no", LIST,
      "= a@x.example protocol_error rcpt", "= b@x.example protocol_error rcpt", "CLOSE"}},
    {"a reply of a batch is lost: the server waits for us, and leaves",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", MARK, "S: 250 ok\n550 b no",
      "@ 20000", "S: 421 4.4.2 timeout exceeded", "= a@x.example disconnected rcpt",
      "= b@x.example 421 rcpt timeout exceeded", "CLOSE"}},
    {"a reply of a batch is lost: the server waits for us, and hangs up",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", MARK, "S: 250 ok\n550 b no",
      "@ 20000", "close disconnected", "= a@x.example disconnected rcpt",
      "= b@x.example disconnected rcpt", "CLOSE"}},
    {"a reply too many to a batch: whose are the others?",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", MARK,
      "S: 250 ok\n550 a no\n550 more of that", "@ 5000", "S: 250 b",
      "= a@x.example protocol_error rcpt", "= b@x.example protocol_error rcpt", "CLOSE"}},
    {"a reply too many to a batch of several transactions",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "S: 250 ok\n550 what", "C: RSET", "C: MAIL FROM:<>",
      "C: RCPT TO:<b@y.example>", MARK, "S: 250 a\n250 ok\n250 ok", "S: 250 b",
      "= a@x.example protocol_error rcpt", "= b@y.example protocol_error rcpt", "CLOSE"}},
    {"a reply too many to a batch of one",
     {PLAN, .use_pipelining = true},
     true,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "S: 250 ok\n550 whose is this\n250 a", "= a@x.example protocol_error rcpt", "CLOSE"}},
    {"the last of a batch is withdrawn: EHLO goes alone",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "- b@y.example", "S: 250 ok\n250 a", MARK, LIST,
      "= a@x.example 250 rcpt a", "IDLE", BYE}},
    {"EHLO is refused the second time",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "S: 250 ok\n250 a", "S: 503 duplicate EHLO", "= a@x.example protocol_error rcpt", "CLOSE"}},
    {"finish while EHLO is under way",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "finish", "S: 250 ok\n250 a", LIST, "= a@x.example 250 rcpt a", "C: QUIT", "S: 221 bye",
      "CLOSE"}},
    {"finish between the transactions of a batch: QUIT proves it",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "finish", "= b@y.example untried mail", "S: 250 ok\n250 a",
      "C: QUIT", "S: 221 bye", "= a@x.example 250 rcpt a", "CLOSE"}},
    {"QUIT goes with the last that the session may ask",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT", "+! c@x.example",
      "S: 250 ok\n250 ok\n550 no\n221 bye", "= a@x.example 250 rcpt ok",
      "= b@x.example 550 rcpt no", "CLOSE"}},
    {"QUIT goes with the last: its answer is waited for a while, as it is the proof",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 1},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", "C: QUIT",
      "W 300000", "S: 250 ok\n452 4.5.3 too many", "finish", "W 20000", "@ 20000",
      "= a@x.example timeout rcpt", "CLOSE"}},
    {"QUIT goes with the last of the session, not of a transaction",
     {PLAN, .use_pipelining = true, .rcpts_per_transaction = 2, .rcpts_per_session = 3},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "S: 250 ok\n250 ok\n250 ok",
      "C: RSET", "C: MAIL FROM:<>", "C: RCPT TO:<c@x.example>", "C: QUIT",
      "S: 250 ok\n250 ok\n250 ok", "S: 221 bye", "= a@x.example 250 rcpt ok",
      "= b@x.example 250 rcpt ok", "= c@x.example 250 rcpt ok", "CLOSE"}},
    {"QUIT goes alone where nothing is pipelined",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 1},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"QUIT goes with the last: MAIL refused",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT",
      "S: 451 4.7.1 later\n503 need MAIL\n503 need MAIL\n221 bye", "= a@x.example 451 mail later",
      "= b@x.example 451 mail later", "CLOSE"}},
    {"QUIT goes with the last: 421 in the middle",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 3},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: RCPT TO:<c@x.example>", "C: QUIT",
      "S: 250 ok\n550 no\n421 too many errors", "= a@x.example disconnected rcpt",
      "= b@x.example 421 rcpt too many errors", "= c@x.example untried rcpt", "CLOSE"}},
    {"QUIT goes with the last: the server closes before it has answered",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT", "S: 250 ok\n250 ok",
      "close disconnected", "= a@x.example disconnected rcpt", "= b@x.example disconnected rcpt",
      "CLOSE"}},
    {"QUIT goes with the last: two lines for one refusal, and a hang-up",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT",
      "S: 250 ok\n550 no\n550 go away", "@ 100", "close disconnected",
      "= a@x.example disconnected rcpt", "= b@x.example disconnected rcpt", "CLOSE"}},
    {"QUIT goes with the last: a reply too many stands in its place",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT",
      "S: 250 ok\n550 whose\n250 a\n250 b\n221 bye", "= a@x.example protocol_error rcpt",
      "= b@x.example protocol_error rcpt", "CLOSE"}},
    {"QUIT goes with the last: only that is answered",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT", "S: 221 bye",
      "= a@x.example protocol_error mail", "= b@x.example protocol_error mail", "CLOSE"}},
    {"QUIT goes with the last: it is answered too early",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: QUIT",
      "S: 250 ok\n250 ok\n221 bye", "= a@x.example protocol_error rcpt",
      "= b@x.example protocol_error rcpt", "CLOSE"}},
    {"QUIT goes with the last: it is no command to this server",
     {PLAN, .use_pipelining = true, .rcpts_per_session = 1},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", "C: QUIT",
      "S: 250 ok\n250 ok\n502 what", "= a@x.example protocol_error rcpt", "CLOSE"}},
    {"QUIT goes with the last: RSET refused before it",
     {PLAN, .use_pipelining = true, .rcpts_per_transaction = 1, .rcpts_per_session = 2},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "S: 250 ok\n250 ok", "C: RSET", "C: MAIL FROM:<>",
      "C: RCPT TO:<b@x.example>", "C: QUIT", "S: 500 no", "= a@x.example protocol_error rcpt",
      "= b@x.example untried rset", "S: 250 ok\n250 ok\n221 bye", "CLOSE"}},
    {"MAIL refused: that transaction only",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", "+ c@x.example", HELLO, "C: MAIL FROM:<>",
      "S: 451 4.7.1 not now", "= a@x.example 451 mail not now", "= c@x.example 451 mail not now",
      "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<b@y.example>", "S: 250 ok",
      "= b@y.example 250 rcpt ok", "IDLE", BYE}},
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
    {"EHLO not known: HELO",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example", "S: 502 what?",
      "C: HELO probe.example", "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"EHLO refused for good",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", "connect", "S: 220 mx", "C: EHLO probe.example",
      "S: 554 go away", "= a@x.example 554 helo go away", "= b@y.example 554 helo go away",
      "C: QUIT", "S: 221 bye", "CLOSE"}},
    {"EHLO: not now",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example", "S: 450 later",
      "= a@x.example 450 helo later", "C: QUIT", "close disconnected", "CLOSE"}},
    {"EHLO and HELO refused",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example", "S: 550 bad name",
      "C: HELO probe.example", "S: 550 bad name still", "= a@x.example 550 helo bad name still",
      "C: QUIT", "S: 221 bye", "CLOSE"}},
    {"421 to EHLO",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example", "S: 421 closing",
      "= a@x.example 421 helo closing", "CLOSE"}},
    {"a greeting that refuses",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", "connect", "S: 554 5.7.1 blocked",
      "= a@x.example 554 connect blocked", "= b@y.example 554 connect blocked", "C: QUIT",
      "S: 221 bye", "CLOSE"}},
    {"a greeting of 421",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: 421 too busy", "= a@x.example 421 connect too busy",
      "CLOSE"}},
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
    {"no connection",
     {PLAN},
     false,
     {"+ a@x.example", "close connect_failed", "= a@x.example connect_failed connect", "CLOSE"}},
    {"no connection in time",
     {PLAN},
     false,
     {"+ a@x.example", "W 120000", "@ 120000", "= a@x.example connect_failed connect", "CLOSE"}},
    {"no greeting in time",
     {PLAN, .timeout_percent = 10},
     false,
     {"+ a@x.example", "connect", "W 30000", "@ 30000", "= a@x.example timeout connect", "CLOSE"}},
    {"time-outs have a floor",
     {PLAN, .timeout_percent = 1},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "W 3000", "S: 220 go", "TLS", "W 2000",
      "@ 2000", "= a@x.example tls_failed starttls", "CLOSE"}},
    {"a reply that drips is given no more time",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: 220-mx", "@ 200000", "S: 220-mx", "W 300000", "@ 99999",
      "S! 2", "W 300000", "@ 1", "= a@x.example timeout connect", "CLOSE"}},
    {"closed before the greeting",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "close disconnected", "= a@x.example disconnected connect",
      "CLOSE"}},
    {"closed after half a reply",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S! 220 mx", "close disconnected",
      "= a@x.example disconnected connect", "CLOSE"}},
    {"dropped after a reply: answered, pending, never asked",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", "+ d@y.example", HELLO, "C: MAIL FROM:<>",
      "S: 250 ok", "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok",
      "C: RCPT TO:<b@x.example>", "close disconnected", "= b@x.example disconnected rcpt",
      "= c@x.example untried rcpt", "= d@y.example untried rcpt", "CLOSE"}},
    {"dropped with a batch under way",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@y.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "S: 250 ok\n550 no",
      "close disconnected", "= a@x.example disconnected rcpt", "= b@x.example disconnected rcpt",
      "= c@y.example untried rcpt", "CLOSE"}},
    {"dropped at MAIL",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO, "C: MAIL FROM:<>", "close disconnected",
      "= a@x.example disconnected mail", "= b@y.example untried mail", "CLOSE"}},
    {"no answer to RCPT in time",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "@ 300000", "= a@x.example timeout rcpt",
      "= b@y.example untried rcpt", "CLOSE"}},
    {"421 to RCPT",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@y.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 421 4.7.0 too many", "= a@x.example 421 rcpt too many",
      "= b@x.example untried rcpt", "= c@y.example untried rcpt", "CLOSE"}},
    {"421 to MAIL",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO, "C: MAIL FROM:<>", "S: 421 closing",
      "= a@x.example 421 mail closing", "= b@y.example untried mail", "CLOSE"}},
    {"421 in a batch",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", "+ c@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", "C: RCPT TO:<c@x.example>", MARK,
      "S: 250 ok\n250 a\n421 enough", "= a@x.example disconnected rcpt",
      "= b@x.example 421 rcpt enough", "= c@x.example untried rcpt", "CLOSE"}},
    {"421 right behind a batch: a line too many may stand before it",
     {PLAN, .use_pipelining = true},
     true,
     {"+ a@x.example", "+ b@x.example", "+ c@y.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>",
      "S: 250 ok\n250 a\n550 no\n421 too many errors", "= a@x.example disconnected rcpt",
      "= b@x.example disconnected rcpt", "= c@y.example untried mail", "CLOSE"}},
    {"421 in place of the list",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>", "C: RCPT TO:<a@x.example>", MARK,
      "S: 250 ok\n550 no", "S: 421 too many errors", "= a@x.example disconnected rcpt", "CLOSE"}},
    {"421 while idle",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", "@ 9000", "S: 421 idle too long", "CLOSE"}},
    {"421 in the gap",
     {PLAN, .gap_ms = 1000},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "S: 421 bye",
      "= b@x.example untried rcpt", "CLOSE"}},
    {"RSET refused",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", "+ c@z.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "C: RSET", "S: 502 no",
      "= b@y.example untried rset", "= c@z.example untried rset", "C: QUIT", "S: 221 bye",
      "CLOSE"}},
    {"RSET refused in a batch",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "S: 250 ok\n250 ok", "C: RSET", "C: MAIL FROM:<>",
      "C: RCPT TO:<b@y.example>", MARK, "S: 503 no", "= a@x.example protocol_error rcpt",
      "= b@y.example untried rset", "C: QUIT", "S: 250 sender\n250 b", LIST, "W 5000", "S: 221 bye",
      "CLOSE"}},
    {"STARTTLS where offered",
     {PLAN, .tls = SMTP_TLS_OPPORTUNISTIC},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 220 go", "TLS", "@ 10", "secure",
      "C: EHLO probe.example", "S: 250-mx\n250 STARTTLS", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"what was offered in clear is forgotten",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example",
      "S: 250-mx\n250-PIPELINING\n250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS", "secure",
      "C: EHLO probe.example", "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"STARTTLS refused: in clear",
     {PLAN, .tls = SMTP_TLS_OPPORTUNISTIC},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 454 not available", "C: MAIL FROM:<>",
      "S: 250 ok", "C: RCPT TO:<a@x.example>", "S: 530 Must issue STARTTLS",
      "= a@x.example 530 rcpt Must issue STARTTLS", "IDLE", BYE}},
    {"STARTTLS refused where required",
     {PLAN, .tls = SMTP_TLS_REQUIRED},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 454 not available",
      "= a@x.example 454 starttls not available", "C: QUIT", "S: 221 bye", "CLOSE"}},
    {"421 to STARTTLS",
     {PLAN, .tls = SMTP_TLS_OPPORTUNISTIC},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 421 closing",
      "= a@x.example 421 starttls closing", "CLOSE"}},
    {"STARTTLS required and not offered",
     {PLAN, .tls = SMTP_TLS_REQUIRED},
     false,
     {"+ a@x.example", HELLO, "= a@x.example tls_not_offered starttls", "C: QUIT", "S: 221 bye",
      "CLOSE"}},
    {"STARTTLS never",
     {PLAN, .tls = SMTP_TLS_NEVER},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: MAIL FROM:<>", "S: 530 5.7.0 Must issue STARTTLS",
      "= a@x.example 530 mail Must issue STARTTLS", "IDLE", BYE}},
    {"STARTTLS demanded at MAIL",
     {PLAN, .tls = SMTP_TLS_DEMANDED},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: MAIL FROM:<>",
      "S: 530 5.7.0 Must issue a STARTTLS command first", "C: STARTTLS", "S: 220 go", "TLS",
      "secure", "C: EHLO probe.example", "S: 250 mx", "C: MAIL FROM:<>",
      "S: 530 5.7.0 Must issue a STARTTLS command first", "= a@x.example 530 mail Must issue",
      "IDLE", BYE}},
    {"STARTTLS demanded at RCPT",
     {PLAN, .tls = SMTP_TLS_DEMANDED},
     false,
     {"+ a@x.example",
      "+ b@x.example",
      HELLO_STARTTLS,
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<a@x.example>",
      "S: 553 this route requires encryption (TLS)",
      "C: STARTTLS",
      "S: 220 go",
      "TLS",
      "secure",
      "C: EHLO probe.example",
      "S: 250 mx",
      "C: MAIL FROM:<>",
      "S: 250 ok",
      "C: RCPT TO:<a@x.example>",
      "S: 250 ok",
      "= a@x.example 250 rcpt ok",
      "C: RCPT TO:<b@x.example>",
      "S: 250 ok",
      "= b@x.example 250 rcpt ok",
      "IDLE",
      BYE}},
    {"STARTTLS demanded at EHLO",
     {PLAN, .tls = SMTP_TLS_DEMANDED},
     false,
     {"+ a@x.example", "connect", "S: 220 mx", "C: EHLO probe.example",
      "S: 530 Must issue a STARTTLS command first", "C: STARTTLS", "S: 220 go", "TLS", "secure",
      "C: EHLO probe.example", "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", BYE}},
    {"STARTTLS demanded, not offered",
     {PLAN, .tls = SMTP_TLS_DEMANDED},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 530 Must issue STARTTLS",
      "= a@x.example 530 mail Must issue STARTTLS", "IDLE", BYE}},
    {"an authentication demand is no TLS demand",
     {PLAN, .tls = SMTP_TLS_DEMANDED},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: MAIL FROM:<>", "S: 530 Authentication required",
      "= a@x.example 530 mail Authentication required", "IDLE", BYE}},
    {"the handshake fails",
     {PLAN},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 220 go", "TLS", "close tls_failed",
      "= a@x.example tls_failed starttls", "CLOSE"}},
    {"the handshake takes too long",
     {PLAN},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 220 go", "TLS", "@ 120000",
      "= a@x.example tls_failed starttls", "CLOSE"}},
    {"bytes before the handshake are an attack",
     {PLAN},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S: 220 go\n250 injected", "TLS?",
      "= a@x.example protocol_error starttls bytes came in clear before the TLS handshake",
      "CLOSE"}},
    {"half a line before the handshake is an attack too",
     {PLAN},
     false,
     {"+ a@x.example", HELLO_STARTTLS, "C: STARTTLS", "S! 220 go\r\n2", "TLS?",
      "= a@x.example protocol_error starttls bytes came in clear", "CLOSE"}},
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
    {"not SMTP at all",
     {PLAN},
     false,
     {"+ a@x.example", "connect", "S: SSH-2.0-OpenSSH_9.2", "= a@x.example protocol_error connect",
      "CLOSE"}},
    {"3xx is never expected",
     {PLAN},
     false,
     {"+ a@x.example", "+ b@y.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 354 go ahead", "= a@x.example protocol_error rcpt",
      "= b@y.example untried rcpt", "CLOSE"}},
    {"a goodbye accepts nothing",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 221 2.7.0 Error: I can break rules, too. Goodbye.", "= a@x.example protocol_error rcpt",
      "CLOSE"}},
    {"a reply too many while idle",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S: 250 ok", "= a@x.example 250 rcpt ok", "IDLE", "S: 250 again", "CLOSE"}},
    {"a reply too many before we speak",
     {PLAN},
     true,
     {"+ a@x.example", "connect", "S: 220 mx\n250 already", "= a@x.example protocol_error helo",
      "CLOSE"}},
    {"a reply too many after RCPT",
     {PLAN},
     true,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S: 250 ok\n250 b is fine, too", "= a@x.example 250 rcpt ok",
      "= b@x.example untried mail", "CLOSE"}},
    {"half a reply too many after RCPT",
     {PLAN},
     true,
     {"+ a@x.example", "+ b@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok",
      "C: RCPT TO:<a@x.example>", "S! 250 ok\r\n250 b is", "= a@x.example 250 rcpt ok",
      "= b@x.example untried rcpt", "CLOSE"}},
    {"the last words before closing count",
     {PLAN},
     false,
     {"+ a@x.example", HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<a@x.example>",
      "S&close: 550 no", "= a@x.example 550 rcpt no", "CLOSE"}},
    {"QUIT is not answered",
     {PLAN},
     false,
     {HELLO, "IDLE", "finish", "C: QUIT", "W 5000", "@ 5000", "CLOSE"}},
    {"talk after QUIT",
     {PLAN},
     true,
     {HELLO, "IDLE", "finish", "C: QUIT", "S: 550 no\n550 never\nblah", "CLOSE"}},
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
    {"what was pipelined is asked",
     {PLAN, .use_pipelining = true},
     false,
     {"+ a@x.example", "+ b@x.example", HELLO_PIPELINING, "C: MAIL FROM:<>",
      "C: RCPT TO:<a@x.example>", "C: RCPT TO:<b@x.example>", MARK, "-! b@x.example",
      "S: 250 ok\n250 ok\n550 no", LIST, "= a@x.example 250 rcpt ok", "= b@x.example 550 rcpt no",
      "IDLE", BYE}},
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

enum mode {
    MODE_WHOLE,
    MODE_BYTES, /* what the server says arrives byte by byte */
    MODE_HURT,  /* memory fails: only the contract is checked */
};

struct player {
    const struct script *script;
    enum mode mode;
    struct rig rig;
    struct buffer seen; /* what the session did, one line each */
    size_t seen_at;
};

static void watch(struct rig *rig, const struct smtp_output *output)
{
    struct player *player = rig->user;
    struct slice bytes = output->bytes, line;

    if (player->mode == MODE_HURT)
        return;
    switch (output->kind) {
    case SMTP_OUTPUT_WAIT:
        return;
    case SMTP_OUTPUT_SEND:
        while (bytes.len > 0 && slice_split(&bytes, '\n', &line))
            assert_true(buffer_printf(&player->seen, "C: %.*s\n", SLICE_ARG(slice_trim(line))));
        return;
    case SMTP_OUTPUT_RESULT:
        assert_true(buffer_printf(&player->seen, "= %s ",
                                  ((struct rig_recipient *)output->result.recipient)->mailbox));
        if (output->result.outcome == SMTP_OUTCOME_REPLY)
            buffer_printf(&player->seen, "%u %s %.*s\n", output->result.reply.code,
                          smtp_stage_name(output->result.stage),
                          SLICE_ARG(output->result.reply.text));
        else
            buffer_printf(&player->seen, "%s %s %s\n", smtp_outcome_name(output->result.outcome),
                          smtp_stage_name(output->result.stage),
                          output->result.detail != NULL ? output->result.detail : "");
        return;
    case SMTP_OUTPUT_START_TLS:
        buffer_append_string(&player->seen, "TLS\n");
        return;
    case SMTP_OUTPUT_READY: /* nobody adds anything here */
        return;
    case SMTP_OUTPUT_IDLE:
        buffer_append_string(&player->seen, "IDLE\n");
        return;
    case SMTP_OUTPUT_CLOSE:
        buffer_append_string(&player->seen, "CLOSE\n");
        return;
    }
}

static struct slice next_seen(struct player *player)
{
    struct slice rest = slice_from_offset(buffer_slice(&player->seen), player->seen_at), line;

    if (rest.len == 0 || !slice_split(&rest, '\n', &line))
        return SLICE("(nothing)");
    player->seen_at += line.len + 1;
    return line;
}

/* Of the first seen_len bytes of `seen`, all were expected. */
static void nothing_more_is_seen(struct player *player, size_t seen_len, const char *before)
{
    if (player->seen_at < seen_len)
        fail_msg("%s: before \"%s\" came \"%.*s\"", player->script->name, before,
                 SLICE_ARG(next_seen(player)));
}

/* "S: a\nb" as bytes: each line ends with CRLF. */
static void receive(struct player *player, const char *said, bool with_ends)
{
    struct rig *rig = &player->rig;
    static char bytes[4096];
    size_t len = 0;

    for (; *said != '\0'; said++) {
        if (with_ends && *said == '\n')
            bytes[len++] = '\r';
        bytes[len++] = *said;
    }
    if (with_ends) {
        bytes[len++] = '\r';
        bytes[len++] = '\n';
    }
    if (player->mode != MODE_BYTES) {
        smtp_session_received(rig->session, bytes, len, rig->now_ms);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        smtp_session_received(rig->session, bytes + i, 1, rig->now_ms);
        if (i + 1 < len)
            rig_pull(rig);
    }
}

static enum smtp_outcome outcome_from_name(const char *name)
{
    for (unsigned i = 0; i < SMTP_OUTCOME_COUNT; i++)
        if (strcmp(name, smtp_outcome_name(i)) == 0)
            return i;
    fail_msg("no outcome \"%s\"", name);
    return SMTP_OUTCOME_COUNT;
}

static void add(struct player *player, const char *mailbox, bool is_taken)
{
    int r = rig_add(&player->rig, slice_from_string(mailbox), false);

    if (player->mode != MODE_HURT && (r == 0) != is_taken)
        fail_msg("%s: adding %s: %d", player->script->name, mailbox, r);
}

static void withdraw(struct player *player, const char *mailbox, bool is_in_time)
{
    struct rig *rig = &player->rig;

    for (unsigned i = 0; i < rig->added; i++) {
        if (strcmp(rig->recipients[i].mailbox, mailbox) != 0)
            continue;
        if (rig_withdraw(rig, &rig->recipients[i]) != is_in_time && player->mode != MODE_HURT)
            fail_msg("%s: withdrawing %s", player->script->name, mailbox);
        return;
    }
    assert_int_equal(player->mode, MODE_HURT);
}

/* Let the world act; false when the line is none of that. */
static bool act(struct player *player, const char *line)
{
    struct rig *rig = &player->rig;

    if (strncmp(line, "S: ", 3) == 0) {
        receive(player, line + 3, true);
    } else if (strncmp(line, "S! ", 3) == 0) {
        receive(player, line + 3, false);
    } else if (strncmp(line, "S&close: ", 9) == 0) {
        receive(player, line + 9, true);
        smtp_session_closed(rig->session, SMTP_OUTCOME_DISCONNECTED, rig->now_ms);
    } else if (strncmp(line, "@ ", 2) == 0) {
        rig->now_ms += strtoull(line + 2, NULL, 10);
        smtp_session_tick(rig->session, rig->now_ms);
    } else if (strncmp(line, "+ ", 2) == 0) {
        add(player, line + 2, true);
    } else if (strncmp(line, "+! ", 3) == 0) {
        add(player, line + 3, false);
    } else if (strncmp(line, "- ", 2) == 0) {
        withdraw(player, line + 2, true);
    } else if (strncmp(line, "-! ", 3) == 0) {
        withdraw(player, line + 3, false);
    } else if (strcmp(line, "connect") == 0) {
        smtp_session_connected(rig->session, rig->now_ms);
    } else if (strcmp(line, "secure") == 0) {
        rig->is_tls = true;
        smtp_session_secured(rig->session, rig->now_ms);
    } else if (strncmp(line, "close ", 6) == 0) {
        smtp_session_closed(rig->session, outcome_from_name(line + 6), rig->now_ms);
    } else if (strcmp(line, "finish") == 0) {
        smtp_session_finish(rig->session, rig->now_ms);
    } else {
        return false;
    }
    return true;
}

static void expect(struct player *player, const char *line)
{
    struct slice expected = slice_from_string(line), seen;

    if (strncmp(line, "W ", 2) == 0) {
        nothing_more_is_seen(player, player->seen.len, line);
        if (player->rig.deadline_ms != strtoull(line + 2, NULL, 10))
            fail_msg("%s: waits for %" PRIu64 ", not %s", player->script->name,
                     player->rig.deadline_ms, line + 2);
        return;
    }
    if (strcmp(line, "TLS?") == 0) { /* when the bytes come one by one, the handshake begins */
        if (player->mode == MODE_BYTES)
            assert_true(slice_equal(next_seen(player), SLICE("TLS")));
        return;
    }
    seen = next_seen(player);
    if (line[0] == '=' ? !slice_starts_with(seen, expected) : !slice_equal(seen, expected)) {
        struct smtp_session_facts facts;

        smtp_session_facts(player->rig.session, &facts);
        fail_msg("%s: expected \"%s\", seen \"%.*s\"\n%.*s", player->script->name, line,
                 SLICE_ARG(seen), SLICE_ARG(facts.transcript));
    }
}

/* A script names only what it cares about. */
static struct smtp_plan whole_plan(const struct smtp_plan *plan)
{
    struct smtp_plan whole = *plan;

    if (whole.rcpts_per_transaction == 0)
        whole.rcpts_per_transaction = 10;
    if (whole.rcpts_per_session == 0)
        whole.rcpts_per_session = 50;
    if (whole.timeout_percent == 0)
        whole.timeout_percent = 100;
    if (whole.deadline_ms == 0)
        whole.deadline_ms = INSTANT_NEVER;
    return whole;
}

/* False when not even the session could be made. */
static bool play(const struct script *script, enum mode mode)
{
    struct player player = {.script = script, .mode = mode};
    struct rig *rig = &player.rig;
    struct smtp_plan plan = whole_plan(&script->plan);
    bool is_started = false;

    if (!rig_new(rig, &plan)) {
        assert_int_equal(mode, MODE_HURT);
        return false;
    }
    buffer_init(&player.seen, 0);
    rig->user = &player;
    rig->watch = watch;
    for (size_t i = 0; i < LINES_MAX && script->lines[i] != NULL; i++) {
        const char *line = script->lines[i];
        size_t seen_len;

        if (!is_started && line[0] != '+') {
            smtp_session_start(rig->session, rig->now_ms);
            rig_pull(rig);
            is_started = true;
        }
        seen_len = player.seen.len;
        if (act(&player, line)) {
            nothing_more_is_seen(&player, seen_len, line);
            if (is_started)
                rig_pull(rig);
        } else if (mode != MODE_HURT) {
            expect(&player, line);
        }
    }
    nothing_more_is_seen(&player, player.seen.len, "the end");
    if (mode != MODE_HURT)
        assert_true(rig->is_closed);
    rig_free(rig);
    buffer_done(&player.seen);
    return true;
}

static void dialogues_whole(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        play(&scripts[i], MODE_WHOLE);
}

static void dialogues_byte_by_byte(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (!scripts[i].whole_only)
            play(&scripts[i], MODE_BYTES);
}

static void dialogues_without_memory(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        uint64_t asked;

        for (int64_t n = 0;; n++) {
            memory_fail_after(n);
            play(&scripts[i], MODE_HURT);
            asked = memory_fail_after(-1);
            if (asked <= (uint64_t)n)
                break;
            assert_true(n < 1000);
        }
    }
}

static void the_transcript_tells_the_whole_conversation(void **state)
{
    const struct smtp_plan plan = whole_plan(&(struct smtp_plan){PLAN});
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
    const struct smtp_plan plan = whole_plan(&(struct smtp_plan){PLAN});
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
    const struct smtp_plan plan = whole_plan(&(struct smtp_plan){PLAN});
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
    const struct smtp_plan plan = whole_plan(&(struct smtp_plan){PLAN});
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

static bool is_safe(struct slice mailbox, uint16_t *ret_domain_at)
{
    bool is_ascii;

    return smtp_mailbox_is_safe(mailbox, ret_domain_at, &is_ascii);
}

static void unsafe_words_are_refused(void **state)
{
    static const char with_nul[] = "a\0b@x.example";
    char longest[SMTP_MAILBOX_MAX + 1];
    uint16_t at;

    assert_true(is_safe(SLICE("a@x"), &at));
    assert_int_equal(at, 2);
    assert_true(is_safe(SLICE("a!#$%&'*+/=?^_`{|}~;-.z[0]@mail-1.example"), &at));
    assert_int_equal(at, 27);
    assert_true(is_safe(SLICE("\"a@b\"@x"), &at));
    assert_int_equal(at, 6);
    assert_false(is_safe((struct slice){with_nul, sizeof(with_nul) - 1}, &at));
    assert_false(is_safe(SLICE("a\r\nDATA@x"), &at));
    assert_false(is_safe(SLICE("a@x\r\nDATA"), &at));
    assert_false(is_safe(SLICE("a@x\n"), &at));
    assert_false(is_safe(SLICE("\"a\r\nDATA\"@x"), &at));
    assert_false(is_safe(SLICE("\"a\\\nb\"@x"), &at));
    assert_false(is_safe(SLICE("\"a\"b@x"), &at));
    assert_false(is_safe(SLICE("\"a\\\"@x"), &at));
    assert_false(is_safe(SLICE("a@x> NOTIFY=NEVER"), &at));
    assert_false(is_safe(SLICE(""), &at));
    memset(longest, 'a', sizeof(longest));
    longest[10] = '@';
    assert_true(is_safe((struct slice){longest, SMTP_MAILBOX_MAX}, &at));
    assert_false(is_safe((struct slice){longest, SMTP_MAILBOX_MAX + 1}, &at));
    assert_true(smtp_helo_name_is_safe(SLICE("[192.0.2.1]")));
    assert_false(smtp_helo_name_is_safe(SLICE("a b")));
    assert_false(smtp_helo_name_is_safe(SLICE("a\r\nDATA")));
    assert_false(smtp_helo_name_is_safe(SLICE("")));
    assert_true(smtp_sender_is_safe(SLICE("")));
    assert_true(smtp_sender_is_safe(SLICE("me@x")));
    assert_false(smtp_sender_is_safe(SLICE("me")));
}

/* With `odd` somewhere in it; the octets stand alone, so that one read too many is seen. */
static void look_at(size_t len, size_t sign_at, size_t odd_at, char odd)
{
    char *bytes = malloc(len);
    bool has_sign = odd_at != sign_at && odd != '@' && sign_at > 0 && sign_at + 1 < len;
    bool is_moved = odd_at == sign_at && odd == '@' && sign_at > 0 && sign_at + 1 < len;
    bool is_plain = (has_sign && odd == 'b') || is_moved, is_ascii = false;
    uint16_t at = 0;

    assert_non_null(bytes);
    memset(bytes, 'a', len);
    bytes[sign_at] = '@';
    bytes[odd_at] = odd;
    assert_int_equal(smtp_mailbox_is_safe(slice_from(bytes, len), &at, &is_ascii), is_plain);
    if (is_plain) {
        assert_int_equal(at, sign_at + 1);
        assert_true(is_ascii);
    }
    free(bytes);
}

static void whatever_is_special_is_seen_wherever_it_stands(void **state)
{
    static const char odd[] = "b@\"\\<> \x7f\x80\xff\n\r\t"; /* and the NUL behind it */
    uint16_t at;
    bool is_ascii = true;

    for (size_t len = 1; len < 70; len += len < 20 || len > 60 ? 1 : 7)
        for (size_t sign_at = 0; sign_at < len; sign_at++)
            for (size_t odd_at = 0; odd_at < len; odd_at++)
                for (size_t i = 0; i < sizeof(odd); i++)
                    look_at(len, sign_at, odd_at, odd[i]);
    assert_true(smtp_mailbox_is_safe(SLICE("\xc3\xbc@x.example"), &at, &is_ascii));
    assert_false(is_ascii);
    assert_true(smtp_mailbox_is_safe(SLICE("a@\xc3\xbc.example"), &at, &is_ascii));
    assert_false(is_ascii);
    assert_true(smtp_mailbox_is_safe(SLICE("\"a b\"@x.example"), &at, &is_ascii));
    assert_true(is_ascii);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialogues_whole),
        cmocka_unit_test(dialogues_byte_by_byte),
        cmocka_unit_test(dialogues_without_memory),
        cmocka_unit_test(the_transcript_tells_the_whole_conversation),
        cmocka_unit_test(floods_end_the_session),
        cmocka_unit_test(recipients_added_when_idle_is_said_are_asked_at_once),
        cmocka_unit_test(misuse_is_harmless),
        cmocka_unit_test(unsafe_words_are_refused),
        cmocka_unit_test(whatever_is_special_is_seen_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
