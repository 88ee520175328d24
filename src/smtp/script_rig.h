/*
 * For tests of the session: scripted dialogues.
 *
 * A script is a list of lines. What the world does: "S: line" (the server says; \n inside: several
 * lines in one read), "S! bytes" (without a line end), "S&close: line" (says it and hangs up), "@
 * ms" (time passes), "+ mailbox" (add; "+!": it is not taken), "- mailbox" (withdraw; "-!": too
 * late), "connect", "secure", "close OUTCOME", "finish". What the session must do, in this order,
 * before the next thing happens: "C: line" (send), "= mailbox outcome stage text" (RESULT; for
 * replies the outcome is the code), "TLS", "IDLE", "CLOSE". "W ms" is the deadline it then waits
 * for.
 *
 * Each is played with every line in one read, byte by byte, and with memory failing at every
 * allocation in turn; then only the contract (smtp/session_rig.h) is checked.
 */
#ifndef MK_SMTP_SCRIPT_RIG_H
#define MK_SMTP_SCRIPT_RIG_H

#include "smtp/session_rig.h"

#define SCRIPT_LINES_MAX 64

struct script {
    const char *name;
    struct smtp_plan plan;
    bool whole_only; /* what comes in one read matters */
    const char *lines[SCRIPT_LINES_MAX];
};

struct scripts {
    const struct script *all;
    size_t count;
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

/* A script names only what it cares about. */
struct smtp_plan script_plan(const struct smtp_plan *plan);

/* Tests (cmocka) whose state is a struct scripts. */
void scripts_whole(void **state);
void scripts_byte_by_byte(void **state);
void scripts_without_memory(void **state);

#define SCRIPT_TESTS(scripts)                                                                      \
    cmocka_unit_test_prestate(scripts_whole, (scripts)),                                           \
        cmocka_unit_test_prestate(scripts_byte_by_byte, (scripts)),                                \
        cmocka_unit_test_prestate(scripts_without_memory, (scripts))

#endif
