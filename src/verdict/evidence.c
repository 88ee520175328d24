/* Names, and kinds of DNS outcomes. */
#include "verdict/evidence.h"

#include "base/check.h"

const char *dns_outcome_name(enum dns_outcome outcome)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        DNS_OUTCOMES(X)
#undef X
    };

    CHECK((unsigned)outcome < ARRAY_LEN(names));
    return names[outcome];
}

bool dns_outcome_is_failure(enum dns_outcome outcome)
{
    switch (outcome) {
    case DNS_SERVFAIL:
    case DNS_REFUSED:
    case DNS_TIMEOUT:
    case DNS_UNREACHABLE:
    case DNS_BOGUS:
        return true;
    case DNS_NOT_ASKED:
    case DNS_FOUND:
    case DNS_NXDOMAIN:
    case DNS_NODATA:
    case DNS_OUTCOME_COUNT:
        break;
    }
    return false;
}

const char *evidence_catch_all_name(enum evidence_catch_all habit)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        EVIDENCE_CATCH_ALLS(X)
#undef X
    };

    CHECK((unsigned)habit < ARRAY_LEN(names));
    return names[habit];
}

const char *evidence_depth_name(enum evidence_depth depth)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        EVIDENCE_DEPTHS(X)
#undef X
    };

    CHECK((unsigned)depth < ARRAY_LEN(names));
    return names[depth];
}

const char *evidence_stop_name(enum evidence_stop stop)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        EVIDENCE_STOPS(X)
#undef X
    };

    CHECK((unsigned)stop < ARRAY_LEN(names));
    return names[stop];
}
