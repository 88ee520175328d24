/*
 * What the words of a reply make likely, where no rule is sure: a linear model over single words,
 * pairs of neighbours, stage and codes. Its weights (data/reply_words.tsv) are fitted to the
 * labelled corpora by tools/train-replies and can be read: each line is a word and what it speaks
 * for.
 *
 * It knows nothing of rules, concepts or statuses. Whether a guess may decide is classify.c's to
 * say.
 */
#ifndef MK_PROVIDER_GUESS_H
#define MK_PROVIDER_GUESS_H

#include "provider/classify.h"
#include "provider/wording.h"

/* Weights are sixteenths of a natural logarithm of odds. */
#define GUESS_SCALE 16

struct guess {
    enum smtp_class reply_class; /* the likeliest */
    unsigned lead;               /* over the next likely, in units of 1 / GUESS_SCALE */
    unsigned words;              /* single words that have a weight at all */
    int32_t scores[SMTP_CLASS_COUNT];
};

/* wording is that of the reply's text; stage and codes are taken as the reply has them. Pure. */
void guess_from_wording(const struct wording *wording, const struct classify_input *input,
                        struct guess *ret_guess);

#endif
