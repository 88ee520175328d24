/* Version, names and numbers of the public header: the same as the inner ones, checked here. */
#include "mailknock/mailknock.h"

#include <string.h>

#include "address/address.h"
#include "base/check.h"
#include "base/error.h"
#include "provider/profile.h"
#include "verdict/verdict.h"

#define SAME(public_name, inner_name)                                                              \
    _Static_assert((int)(public_name) == (int)(inner_name), #public_name " has moved")

SAME(MAILKNOCK_OK, ERROR_NONE);
SAME(MAILKNOCK_NO_MEMORY, ERROR_NOMEM);
SAME(MAILKNOCK_USAGE, ERROR_USAGE);
SAME(MAILKNOCK_FORMAT, ERROR_FORMAT);
SAME(MAILKNOCK_LIMIT, ERROR_LIMIT);
SAME(MAILKNOCK_IO, ERROR_IO);
SAME(MAILKNOCK_RANGE, ERROR_RANGE);
SAME(MAILKNOCK_NOT_FOUND, ERROR_NOT_FOUND);
SAME(MAILKNOCK_BUSY, ERROR_BUSY);
SAME(MAILKNOCK_INTERNAL, ERROR_INTERNAL);
_Static_assert(sizeof(mailknock_error) == sizeof(struct error) &&
                   sizeof(((mailknock_error *)0)->message) == sizeof(((struct error *)0)->message),
               "the public error is the inner one");

SAME(MAILKNOCK_VALID, VERDICT_VALID);
SAME(MAILKNOCK_INVALID, VERDICT_INVALID);
SAME(MAILKNOCK_CATCH_ALL, VERDICT_CATCH_ALL);
SAME(MAILKNOCK_DO_NOT_MAIL, VERDICT_DO_NOT_MAIL);
SAME(MAILKNOCK_UNKNOWN, VERDICT_UNKNOWN);
SAME(MAILKNOCK_SKIPPED, VERDICT_SKIPPED);
SAME(MAILKNOCK_SKIPPED + 1, VERDICT_STATUS_COUNT);

SAME(MAILKNOCK_SEND, ACTION_SEND);
SAME(MAILKNOCK_REVIEW, ACTION_REVIEW);
SAME(MAILKNOCK_RETRY, ACTION_RETRY);
SAME(MAILKNOCK_SUPPRESS, ACTION_SUPPRESS);
SAME(MAILKNOCK_SUPPRESS + 1, VERDICT_ACTION_COUNT);

SAME(MAILKNOCK_STAGE_ANY, SMTP_STAGE_ANY);
SAME(MAILKNOCK_STAGE_CONNECT, SMTP_STAGE_CONNECT);
SAME(MAILKNOCK_STAGE_HELO, SMTP_STAGE_HELO);
SAME(MAILKNOCK_STAGE_STARTTLS, SMTP_STAGE_STARTTLS);
SAME(MAILKNOCK_STAGE_MAIL, SMTP_STAGE_MAIL);
SAME(MAILKNOCK_STAGE_RCPT, SMTP_STAGE_RCPT);

const char *mailknock_version(void)
{
    return MAILKNOCK_VERSION;
}

const char *mailknock_code_name(int code)
{
    return error_name(code);
}

const char *mailknock_status_name(enum mailknock_status status)
{
    return (unsigned)status < VERDICT_STATUS_COUNT
               ? verdict_status_name((enum verdict_status)status)
               : NULL;
}

const char *mailknock_action_name(enum mailknock_action action)
{
    return (unsigned)action < VERDICT_ACTION_COUNT
               ? verdict_action_name((enum verdict_action)action)
               : NULL;
}

const char *mailknock_provider_by_mx(const char *host)
{
    char lower[ADDRESS_DOMAIN_MAX + 1];
    const struct provider_profile *profile;
    size_t len = host != NULL ? strlen(host) : 0;

    if (len > 0 && host[len - 1] == '.') /* as DNS tools write it */
        len--;
    if (len == 0 || len >= sizeof(lower))
        return NULL;
    for (size_t i = 0; i < len; i++)
        lower[i] = ascii_lower(host[i]);
    profile = provider_by_mx(slice_from(lower, len));
    return profile != NULL ? profile->name : NULL;
}
