#include "probe/ask.h"

#include "base/check.h"
#include "probe/case.h"
#include "probe/host.h"
#include "probe/session.h"
#include "probe/stranger.h"

static struct probe_case *case_of(struct probe_ask *ask)
{
    CHECK(!ask->is_random);
    return LIST_ELEMENT(ask, struct probe_case, ask);
}

static struct probe_stranger *stranger_of(struct probe_ask *ask)
{
    CHECK(ask->is_random);
    return LIST_ELEMENT(ask, struct probe_stranger, ask);
}

/* Whose it is stands in it, and is not looked at: it is a case's, nearly always. */
static void fetch_from(const struct probe_ask *ask, size_t offset)
{
    const char *kase = (const char *)LIST_ELEMENT(ask, struct probe_case, ask);

    for (size_t at = offset; at < sizeof(struct probe_case) + MEMORY_LINE; at += MEMORY_LINE)
        __builtin_prefetch(kase + at);
}

void probe_ask_fetch(const struct probe_ask *ask)
{
    fetch_from(ask, offsetof(struct probe_case, attempts));
}

void probe_ask_fetch_to_go(const struct probe_ask *ask)
{
    fetch_from(ask, offsetof(struct probe_case, engine));
}

void probe_ask_went_out(struct probe_ask *ask, struct probe_session *session)
{
    struct probe_engine *engine = session->host->engine;

    CHECK(ask->session == NULL);
    ask->session = session;
    ask->host = session->host;
    ask->asked_ms = probe_engine_now(engine);
    ask->asked_unix_ms = probe_engine_unix(engine);
    if (ask->is_random)
        probe_stranger_out(stranger_of(ask));
    else
        probe_case_out(case_of(ask));
}

void probe_ask_answered(struct probe_ask *ask, const struct probe_answer *answer)
{
    CHECK(ask->session != NULL && !list_node_is_in(&ask->node));
    ask->session = NULL;
    if (ask->is_random)
        probe_stranger_answered(stranger_of(ask), answer);
    else
        probe_case_answered(case_of(ask), answer);
}

unsigned probe_ask_again_count(const struct probe_ask *ask)
{
    if (ask->is_random)
        return 0;
    return LIST_ELEMENT(ask, struct probe_case, ask)->again_count;
}

void probe_ask_failed(struct probe_ask *ask, const char *why)
{
    CHECK(ask->session == NULL);
    if (ask->is_random)
        probe_stranger_failed(stranger_of(ask));
    else
        probe_case_fail(case_of(ask), why);
}

void probe_ask_host_dead(struct probe_ask *ask)
{
    if (ask->is_random)
        probe_stranger_failed(stranger_of(ask));
    else
        probe_case_host_dead(case_of(ask));
}

void probe_ask_blocked(struct probe_ask *ask, uint64_t until_ms)
{
    if (ask->is_random)
        probe_stranger_failed(stranger_of(ask));
    else
        probe_case_blocked(case_of(ask), until_ms);
}

void probe_ask_elsewhere(struct probe_ask *ask, const char *site)
{
    if (ask->is_random)
        probe_stranger_elsewhere(stranger_of(ask), site);
    else
        probe_case_elsewhere(case_of(ask), site);
}

static bool copy(struct arena *arena, struct slice from, struct slice *to)
{
    *to = from.len == 0 ? SLICE_EMPTY : arena_slice(arena, from);
    return to->ptr != NULL;
}

int probe_attempt_make(struct arena *arena, const struct probe_ask *ask,
                       const struct probe_answer *answer, struct slice host_name,
                       struct evidence_attempt *ret_attempt)
{
    const struct smtp_result *result = answer->result;

    *ret_attempt = (struct evidence_attempt){
        .unix_ms = ask->asked_unix_ms,
        .duration_ms = (uint32_t)(answer->now_ms - ask->asked_ms),
        .ip = answer->session->host->ip,
        .host = host_name,
        .random_recipient = ask->is_random,
        .recipient = ask->recipient.mailbox,
        .sender = answer->sender,
        .outcome = result->outcome,
        .stage = result->stage,
    };

    if (result->outcome == SMTP_OUTCOME_REPLY) {
        ret_attempt->reply = result->reply;
        ret_attempt->classified = answer->classified;
        ret_attempt->classified_for = probe_session_profile(answer->session)->name;
    }
    if (!copy(arena, ret_attempt->reply.text, &ret_attempt->reply.text) ||
        !copy(arena, answer->detail, &ret_attempt->detail) ||
        !copy(arena, answer->tls, &ret_attempt->tls) ||
        !copy(arena, answer->transcript, &ret_attempt->transcript))
        return ERROR_NOMEM;
    return 0;
}
