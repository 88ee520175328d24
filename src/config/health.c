#include "config/health.h"

#include <string.h>

#include "base/check.h"

/* Fewer tell nothing. */
#define CONNECTIONS_FEW 5
#define QUESTIONS_FEW   5
#define REFUSALS_MANY   5 /* and a fifth of all that was said */
#define REFUSALS_SHARE  5

static const struct {
    const char *code, *text;
} alarms[] = {
#define X(symbol, code, text) {code, text},
    HEALTH_ALARMS(X)
#undef X
};

const char *health_alarm_code(enum health_alarm alarm)
{
    CHECK((unsigned)alarm < ARRAY_LEN(alarms));
    return alarms[alarm].code;
}

const char *health_alarm_text(enum health_alarm alarm)
{
    CHECK((unsigned)alarm < ARRAY_LEN(alarms));
    return alarms[alarm].text;
}

void health_mark_take(const struct prober *prober, struct health_mark *ret_mark)
{
    memset(ret_mark, 0, sizeof(*ret_mark));
    if (prober->engine != NULL)
        probe_engine_counts(prober->engine, &ret_mark->probe);
    if (prober->resolver != NULL)
        dns_resolver_counts(prober->resolver, &ret_mark->dns);
}

unsigned health_judge(const struct health_mark *since, const struct health_mark *now)
{
    uint64_t refusals = now->probe.refusals_of_us - since->probe.refusals_of_us;
    uint64_t rcpts = now->probe.rcpts - since->probe.rcpts;
    uint64_t connections = now->probe.connections - since->probe.connections;
    uint64_t unreached = now->probe.connect_failures - since->probe.connect_failures;
    uint64_t questions = now->dns.questions - since->dns.questions;
    uint64_t unanswered = now->dns.failures - since->dns.failures;
    unsigned found = 0;

    if (refusals >= REFUSALS_MANY && refusals * REFUSALS_SHARE >= rcpts)
        found |= 1u << HEALTH_REFUSED;
    if (connections >= CONNECTIONS_FEW && unreached == connections)
        found |= 1u << HEALTH_PORT;
    if (questions >= QUESTIONS_FEW && unanswered == questions)
        found |= 1u << HEALTH_RESOLVER;
    if (now->dns.listing_refusals > since->dns.listing_refusals)
        found |= 1u << HEALTH_BLOCKLIST;
    if (now->probe.unnoted > since->probe.unnoted)
        found |= 1u << HEALTH_LEDGER;
    return found;
}
