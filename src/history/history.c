#include "history/history.h"

#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/table.h"
#include "verdict/recall.h"
#include "verdict/result.h"

/*
 * So many are kept without waiting: mailboxes stand all over the store's indexes, and with a few
 * hundred at a time each page of those is written again and again. A service holds its loop for
 * less, as others wait meanwhile.
 */
#define PENDING_MAX     2000
#define PENDING_SERVICE 500
#define PENDING_BYTES   (UINT64_C(4) << 20)
#define FLUSH_MS        SECOND_MS
#define FAILURES_MAX    10
#define TIDY_MS         (10 * MINUTE_MS)
#define TIDY_AGAIN_MS   100
#define TIDY_AT_ONCE    1000
#define REFRESHES_MAX   500  /* under way */
#define REFRESHES_LEFT  5000 /* waiting for that; those beyond are asked for another time */
#define BYTES_MAX       (UINT64_C(1) << 30)

/* A mailbox to be asked again in the background. */
struct refresh {
    struct list_node node;
    struct history *history;
    bool is_open;
    size_t key_len;
    char *key;     /* in bytes */
    char *address; /* NUL-terminated; in bytes */
    char bytes[];
};

struct history {
    struct io_loop *loop;
    struct store *store;
    struct probe_engine *engine;
    struct history_options options;
    struct history_counts counts;

    struct arena arena; /* of the pending ones */
    struct store_record pending[PENDING_MAX];
    size_t pending_count;
    struct table proofs; /* of the pending ones, by key: the latest */
    unsigned failures;   /* of the store, in a row */
    struct error trouble;
    struct buffer scratch;
    struct io_timer flush_timer;
    struct io_timer tidy_timer;
    struct io_timer reads_timer; /* runs while the store is read as by one reader */

    struct table refreshes; /* by key */
    struct list to_refresh; /* not begun */
    size_t refreshes_open;
    struct io_timer refresh_timer;
    struct probe_owner owner;
};

struct slice history_key(const struct address *address, char out[PROVIDER_KEY_SIZE])
{
    return slice_from(out, provider_mailbox_key(address, NULL, out));
}

/* --- what counts --------------------------------------------------------------------------------
 */

static enum history_class class_of_unknown(enum verdict_reason reason)
{
    switch (reason) {
    case REASON_NOT_PROBED:
    case REASON_INTERNAL_ERROR:
        return HISTORY_NOTHING;
    default:
        return HISTORY_UNPROVEN;
    }
}

static enum history_class class_of_invalid(const struct verdict *verdict)
{
    if (verdict->reason == REASON_BAD_SYNTAX || verdict->reason == REASON_PROVIDER_SYNTAX)
        return HISTORY_NOTHING;
    /* Not beyond doubt: next time it may be different. */
    return verdict->action == ACTION_REVIEW ? HISTORY_UNPROVEN : HISTORY_NEGATIVE;
}

enum history_class history_class_of(const struct evidence *evidence, const struct verdict *verdict)
{
    if (evidence->depth != EVIDENCE_DEPTH_SMTP || evidence->address.diagnosis != ADDRESS_VALID)
        return HISTORY_NOTHING;
    switch (verdict->status) {
    case VERDICT_VALID:
    case VERDICT_CATCH_ALL:
        return HISTORY_POSITIVE;
    case VERDICT_INVALID:
        return class_of_invalid(verdict);
    case VERDICT_DO_NOT_MAIL:
        return verdict->reason == REASON_MAILBOX_FULL ? HISTORY_NEGATIVE : HISTORY_NOTHING;
    case VERDICT_UNKNOWN:
        return class_of_unknown(verdict->reason);
    case VERDICT_SKIPPED:
    case VERDICT_STATUS_COUNT:
        break;
    }
    return HISTORY_NOTHING;
}

static bool is_positive(enum verdict_reason reason)
{
    enum verdict_status status = verdict_reason_status(reason);

    return status == VERDICT_VALID || status == VERDICT_CATCH_ALL;
}

static uint64_t expire_ms(const struct history *history, enum verdict_reason reason)
{
    return is_positive(reason) ? history->options.positive_expire_ms
                               : history->options.negative_expire_ms;
}

static uint64_t refresh_ms(const struct history *history, enum verdict_reason reason)
{
    return is_positive(reason) ? history->options.positive_refresh_ms
                               : history->options.negative_refresh_ms;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static size_t pending_max(const struct history *history)
{
    return history->options.refreshes_behind ? PENDING_SERVICE : PENDING_MAX;
}

static void forget_pending(struct history *history)
{
    history->pending_count = 0;
    table_done(&history->proofs); /* its keys stand in the arena */
    arena_reset(&history->arena);
}

int history_flush(struct history *history, struct error *error)
{
    int code;

    io_timer_stop(&history->flush_timer);
    if (history->pending_count == 0)
        return 0;
    code = store_records_put(history->store, history->pending, history->pending_count,
                             &history->trouble);
    if (code == 0) {
        history->counts.kept += history->pending_count;
        history->failures = 0;
        forget_pending(history);
        /* Whoever does not live long keeps within the bounds as it goes. */
        if (!history->options.refreshes_behind)
            (void)store_records_expire(history->store, STORE_RECORD_MAILBOX,
                                       io_unix_ms(history->loop), history->options.bytes_max,
                                       2 * PENDING_MAX, NULL);
        return 0;
    }
    history->counts.store_failures++;
    (void)error_set(error, code, "%s", history->trouble.message);
    /* Somebody may let go of a lock, or make room. */
    if (++history->failures > FAILURES_MAX || history->pending_count >= pending_max(history)) {
        history->counts.lost += history->pending_count;
        forget_pending(history);
    } else {
        (void)io_timer_start(&history->flush_timer,
                             io_now_ms(history->loop) + FLUSH_MS * history->failures);
    }
    return code;
}

static void flush_time_came(struct io_timer *timer)
{
    (void)history_flush(timer->user, NULL);
}

static bool own(struct history *history, struct slice *text)
{
    *text = arena_slice(&history->arena, *text);
    return text->ptr != NULL;
}

static void add_pending(struct history *history, struct store_record *record)
{
    if (history->pending_count >= pending_max(history))
        (void)history_flush(history, NULL);
    if (!own(history, &record->key) || !own(history, &record->group) ||
        !own(history, &record->body)) {
        history->counts.lost++;
        return;
    }
    history->pending[history->pending_count] = *record;
    /* Without it a mailbox may be asked once more. */
    if (record->is_proof)
        (void)table_put(&history->proofs, record->key, &history->pending[history->pending_count]);
    history->pending_count++;
    if (history->pending_count >= pending_max(history) || history->arena.used_bytes > PENDING_BYTES)
        (void)history_flush(history, NULL);
    else if (!io_timer_is_running(&history->flush_timer))
        (void)io_timer_start(&history->flush_timer, io_now_ms(history->loop) + FLUSH_MS);
}

static struct slice domain_of(const struct address *address)
{
    return address->is_literal ? address->domain : slice_from_string(address->domain_ascii);
}

static void learn(void *user, const struct evidence *evidence, const struct verdict *verdict,
                  struct evidence_written *ret_written)
{
    const struct result_options with_evidence = {.with_evidence = true,
                                                 .ret_brief_len = &ret_written->brief_len};
    enum history_class worth = history_class_of(evidence, verdict);
    struct history *history = user;
    char key[PROVIDER_KEY_SIZE];
    struct store_record record;
    struct json json;

    if (worth == HISTORY_NOTHING)
        return;
    buffer_clear(&history->scratch);
    json_init(&json, &history->scratch);
    result_write_json(&json, evidence, verdict, &with_evidence);
    if (history->scratch.failed) {
        history->counts.lost++;
        return;
    }
    ret_written->json = buffer_slice(&history->scratch);
    record = (struct store_record){
        .kind = STORE_RECORD_MAILBOX,
        .key = history_key(&evidence->address, key),
        .group = domain_of(&evidence->address),
        .value = (uint8_t)verdict->reason,
        .is_proof = worth != HISTORY_UNPROVEN,
        .checked_unix_ms = evidence->checked_unix_ms,
        .expires_unix_ms = evidence->checked_unix_ms + (int64_t)expire_ms(history, verdict->reason),
        .body = buffer_slice(&history->scratch),
    };
    add_pending(history, &record);
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* All that is known of a mailbox. */
struct known {
    unsigned found; /* bits of 1 << kind */
    struct store_record records[STORE_RECORD_KIND_COUNT];
};

static const struct store_record *known_of(const struct known *known, enum store_record_kind kind)
{
    return (known->found >> kind & 1) != 0 ? &known->records[kind] : NULL;
}

/* What is not written yet comes before what is. */
static void know_pending(struct history *history, struct slice key, struct arena *arena,
                         struct known *known)
{
    const struct store_record *pending = table_get(&history->proofs, key);
    struct store_record *record = &known->records[STORE_RECORD_MAILBOX];

    if (pending == NULL)
        return;
    *record = *pending;
    record->body = arena_slice(arena, pending->body);
    known->found &= ~(1U << STORE_RECORD_MAILBOX);
    if (record->body.ptr != NULL)
        known->found |= 1U << STORE_RECORD_MAILBOX;
}

/* A store that fails knows nothing. */
static void get_known(struct history *history, struct slice key, bool wants_evidence,
                      struct arena *arena, struct known *ret_known)
{
    unsigned kinds =
        1U << STORE_RECORD_BOUNCE | 1U << STORE_RECORD_DELIVERY | 1U << STORE_RECORD_COMPLAINT;

    if (wants_evidence)
        kinds |= 1U << STORE_RECORD_MAILBOX;
    ret_known->found = 0;
    if (store_records_get(history->store, kinds, key, arena, ret_known->records, &ret_known->found,
                          &history->trouble) < 0)
        history->counts.store_failures++;
    if (wants_evidence)
        know_pending(history, key, arena, ret_known);
}

/* When the latest such thing happened; 0: never. */
static int64_t latest(const struct known *known, enum store_record_kind kind)
{
    const struct store_record *record = known_of(known, kind);

    return record != NULL ? record->checked_unix_ms : 0;
}

static void read_outcomes(const struct history *history, const struct known *known,
                          struct evidence_history *ret_outcomes)
{
    struct evidence_history outcomes = {
        .bounce = SLICE_EMPTY,
        .bounce_days = history->options.bounce_days,
    };
    int64_t now = io_unix_ms(history->loop), bounced = latest(known, STORE_RECORD_BOUNCE);
    int64_t delivered = latest(known, STORE_RECORD_DELIVERY);

    outcomes.complained_unix_ms = latest(known, STORE_RECORD_COMPLAINT);
    outcomes.complained = outcomes.complained_unix_ms > 0;
    if (bounced > 0 && bounced >= delivered &&
        bounced >= now - (int64_t)(history->options.bounce_days * DAY_MS)) {
        outcomes.known_bounce = true;
        outcomes.bounced_unix_ms = bounced;
        outcomes.bounce = known->records[STORE_RECORD_BOUNCE].body;
    }
    if (delivered > bounced)
        outcomes.delivered_unix_ms = delivered;
    *ret_outcomes = outcomes;
}

static void refresh_later(struct history *history, struct slice key, struct slice address);

static enum probe_recall recall_evidence_of(struct history *history, struct slice key,
                                            const struct known *known, int64_t delivered_unix_ms,
                                            struct arena *arena, struct evidence *ret_evidence)
{
    const struct store_record *record = known_of(known, STORE_RECORD_MAILBOX);
    int64_t now = io_unix_ms(history->loop), age;
    enum verdict_reason reason;
    bool is_stale;

    if (record == NULL || !record->is_proof || record->value >= VERDICT_REASON_COUNT)
        return PROBE_RECALL_NOTHING;
    reason = (enum verdict_reason)record->value;
    age = now - record->checked_unix_ms;
    /* A message got through after the refusal: that was not the last word. */
    if (age >= (int64_t)expire_ms(history, reason) ||
        (!is_positive(reason) && delivered_unix_ms > record->checked_unix_ms) ||
        recall_evidence(record->body, arena, ret_evidence) != 0)
        return PROBE_RECALL_NOTHING;
    is_stale = age >= (int64_t)refresh_ms(history, reason);
    if (is_stale && history->options.refreshes_behind) {
        refresh_later(history, key, ret_evidence->input);
        history->counts.stale++;
        return PROBE_RECALL_FRESH;
    }
    return is_stale ? PROBE_RECALL_STALE : PROBE_RECALL_FRESH;
}

/*
 * Whoever feeds a list asks for many mailboxes in one turn of the loop: they are read as by one
 * reader, who lets go in the next turn.
 */
static void begin_to_read(struct history *history)
{
    if (!io_timer_is_running(&history->reads_timer) &&
        io_timer_start(&history->reads_timer, io_now_ms(history->loop)) == 0)
        store_reads_begin(history->store);
}

static void turn_is_over(struct io_timer *timer)
{
    struct history *history = timer->user;

    store_reads_end(history->store);
}

static enum probe_recall recall(void *user, const struct address *address, bool wants_evidence,
                                struct arena *arena, struct evidence_history *ret_outcomes,
                                struct evidence *ret_evidence)
{
    struct history *history = user;
    char bytes[PROVIDER_KEY_SIZE];
    struct slice key = history_key(address, bytes);
    enum probe_recall found = PROBE_RECALL_NOTHING;
    struct known known;

    wants_evidence = wants_evidence && !history->options.asks_always;
    begin_to_read(history);
    get_known(history, key, wants_evidence, arena, &known);
    read_outcomes(history, &known, ret_outcomes);
    if (!wants_evidence)
        return found;
    found = recall_evidence_of(history, key, &known, ret_outcomes->delivered_unix_ms, arena,
                               ret_evidence);
    history->counts.fresh += found == PROBE_RECALL_FRESH;
    history->counts.stale += found == PROBE_RECALL_STALE;
    history->counts.unknown += found == PROBE_RECALL_NOTHING;
    return found;
}

/* --- refreshing behind --------------------------------------------------------------------------
 */

static void refresh_free(struct refresh *refresh)
{
    struct history *history = refresh->history;

    (void)table_take(&history->refreshes, slice_from(refresh->key, refresh->key_len));
    list_remove(&refresh->node);
    memory_free(refresh);
}

static void refresh_done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct refresh *refresh = user;
    struct history *history = refresh->history;

    (void)evidence;
    (void)verdict;
    history->refreshes_open--;
    refresh_free(refresh);
    if (!list_is_empty(&history->to_refresh) && !io_timer_is_running(&history->refresh_timer))
        (void)io_timer_start(&history->refresh_timer, io_now_ms(history->loop));
}

static int refresh_begin(struct refresh *refresh)
{
    struct history *history = refresh->history;
    const struct probe_wish wish = {
        .depth = EVIDENCE_DEPTH_SMTP,
        .patience = PROBE_PATIENCE_NORMAL,
        .is_in_no_hurry = true,
        .is_fresh = true,
        .owner = &history->owner,
    };

    return probe_engine_submit_wish(history->engine, slice_from_string(refresh->address), &wish,
                                    refresh_done, refresh);
}

static void refresh_time_came(struct io_timer *timer)
{
    struct history *history = timer->user;
    struct list_node *node;

    while (history->refreshes_open < REFRESHES_MAX &&
           (node = list_first(&history->to_refresh)) != NULL) {
        struct refresh *refresh = LIST_ELEMENT(node, struct refresh, node);

        /* The engine is full: there are more urgent things. Whoever asks next asks for it again. */
        if (refresh_begin(refresh) != 0) {
            refresh_free(refresh);
            continue;
        }
        list_remove(&refresh->node);
        refresh->is_open = true;
        history->refreshes_open++;
        history->counts.refreshes++;
    }
}

static void refresh_later(struct history *history, struct slice key, struct slice address)
{
    struct refresh *refresh;

    if (table_get(&history->refreshes, key) != NULL || history->refreshes.count >= REFRESHES_LEFT)
        return;
    refresh = memory_zalloc(1, sizeof(*refresh) + key.len + address.len + 1);
    if (refresh == NULL)
        return;
    refresh->history = history;
    refresh->key = refresh->bytes;
    refresh->key_len = key.len;
    refresh->address = refresh->bytes + key.len;
    memcpy(refresh->key, key.ptr, key.len);
    memcpy(refresh->address, address.ptr, address.len);
    if (table_put(&history->refreshes, key, refresh) != 0) {
        memory_free(refresh);
        return;
    }
    list_append(&history->to_refresh, &refresh->node);
    /* Not from inside the engine. */
    if (!io_timer_is_running(&history->refresh_timer))
        (void)io_timer_start(&history->refresh_timer, io_now_ms(history->loop));
}

/* --- keeping it small ---------------------------------------------------------------------------
 */

static void tidy(struct io_timer *timer)
{
    struct history *history = timer->user;
    int64_t now = io_unix_ms(history->loop);
    bool is_more = false;

    for (int kind = 0; kind < STORE_RECORD_KIND_COUNT; kind++) {
        uint64_t bytes_max = kind == STORE_RECORD_MAILBOX ? history->options.bytes_max : UINT64_MAX;
        int removed = store_records_expire(history->store, (enum store_record_kind)kind, now,
                                           bytes_max, TIDY_AT_ONCE, NULL);

        is_more |= removed == TIDY_AT_ONCE;
    }
    (void)io_timer_start(timer, io_now_ms(history->loop) + (is_more ? TIDY_AGAIN_MS : TIDY_MS));
}

int history_erase(struct history *history, struct store *store, const struct address *address,
                  unsigned *ret_records, struct error *error)
{
    char bytes[PROVIDER_KEY_SIZE];
    struct slice key = history_key(address, bytes);
    unsigned records = 0;
    int code = history != NULL ? history_flush(history, error) : 0;

    for (int kind = 0; code == 0 && kind < STORE_RECORD_KIND_COUNT; kind++) {
        code = store_record_remove(store, (enum store_record_kind)kind, key, error);
        if (code == 1) {
            records++;
            code = 0;
        }
    }
    *ret_records = records;
    return code;
}

/* --- opening and closing ------------------------------------------------------------------------
 */

static void fill_in(struct history_options *options)
{
    if (options->positive_expire_ms == 0)
        options->positive_expire_ms = 31 * DAY_MS;
    if (options->positive_refresh_ms == 0)
        options->positive_refresh_ms = 7 * DAY_MS;
    if (options->negative_expire_ms == 0)
        options->negative_expire_ms = 3 * DAY_MS;
    if (options->negative_refresh_ms == 0)
        options->negative_refresh_ms = 3 * HOUR_MS;
    if (options->bounce_days == 0)
        options->bounce_days = VERDICT_BOUNCE_DAYS;
    if (options->bytes_max == 0)
        options->bytes_max = BYTES_MAX;
}

int history_open(struct io_loop *loop, struct store *store, struct probe_engine *engine,
                 const struct history_options *options, struct history **ret_history,
                 struct error *error)
{
    struct history *history = memory_zalloc(1, sizeof(*history));
    const struct probe_past past = {.recall = recall, .learn = learn, .user = history};

    if (history == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for the history");
    history->loop = loop;
    history->store = store;
    history->engine = engine;
    history->options = *options;
    fill_in(&history->options);
    arena_init(&history->arena);
    buffer_init(&history->scratch, 0);
    table_init_borrowing(&history->proofs, hash_bytes(&history, sizeof(history), 1));
    table_init(&history->refreshes, hash_bytes(&history, sizeof(history), 0));
    list_init(&history->to_refresh);
    io_timer_init(loop, &history->flush_timer, flush_time_came, history);
    io_timer_init(loop, &history->refresh_timer, refresh_time_came, history);
    io_timer_init(loop, &history->tidy_timer, tidy, history);
    io_timer_init(loop, &history->reads_timer, turn_is_over, history);
    if (options->refreshes_behind)
        (void)io_timer_start(&history->tidy_timer, io_now_ms(loop));
    probe_engine_set_past(engine, &past);
    *ret_history = history;
    return 0;
}

void history_close(struct history *history)
{
    struct list_node *node;

    if (history == NULL)
        return;
    /* While we can still learn: other people's answers may be about to be told as well. */
    probe_engine_withdraw(history->engine, &history->owner, true);
    probe_engine_set_past(history->engine, NULL);
    while ((node = list_first(&history->to_refresh)) != NULL)
        refresh_free(LIST_ELEMENT(node, struct refresh, node));
    CHECK(history->refreshes_open == 0);
    (void)history_flush(history, NULL);
    if (io_timer_is_running(&history->reads_timer))
        turn_is_over(&history->reads_timer);
    if (!history->options.refreshes_behind)
        tidy(&history->tidy_timer); /* whoever does not live long does it once */
    io_timer_stop(&history->flush_timer);
    io_timer_stop(&history->refresh_timer);
    io_timer_stop(&history->tidy_timer);
    io_timer_stop(&history->reads_timer);
    table_done(&history->refreshes);
    table_done(&history->proofs);
    buffer_done(&history->scratch);
    arena_done(&history->arena);
    memory_free(history);
}

void history_counts(const struct history *history, struct history_counts *ret_counts)
{
    *ret_counts = history->counts;
}

const char *history_trouble(const struct history *history)
{
    return history->trouble.message;
}
