/*
 * How known operators speak: greeting, EHLO keywords and reply texts of a server "like" one.
 *
 * Texts follow published replies (of the vendors, and of bounce corpora); a scenario may override
 * any of them with `reply`. Only words are imitated here; habits (accepting everything,
 * greylisting, harvest counters) are said with `behave`, so that a reader of a scenario sees them.
 */
#ifndef MK_LAB_PRESET_H
#define MK_LAB_PRESET_H

#include "base/slice.h"
#include "lab/text.h"

struct lab_preset {
    const char *name;
    unsigned offers;                   /* enum lab_offer bits */
    const char *texts[LAB_TEXT_COUNT]; /* NULL: the default */
};

const struct lab_preset *lab_preset_by_name(struct slice name); /* NULL: none */
const struct lab_preset *lab_preset_at(size_t index);           /* NULL past the end */

#endif
