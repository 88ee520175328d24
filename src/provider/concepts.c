#include "provider/concepts.h"

static bool is_empty(const struct reply_concepts *concepts)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < REPLY_CONCEPT_WORDS; i++)
        all |= concepts->bits[i];
    return all == 0;
}

/* One pass without a branch: this is asked of some dozen rules for each reply. */
bool concepts_fit(const struct reply_concepts *heard, const struct reply_concepts *all,
                  const struct reply_concepts *any, const struct reply_concepts *none)
{
    uint64_t lacking = 0, some = 0, wanted = 0;

    for (unsigned i = 0; i < REPLY_CONCEPT_WORDS; i++) {
        lacking |= (all->bits[i] & ~heard->bits[i]) | (none->bits[i] & heard->bits[i]);
        wanted |= any->bits[i];
        some |= any->bits[i] & heard->bits[i];
    }
    return lacking == 0 && (wanted == 0 || some != 0);
}

static void concept_add(struct reply_concepts *to, unsigned concept)
{
    to->bits[concept / 64] |= UINT64_C(1) << (concept % 64);
}

static unsigned state_next(unsigned state, unsigned byte_class)
{
    for (;;) {
        const struct reply_state *at = &reply_states[state];

        if (at->dense_row != 0)
            return reply_dense[(at->dense_row - 1u) * reply_byte_class_count + byte_class];
        if (at->next_class == byte_class)
            return state + 1;
        for (unsigned i = 0; i < at->edge_count; i++) {
            if (reply_edges[at->edge_first + i].byte_class == byte_class)
                return reply_edges[at->edge_first + i].to;
        }
        state = at->fallback; /* the root has a dense row: this ends */
    }
}

/* The compounds that may be complete. */
static void compounds_find(const struct reply_concepts *clause,
                           uint64_t ret_compounds[REPLY_COMPOUND_WORDS])
{
    for (unsigned word = 0; word < REPLY_CONCEPT_WORDS; word++) {
        for (uint64_t rest = clause->bits[word]; rest != 0; rest &= rest - 1) {
            unsigned concept = word * 64 + (unsigned)__builtin_ctzll(rest);

            for (unsigned i = 0; i < REPLY_COMPOUND_WORDS; i++)
                ret_compounds[i] |= reply_compounds_by_concept[concept][i];
        }
    }
}

/* In order, since a compound may complete a later one (never an earlier one). */
static void compounds_add(struct reply_concepts *clause)
{
    uint64_t candidates[REPLY_COMPOUND_WORDS] = {0};

    compounds_find(clause, candidates);
    for (unsigned word = 0; word < REPLY_COMPOUND_WORDS; word++) {
        while (candidates[word] != 0) {
            unsigned bit = (unsigned)__builtin_ctzll(candidates[word]);
            const struct reply_compound *compound = &reply_compounds[word * 64 + bit];

            candidates[word] &= ~(UINT64_C(1) << bit);
            if (!concepts_fit(clause, &compound->all, &compound->any, &compound->none))
                continue;
            concept_add(clause, compound->makes);
            for (unsigned i = word; i < REPLY_COMPOUND_WORDS; i++) {
                uint64_t more = reply_compounds_by_concept[compound->makes][i];

                candidates[i] |= i > word ? more : more & ~((UINT64_C(2) << bit) - 1);
            }
        }
    }
}

static void clause_end(struct reply_concepts *clause, struct reply_concepts *heard)
{
    if (is_empty(clause))
        return;
    compounds_add(clause);
    for (unsigned i = 0; i < REPLY_CONCEPT_WORDS; i++) {
        heard->bits[i] |= clause->bits[i];
        clause->bits[i] = 0;
    }
}

void concepts_from_wording(const struct wording *wording, struct reply_concepts *ret_heard)
{
    struct reply_concepts clause = {{0}};
    unsigned state = 0;

    *ret_heard = (struct reply_concepts){{0}};
    for (size_t i = 0; i < wording->len; i++) {
        unsigned char byte = (unsigned char)wording->bytes[i];
        const struct reply_state *at;

        if (byte == '\n')
            clause_end(&clause, ret_heard);
        state = state_next(state, reply_byte_classes[byte]);
        at = &reply_states[state];
        for (unsigned output = 0; output < at->output_count; output++)
            concept_add(&clause, reply_outputs[at->output_first + output]);
    }
    clause_end(&clause, ret_heard);
}
