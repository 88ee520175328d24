#include "provider/classify.h"

#include <string.h>

#include "base/check.h"
#include "provider/concepts.h"
#include "provider/guess.h"
#include "provider/nested.h"
#include "provider/reply_delay.h"
#include "provider/reply_tables.h"
#include "provider/wording.h"

#define RETRY_AFTER_MAX_S 86400

/* A guess by words may replace what a rule says with at most this confidence. */
#define GUESS_FROM_CONFIDENCE 60
/* By how much it must be likelier than any other class: e-fold. */
#define GUESS_LEAD        (1 * GUESS_SCALE)
#define GUESS_WORDS_LEAST 2
#define GUESS_CONFIDENCE  50
/*
 * A rule of this confidence knows nothing either, but has made sure that the recipient or its
 * domain is spoken of, and nobody else: there words may say even what became of the mailbox.
 */
#define GUESS_VERDICT_CONFIDENCE 20

/* What rules look at. */
struct subject {
    enum smtp_stage stage;
    uint16_t code;
    struct smtp_enhanced enhanced;
    uint64_t provider; /* its bit, or 0 */
    struct reply_concepts heard;
};

static uint64_t provider_bit(const char *name)
{
    int low = 0, high = reply_provider_count - 1;

    while (name != NULL && low <= high) {
        int middle = (low + high) / 2;
        int order = strcmp(name, reply_providers[middle]);

        if (order == 0)
            return UINT64_C(1) << middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return 0;
}

static bool in_range(struct reply_range range, unsigned number)
{
    return number >= range.low && number <= range.high;
}

static bool code_fits(const struct reply_rule *rule, unsigned code)
{
    for (unsigned i = 0; i < rule->code_count; i++) {
        if (in_range(reply_code_ranges[rule->code_first + i], code))
            return true;
    }
    return rule->code_count == 0;
}

static bool enhanced_fits(const struct reply_rule *rule, struct smtp_enhanced enhanced)
{
    for (unsigned i = 0; i < rule->enhanced_count; i++) {
        const struct reply_enhanced_pattern *pattern =
            &reply_enhanced_patterns[rule->enhanced_first + i];

        if (pattern->status_class == UINT8_MAX) {
            if (enhanced.status_class == 0)
                return true;
        } else if (enhanced.status_class != 0 &&
                   (pattern->status_class == 0 || pattern->status_class == enhanced.status_class) &&
                   in_range(pattern->subject, enhanced.subject) &&
                   in_range(pattern->detail, enhanced.detail)) {
            return true;
        }
    }
    return rule->enhanced_count == 0;
}

static bool rule_fits(const struct reply_rule *rule, const struct subject *subject)
{
    return (rule->stages & (1u << subject->stage)) != 0 &&
           (rule->providers == 0 || (rule->providers & subject->provider) != 0) &&
           code_fits(rule, subject->code) && enhanced_fits(rule, subject->enhanced) &&
           concepts_fit(&subject->heard, &rule->all, &rule->any, &rule->none);
}

/* The rules that may fit: those that need no concept, and those keyed by one that was heard. */
static void candidates_find(const struct reply_concepts *heard,
                            uint64_t ret_rules[REPLY_RULE_WORDS])
{
    memcpy(ret_rules, reply_rules_always, sizeof(reply_rules_always));
    for (unsigned word = 0; word < REPLY_CONCEPT_WORDS; word++) {
        for (uint64_t rest = heard->bits[word]; rest != 0; rest &= rest - 1) {
            unsigned concept = word * 64 + (unsigned)__builtin_ctzll(rest);

            for (unsigned i = 0; i < REPLY_RULE_WORDS; i++)
                ret_rules[i] |= reply_rules_by_concept[concept][i];
        }
    }
}

static const struct reply_rule *rule_find(const struct subject *subject)
{
    uint64_t candidates[REPLY_RULE_WORDS];

    candidates_find(&subject->heard, candidates);
    for (unsigned word = 0; word < REPLY_RULE_WORDS; word++) {
        for (uint64_t rest = candidates[word]; rest != 0; rest &= rest - 1) {
            const struct reply_rule *rule =
                &reply_rules[word * 64 + (unsigned)__builtin_ctzll(rest)];

            if (rule_fits(rule, subject))
                return rule;
        }
    }
    CHECK(!"the last rule fits everything");
    return NULL;
}

static bool is_before_rcpt(enum smtp_stage stage)
{
    return stage != SMTP_STAGE_ANY && stage != SMTP_STAGE_RCPT;
}

/*
 * Before RCPT nobody has heard of the recipient (RFC 5321 3.3): whatever the words, a refusal there
 * is of us. What a class becomes at such a stage.
 */
static enum smtp_class class_before_rcpt(enum smtp_class said, enum smtp_stage stage)
{
    enum smtp_class refused =
        stage == SMTP_STAGE_MAIL ? SMTP_CLASS_SENDER_REJECTED : SMTP_CLASS_SENDER_BLOCKED;

    switch (said) {
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
        return refused;
    case SMTP_CLASS_MAILBOX_FULL:
        return SMTP_CLASS_SERVER_TEMPORARY_FAILURE;
    case SMTP_CLASS_RECIPIENT_THROTTLED:
        return SMTP_CLASS_RATE_LIMITED;
    case SMTP_CLASS_SENDER_REJECTED: /* before MAIL there is no sender but our host */
        return refused;
    default:
        return said;
    }
}

enum verdict_side {
    SIDE_OPEN,
    SIDE_NOBODY,
    SIDE_SOMEBODY,
    SIDE_FULL
};

/* What a class says of the mailbox. */
static enum verdict_side class_side(enum smtp_class reply_class)
{
    switch (reply_class) {
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
        return SIDE_NOBODY;
    case SMTP_CLASS_ACCEPTED:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
        return SIDE_SOMEBODY;
    case SMTP_CLASS_MAILBOX_FULL:
        return SIDE_FULL;
    default:
        return SIDE_OPEN;
    }
}

/* The guessed class is clearly likelier than any that says something else of the mailbox. */
static bool guess_is_onesided(const struct guess *guess)
{
    enum verdict_side side = class_side(guess->reply_class);

    for (int i = 0; i < SMTP_CLASS_COUNT; i++) {
        if (class_side((enum smtp_class)i) != side &&
            guess->scores[guess->reply_class] - guess->scores[i] < GUESS_LEAD)
            return false;
    }
    return true;
}

/*
 * A verdict on a mailbox or a domain is guessed only where nobody else is spoken of, since a false
 * one is the worst error; its confidence lets the verdict ask what a random recipient hears.
 */
static bool guess_may_decide(const struct subject *subject, const struct guess *guess,
                             const struct reply_rule *rule)
{
    if (guess->words < GUESS_WORDS_LEAST || guess->reply_class == rule->reply_class)
        return false;
    if (class_side(guess->reply_class) != SIDE_OPEN)
        return rule->confidence <= GUESS_VERDICT_CONFIDENCE &&
               guess->reply_class != SMTP_CLASS_ACCEPTED &&
               guess->reply_class != SMTP_CLASS_DOMAIN_NOT_ACCEPTED && /* hosts differ there */
               guess_is_onesided(guess);
    if (guess->lead < GUESS_LEAD)
        return false;
    switch (guess->reply_class) {
    case SMTP_CLASS_GREYLISTED:
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
        return subject->code < 500;
    case SMTP_CLASS_SERVER_PERMANENT_FAILURE:
        return subject->code >= 500;
    default:
        return true;
    }
}

static uint32_t guess_retry_after_s(enum smtp_class reply_class)
{
    switch (reply_class) {
    case SMTP_CLASS_GREYLISTED:
        return 600;
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
        return 900;
    case SMTP_CLASS_RATE_LIMITED:
        return 1800;
    case SMTP_CLASS_RECIPIENT_THROTTLED:
        return 3600;
    default:
        return 0;
    }
}

static bool class_can_wait(enum smtp_class reply_class)
{
    switch (reply_class) {
    case SMTP_CLASS_GREYLISTED:
    case SMTP_CLASS_RATE_LIMITED:
    case SMTP_CLASS_RECIPIENT_THROTTLED:
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
    case SMTP_CLASS_SENDER_BLOCKED:
    case SMTP_CLASS_SENDER_REJECTED:
        return true;
    default:
        return false;
    }
}

/* A yes from someone who says yes to everybody. */
static void weigh_yes(const char *provider, struct classification *ret)
{
    const struct provider_profile *profile =
        provider != NULL ? provider_by_name(slice_from_string(provider)) : NULL;

    if (profile == NULL || profile->trust == PROVIDER_TRUST_FULL)
        return;
    ret->trust = profile->trust;
    ret->sentence = "The server accepted it, as it accepts every recipient: that proves nothing.";
}

static void said_by_rule(const struct reply_rule *rule, struct classification *ret)
{
    ret->reply_class = rule->reply_class;
    ret->rule = rule->name;
    ret->confidence = rule->confidence;
    ret->sentence = rule->sentence;
    ret->retry_after_s = rule->retry_after_s;
}

/* The last layer, where the rule is unsure: the words decide if they are surer. */
static void guess_weigh(const struct subject *subject, const struct wording *wording,
                        const struct classify_input *input, const struct reply_rule *rule,
                        struct classification *ret)
{
    struct guess guess;

    guess_from_wording(wording, input, &guess);
    if (!guess_may_decide(subject, &guess, rule))
        return;
    ret->reply_class = guess.reply_class;
    ret->rule = "guessed-by-words";
    ret->confidence = GUESS_CONFIDENCE;
    ret->sentence = reply_class_sentences[guess.reply_class];
    ret->retry_after_s = guess_retry_after_s(guess.reply_class);
}

void classify_reply(const struct classify_input *input, struct classification *ret)
{
    struct wording wording;
    struct smtp_reply reply = input->reply;
    struct subject subject = {.stage = input->stage, .provider = provider_bit(input->provider)};
    const struct reply_rule *rule;
    enum smtp_class said;

    CHECK((unsigned)input->stage < SMTP_STAGE_COUNT);
    if (!is_before_rcpt(subject.stage))
        nested_reply_peel(&reply, &subject.stage);
    wording_from_text(reply.text, &wording);
    concepts_from_wording(&wording, &subject.heard);
    subject.code = reply.code;
    subject.enhanced = reply.enhanced.status_class != 0 ? reply.enhanced : wording.enhanced;
    rule = rule_find(&subject);

    said_by_rule(rule, ret);
    if (rule->confidence <= GUESS_FROM_CONFIDENCE && subject.code >= 400)
        guess_weigh(&subject, &wording, input, rule, ret);
    said = ret->reply_class;
    if (is_before_rcpt(subject.stage))
        ret->reply_class = class_before_rcpt(said, subject.stage);
    ret->trust = PROVIDER_TRUST_FULL;
    if (ret->reply_class == SMTP_CLASS_ACCEPTED && !is_before_rcpt(subject.stage))
        weigh_yes(input->provider, ret);
    if (class_can_wait(ret->reply_class)) {
        uint32_t named = reply_delay_named(reply.text);

        if (named > 0)
            ret->retry_after_s = named < RETRY_AFTER_MAX_S ? named : RETRY_AFTER_MAX_S;
    } else if (ret->reply_class != said) {
        ret->retry_after_s = 0;
    }
}
