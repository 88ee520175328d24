#include "provider/guess.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "provider/reply_tables.h"

/* As in tools/train-replies. */
#define HEAD_LENGTH 5

/* FNV-1a, 32 bits: tools/compile-replies checks that no two features share a value. */
static uint32_t hash_more(uint32_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT32_C(16777619);
    return hash;
}

static uint32_t hash_text(const char *text)
{
    return hash_more(UINT32_C(2166136261), text, strlen(text));
}

/* Adds the weights of a feature; false when it has none. */
static bool tally_add(struct guess *tally, uint32_t hash)
{
    unsigned low = 0, high = reply_word_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (reply_words[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == reply_word_count || reply_words[low].hash != hash)
        return false;
    for (unsigned i = 0; i < reply_words[low].weight_count; i++) {
        const struct reply_weight *weight = &reply_weights[reply_words[low].weight_first + i];

        tally->scores[weight->reply_class] += weight->weight;
    }
    return true;
}

static bool is_ascii(struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if ((unsigned char)word.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static void pair_add(struct guess *tally, struct slice before, struct slice word)
{
    uint32_t hash = hash_more(hash_text("pair "), before.ptr, before.len);

    tally_add(tally, hash_more(hash_more(hash, " ", 1), word.ptr, word.len));
}

static void word_add(struct guess *tally, struct slice word)
{
    if (tally_add(tally, hash_more(hash_text("word "), word.ptr, word.len)))
        tally->words++;
    if (word.len > HEAD_LENGTH && is_ascii(word))
        tally_add(tally, hash_more(hash_text("head "), word.ptr, HEAD_LENGTH));
}

/* Words marked "~" are parts of host names and URLs: not the server's own. */
static void clause_add(struct guess *tally, struct slice clause)
{
    struct slice before = SLICE("^");
    size_t start = 0;

    for (size_t i = 0; i <= clause.len; i++) {
        struct slice word = {clause.ptr + start, i - start};

        if (i < clause.len && clause.ptr[i] != ' ')
            continue;
        start = i + 1;
        if (word.len == 0 || word.ptr[0] == '~')
            continue;
        word_add(tally, word);
        pair_add(tally, before, word);
        before = word;
    }
    if (!slice_equal(before, SLICE("^")))
        pair_add(tally, before, SLICE("$"));
}

static void codes_add(struct guess *tally, const struct classify_input *input)
{
    char text[32], enhanced[16];

    snprintf(text, sizeof(text), "stage %s", smtp_stage_name(input->stage));
    tally_add(tally, hash_text(text));
    snprintf(text, sizeof(text), "code %u", input->reply.code);
    tally_add(tally, hash_text(text));
    snprintf(text, sizeof(text), "code %u", input->reply.code / 100U);
    tally_add(tally, hash_text(text));
    if (input->reply.enhanced.status_class == 0)
        return;
    snprintf(text, sizeof(text), "enhanced %s",
             smtp_enhanced_format(input->reply.enhanced, enhanced));
    tally_add(tally, hash_text(text));
}

void guess_from_wording(const struct wording *wording, const struct classify_input *input,
                        struct guess *ret_guess)
{
    const int32_t *scores = ret_guess->scores;
    int best = 0, next = 1;
    size_t start = 0;

    *ret_guess = (struct guess){0};
    codes_add(ret_guess, input);
    for (size_t i = 0; i <= wording->len; i++) {
        if (i < wording->len && wording->bytes[i] != '\n')
            continue;
        clause_add(ret_guess, (struct slice){wording->bytes + start, i - start});
        start = i + 1;
    }
    if (scores[next] > scores[best]) {
        best = 1;
        next = 0;
    }
    for (int i = 2; i < SMTP_CLASS_COUNT; i++) {
        if (scores[i] > scores[best]) {
            next = best;
            best = i;
        } else if (scores[i] > scores[next]) {
            next = i;
        }
    }
    ret_guess->reply_class = (enum smtp_class)best;
    ret_guess->lead = (unsigned)(scores[best] - scores[next]);
}
