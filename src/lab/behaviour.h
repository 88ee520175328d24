/*
 * What servers of the lab do besides answering: one table row a behaviour.
 *
 * `behave NAME ARGUMENTS` in a scenario names a row. At each stage of a conversation the server
 * lets its behaviours act on the *turn* in the order of the scenario; the first that settles it
 * decides what is answered, those marked ALWAYS (delays) act even then.
 */
#ifndef MK_LAB_BEHAVIOUR_H
#define MK_LAB_BEHAVIOUR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "lab/model.h"

enum lab_stage {
    LAB_STAGE_CONNECT,
    LAB_STAGE_EHLO,
    LAB_STAGE_HELO,
    LAB_STAGE_STARTTLS,
    LAB_STAGE_MAIL,
    LAB_STAGE_RCPT,
    LAB_STAGE_BAD_RCPT, /* an RCPT that is about to be refused */
    LAB_STAGE_RSET,
    LAB_STAGE_QUIT,
    LAB_STAGE_COUNT,
};

#define LAB_STAGE_BIT(stage) (1U << (stage))
#define LAB_STAGES_ANY       ((LAB_STAGE_BIT(LAB_STAGE_COUNT) - 1) & ~LAB_STAGE_BIT(LAB_STAGE_BAD_RCPT))

struct lab_visit;
struct lab_turn;

enum lab_special {
    LAB_SPECIAL_NONE,
    LAB_SPECIAL_DOWN,        /* does not listen */
    LAB_SPECIAL_BLACKHOLE,   /* never answers a connection attempt */
    LAB_SPECIAL_UNREACHABLE, /* no route */
};

struct lab_behaviour_kind {
    const char *name;
    /* s stages, d duration, n number, w word, r reply; capitals: may be left out */
    const char *arguments;
    unsigned stages; /* where it acts when the arguments name none */
    bool always;     /* acts on settled turns too */
    enum lab_special special;
    void (*act)(struct lab_visit *visit, const struct lab_behaviour *behaviour,
                struct lab_turn *turn);
    uint64_t span_ms; /* defaults */
    uint64_t count;
    const char *reply;
    const char *summary;
};

const struct lab_behaviour_kind *lab_behaviour_by_name(struct slice name); /* NULL: none */
const struct lab_behaviour_kind *lab_behaviour_at(size_t index);           /* NULL past the end */

#define LAB_BEHAVIOUR_USAGE_SIZE 80
/* "greylist TIME [REPLY]". Returns out. */
const char *lab_behaviour_usage(const struct lab_behaviour_kind *kind,
                                char out[LAB_BEHAVIOUR_USAGE_SIZE]);

/* "connect", "ehlo", "helo" (EHLO and HELO), ..., "any"; several with commas. False: no stage. */
bool lab_stages_parse(struct slice word, unsigned *ret_stages);
const char *lab_stage_name(enum lab_stage stage);

#endif
