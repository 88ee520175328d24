/* Names and sentences of the diagnoses and flags: see diagnosis.h. */
#include "address/diagnosis.h"

#include "base/check.h"

static const struct {
    const char *name;
    const char *sentence;
} diagnoses[] = {
#define X(symbol, name, sentence) [ADDRESS_##symbol] = {name, sentence},
    ADDRESS_DIAGNOSES(X)
#undef X
};

static const char *const flag_names[] = {
#define X(symbol, name) [ADDRESS_FLAG_INDEX_##symbol] = name,
    ADDRESS_FLAGS(X)
#undef X
};

const char *address_diagnosis_name(enum address_diagnosis diagnosis)
{
    CHECK((unsigned)diagnosis < ADDRESS_DIAGNOSIS_COUNT);
    return diagnoses[diagnosis].name;
}

const char *address_diagnosis_sentence(enum address_diagnosis diagnosis)
{
    CHECK((unsigned)diagnosis < ADDRESS_DIAGNOSIS_COUNT);
    return diagnoses[diagnosis].sentence;
}

const char *address_flag_name(enum address_flag_index index)
{
    CHECK((unsigned)index < ADDRESS_FLAG_COUNT);
    return flag_names[index];
}
