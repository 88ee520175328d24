#include "probe/recalled.h"

#include "base/memory.h"
#include "lists/builtin.h"
#include "probe/case.h"

static bool says_something(const struct probe_recalled *recalled)
{
    const struct evidence_history *outcomes = &recalled->outcomes;

    return recalled->kind != PROBE_RECALL_NOTHING || outcomes->known_bounce ||
           outcomes->complained || outcomes->delivered_unix_ms > 0;
}

struct probe_recalled *probe_recalled_new(struct probe_engine *engine,
                                          const struct address *address,
                                          const struct probe_wish *wish)
{
    const struct probe_past *past = &engine->past;
    bool wants_evidence = wish->depth == EVIDENCE_DEPTH_SMTP && !wish->is_fresh;
    struct probe_recalled *recalled;

    if (past->recall == NULL)
        return NULL;
    recalled = memory_zalloc(1, sizeof(*recalled));
    if (recalled == NULL)
        return NULL;
    arena_init(&recalled->arena);
    recalled->kind = past->recall(past->user, address, wants_evidence, &recalled->arena,
                                  &recalled->outcomes, &recalled->evidence);
    if (!says_something(recalled)) {
        probe_recalled_free(recalled);
        return NULL;
    }
    return recalled;
}

void probe_recalled_free(struct probe_recalled *recalled)
{
    if (recalled == NULL)
        return;
    arena_done(&recalled->arena);
    memory_free(recalled);
}

bool probe_recalled_settles(const struct probe_recalled *recalled, const struct probe_wish *wish)
{
    if (recalled == NULL)
        return false;
    /* Not to be mailed, whatever a server would say: it is left in peace. */
    if (recalled->outcomes.known_bounce || recalled->outcomes.complained)
        return true;
    return recalled->kind == PROBE_RECALL_FRESH && wish->depth == EVIDENCE_DEPTH_SMTP;
}

void probe_recalled_fill(const struct probe_recalled *recalled, const struct probe_engine *engine,
                         struct evidence *evidence)
{
    unsigned matches = evidence->operator_matches;

    *evidence = recalled->evidence;
    evidence->operator_matches = matches;
    evidence->history = recalled->outcomes;
    evidence->is_remembered = true;
    evidence->asked_unix_ms = io_unix_ms(engine->loop);
    evidence->disposable_mx = false;
    for (size_t i = 0; evidence->domain != NULL && i < evidence->domain->host_count; i++) {
        struct slice host = evidence->domain->hosts[i].name;

        evidence->disposable_mx |= lists_mx_is_disposable(host);
        if (engine->lists != NULL)
            evidence->operator_matches |= lists_operator_match_mx(engine->lists, host);
    }
}

void probe_recalled_learn(const struct probe_case *kase, struct evidence *evidence,
                          const struct verdict *verdict)
{
    const struct probe_past *past = &kase->engine->past;
    struct evidence_written written = {.json = SLICE_EMPTY};

    if (past->learn != NULL)
        past->learn(past->user, evidence, verdict, &written);
    if (written.json.len == 0)
        return;
    written.evidence = evidence;
    written.verdict = verdict;
    evidence->written = written;
}
