/* The table of behaviours. Replies are the words of real servers, as published. */
#include "lab/behaviour.h"

#include <stdio.h>

#include "base/check.h"
#include "base/instant.h"
#include "lab/server.h"

static const char *const stage_names[LAB_STAGE_COUNT] = {
    "connect", "ehlo", "helo", "starttls", "mail", "rcpt", "bad-rcpt", "rset", "quit",
};

const char *lab_stage_name(enum lab_stage stage)
{
    CHECK(stage < LAB_STAGE_COUNT);
    return stage_names[stage];
}

bool lab_stages_parse(struct slice word, unsigned *ret_stages)
{
    struct slice rest = word, part;
    unsigned stages = 0;

    while (slice_split(&rest, ',', &part)) {
        size_t i = 0;

        if (slice_equal(part, SLICE("any"))) {
            stages |= LAB_STAGES_ANY;
            continue;
        }
        while (i < LAB_STAGE_COUNT && !slice_equal(part, slice_from_string(stage_names[i])))
            i++;
        if (i == LAB_STAGE_COUNT)
            return false;
        stages |= LAB_STAGE_BIT(i);
        if (i == LAB_STAGE_HELO) /* a client that is refused EHLO must not slip through by HELO */
            stages |= LAB_STAGE_BIT(LAB_STAGE_EHLO);
    }
    *ret_stages = stages;
    return true;
}

static void settle(struct lab_turn *turn, struct slice reply)
{
    turn->settled = true;
    turn->reply = reply;
}

/* --- refusals --------------------------------------------------------------------------------- */

static void act_refuse(struct lab_visit *visit, const struct lab_behaviour *b,
                       struct lab_turn *turn)
{
    settle(turn, b->reply);
    /* A refused visitor at the door: most servers hang up, and RFC 5321 3.1 lets them. */
    if (turn->stage == LAB_STAGE_CONNECT)
        turn->then = LAB_THEN_CLOSE;
}

static void act_hangup(struct lab_visit *visit, const struct lab_behaviour *b,
                       struct lab_turn *turn)
{
    if (b->reply.len > 0 && !turn->settled)
        settle(turn, b->reply);
    turn->then = LAB_THEN_CLOSE;
}

static void act_refuse_null(struct lab_visit *visit, const struct lab_behaviour *b,
                            struct lab_turn *turn)
{
    if (turn->argument.len == 0)
        settle(turn, b->reply);
}

static void act_refuse_sender(struct lab_visit *visit, const struct lab_behaviour *b,
                              struct lab_turn *turn)
{
    bool hit = b->word.ptr[0] == '@' ? slice_ends_with_nocase(turn->argument, b->word)
                                     : slice_equal_nocase(turn->argument, b->word);

    if (hit)
        settle(turn, b->reply);
}

static void act_refuse_own_name(struct lab_visit *visit, const struct lab_behaviour *b,
                                struct lab_turn *turn)
{
    struct slice name = turn->argument;
    ptrdiff_t at = slice_rfind_byte(name, '@');

    if (at >= 0)
        name = slice_from_offset(name, (size_t)at + 1);
    if (name.len > 0 && slice_equal_nocase(name, b->word))
        settle(turn, b->reply);
}

static void act_auth_required(struct lab_visit *visit, const struct lab_behaviour *b,
                              struct lab_turn *turn)
{
    settle(turn, b->reply);
}

static void act_one_domain(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    if (visit->domain[0] != '\0' && !slice_equal(slice_from_string(visit->domain), turn->domain))
        settle(turn, b->reply);
}

/* --- recipients ------------------------------------------------------------------------------- */

static void act_accept_all(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    if (turn->served && turn->state == LAB_MAILBOX_UNKNOWN && turn->mailbox_reply.len == 0)
        turn->state = LAB_MAILBOX_OK;
}

static void act_no_ehlo(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    settle(turn, b->reply);
}

/* --- memory: greylisting, counters -------------------------------------------------------------
 */

static struct slice client_key(const struct lab_visit *visit, char out[IP_TEXT_SIZE])
{
    return slice_from_string(ip_format(&visit->client, out));
}

static void act_greylist(struct lab_visit *visit, const struct lab_behaviour *b,
                         struct lab_turn *turn)
{
    char key[1024], client[IP_TEXT_SIZE];
    uint64_t now = lab_visit_now_ms(visit);
    struct lab_memory *memory;

    if (slice_equal(slice_from_string(b->kind->name), SLICE("greylist-known")) &&
        turn->state == LAB_MAILBOX_UNKNOWN)
        return;
    (void)snprintf(key, sizeof(key), "%s %.200s %.*s@%.*s", ip_format(&visit->client, client),
                   visit->sender, SLICE_ARG(turn->local), SLICE_ARG(turn->domain));
    memory = lab_visit_memory(visit, b, slice_from_string(key));
    if (memory == NULL)
        return;
    if (now - memory->since_ms >= b->span_ms)
        memory->count = 1; /* passed once, passes for good */
    if (memory->count == 0)
        settle(turn, b->reply);
}

static void act_postscreen(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    char client[IP_TEXT_SIZE];
    struct lab_memory *memory = lab_visit_memory(visit, b, client_key(visit, client));

    if (memory != NULL && memory->count == 0)
        memory->count = visit->id + 1; /* the visit in which the deep tests are made */
    if (memory != NULL && memory->count == visit->id + 1)
        settle(turn, b->reply);
}

static void act_fail_first(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    char key[512];
    struct lab_memory *memory;

    (void)snprintf(key, sizeof(key), "%.*s@%.*s", SLICE_ARG(turn->local), SLICE_ARG(turn->domain));
    memory = lab_visit_memory(visit, b, slice_from_string(key));
    if (memory != NULL && memory->count++ < b->count)
        settle(turn, b->reply);
}

/* Count in windows of span_ms: true while the count is above the behaviour's. */
static bool window_exceeded(struct lab_visit *visit, const struct lab_behaviour *b)
{
    char client[IP_TEXT_SIZE];
    struct lab_memory *memory = lab_visit_memory(visit, b, client_key(visit, client));

    if (memory == NULL)
        return false;
    if (lab_visit_now_ms(visit) - memory->since_ms >= b->span_ms) {
        memory->since_ms = lab_visit_now_ms(visit);
        memory->count = 0;
    }
    return ++memory->count > b->count;
}

static void act_rate(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    if (!window_exceeded(visit, b))
        return;
    settle(turn, b->reply);
    if (turn->stage == LAB_STAGE_CONNECT)
        turn->then = LAB_THEN_CLOSE;
}

static void act_max_connections(struct lab_visit *visit, const struct lab_behaviour *b,
                                struct lab_turn *turn)
{
    if (visit->server->open_count > b->count) {
        settle(turn, b->reply);
        turn->then = LAB_THEN_CLOSE;
    }
}

static void act_rcpts_per_session(struct lab_visit *visit, const struct lab_behaviour *b,
                                  struct lab_turn *turn)
{
    if (visit->rcpts > b->count)
        settle(turn, b->reply);
}

static void act_session_limit(struct lab_visit *visit, const struct lab_behaviour *b,
                              struct lab_turn *turn)
{
    if (visit->rcpts > b->count) {
        settle(turn, b->reply);
        turn->then = LAB_THEN_CLOSE;
    }
}

static void act_rcpts_per_transaction(struct lab_visit *visit, const struct lab_behaviour *b,
                                      struct lab_turn *turn)
{
    if (visit->transaction_rcpts > b->count)
        settle(turn, b->reply);
}

/* What a harvest counter knows of the client: counts unknown recipients over all its visits. */
static bool harvest_tripped(struct lab_visit *visit, const struct lab_behaviour *b,
                            const struct lab_turn *turn)
{
    char client[IP_TEXT_SIZE];
    struct lab_memory *memory = lab_visit_memory(visit, b, client_key(visit, client));
    uint64_t now = lab_visit_now_ms(visit);

    if (memory == NULL)
        return false;
    if (now - memory->since_ms >= b->span_ms) {
        memory->since_ms = now;
        memory->count = 0;
    }
    if (memory->count >= b->count)
        return true;
    if (turn->state == LAB_MAILBOX_UNKNOWN)
        memory->count++;
    return false;
}

static void act_harvest(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    if (harvest_tripped(visit, b, turn))
        settle(turn, b->reply);
}

static void act_harvest_accept(struct lab_visit *visit, const struct lab_behaviour *b,
                               struct lab_turn *turn)
{
    if (harvest_tripped(visit, b, turn))
        turn->state = LAB_MAILBOX_OK;
}

static void act_harvest_hangup(struct lab_visit *visit, const struct lab_behaviour *b,
                               struct lab_turn *turn)
{
    if (visit->unknowns >= b->count) {
        settle(turn, b->reply);
        turn->then = LAB_THEN_CLOSE;
    }
}

/* --- broken connections ------------------------------------------------------------------------
 */

static void end_turn(struct lab_turn *turn, enum lab_then then)
{
    settle(turn, SLICE_EMPTY);
    turn->mute = true;
    turn->then = then;
}

static void act_drop(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_CLOSE);
}

static void act_reset(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_RESET);
}

static void act_silent(struct lab_visit *visit, const struct lab_behaviour *b,
                       struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_SILENCE);
}

/* --- time and form -----------------------------------------------------------------------------
 */

static void act_delay(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->delay_ms += b->span_ms;
}

static void act_drip(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->drip_ms = b->span_ms;
}

static void act_split(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->splits = true;
}

static void act_bare_lf(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    visit->bare_lf = true;
}

static void act_idle(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->idle_ms = b->span_ms;
    visit->idle_reply = b->reply;
}

static void act_broken_pipelining(struct lab_visit *visit, const struct lab_behaviour *b,
                                  struct lab_turn *turn)
{
    visit->loses_pipelined = true;
}

static void act_garbage(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("\x80\xff\x00\x01\xfe\x7f garbage \x1b[31m\x00\xc3\x28\r\n");
    turn->raw_repeat = 1;
}

static void act_extra(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->extra = b->reply;
}

static void act_http(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("HTTP/1.1 400 Bad Request\r\nServer: lab\r\nContent-Type: text/html\r\n"
                      "Connection: close\r\n\r\n<html><body>Bad Request</body></html>\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_CLOSE;
}

static void act_endless(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_FLOOD);
    visit->flood = turn->stage == LAB_STAGE_CONNECT ? SLICE("220-still greeting you\r\n")
                                                    : SLICE("250-still talking to you\r\n");
}

static void act_long_line(struct lab_visit *visit, const struct lab_behaviour *b,
                          struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    turn->raw_repeat = (size_t)(b->count / turn->raw.len) + 1;
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

static void act_tls_only(struct lab_visit *visit, const struct lab_behaviour *b,
                         struct lab_turn *turn)
{
    if (!visit->tls)
        settle(turn, b->reply);
}

static void act_starttls_broken(struct lab_visit *visit, const struct lab_behaviour *b,
                                struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 2.0.0 Ready to start TLS\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_CLOSE;
}

static void act_starttls_inject(struct lab_visit *visit, const struct lab_behaviour *b,
                                struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 2.0.0 Ready to start TLS\r\n250 injected before the handshake\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_TLS;
}

static void act_starttls_silent(struct lab_visit *visit, const struct lab_behaviour *b,
                                struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 2.0.0 Ready to start TLS\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_SILENCE;
}

/* --- watching ----------------------------------------------------------------------------------
 */

static void act_forbidden(struct lab_visit *visit, const struct lab_behaviour *b,
                          struct lab_turn *turn)
{
    lab_visit_violate(visit, "connected to %.*s, where nothing sends anyone",
                      SLICE_ARG(visit->server->model->host));
}

#define CONNECT  LAB_STAGE_BIT(LAB_STAGE_CONNECT)
#define EHLO     LAB_STAGE_BIT(LAB_STAGE_EHLO)
#define HELO     (LAB_STAGE_BIT(LAB_STAGE_HELO) | EHLO)
#define STARTTLS LAB_STAGE_BIT(LAB_STAGE_STARTTLS)
#define MAIL     LAB_STAGE_BIT(LAB_STAGE_MAIL)
#define RCPT     LAB_STAGE_BIT(LAB_STAGE_RCPT)
#define GREYLISTED                                                                                 \
    "450 4.2.0 <%r>: Recipient address rejected: Greylisted, see "                                 \
    "http://postgrey.example.org/help/%d.html"

static const struct lab_behaviour_kind kinds[] = {
    {.name = "accept-all",
     .arguments = "",
     .stages = RCPT,
     .act = act_accept_all,
     .summary = "accepts every recipient of its domains (catch-all)"},
    {.name = "auth-required",
     .arguments = "R",
     .stages = MAIL,
     .act = act_auth_required,
     .reply = "530 5.7.0 Authentication required",
     .summary = "wants a login before MAIL"},
    {.name = "bare-lf",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = act_bare_lf,
     .summary = "ends its lines with LF alone"},
    {.name = "blackhole",
     .arguments = "",
     .special = LAB_SPECIAL_BLACKHOLE,
     .stages = CONNECT,
     .act = act_silent,
     .summary = "never answers a connection attempt (on real sockets: never says a word)"},
    {.name = "block",
     .arguments = "sR",
     .act = act_refuse,
     .reply = "554 5.7.1 Service unavailable; Client host [%i] blocked using zen.spamhaus.org; "
              "https://www.spamhaus.org/query/ip/%i",
     .summary = "refuses the client's address at a stage"},
    {.name = "broken-pipelining",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = act_broken_pipelining,
     .summary = "offers PIPELINING and loses commands that come together"},
    {.name = "delay",
     .arguments = "sd",
     .always = true,
     .act = act_delay,
     .summary = "answers late at a stage"},
    {.name = "down",
     .arguments = "",
     .special = LAB_SPECIAL_DOWN,
     .summary = "does not listen: connections are refused"},
    {.name = "drip",
     .arguments = "d",
     .stages = CONNECT,
     .always = true,
     .act = act_drip,
     .summary = "sends one byte an interval"},
    {.name = "drop",
     .arguments = "s",
     .act = act_drop,
     .summary = "closes the connection instead of answering at a stage"},
    {.name = "endless",
     .arguments = "s",
     .act = act_endless,
     .summary = "answers with a reply of lines without end"},
    {.name = "extra",
     .arguments = "sr",
     .always = true,
     .act = act_extra,
     .summary = "says one more reply than asked for, behind that of a stage"},
    {.name = "fail-first",
     .arguments = "nR",
     .stages = RCPT,
     .act = act_fail_first,
     .reply = "451 4.3.0 <%r>: Temporary lookup failure",
     .summary = "fails the first N times that a recipient is named"},
    {.name = "forbidden",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = act_forbidden,
     .summary = "nobody has a reason to connect: a connection is a violation"},
    {.name = "garbage",
     .arguments = "s",
     .act = act_garbage,
     .summary = "answers with binary bytes at a stage"},
    {.name = "greylist",
     .arguments = "dR",
     .stages = RCPT,
     .act = act_greylist,
     .reply = GREYLISTED,
     .summary = "refuses a new client, sender and recipient until a time has gone by"},
    {.name = "greylist-known",
     .arguments = "dR",
     .stages = RCPT,
     .act = act_greylist,
     .reply = GREYLISTED,
     .summary = "as greylist, but refuses unknown recipients at once and for good"},
    {.name = "hangup",
     .arguments = "sR",
     .act = act_hangup,
     .always = true,
     .summary = "answers at a stage, then closes the connection"},
    {.name = "harvest",
     .arguments = "nDR",
     .stages = RCPT,
     .act = act_harvest,
     .span_ms = HOUR_MS,
     .reply = "550 5.7.1 Too many invalid recipients from [%i]",
     .summary = "refuses every recipient once a client has named N unknown ones"},
    {.name = "harvest-accept",
     .arguments = "nD",
     .stages = RCPT,
     .act = act_harvest_accept,
     .span_ms = HOUR_MS,
     .summary = "accepts every recipient once a client has named N unknown ones"},
    {.name = "harvest-hangup",
     .arguments = "nR",
     .stages = RCPT,
     .act = act_harvest_hangup,
     .reply = "421 4.7.0 %h Error: too many errors",
     .summary = "hangs up after N unknown recipients in one session"},
    {.name = "http",
     .arguments = "",
     .stages = CONNECT,
     .act = act_http,
     .summary = "is a web server"},
    {.name = "idle",
     .arguments = "dR",
     .stages = CONNECT,
     .always = true,
     .act = act_idle,
     .reply = "421 4.4.2 %h Error: timeout exceeded",
     .summary = "closes a session in which nothing was said for a time"},
    {.name = "long-line",
     .arguments = "sn",
     .act = act_long_line,
     .summary = "answers with N bytes without a line end"},
    {.name = "max-connections",
     .arguments = "nR",
     .stages = CONNECT,
     .act = act_max_connections,
     .reply = "421 4.7.0 %h Error: too many connections from %i",
     .summary = "refuses more than N connections at once"},
    {.name = "no-ehlo",
     .arguments = "R",
     .stages = EHLO,
     .act = act_no_ehlo,
     .reply = "502 5.5.2 Error: command not recognized",
     .summary = "knows HELO only"},
    {.name = "one-domain",
     .arguments = "R",
     .stages = RCPT,
     .act = act_one_domain,
     .reply = "451 4.3.0 Multiple destination domains per transaction is unsupported.",
     .summary = "takes recipients of one domain a transaction"},
    {.name = "postscreen",
     .arguments = "R",
     .stages = RCPT,
     .act = act_postscreen,
     .reply = "450 4.3.2 Service currently unavailable",
     .summary = "puts off the first visit of a client, whoever the recipients are"},
    {.name = "rate-connections",
     .arguments = "nDR",
     .stages = CONNECT,
     .act = act_rate,
     .span_ms = MINUTE_MS,
     .reply = "421 4.7.0 %h Error: too many connections from %i",
     .summary = "takes N connections a minute (or time named)"},
    {.name = "rate-rcpts",
     .arguments = "nDR",
     .stages = RCPT,
     .act = act_rate,
     .span_ms = MINUTE_MS,
     .reply = "450 4.7.1 Error: too many recipients from %i",
     .summary = "takes N recipients a minute (or time named) from one client"},
    {.name = "rcpts-per-session",
     .arguments = "nR",
     .stages = RCPT,
     .act = act_rcpts_per_session,
     .reply = "452 4.5.3 Too many recipients",
     .summary = "puts off recipients after N in one session"},
    {.name = "rcpts-per-transaction",
     .arguments = "nR",
     .stages = RCPT,
     .act = act_rcpts_per_transaction,
     .reply = "452 4.5.3 Too many recipients",
     .summary = "puts off recipients after N in one transaction"},
    {.name = "refuse",
     .arguments = "sr",
     .act = act_refuse,
     .summary = "says the reply at a stage, whoever comes"},
    {.name = "refuse-all",
     .arguments = "R",
     .stages = RCPT,
     .act = act_refuse,
     .reply = "550 5.7.1 Recipient refused by policy",
     .summary = "refuses every recipient in the same words"},
    {.name = "refuse-null",
     .arguments = "R",
     .stages = MAIL,
     .act = act_refuse_null,
     .reply = "550 5.7.1 <>: Sender address rejected: null sender is not allowed",
     .summary = "refuses the null sender"},
    {.name = "refuse-own-name",
     .arguments = "wR",
     .stages = HELO | MAIL,
     .act = act_refuse_own_name,
     .reply = "550 5.7.1 Access denied: you are not %c",
     .summary = "refuses visitors who claim to be DOMAIN in HELO or MAIL"},
    {.name = "refuse-sender",
     .arguments = "wR",
     .stages = MAIL,
     .act = act_refuse_sender,
     .reply = "550 5.1.8 <%s>: Sender address rejected: Domain not found",
     .summary = "refuses one sender, or all of \"@domain\""},
    {.name = "relay-denied",
     .arguments = "R",
     .stages = RCPT,
     .act = act_refuse,
     .reply = "554 5.7.1 <%r>: Relay access denied",
     .summary = "serves none of the domains that lead to it"},
    {.name = "reset",
     .arguments = "s",
     .act = act_reset,
     .summary = "resets the connection instead of answering at a stage"},
    {.name = "session-limit",
     .arguments = "nR",
     .stages = RCPT,
     .act = act_session_limit,
     .reply = "421 4.7.0 %h Too many recipients in this session, closing connection",
     .summary = "hangs up after N recipients in one session"},
    {.name = "silent",
     .arguments = "s",
     .act = act_silent,
     .summary = "says nothing any more from a stage on"},
    {.name = "slow-banner",
     .arguments = "d",
     .stages = CONNECT,
     .always = true,
     .act = act_delay,
     .summary = "greets late"},
    {.name = "split",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = act_split,
     .summary = "sends its replies in small pieces"},
    {.name = "starttls-broken",
     .arguments = "",
     .stages = STARTTLS,
     .act = act_starttls_broken,
     .summary = "agrees to STARTTLS, then breaks the handshake"},
    {.name = "starttls-inject",
     .arguments = "",
     .stages = STARTTLS,
     .act = act_starttls_inject,
     .summary = "plays a man in the middle: says more in clear before the handshake"},
    {.name = "starttls-refused",
     .arguments = "R",
     .stages = STARTTLS,
     .act = act_refuse,
     .reply = "454 4.7.0 TLS not available due to local problem",
     .summary = "offers STARTTLS and refuses it"},
    {.name = "starttls-silent",
     .arguments = "",
     .stages = STARTTLS,
     .act = act_starttls_silent,
     .summary = "agrees to STARTTLS and never shakes hands"},
    {.name = "tarpit",
     .arguments = "d",
     .stages = LAB_STAGES_ANY,
     .always = true,
     .act = act_delay,
     .summary = "answers every command late"},
    {.name = "tls-only",
     .arguments = "R",
     .stages = MAIL,
     .act = act_tls_only,
     .reply = "530 5.7.0 Must issue a STARTTLS command first",
     .summary = "wants STARTTLS before MAIL"},
    {.name = "unreachable",
     .arguments = "",
     .special = LAB_SPECIAL_UNREACHABLE,
     .summary = "has no route to it (on real sockets: refuses connections)"},
};

const struct lab_behaviour_kind *lab_behaviour_by_name(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (slice_equal(name, slice_from_string(kinds[i].name)))
            return &kinds[i];
    return NULL;
}

const struct lab_behaviour_kind *lab_behaviour_at(size_t index)
{
    return index < ARRAY_LEN(kinds) ? &kinds[index] : NULL;
}

const char *lab_behaviour_usage(const struct lab_behaviour_kind *kind,
                                char out[LAB_BEHAVIOUR_USAGE_SIZE])
{
    static const struct {
        char letter;
        const char *name;
    } arguments[] = {{'s', "STAGE"}, {'d', "TIME"}, {'n', "N"}, {'w', "WORD"}, {'r', "REPLY"}};
    size_t len = (size_t)snprintf(out, LAB_BEHAVIOUR_USAGE_SIZE, "%s", kind->name);

    for (const char *c = kind->arguments; *c != '\0'; c++)
        for (size_t a = 0; a < ARRAY_LEN(arguments); a++)
            if (arguments[a].letter == ascii_lower(*c))
                len += (size_t)snprintf(out + len, LAB_BEHAVIOUR_USAGE_SIZE - len,
                                        *c == arguments[a].letter ? " %s" : " [%s]",
                                        arguments[a].name);
    return out;
}
