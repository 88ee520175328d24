#include "base/check.h"
#include "base/instant.h"
#include "probe/host.h"
#include "probe/session.h"
#include "probe/site.h"

#define LINGER_MS      SECOND_MS /* idle, in case more comes */
#define SHORT_QUEUE_MS 3000      /* as in host.c: one session works it off alone */
#define FIRST_BATCH    8         /* before anything is known of a host's pace */
#define PACE_PART      4         /* of the time of an address, for all of its batch */

/* --- its place in the lists ---------------------------------------------------------------- */

void probe_session_set_room(struct probe_session *session, unsigned room)
{
    CHECK(room <= UINT16_MAX);
    session->host->room = session->host->room - session->room + room;
    session->room = (uint16_t)room;
}

void probe_session_leave_idle(struct probe_session *session)
{
    if (!session->idle)
        return;
    session->idle = false;
    list_remove(&session->in_engine);
    list_append(&session->host->engine->sessions, &session->in_engine);
    list_remove(&session->in_site);
    list_append(&session->host->site->sessions, &session->in_site);
    list_remove(&session->in_host); /* idle ones stand first */
    list_append(&session->host->sessions, &session->in_host);
    session->until_ms = INSTANT_NEVER;
}

void probe_session_leave_door(struct probe_session *session)
{
    session->host->door_count -= session->at_door;
    session->at_door = false;
}

static void enter_idle(struct probe_session *session)
{
    session->idle = true;
    list_remove(&session->in_engine);
    list_append(&session->host->engine->idle_sessions, &session->in_engine);
    list_remove(&session->in_site);
    list_append(&session->host->site->idle_sessions, &session->in_site);
    list_remove(&session->in_host);
    list_prepend(&session->host->sessions, &session->in_host);
    session->until_ms = probe_engine_now(session->host->engine) + LINGER_MS;
}

/* --- feeding ------------------------------------------------------------------------------- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many more unknown recipients this session may meet. */
static unsigned unknowns_left(const struct probe_session *session)
{
    unsigned limit = session->host->site->limits.ceiling.unknowns_per_session;
    unsigned learned = session->host->unknowns_learned;

    if (learned > 0 && (limit == 0 || learned < limit))
        limit = learned;
    if (limit == 0)
        return UINT32_MAX;
    return limit > session->unknowns ? limit - session->unknowns : 0;
}

/* How many more recipients it may be given, as planned and as the host taught us. */
static unsigned rcpt_room(const struct probe_session *session)
{
    unsigned learned = session->host->rcpts_learned;
    struct smtp_session_facts facts;

    smtp_session_facts(session->smtp, &facts);
    if (learned == 0)
        return facts.rcpt_room;
    return least(facts.rcpt_room, learned > session->taken ? learned - session->taken : 0);
}

static bool may_feed(const struct probe_session *session)
{
    uint64_t now = probe_engine_now(session->host->engine);

    /* One that sends batches where they are not to be sent any more is given no more. */
    if (session->host->one_by_one && smtp_session_plan(session->smtp)->use_pipelining)
        return false;
    return !session->finishing && !probe_breaker_is_open(&session->host->site->breaker, now) &&
           probe_site_gate(session->host->site) == PROBE_GATE_OPEN &&
           slice_equal(smtp_session_plan(session->smtp)->sender,
                       probe_site_sender(session->host->site)) &&
           !(session->trial && session->taken > 0) && !(session->alone && session->taken > 0);
}

/* A fair part of the queue, when other sessions of the site, or those at the door, may share it. */
static unsigned fair_share(const struct probe_session *session)
{
    const struct probe_host *host = session->host;
    const struct probe_limits *limits = &session->host->site->limits;
    uint64_t waiting = host->waiting;
    unsigned others = limits->allowed > limits->open ? limits->allowed - limits->open : 0;

    others += host->door_count;
    if (waiting * host->rcpt_ms <= SHORT_QUEUE_MS)
        others = 0;
    return (unsigned)((waiting + others) / (others + 1));
}

/*
 * How many of a batch a host answers within a good part of their time; few where that is not known.
 * The clocks of all of them run until the last is answered.
 */
static unsigned answered_in_time(const struct probe_host *host)
{
    uint64_t part_ms = host->engine->settings.case_timeout_ms / PACE_PART;
    uint64_t most = host->batch_rcpt_ms > 0 ? part_ms / host->batch_rcpt_ms : FIRST_BATCH;

    return most < 1 ? 1 : most > UINT16_MAX ? UINT16_MAX : (unsigned)most;
}

/*
 * How many recipients may be out at the same time: one, or a batch where pipelining may be. One
 * alone goes along to a door that nobody has answered at yet.
 */
static unsigned wanted(const struct probe_session *session)
{
    struct smtp_session_facts facts;
    unsigned most;

    if (!may_feed(session))
        return 0;
    smtp_session_facts(session->smtp, &facts);
    most = 1;
    if (smtp_session_plan(session->smtp)->use_pipelining && !session->trial && !session->alone &&
        facts.pipelining_offered) {
        unsigned share = fair_share(session);

        most =
            least(answered_in_time(session->host), session->asked_count + (share > 0 ? share : 1));
    }
    most = least(most, session->asked_count + rcpt_room(session));
    return least(most, unknowns_left(session));
}

static void give_back(struct probe_host *host, struct probe_ask *ask)
{
    if (probe_host_enqueue(host, ask, true) != 0)
        probe_ask_failed(ask, "out of memory");
}

/* True when it took one. */
static bool feed_one(struct probe_session *session)
{
    struct probe_ask *ask = probe_host_take(session->host, session);
    int code;

    if (ask == NULL)
        return false;
    code = smtp_session_add(session->smtp, &ask->recipient);
    if (code == ERROR_LIMIT) {
        give_back(session->host, ask);
        probe_session_retire(session);
        return false;
    }
    if (code != 0) {
        probe_ask_failed(ask, "the address can't be put in a command");
        return true;
    }
    session->taken++;
    session->asked_count++;
    probe_ask_went_out(ask, session);
    return true;
}

static void count_room(struct probe_session *session)
{
    unsigned unknowns = unknowns_left(session);
    unsigned room = may_feed(session) ? rcpt_room(session) : 0;

    unknowns = unknowns > session->asked_count ? unknowns - session->asked_count : 0;
    probe_session_set_room(session, least(room, unknowns));
}

void probe_session_feed(struct probe_session *session)
{
    unsigned most = wanted(session);

    while (session->asked_count < most && feed_one(session)) {
    }
    if (session->asked_count > 0) {
        probe_session_leave_idle(session);
        smtp_session_tick(session->smtp,
                          probe_engine_now(session->host->engine)); /* it goes on then */
    }
    count_room(session);
}

bool probe_session_withdraw(struct probe_ask *ask)
{
    struct probe_session *session = ask->session;

    if (!smtp_session_withdraw(session->smtp, &ask->recipient))
        return false;
    CHECK(session->asked_count > 0 && session->taken > 0);
    ask->session = NULL;
    ask->host = NULL;
    session->asked_count--;
    session->taken--;
    count_room(session);
    return true;
}

static bool may_linger(const struct probe_session *session)
{
    const struct probe_engine *engine = session->host->engine;

    return session->room > 0 && engine->submissions > 0 && engine->starved.count == 0 &&
           list_is_empty(&session->host->site->hungry) && session->host->waiting == 0;
}

/* All answered: more, or wait a little, or goodbye. */
void probe_session_go_on(struct probe_session *session)
{
    probe_session_feed(session);
    if (session->asked_count > 0 || session->finishing || session->idle)
        return;
    if (may_linger(session))
        enter_idle(session);
    else
        probe_session_retire(session);
}
