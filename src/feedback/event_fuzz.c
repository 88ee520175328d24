/* Any bytes as events in JSON: what is heard names an address, nothing is heard of what is no JSON.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "feedback/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void heard(void *user, const struct feedback_event *event)
{
    CHECK(event->outcome < FEEDBACK_OUTCOME_COUNT);
    CHECK(event->address.len > 0 && event->unix_ms >= 0);
    ++*(unsigned *)user;
}

static void fault(void *user, const char *why)
{
    CHECK(why[0] != '\0');
    ++*(unsigned *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count = 0;
    const struct feedback_listener listener = {heard, fault, &count};

    if (feedback_events_read(slice_from((const char *)data, size), &listener) != 0)
        CHECK(count == 0);
    return 0;
}
