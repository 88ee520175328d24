#include "smtp/class.h"

#include "base/check.h"

static const char *const class_names[SMTP_CLASS_COUNT] = {
#define X(symbol, name) name,
    SMTP_CLASSES(X)
#undef X
};

static const char *const stage_names[SMTP_STAGE_COUNT] = {
#define X(symbol, name) name,
    SMTP_STAGES(X)
#undef X
};

/* Index of name, or -1. */
static int name_find(const char *const *names, int count, struct slice name)
{
    for (int i = 0; i < count; i++) {
        if (slice_equal(name, slice_from_string(names[i])))
            return i;
    }
    return -1;
}

const char *smtp_class_name(enum smtp_class smtp_class)
{
    CHECK((unsigned)smtp_class < SMTP_CLASS_COUNT);
    return class_names[smtp_class];
}

const char *smtp_stage_name(enum smtp_stage stage)
{
    CHECK((unsigned)stage < SMTP_STAGE_COUNT);
    return stage_names[stage];
}

bool smtp_class_from_name(struct slice name, enum smtp_class *ret_class)
{
    int found = name_find(class_names, SMTP_CLASS_COUNT, name);

    if (found < 0)
        return false;
    *ret_class = (enum smtp_class)found;
    return true;
}

bool smtp_stage_from_name(struct slice name, enum smtp_stage *ret_stage)
{
    int found = name_find(stage_names, SMTP_STAGE_COUNT, name);

    if (found < 0)
        return false;
    *ret_stage = (enum smtp_stage)found;
    return true;
}
