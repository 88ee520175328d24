#include "service/verifier.h"

#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "verdict/result.h"

#define BYTES_MAX  ((size_t)64 * 1024 * 1024)
#define PROVEN_MS  DAY_MS
#define REFUSED_MS (2 * HOUR_MS)
#define UNKNOWN_MS MINUTE_MS
#define OWED_MAX   4 /* askers who are told later; the same address is seldom asked by more */

struct entry {
    struct service_verifier *verifier;
    struct list_node node; /* in used or open */
    struct list questions; /* that wait */
    bool is_open;          /* under way */
    bool is_listed;        /* found by its key */
    bool is_known;         /* verified is set */
    uint64_t expires_ms;
    uint64_t owed[OWED_MAX]; /* askers who could not wait */
    size_t owed_count;
    size_t bytes;
    struct service_verified verified;
    struct buffer json, evidence;
    struct http_answer *answer;
    size_t key_len;
    char key[]; /* depth, then the address */
};

void service_verifier_open(struct service_verifier *verifier, struct prober *prober,
                           const struct service_verifier_options *options)
{
    memset(verifier, 0, sizeof(*verifier));
    verifier->prober = prober;
    verifier->options = *options;
    if (verifier->options.bytes_max == 0)
        verifier->options.bytes_max = BYTES_MAX;
    if (verifier->options.proven_ms == 0)
        verifier->options.proven_ms = PROVEN_MS;
    if (verifier->options.refused_ms == 0)
        verifier->options.refused_ms = REFUSED_MS;
    if (verifier->options.unknown_ms == 0)
        verifier->options.unknown_ms = UNKNOWN_MS;
    table_init(&verifier->entries, prober->settings.seed ^ 0x9e3779b97f4a7c15u);
    list_init(&verifier->used);
    list_init(&verifier->open);
}

static void entry_unlist(struct entry *entry)
{
    if (!entry->is_listed)
        return;
    (void)table_take(&entry->verifier->entries, slice_from(entry->key, entry->key_len));
    entry->is_listed = false;
}

static void entry_free(struct entry *entry)
{
    entry_unlist(entry);
    list_remove(&entry->node);
    entry->verifier->bytes -= entry->bytes;
    http_answer_free(entry->answer);
    buffer_done(&entry->json);
    buffer_done(&entry->evidence);
    memory_free(entry);
}

void service_verifier_close(struct service_verifier *verifier)
{
    struct list_node *node;

    if (verifier->prober == NULL)
        return;
    for (node = list_first(&verifier->open); node != NULL;
         node = list_after(&verifier->open, node)) {
        struct entry *entry = LIST_ELEMENT(node, struct entry, node);
        struct list_node *waiting;

        while ((waiting = list_first(&entry->questions)) != NULL)
            service_verifier_forget(LIST_ELEMENT(waiting, struct service_question, node));
    }
    if (!list_is_empty(&verifier->open))
        probe_engine_cancel(verifier->prober->engine);
    while ((node = list_first(&verifier->used)) != NULL)
        entry_free(LIST_ELEMENT(node, struct entry, node));
    /* Those that are still open are freed by their engine's last word. */
    table_done(&verifier->entries);
    verifier->prober = NULL;
}

/* --- an answer comes ----------------------------------------------------------------------------
 */

static bool write_result(struct buffer *out, const struct evidence *evidence,
                         const struct verdict *verdict, bool with_evidence, const char *source)
{
    const struct result_options options = {.with_evidence = with_evidence, .source = source};
    struct json json;

    buffer_clear(out);
    json_init(&json, out);
    result_write_json(&json, evidence, verdict, &options);
    return !out->failed;
}

static bool write_results(struct entry *entry, const struct evidence *evidence,
                          const struct verdict *verdict, const char *source)
{
    if (!write_result(&entry->json, evidence, verdict, false, source) ||
        !write_result(&entry->evidence, evidence, verdict, true, source))
        return false;
    entry->verified = (struct service_verified){
        .status = verdict->status,
        .reason = verdict->reason,
        .flags = verdict->flags,
        .json = buffer_slice(&entry->json),
        .evidence = buffer_slice(&entry->evidence),
    };
    return true;
}

static void tell(struct service_question *question, const struct service_verified *verified,
                 bool pending)
{
    list_remove(&question->node);
    io_timer_stop(&question->timer);
    question->answered(question, verified, pending);
}

static void tell_all(struct entry *entry)
{
    struct list_node *node;

    while ((node = list_first(&entry->questions)) != NULL)
        tell(LIST_ELEMENT(node, struct service_question, node), &entry->verified, false);
}

static uint64_t life_ms(const struct service_verifier *verifier, enum verdict_status status)
{
    switch (status) {
    case VERDICT_INVALID:
        return verifier->options.refused_ms;
    case VERDICT_UNKNOWN:
    case VERDICT_SKIPPED:
        return verifier->options.unknown_ms;
    default:
        return verifier->options.proven_ms;
    }
}

static void make_room(struct service_verifier *verifier)
{
    struct list_node *node;

    while (verifier->bytes > verifier->options.bytes_max &&
           (node = list_first(&verifier->used)) != NULL)
        entry_free(LIST_ELEMENT(node, struct entry, node));
}

static void finished(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct entry *entry = user;
    struct service_verifier *verifier = entry->verifier;
    bool was_written;

    entry->is_open = false;
    list_remove(&entry->node);
    if (verifier->prober == NULL) { /* closed meanwhile */
        buffer_done(&entry->json);
        buffer_done(&entry->evidence);
        memory_free(entry);
        return;
    }
    was_written = write_results(entry, evidence, verdict, NULL);
    tell_all(entry);
    if (was_written && entry->owed_count > 0 && verifier->late != NULL)
        verifier->late(verifier->late_user, entry->owed, entry->owed_count, &entry->verified);
    list_append(&verifier->used, &entry->node);
    /* Kept for others as what it is then: remembered. What the history says it says again, and
       perhaps something newer. */
    if (!was_written || evidence->is_remembered || !entry->is_listed ||
        !write_results(entry, evidence, verdict, "cache")) {
        entry_free(entry);
        return;
    }
    entry->is_known = true;
    entry->verified.again = &entry->answer;
    entry->expires_ms = io_now_ms(verifier->prober->loop) + life_ms(verifier, verdict->status);
    entry->bytes = sizeof(*entry) + entry->key_len + entry->json.capacity +
                   entry->evidence.capacity + entry->json.len; /* the last: of the answer */
    verifier->bytes += entry->bytes;
    make_room(verifier);
}

/* --- asking ---------------------------------------------------------------------------------- */

static struct entry *entry_new(struct service_verifier *verifier, enum evidence_depth depth,
                               struct slice address)
{
    struct entry *entry = memory_zalloc(1, sizeof(*entry) + address.len + 1);

    if (entry == NULL)
        return NULL;
    entry->verifier = verifier;
    entry->key_len = address.len + 1;
    entry->key[0] = (char)('0' + depth);
    if (address.len > 0)
        memcpy(entry->key + 1, address.ptr, address.len);
    list_init(&entry->questions);
    buffer_init(&entry->json, 0);
    buffer_init(&entry->evidence, 0);
    return entry;
}

static int begin(struct service_verifier *verifier, struct slice address, enum evidence_depth depth,
                 bool fresh, struct entry **ret_entry)
{
    const struct probe_wish wish = {
        .depth = depth,
        .patience = PROBE_PATIENCE_NORMAL,
        .is_fresh = fresh,
    };
    struct entry *entry = entry_new(verifier, depth, address);
    int code = ERROR_NOMEM;

    if (entry != NULL)
        code = table_put(&verifier->entries, slice_from(entry->key, entry->key_len), entry);
    if (code == 0) {
        entry->is_listed = true;
        code = probe_engine_submit_wish(verifier->prober->engine, address, &wish, finished, entry);
    }
    if (code != 0) {
        if (entry != NULL)
            entry_free(entry);
        return code;
    }
    entry->is_open = true;
    list_append(&verifier->open, &entry->node);
    *ret_entry = entry;
    return 0;
}

static struct entry *find(struct service_verifier *verifier, struct slice address,
                          enum evidence_depth depth)
{
    char key[ADDRESS_WIRE_SIZE + 1];

    if (address.len >= sizeof(key))
        return NULL;
    key[0] = (char)('0' + depth);
    if (address.len > 0)
        memcpy(key + 1, address.ptr, address.len);
    return table_get(&verifier->entries, slice_from(key, address.len + 1));
}

/* What can be said now: the address is looked at, nobody was asked. */
static void tell_pending(struct service_verifier *verifier, struct slice address,
                         enum evidence_depth depth, struct service_question *question)
{
    struct evidence evidence = {
        .input = address,
        .suggestion = SLICE_EMPTY,
        .catch_all_text = SLICE_EMPTY,
        .depth = depth,
        .stop = EVIDENCE_STOP_DEADLINE,
        .checked_unix_ms = io_unix_ms(verifier->prober->loop),
    };
    struct service_verified verified = {.status = VERDICT_UNKNOWN, .reason = REASON_NOT_PROBED};
    struct verdict verdict;
    struct buffer json;

    (void)address_parse(address.ptr, address.len, &evidence.address);
    verdict_judge(&evidence, &verdict);
    verified.status = verdict.status;
    verified.reason = verdict.reason;
    verified.flags = verdict.flags;
    buffer_init(&json, 0);
    if (write_result(&json, &evidence, &verdict, false, "live"))
        verified.json = verified.evidence = buffer_slice(&json);
    tell(question, &verified, true);
    buffer_done(&json);
}

static void owe(struct entry *entry, uint64_t asker)
{
    for (size_t i = 0; i < entry->owed_count; i++)
        if (entry->owed[i] == asker)
            return;
    if (entry->owed_count < OWED_MAX)
        entry->owed[entry->owed_count++] = asker;
}

static void time_is_up(struct io_timer *timer)
{
    struct service_question *question = LIST_ELEMENT(timer, struct service_question, timer);
    struct entry *entry = timer->user;

    owe(entry, question->asker);
    tell_pending(entry->verifier, slice_from(entry->key + 1, entry->key_len - 1),
                 (enum evidence_depth)(entry->key[0] - '0'), question);
}

static bool is_fresh(const struct entry *entry, uint64_t now_ms)
{
    return entry->is_known && now_ms < entry->expires_ms;
}

int service_verifier_ask(struct service_verifier *verifier, struct slice address,
                         enum evidence_depth depth, bool fresh, uint64_t timeout_ms,
                         struct service_question *question)
{
    uint64_t now = io_now_ms(verifier->prober->loop);
    struct entry *entry;
    int code;

    if (depth > verifier->prober->settings.depth)
        depth = verifier->prober->settings.depth; /* the operator's word */
    entry = find(verifier, address, depth);

    if (entry != NULL && !entry->is_open) {
        if (!fresh && is_fresh(entry, now)) {
            verifier->hits++;
            list_remove(&entry->node);
            list_append(&verifier->used, &entry->node);
            list_append(&entry->questions, &question->node);
            io_timer_init(verifier->prober->loop, &question->timer, time_is_up, entry);
            tell(question, &entry->verified, false);
            return 0;
        }
        entry_free(entry);
        entry = NULL;
    }
    verifier->misses++;
    if (entry == NULL) {
        code = begin(verifier, address, depth, fresh, &entry);
        if (code != 0)
            return code;
    }
    io_timer_init(verifier->prober->loop, &question->timer, time_is_up, entry);
    list_append(&entry->questions, &question->node);
    return io_timer_start(&question->timer, now + timeout_ms);
}

void service_verifier_forget(struct service_question *question)
{
    list_remove(&question->node);
    if (question->timer.loop != NULL)
        io_timer_stop(&question->timer);
}

void service_verifier_erase(struct service_verifier *verifier, struct slice address)
{
    for (int depth = 0; depth <= EVIDENCE_DEPTH_SMTP; depth++) {
        struct entry *entry = find(verifier, address, (enum evidence_depth)depth);

        if (entry == NULL)
            continue;
        if (entry->is_open)
            entry_unlist(entry); /* told to those who wait, and not kept */
        else
            entry_free(entry);
    }
}

void service_verifier_forget_all(struct service_verifier *verifier)
{
    struct list_node *node;

    while ((node = list_first(&verifier->used)) != NULL)
        entry_free(LIST_ELEMENT(node, struct entry, node));
    for (node = list_first(&verifier->open); node != NULL; node = list_after(&verifier->open, node))
        entry_unlist(LIST_ELEMENT(node, struct entry, node));
}
