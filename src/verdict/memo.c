#include "verdict/memo.h"

#include <string.h>

#include "verdict/naming.h"

#define HASH_FACTOR UINT64_C(0x9E3779B97F4A7C15)

/* What is asked for, and where it would be found. */
struct question {
    const struct evidence *evidence;
    struct verdict_local local;
    struct slice text; /* of the reply */
    uint64_t key[VERDICT_MEMO_WORDS];
};

/* --- what may be found again ----------------------------------------------------------------- */

static bool has_history(const struct evidence *evidence)
{
    const struct evidence_history *history = &evidence->history;

    return evidence->is_remembered || history->known_bounce || history->complained ||
           history->delivered_unix_ms != 0;
}

/* Nothing is to be said of just this address, and of its domain nothing by another name. */
static bool is_nothing_special(const struct evidence *evidence)
{
    const struct address *address = &evidence->address;

    return address->diagnosis == ADDRESS_VALID && !address->is_literal &&
           evidence->suggestion.len == 0 && evidence->mailbox_breach == NULL &&
           !evidence->duplicate && evidence->internal.len == 0 && !has_history(evidence) &&
           slice_equal(evidence->domain->name,
                       slice_from(address->domain_ascii, address->domain_ascii_len));
}

/* One reply, to the address itself. */
static bool is_one_answer(const struct evidence *evidence)
{
    const struct evidence_attempt *attempt = evidence->attempts;

    return evidence->attempt_count == 1 && !attempt->random_recipient &&
           attempt->outcome == SMTP_OUTCOME_REPLY && attempt->detail.len == 0 &&
           attempt->reply.text.len <= VERDICT_MEMO_TEXT;
}

/* Which of the facts' hosts the name is, counted from 1; 0: none, as far as is looked. */
static unsigned host_of(const struct evidence_domain *facts, struct slice name)
{
    for (unsigned i = 0; i < facts->host_count && i < UINT8_MAX; i++)
        if (facts->hosts[i].name.ptr == name.ptr && facts->hosts[i].name.len == name.len)
            return i + 1;
    return 0;
}

/* --- the key --------------------------------------------------------------------------------- */

_Static_assert(EVIDENCE_DEPTH_COUNT <= 16 && EVIDENCE_STOP_COUNT <= 16 &&
                   EVIDENCE_CATCH_ALL_COUNT <= 16 && SMTP_STAGE_COUNT <= 16,
               "each has four bits of the key");

/* Where several are given at once, the first is the lowest. */
static uint64_t of_two(uint32_t a, uint32_t b)
{
    return (uint64_t)b << 32 | a;
}

static uint64_t of_four(uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
    return of_two((uint32_t)b << 16 | a, (uint32_t)d << 16 | c);
}

/* Numbers of these kinds are small: four bits each. */
static uint16_t kinds_of(const struct evidence *evidence)
{
    return (uint16_t)((unsigned)evidence->depth | (unsigned)evidence->stop << 4 |
                      (unsigned)evidence->catch_all << 8 |
                      (unsigned)evidence->attempts[0].stage << 12);
}

static uint16_t marks_of(const struct question *question, unsigned host)
{
    const struct evidence *evidence = question->evidence;

    return (uint16_t)((unsigned)evidence->disposable_mx | (unsigned)evidence->subaddress << 1 |
                      (unsigned)evidence->catch_all_from_cache << 2 |
                      (unsigned)question->local.letters.is_suspected << 3 | host << 8);
}

/* The facts' number stands for all of them but these, which come late, while they are held. */
static uint32_t signals_of(const struct evidence_domain *domain)
{
    return (uint32_t)domain->spf_outcome | (uint32_t)domain->dmarc_outcome << 8 |
           (uint32_t)(domain->spf.len > 0) << 16 | (uint32_t)(domain->dmarc.len > 0) << 17;
}

/*
 * All that the verdict of such evidence depends on, but for the reply's text and what only the
 * score looks at. What the reply means follows from it and the provider.
 */
static void make_key(struct question *question, uint64_t facts_id, unsigned host)
{
    const struct evidence *evidence = question->evidence;
    const struct smtp_reply *reply = &evidence->attempts[0].reply;
    const struct smtp_enhanced *enhanced = &reply->enhanced;
    uint64_t *key = question->key;

    key[0] = facts_id;
    key[1] = (uintptr_t)evidence->provider;
    key[2] = of_two(evidence->address.flags, evidence->builtin_classes);
    key[3] = of_two(evidence->operator_matches, evidence->greylist_waited_s);
    key[4] = of_four(reply->code, enhanced->status_class, enhanced->subject, enhanced->detail);
    key[5] = of_four(kinds_of(evidence), marks_of(question, host), evidence->catch_all_code,
                     (uint16_t)reply->text.len);
    key[6] = of_two((uint32_t)question->local.letters.surplus_bits, signals_of(evidence->domain));
}

/* By what differs most. */
static size_t set_of(const uint64_t *key)
{
    uint64_t mix = key[0] ^ (key[2] << 40 | key[2] >> 24) ^ key[4] ^ key[5] << 16 ^ key[6] << 56;

    return (size_t)(mix * HASH_FACTOR >> (64 - VERDICT_MEMO_SETS_LOG2));
}

/* False: it has to be judged by itself; `local` is looked at in any case. */
static bool make_question(const struct evidence *evidence, uint64_t facts_id,
                          const struct address_traits *traits, struct question *question)
{
    unsigned host;

    question->evidence = evidence;
    verdict_look(evidence, traits, &question->local);
    if (facts_id == 0 || evidence->domain == NULL || !is_one_answer(evidence) ||
        !is_nothing_special(evidence))
        return false;
    host = host_of(evidence->domain, evidence->attempts[0].host);
    if (host == 0)
        return false;
    question->text = evidence->attempts[0].reply.text;
    make_key(question, facts_id, host);
    return true;
}

/* --- found and kept -------------------------------------------------------------------------- */

static bool has_same_key(const struct verdict_memo_entry *entry, const struct question *question)
{
    uint64_t differs = 0;

    for (size_t i = 0; i < VERDICT_MEMO_WORDS; i++)
        differs |= entry->key[i] ^ question->key[i];
    return differs == 0 && slice_equal(slice_from(entry->text, question->text.len), question->text);
}

_Static_assert(sizeof(struct evidence_peers) == 7 * sizeof(uint32_t), "no octets between them");

static bool are_same_peers(const struct evidence_peers *a, const struct evidence_peers *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* As far as the score asks for it: of names with odd letters it does not. */
static bool has_known_name(const struct verdict_local *local)
{
    return !local->letters.is_suspected && local->letters.surplus_bits == 0 &&
           naming_has_known_name(local->traits);
}

static bool is_role(const struct verdict *verdict)
{
    return (verdict->flags & (VERDICT_FLAG_ROLE | VERDICT_FLAG_NO_REPLY)) != 0;
}

static bool is_same(const struct verdict_memo_entry *entry, const struct question *question)
{
    if (!has_same_key(entry, question))
        return false;
    return !entry->is_scored || (are_same_peers(&entry->peers, &question->evidence->peers) &&
                                 (is_role(&entry->verdict) ||
                                  entry->has_known_name == has_known_name(&question->local)));
}

/* Of what is proven, the score looks neither at the name nor at the others (score.h). */
static bool is_scored(const struct verdict *verdict)
{
    return verdict->status != VERDICT_VALID && verdict->status != VERDICT_INVALID;
}

static void keep(const struct question *question, const struct verdict *verdict,
                 struct verdict_memo_entry *entry)
{
    memcpy(entry->key, question->key, sizeof(entry->key));
    if (question->text.len > 0)
        memcpy(entry->text, question->text.ptr, question->text.len);
    entry->is_scored = is_scored(verdict);
    entry->has_known_name =
        entry->is_scored && !is_role(verdict) && has_known_name(&question->local);
    entry->peers = question->evidence->peers;
    entry->explanation_len = (uint16_t)strlen(verdict->explanation);
    memcpy(&entry->verdict, verdict,
           offsetof(struct verdict, explanation) + entry->explanation_len + 1);
}

void verdict_memo_judge(struct verdict_memo *memo, const struct evidence *evidence,
                        uint64_t facts_id, const struct address_traits *traits,
                        struct verdict *ret_verdict)
{
    struct question question;
    size_t set, way;

    if (!make_question(evidence, facts_id, traits, &question)) {
        (void)verdict_judge_local(evidence, &question.local, ret_verdict);
        return;
    }
    set = set_of(question.key);
    for (way = 0; way < VERDICT_MEMO_WAYS; way++) {
        const struct verdict_memo_entry *entry = &memo->entries[set][way];

        if (!is_same(entry, &question))
            continue;
        memcpy(ret_verdict, &entry->verdict,
               offsetof(struct verdict, explanation) + entry->explanation_len + 1);
        return;
    }
    if (!verdict_judge_local(evidence, &question.local, ret_verdict))
        return;
    way = memo->next_way++ % VERDICT_MEMO_WAYS;
    keep(&question, ret_verdict, &memo->entries[set][way]);
}
