/*
 * Fuzzes the session: the input chooses the plan, what the server says, and what happens when. The
 * rig checks each output against the contract.
 *
 * The first six bytes make the plan. Then each byte is an order; orders above 9 take the rest of
 * their line (up to LF) as what the server says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/instant.h"
#include "base/memory.h"
#include "smtp/session_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_session(struct rig *rig, const uint8_t *head)
{
    struct smtp_plan plan = {
        .helo_name = SLICE("probe.example"),
        .sender = head[0] & 1 ? SLICE("me@probe.example") : SLICE_EMPTY,
        .tls = head[0] >> 1 & 3,
        .use_pipelining = head[0] & 8,
        .keep_transcript = head[0] & 16,
        .batch_ms = head[0] & 32 ? 20000 : 0,
        .rcpts_per_transaction = 1 + head[1] % 8,
        .rcpts_per_session = 1 + head[2] % 60,
        .gap_ms = head[3] * 10u,
        .timeout_percent = 1 + head[4] % 100,
        .deadline_ms = head[5] == 0 ? INSTANT_NEVER : head[5] * 1000u,
    };

    CHECK(rig_new(rig, &plan));
    for (unsigned i = 0; i < (head[1] >> 4); i++)
        rig_add(rig, i & head[2] ? SLICE("a@x.example") : SLICE("b@Y.example"), i == 5);
    smtp_session_start(rig->session, 0);
}

static void add(struct rig *rig, struct slice mailbox)
{
    if (rig->added < RIG_RECIPIENTS_MAX && mailbox.len < 500)
        rig_add(rig, mailbox, false);
}

/* Carry out one order; returns how many bytes it took. */
static size_t obey(struct rig *rig, struct slice input)
{
    static const enum smtp_outcome reasons[] = {SMTP_OUTCOME_CONNECT_FAILED,
                                                SMTP_OUTCOME_DISCONNECTED, SMTP_OUTCOME_TLS_FAILED,
                                                SMTP_OUTCOME_TIMEOUT};
    struct smtp_session *s = rig->session;
    uint8_t argument = input.len > 1 ? (uint8_t)input.ptr[1] : 0;
    ptrdiff_t end = slice_find_byte(input, '\n');
    struct slice line = slice_prefix(input, end < 0 ? input.len : (size_t)end + 1);

    switch (input.ptr[0]) {
    case 0:
        smtp_session_connected(s, rig->now_ms);
        return 1;
    case 1:
        if (rig->tls_started) {
            rig->is_tls = true;
            smtp_session_secured(s, rig->now_ms);
        }
        return 1;
    case 2:
        smtp_session_closed(s, reasons[argument % 4], rig->now_ms);
        return 2;
    case 3:
        smtp_session_finish(s, rig->now_ms);
        return 1;
    case 4:
        rig->now_ms += argument * 10u;
        smtp_session_tick(s, rig->now_ms);
        return 2;
    case 5:
        rig->now_ms += argument * 5000u;
        smtp_session_tick(s, rig->now_ms);
        return 2;
    case 6:
        add(rig, argument & 1 ? SLICE("c@x.example") : SLICE("d@z.example"));
        return 2;
    case 7:
        add(rig, slice_from_offset(slice_prefix(line, line.len - (end >= 0)), 1));
        return line.len;
    case 9:
        if (rig->added > 0)
            (void)rig_withdraw(rig, &rig->recipients[argument % rig->added]);
        return 2;
    case 8: /* the order behind it is followed by the next before outputs, or all, are taken */
        return 2;
    default:
        rig_pull(rig); /* what came before must have been read */
        smtp_session_received(s, line.ptr, line.len, rig->now_ms);
        return line.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig rig;
    struct slice input;

    if (size < 6 || size > 8192)
        return 0;
    open_session(&rig, data);
    rig_pull(&rig);
    input = (struct slice){(const char *)data + 6, size - 6};
    while (input.len > 0) {
        bool is_hurried = input.ptr[0] == 8,
             takes_one = is_hurried && input.len > 1 && input.ptr[1] & 1;

        input = slice_from_offset(input, obey(&rig, input));
        if (is_hurried && input.len > 0)
            input = slice_from_offset(input, obey(&rig, input));
        if (takes_one && !rig.is_closed)
            rig_next(&rig);
        else if (!is_hurried)
            rig_pull(&rig);
    }
    rig_pull(&rig);
    rig_free(&rig);
    return 0;
}
