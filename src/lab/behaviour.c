/* The table of behaviours. Replies are the words of real servers, as published. */
#include "lab/behaviour.h"

#include <stdio.h>

#include "base/check.h"
#include "base/instant.h"
#include "lab/behaviour_act.h"

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
     .act = lab_act_accept_all,
     .summary = "accepts every recipient of its domains (catch-all)"},
    {.name = "auth-required",
     .arguments = "R",
     .stages = MAIL,
     .act = lab_act_auth_required,
     .reply = "530 5.7.0 Authentication required",
     .summary = "wants a login before MAIL"},
    {.name = "bare-lf",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_bare_lf,
     .summary = "ends its lines with LF alone"},
    {.name = "blackhole",
     .arguments = "",
     .special = LAB_SPECIAL_BLACKHOLE,
     .stages = CONNECT,
     .act = lab_act_silent,
     .summary = "never answers a connection attempt (on real sockets: never says a word)"},
    {.name = "block",
     .arguments = "sR",
     .act = lab_act_refuse,
     .reply = "554 5.7.1 Service unavailable; Client host [%i] blocked using zen.spamhaus.org; "
              "https://www.spamhaus.org/query/ip/%i",
     .summary = "refuses the client's address at a stage"},
    {.name = "broken-pipelining",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_broken_pipelining,
     .summary = "offers PIPELINING and loses commands that come together"},
    {.name = "careless",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_careless,
     .summary = "answers a pipelined RCPT by its mailboxes even where MAIL was refused"},
    {.name = "deaf",
     .arguments = "s",
     .always = true,
     .act = lab_act_deaf,
     .summary = "answers at a stage, then reads nothing any more: its window closes"},
    {.name = "delay",
     .arguments = "sd",
     .always = true,
     .act = lab_act_delay,
     .summary = "answers late at a stage"},
    {.name = "down",
     .arguments = "",
     .special = LAB_SPECIAL_DOWN,
     .summary = "does not listen: connections are refused"},
    {.name = "drip",
     .arguments = "d",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_drip,
     .summary = "sends one byte an interval"},
    {.name = "drop",
     .arguments = "s",
     .act = lab_act_drop,
     .summary = "closes the connection instead of answering at a stage"},
    {.name = "endless",
     .arguments = "s",
     .act = lab_act_endless,
     .summary = "answers with a reply of lines without end"},
    {.name = "extra",
     .arguments = "sr",
     .always = true,
     .act = lab_act_extra,
     .summary = "says one more reply than asked for, behind that of a stage"},
    {.name = "fail-first",
     .arguments = "nR",
     .stages = RCPT,
     .act = lab_act_fail_first,
     .reply = "451 4.3.0 <%r>: Temporary lookup failure",
     .summary = "fails the first N times that a recipient is named"},
    {.name = "forbidden",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_forbidden,
     .summary = "nobody has a reason to connect: a connection is a violation"},
    {.name = "garbage",
     .arguments = "s",
     .act = lab_act_garbage,
     .summary = "answers with binary bytes at a stage"},
    {.name = "gather",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_gather,
     .summary = "answers commands that came together in one piece, as most servers do"},
    {.name = "greylist",
     .arguments = "dR",
     .stages = RCPT,
     .act = lab_act_greylist,
     .reply = GREYLISTED,
     .summary = "refuses a new client, sender and recipient until a time has gone by"},
    {.name = "greylist-known",
     .arguments = "dR",
     .stages = RCPT,
     .act = lab_act_greylist,
     .reply = GREYLISTED,
     .summary = "as greylist, but refuses unknown recipients at once and for good"},
    {.name = "hangup",
     .arguments = "sR",
     .act = lab_act_hangup,
     .always = true,
     .summary = "answers at a stage, then closes the connection"},
    {.name = "harvest",
     .arguments = "nDR",
     .stages = RCPT,
     .act = lab_act_harvest,
     .span_ms = HOUR_MS,
     .reply = "550 5.7.1 Too many invalid recipients from [%i]",
     .summary = "refuses every recipient once a client has named N unknown ones"},
    {.name = "harvest-accept",
     .arguments = "nD",
     .stages = RCPT,
     .act = lab_act_harvest_accept,
     .span_ms = HOUR_MS,
     .summary = "accepts every recipient once a client has named N unknown ones"},
    {.name = "harvest-hangup",
     .arguments = "nR",
     .stages = RCPT,
     .act = lab_act_harvest_hangup,
     .reply = "421 4.7.0 %h Error: too many errors",
     .summary = "hangs up after N unknown recipients in one session"},
    {.name = "hasty-quit",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_hasty_quit,
     .summary = "hangs up once QUIT has come, whatever is still to be answered"},
    {.name = "http",
     .arguments = "",
     .stages = CONNECT,
     .act = lab_act_http,
     .summary = "is a web server"},
    {.name = "idle",
     .arguments = "dR",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_idle,
     .reply = "421 4.4.2 %h Error: timeout exceeded",
     .summary = "closes a session in which nothing was said for a time"},
    {.name = "long-line",
     .arguments = "sn",
     .act = lab_act_long_line,
     .summary = "answers with N bytes without a line end"},
    {.name = "lose-replies",
     .arguments = "n",
     .stages = RCPT,
     .always = true,
     .act = lab_act_lose_replies,
     .summary = "loses its answer to every Nth recipient of a session"},
    {.name = "max-connections",
     .arguments = "nR",
     .stages = CONNECT,
     .act = lab_act_max_connections,
     .reply = "421 4.7.0 %h Error: too many connections from %i",
     .summary = "refuses more than N connections at once"},
    {.name = "no-ehlo",
     .arguments = "R",
     .stages = EHLO,
     .act = lab_act_no_ehlo,
     .reply = "502 5.5.2 Error: command not recognized",
     .summary = "knows HELO only"},
    {.name = "one-domain",
     .arguments = "R",
     .stages = RCPT,
     .act = lab_act_one_domain,
     .reply = "451 4.3.0 Multiple destination domains per transaction is unsupported.",
     .summary = "takes recipients of one domain a transaction"},
    {.name = "postscreen",
     .arguments = "R",
     .stages = RCPT,
     .act = lab_act_postscreen,
     .reply = "450 4.3.2 Service currently unavailable",
     .summary = "puts off the first visit of a client, whoever the recipients are"},
    {.name = "rate-connections",
     .arguments = "nDR",
     .stages = CONNECT,
     .act = lab_act_rate,
     .span_ms = MINUTE_MS,
     .reply = "421 4.7.0 %h Error: too many connections from %i",
     .summary = "takes N connections a minute (or time named)"},
    {.name = "rate-rcpts",
     .arguments = "nDR",
     .stages = RCPT,
     .act = lab_act_rate,
     .span_ms = MINUTE_MS,
     .reply = "450 4.7.1 Error: too many recipients from %i",
     .summary = "takes N recipients a minute (or time named) from one client"},
    {.name = "rcpts-per-session",
     .arguments = "nR",
     .stages = RCPT,
     .act = lab_act_rcpts_per_session,
     .reply = "452 4.5.3 Too many recipients",
     .summary = "puts off recipients after N in one session"},
    {.name = "rcpts-per-transaction",
     .arguments = "nR",
     .stages = RCPT,
     .act = lab_act_rcpts_per_transaction,
     .reply = "452 4.5.3 Too many recipients",
     .summary = "puts off recipients after N in one transaction"},
    {.name = "refuse",
     .arguments = "sr",
     .act = lab_act_refuse,
     .summary = "says the reply at a stage, whoever comes"},
    {.name = "refuse-all",
     .arguments = "R",
     .stages = RCPT,
     .act = lab_act_refuse,
     .reply = "550 5.7.1 Recipient refused by policy",
     .summary = "refuses every recipient in the same words"},
    {.name = "refuse-null",
     .arguments = "R",
     .stages = MAIL,
     .act = lab_act_refuse_null,
     .reply = "550 5.7.1 <>: Sender address rejected: null sender is not allowed",
     .summary = "refuses the null sender"},
    {.name = "refuse-own-name",
     .arguments = "wR",
     .stages = HELO | MAIL,
     .act = lab_act_refuse_own_name,
     .reply = "550 5.7.1 Access denied: you are not %c",
     .summary = "refuses visitors who claim to be DOMAIN in HELO or MAIL"},
    {.name = "refuse-sender",
     .arguments = "wR",
     .stages = MAIL,
     .act = lab_act_refuse_sender,
     .reply = "550 5.1.8 <%s>: Sender address rejected: Domain not found",
     .summary = "refuses one sender, or all of \"@domain\""},
    {.name = "relay-denied",
     .arguments = "R",
     .stages = RCPT,
     .act = lab_act_refuse,
     .reply = "554 5.7.1 <%r>: Relay access denied",
     .summary = "serves none of the domains that lead to it"},
    {.name = "reset",
     .arguments = "s",
     .act = lab_act_reset,
     .summary = "resets the connection instead of answering at a stage"},
    {.name = "session-limit",
     .arguments = "nR",
     .stages = RCPT,
     .act = lab_act_session_limit,
     .reply = "421 4.7.0 %h Too many recipients in this session, closing connection",
     .summary = "hangs up after N recipients in one session"},
    {.name = "silent",
     .arguments = "s",
     .act = lab_act_silent,
     .summary = "says nothing any more from a stage on"},
    {.name = "slow-banner",
     .arguments = "d",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_delay,
     .summary = "greets late"},
    {.name = "split",
     .arguments = "",
     .stages = CONNECT,
     .always = true,
     .act = lab_act_split,
     .summary = "sends its replies in small pieces"},
    {.name = "starttls-broken",
     .arguments = "",
     .stages = STARTTLS,
     .act = lab_act_starttls_broken,
     .summary = "agrees to STARTTLS, then breaks the handshake"},
    {.name = "starttls-inject",
     .arguments = "",
     .stages = STARTTLS,
     .act = lab_act_starttls_inject,
     .summary = "plays a man in the middle: says more in clear before the handshake"},
    {.name = "starttls-refused",
     .arguments = "R",
     .stages = STARTTLS,
     .act = lab_act_refuse,
     .reply = "454 4.7.0 TLS not available due to local problem",
     .summary = "offers STARTTLS and refuses it"},
    {.name = "starttls-silent",
     .arguments = "",
     .stages = STARTTLS,
     .act = lab_act_starttls_silent,
     .summary = "agrees to STARTTLS and never shakes hands"},
    {.name = "tarpit",
     .arguments = "d",
     .stages = LAB_STAGES_ANY,
     .always = true,
     .act = lab_act_delay,
     .summary = "answers every command late"},
    {.name = "tls-only",
     .arguments = "R",
     .stages = MAIL,
     .act = lab_act_tls_only,
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
