#include "bulk/rounds.h"

#include "base/check.h"
#include "base/instant.h"

static const uint64_t waits_ms[] = {SECOND_MS, 10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS};

void bulk_rounds_put_back(struct bulk_rounds *rounds, struct slice why)
{
    rounds->put_back++;
    error_set(&rounds->lack, ERROR_INTERNAL, "%.*s", SLICE_ARG(why));
}

void bulk_rounds_brought(struct bulk_rounds *rounds)
{
    rounds->has_brought = true;
}

bool bulk_rounds_next(struct bulk_rounds *rounds, uint64_t *ret_wait_ms, struct error *error)
{
    bool goes_on;

    CHECK(rounds->put_back > 0);
    if (rounds->has_brought)
        rounds->vain = 0;
    goes_on = rounds->vain < ARRAY_LEN(waits_ms);
    if (!goes_on)
        error_set(error, ERROR_INTERNAL, "%zu addresses could not be asked: %s", rounds->put_back,
                  rounds->lack.message);
    *ret_wait_ms = waits_ms[goes_on ? rounds->vain++ : ARRAY_LEN(waits_ms) - 1];
    rounds->put_back = 0;
    rounds->has_brought = false;
    return goes_on;
}
