/* Any bytes as a message: events borrow from the report, which stays within its ceilings. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "feedback/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void heard(void *user, const struct feedback_event *event)
{
    CHECK(event->outcome < FEEDBACK_OUTCOME_COUNT);
    CHECK(event->address.len > 0 && event->address.len <= FEEDBACK_FIELD_MAX);
    CHECK(event->unix_ms >= 0);
    ++*(unsigned *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_from((const char *)data, size), line;
    struct feedback_report report;
    unsigned events = 0;
    bool was_report;

    feedback_report_init(&report, heard, &events);
    while (slice_split(&rest, '\n', &line))
        feedback_report_line(&report, line);
    CHECK(report.body.len <= FEEDBACK_BODY_MAX && report.depth <= FEEDBACK_DEPTH_MAX);
    was_report = feedback_report_end(&report);
    CHECK(was_report || events == 0);
    feedback_report_done(&report);
    return 0;
}
