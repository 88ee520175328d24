#include "smtp/script_rig.h"

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
#include "base/instant.h"
#include "base/memory.h"

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

struct smtp_plan script_plan(const struct smtp_plan *plan)
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
    struct smtp_plan plan = script_plan(&script->plan);
    bool is_started = false;

    if (!rig_new(rig, &plan)) {
        assert_int_equal(mode, MODE_HURT);
        return false;
    }
    buffer_init(&player.seen, 0);
    rig->user = &player;
    rig->watch = watch;
    for (size_t i = 0; i < SCRIPT_LINES_MAX && script->lines[i] != NULL; i++) {
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

void scripts_whole(void **state)
{
    const struct scripts *scripts = *state;

    for (size_t i = 0; i < scripts->count; i++)
        play(&scripts->all[i], MODE_WHOLE);
}

void scripts_byte_by_byte(void **state)
{
    const struct scripts *scripts = *state;

    for (size_t i = 0; i < scripts->count; i++)
        if (!scripts->all[i].whole_only)
            play(&scripts->all[i], MODE_BYTES);
}

void scripts_without_memory(void **state)
{
    const struct scripts *scripts = *state;

    for (size_t i = 0; i < scripts->count; i++) {
        uint64_t asked;

        for (int64_t n = 0;; n++) {
            memory_fail_after(n);
            play(&scripts->all[i], MODE_HURT);
            asked = memory_fail_after(-1);
            if (asked <= (uint64_t)n)
                break;
            assert_true(n < 1000);
        }
    }
}
