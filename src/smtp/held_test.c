/* What a batch was answered comes back as it was said, also where the same was said many times. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/random.h"
#include "smtp/held.h"
#include "smtp/session_rig.h"

static void replies_come_back_in_their_order(void **state)
{
    const struct smtp_reply ok = {250, {2, 1, 5}, SLICE("Ok")},
                            other_code = {251, {2, 1, 5}, SLICE("Ok")},
                            other_enhanced = {250, {2, 1, 6}, SLICE("Ok")},
                            other_text = {250, {2, 1, 5}, SLICE("Oh")},
                            no_text = {250, {2, 1, 5}, SLICE_EMPTY};
    const struct {
        const struct smtp_reply *reply;
        unsigned count;
    } said[] = {{&ok, 1},         {&ok, 3},      {&other_code, 2}, {&ok, 1}, {&other_enhanced, 1},
                {&other_text, 2}, {&no_text, 2}, {&ok, 2},         {&ok, 1}};
    struct smtp_recipient recipients[15] = {0};
    struct smtp_held *held = smtp_held_new();
    struct smtp_reply reply;
    unsigned told = 0;

    assert_non_null(held);
    for (unsigned round = 0; round < 2; round++) {
        struct smtp_queue queue = {0};

        for (size_t i = 0; i < ARRAY_LEN(recipients); i++)
            smtp_queue_push(&queue, &recipients[i]);
        for (size_t i = 0; i < ARRAY_LEN(said); i++) {
            assert_true(smtp_held_push(held, said[i].count, said[i].reply));
            if (round == 1 && i % 4 == 1) /* now and then, or all at the end */
                smtp_held_collect(held, &queue);
        }
        smtp_held_collect(held, &queue);
        assert_int_equal(held->owed, 0);
        assert_int_equal(queue.count, 0);
        assert_null(queue.last);
        assert_int_equal(held->recipients.count, ARRAY_LEN(recipients));
        told = 0;
        for (size_t i = 0; i < ARRAY_LEN(said); i++) {
            for (unsigned n = 0; n < said[i].count; n++) {
                assert_ptr_equal(smtp_held_pop(held, &reply), &recipients[told++]);
                assert_int_equal(reply.code, said[i].reply->code);
                assert_int_equal(reply.enhanced.detail, said[i].reply->enhanced.detail);
                assert_true(slice_equal(reply.text, said[i].reply->text));
            }
        }
        assert_null(smtp_held_pop(held, &reply));
        smtp_held_clear(held);
    }
    assert_int_equal(told, ARRAY_LEN(recipients));
    smtp_held_free(held);
}

/* ---- a server that says the same again and again, and now and then too much or too little ---- */

struct server {
    struct random random;
    bool is_padded; /* the same words, but in lines too long to be known again */
    struct buffer says, seen;
};

static void say(struct server *server, const char *line)
{
    buffer_append_string(&server->says, line);
    /* Blanks at the end of a line are none of its text. */
    assert_true(
        buffer_printf(&server->says, "%*s\r\n", server->is_padded ? SMTP_REPLY_KNOWN_MAX : 0, ""));
}

static const char *common_word(struct server *server)
{
    static const char *const words[] = {"250 ok",          "250 ok",      "250 2.1.5 ok",
                                        "250 2.1.6 ok",    "550 no",      "550 5.1.1 no",
                                        "450 4.2.0 later", "251 2.1.5 ok"};

    return words[random_chance(&server->random, 4, 5)
                     ? 0
                     : random_below(&server->random, ARRAY_LEN(words))];
}

static void answer(struct server *server, struct slice command)
{
    struct random *random = &server->random;

    if (random_chance(random, 1, 200))
        return;
    if (random_chance(random, 1, 200))
        say(server, random_chance(random, 1, 2) ? common_word(server) : "421 bye");
    if (slice_starts_with(command, SLICE("EHLO")))
        buffer_append_string(&server->says, "250-mx\r\n250 PIPELINING\r\n");
    else if (slice_starts_with(command, SLICE("QUIT")))
        say(server, "221 bye");
    else if (slice_starts_with(command, SLICE("RCPT")))
        say(server, common_word(server));
    else
        say(server, random_chance(random, 1, 50) ? "550 5.1.1 no" : "250 ok");
}

static void watch(struct rig *rig, const struct smtp_output *output)
{
    struct server *server = rig->user;
    const struct smtp_result *result = &output->result;
    struct slice bytes = output->bytes, line;
    char enhanced[16];

    if (output->kind == SMTP_OUTPUT_SEND) {
        buffer_append_slice(&server->seen, bytes);
        while (bytes.len > 0 && slice_split(&bytes, '\n', &line))
            answer(server, line);
    } else if (output->kind == SMTP_OUTPUT_RESULT && result->outcome == SMTP_OUTCOME_REPLY) {
        assert_true(buffer_printf(&server->seen, "%s: %u %s %.*s, %u\n",
                                  ((const struct rig_recipient *)result->recipient)->mailbox,
                                  result->reply.code,
                                  smtp_enhanced_format(result->reply.enhanced, enhanced),
                                  SLICE_ARG(result->reply.text), result->told_together));
    } else if (output->kind == SMTP_OUTPUT_RESULT) {
        assert_true(buffer_printf(&server->seen, "%s: %s\n",
                                  ((const struct rig_recipient *)result->recipient)->mailbox,
                                  smtp_outcome_name(result->outcome)));
    } else {
        assert_true(buffer_printf(&server->seen, "output %d\n", (int)output->kind));
    }
}

/* All that was said, or half of its lines. */
static void hear(struct rig *rig, struct server *server)
{
    static char bytes[64 * 1024];
    size_t len = server->says.len, at = 0, lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += server->says.ptr[i] == '\n';
    if (random_chance(&server->random, 1, 4))
        lines = lines / 2 + 1;
    while (lines > 0 && at < len)
        lines -= server->says.ptr[at++] == '\n';
    len = at;
    assert_true(len <= sizeof(bytes));
    memcpy(bytes, server->says.ptr, len);
    buffer_consume(&server->says, len);
    smtp_session_received(rig->session, bytes, len, rig->now_ms);
    rig_pull(rig);
}

static void converse(uint64_t seed, bool is_padded, struct buffer *ret_seen)
{
    struct smtp_plan plan = {.helo_name = SLICE("probe.example"),
                             .tls = SMTP_TLS_NEVER,
                             .use_pipelining = true,
                             .sender = SLICE_EMPTY,
                             .timeout_percent = 100,
                             .deadline_ms = INSTANT_NEVER};
    struct server server = {.is_padded = is_padded};
    struct rig *rig = calloc(1, sizeof(*rig));
    char mailbox[32];

    assert_non_null(rig);
    random_init(&server.random, seed);
    buffer_init(&server.says, 0);
    buffer_init(&server.seen, 0);
    plan.keep_transcript = random_chance(&server.random, 1, 4);
    plan.rcpts_per_transaction = 1 + (unsigned)random_below(&server.random, 20);
    plan.rcpts_per_session = 1 + (unsigned)random_below(&server.random, 60);
    assert_true(rig_new(rig, &plan));
    rig->watch = watch;
    rig->user = &server;
    smtp_session_start(rig->session, 0);
    smtp_session_connected(rig->session, 0);
    say(&server, "220 mx");
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t n = random_below(&server.random, 20); n > 0; n--) {
            snprintf(mailbox, sizeof(mailbox), "a%u@%c.example", rig->added,
                     random_chance(&server.random, 1, 10) ? 'y' : 'x');
            rig_add(rig, slice_from_string(mailbox), false);
        }
        smtp_session_tick(rig->session, rig->now_ms);
        rig_pull(rig);
        while (server.says.len > 0 && !rig->is_closed)
            hear(rig, &server);
    }
    rig_free(rig);
    free(rig);
    *ret_seen = server.seen;
    buffer_done(&server.says);
}

static void what_is_said_again_is_heard_as_if_it_were_read(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);

    printf("seeds %llu to %llu\n", (unsigned long long)seed, (unsigned long long)seed + 4999);
    for (unsigned i = 0; i < 5000; i++) {
        struct buffer known, read;

        converse(seed + i, false, &known);
        converse(seed + i, true, &read);
        if (!slice_equal(buffer_slice(&known), buffer_slice(&read)))
            fail_msg("seed %llu:\n%.*s\nnot\n%.*s", (unsigned long long)seed + i,
                     SLICE_ARG(buffer_slice(&known)), SLICE_ARG(buffer_slice(&read)));
        buffer_done(&known);
        buffer_done(&read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_come_back_in_their_order),
        cmocka_unit_test(what_is_said_again_is_heard_as_if_it_were_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
