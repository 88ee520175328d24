/* What a domain's servers do with strangers: learnt, remembered, doubted. See probe/domain.h. */
#include "probe/habit.h"

#include "base/instant.h"
#include "base/memory.h"
#include "probe/domain.h"
#include "provider/profile.h"

/* A habit is doubted after so many acceptances in a row, where so many unknown ones were met
 * before. */
#define DOUBT_ACCEPTED 50
#define DOUBT_REFUSED  3

bool probe_domain_wants_stranger(const struct probe_domain *domain)
{
    return domain->engine->settings.catch_all && !domain->is_consumer &&
           domain->provider->trust == PROVIDER_TRUST_FULL;
}

void probe_domain_forget_habit(struct probe_domain *domain)
{
    memory_free((void *)(uintptr_t)domain->catch_all_reply.text.ptr);
    domain->catch_all_reply = (struct smtp_reply){0};
    domain->catch_all = EVIDENCE_CATCH_ALL_UNKNOWN;
}

/* The text is copied. */
static int set_habit(struct probe_domain *domain, enum evidence_catch_all habit,
                     const struct smtp_reply *reply, const struct probe_place *place,
                     uint64_t until_ms)
{
    char *text = memory_copy_string(reply->text.ptr, reply->text.len);

    if (text == NULL)
        return ERROR_NOMEM;
    probe_domain_forget_habit(domain);
    domain->catch_all = habit;
    domain->catch_all_reply = *reply;
    domain->catch_all_reply.text = slice_from(text, reply->text.len);
    domain->catch_all_place = *place;
    domain->catch_all_until_ms = until_ms;
    return 0;
}

/* --- from one life to the next ------------------------------------------------------------- */

static void tell(const struct probe_domain *domain)
{
    const struct probe_memory *memory = &domain->engine->memory;
    int64_t now = io_unix_ms(domain->engine->loop);
    const struct probe_habit habit = {
        .domain = slice_from_string(domain->name),
        .catch_all = domain->catch_all,
        .ip = domain->catch_all_place.ip,
        .provider = slice_from_string(domain->catch_all_place.profile->name),
        .reply = domain->catch_all_reply,
        .learnt_unix_ms = now,
        .until_unix_ms = now + (int64_t)PROBE_HABIT_KEPT_MS,
    };

    if (memory->learnt != NULL)
        memory->learnt(memory->user, &habit);
}

/* Once for each time the domain is met; without memory it is asked again, which does no harm. */
static void recall(struct probe_domain *domain)
{
    struct probe_engine *engine = domain->engine;
    struct probe_habit habit;
    struct probe_place place;
    uint64_t left_ms;
    int64_t now;

    if (domain->was_recalled || engine->memory.recall == NULL || domain->facts == NULL ||
        !probe_domain_wants_stranger(domain))
        return;
    domain->was_recalled = true;
    now = io_unix_ms(engine->loop);
    if (domain->catch_all != EVIDENCE_CATCH_ALL_UNKNOWN ||
        !engine->memory.recall(engine->memory.user, slice_from_string(domain->name), &habit) ||
        habit.until_unix_ms <= now)
        return;
    left_ms = (uint64_t)(habit.until_unix_ms - now);
    if (left_ms > PROBE_HABIT_KEPT_MS) /* the clock was set back */
        left_ms = PROBE_HABIT_KEPT_MS;
    place = (struct probe_place){habit.ip, provider_by_name(habit.provider)};
    if (place.profile != NULL)
        (void)set_habit(domain, habit.catch_all, &habit.reply, &place,
                        probe_engine_now(engine) + left_ms);
}

/* --- asking and learning ------------------------------------------------------------------- */

enum evidence_catch_all probe_domain_habit(struct probe_domain *domain,
                                           const struct probe_place *place)
{
    if (domain->catch_all != EVIDENCE_CATCH_ALL_UNKNOWN &&
        probe_engine_now(domain->engine) >= domain->catch_all_until_ms && domain->holds <= 1)
        probe_domain_forget_habit(domain);
    recall(domain);
    if (!probe_places_are_alike(place, &domain->catch_all_place))
        return EVIDENCE_CATCH_ALL_UNKNOWN;
    return domain->catch_all;
}

int probe_domain_learn(struct probe_domain *domain, enum evidence_catch_all habit,
                       const struct smtp_reply *reply, const struct probe_place *place)
{
    struct probe_engine *engine = domain->engine;
    int code =
        set_habit(domain, habit, reply, place, probe_engine_now(engine) + PROBE_HABIT_KEPT_MS);

    if (code != 0)
        return code;
    domain->accepted_in_row = 0;
    domain->refused += habit == EVIDENCE_CATCH_ALL_REFUSES; /* the stranger was one */
    tell(domain);
    return 0;
}

void probe_domain_heard(struct probe_domain *domain, bool refused)
{
    if (refused) {
        domain->refused++;
        domain->accepted_in_row = 0;
    } else {
        domain->accepted_in_row++;
    }
}

bool probe_domain_doubts_habit(struct probe_domain *domain)
{
    if (domain->catch_all != EVIDENCE_CATCH_ALL_REFUSES || domain->refused < DOUBT_REFUSED ||
        domain->accepted_in_row < (unsigned)DOUBT_ACCEPTED << domain->doubts)
        return false;
    domain->accepted_in_row = 0;
    if (domain->doubts < 16)
        domain->doubts++;
    return true;
}
