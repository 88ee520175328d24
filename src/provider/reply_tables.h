/*
 * The tables that tools/compile-replies makes of data/reply_lexicon.tsv, data/reply_compounds.tsv,
 * data/reply_rules.tsv and data/reply_words.tsv. Constant; nothing else is needed at run time.
 *
 * The phrase automaton is Aho-Corasick over byte classes, its states numbered depth first: a state
 * with many successors has a dense row; of the others the first successor is the state after it,
 * more are a short list of edges, and a state to fall back on has the edges that come next.
 */
#ifndef MK_PROVIDER_REPLY_TABLES_H
#define MK_PROVIDER_REPLY_TABLES_H

#include <stdint.h>

#include "smtp/class.h"

#define WORDING_LATIN_COUNT (0x180 - 0xc0)
/* U+00C0 to U+017F as ASCII letters; "" where the character is no letter. */
extern const char *const wording_latin_folds[WORDING_LATIN_COUNT];

/* --- the automaton ---------------------------------------------------------------------------- */

struct reply_state {
    uint16_t fallback;     /* where to look for the byte when it is not here */
    uint16_t dense_row;    /* 1 + row of reply_dense, or 0 */
    uint16_t edge_first;   /* into reply_edges */
    uint16_t output_first; /* into reply_outputs: concepts heard on arriving here */
    uint8_t edge_count;
    uint8_t output_count;
    uint8_t next_class; /* of the byte on which the state after this one follows; UINT8_MAX: none */
};

struct reply_edge {
    uint8_t byte_class;
    uint16_t to;
};

extern const uint8_t reply_byte_classes[256]; /* 0: in no phrase */
extern const struct reply_state reply_states[];
extern const struct reply_edge reply_edges[];
extern const uint16_t reply_dense[]; /* rows of reply_byte_class_count targets */
extern const uint16_t reply_outputs[];
extern const uint16_t reply_byte_class_count, reply_state_count;

/* --- concepts --------------------------------------------------------------------------------- */

#define REPLY_CONCEPT_WORDS  9 /* 64 concepts each; tools/compile-replies checks that they fit */
#define REPLY_COMPOUND_WORDS 5 /* 64 compounds each */

struct reply_concepts {
    uint64_t bits[REPLY_CONCEPT_WORDS];
};

/* What has been heard in one clause makes another concept heard. In order: may build on others. */
struct reply_compound {
    uint16_t makes;
    struct reply_concepts all, any, none;
};

extern const struct reply_compound reply_compounds[];
/* Compounds that a concept may complete. */
extern const uint64_t reply_compounds_by_concept[][REPLY_COMPOUND_WORDS];
extern const uint16_t reply_compound_count, reply_concept_count;
extern const char *const reply_concept_names[];

/* --- rules ------------------------------------------------------------------------------------ */

#define REPLY_RULE_WORDS 5 /* 64 rules each */

struct reply_range {
    uint16_t low, high;
};

/* An enhanced code's pattern; status_class 0: any; UINT8_MAX: only when no code was given. */
struct reply_enhanced_pattern {
    uint8_t status_class;
    struct reply_range subject, detail;
};

struct reply_rule {
    const char *name;
    const char *sentence;
    const char *source;
    enum smtp_class reply_class;
    uint8_t confidence;
    uint16_t retry_after_s;
    uint16_t stages;                         /* bits, 1 << stage */
    uint64_t providers;                      /* bits, 1 << index into reply_providers; 0: any */
    uint16_t code_first, code_count;         /* into reply_code_ranges; count 0: any */
    uint16_t enhanced_first, enhanced_count; /* into reply_enhanced_patterns; count 0: any */
    struct reply_concepts all, any, none;
};

extern const struct reply_rule reply_rules[]; /* in order of precedence; the last always fits */
extern const uint16_t reply_rule_count;
extern const struct reply_range reply_code_ranges[];
extern const struct reply_enhanced_pattern reply_enhanced_patterns[];
extern const char *const reply_providers[]; /* sorted; those that rules name */
extern const uint16_t reply_provider_count;
/* Rules that may fit once a concept is heard, and those that need none. */
extern const uint64_t reply_rules_by_concept[][REPLY_RULE_WORDS];
extern const uint64_t reply_rules_always[REPLY_RULE_WORDS];

extern const char *const reply_class_sentences[SMTP_CLASS_COUNT]; /* what a class says by itself */

/* --- words (guess.h) -------------------------------------------------------------------------- */

struct reply_weight {
    uint8_t reply_class;
    int8_t weight;
};

struct reply_word {
    uint32_t hash; /* of the feature's spelling */
    uint16_t weight_first;
    uint8_t weight_count;
};

extern const struct reply_word reply_words[]; /* by hash */
extern const struct reply_weight reply_weights[];
extern const uint16_t reply_word_count;

#endif
