#include "bulk/habits.h"

#include <cjson/cJSON.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "lists/builtin.h"

#define FLUSH_MS    SECOND_MS
#define PENDING_MAX 1000 /* then they are kept without waiting */

struct bulk_habits {
    struct io_loop *loop;
    struct store *store;
    struct store *outcomes; /* of own messages; NULL: none */
    struct io_timer timer;
    struct arena arena; /* of the pending ones */
    struct store_record pending[PENDING_MAX];
    size_t count;
    struct arena recalled; /* texts of the last one recalled */
};

/* --- as a record --------------------------------------------------------------------------- */

static const char *const catch_all_names[] = {
    [EVIDENCE_CATCH_ALL_UNKNOWN] = "",
    [EVIDENCE_CATCH_ALL_ACCEPTS] = "accepts",
    [EVIDENCE_CATCH_ALL_REFUSES] = "refuses",
    [EVIDENCE_CATCH_ALL_SAME_REFUSAL] = "same_refusal",
};

static void write_body(struct buffer *out, const struct probe_habit *habit)
{
    char ip[IP_TEXT_SIZE], enhanced[16];
    struct json json;

    json_init(&json, out);
    json_object_begin(&json);
    json_name_cstring(&json, "strangers", catch_all_names[habit->catch_all]);
    json_name_cstring(&json, "ip", ip_format(&habit->ip, ip));
    json_name_string(&json, "provider", habit->provider);
    json_name_int(&json, "code", habit->reply.code);
    json_name_cstring(&json, "enhanced", smtp_enhanced_format(habit->reply.enhanced, enhanced));
    json_name_string(&json, "text", habit->reply.text);
    json_object_end(&json);
}

static bool text_of(const cJSON *object, const char *name, struct arena *arena, struct slice *ret)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    *ret = cJSON_IsString(item) ? arena_slice(arena, slice_from_string(item->valuestring))
                                : SLICE_EMPTY;
    return cJSON_IsString(item) && ret->ptr != NULL;
}

static bool read_body(const cJSON *object, struct arena *arena, struct probe_habit *habit)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(object, "code");
    struct slice strangers, ip, enhanced;

    if (!text_of(object, "strangers", arena, &strangers) || !text_of(object, "ip", arena, &ip) ||
        !text_of(object, "provider", arena, &habit->provider) ||
        !text_of(object, "enhanced", arena, &enhanced) ||
        !text_of(object, "text", arena, &habit->reply.text) || !cJSON_IsNumber(code) ||
        !ip_parse(ip, &habit->ip) || code->valueint < 200 || code->valueint > 599)
        return false;
    habit->reply.code = (uint16_t)code->valueint;
    (void)smtp_enhanced_parse(enhanced, &habit->reply.enhanced);
    for (unsigned i = 1; i < ARRAY_LEN(catch_all_names); i++)
        if (slice_equal(strangers, slice_from_string(catch_all_names[i])))
            habit->catch_all = (enum evidence_catch_all)i;
    return habit->catch_all != EVIDENCE_CATCH_ALL_UNKNOWN;
}

/* --- keeping ------------------------------------------------------------------------------- */

void bulk_habits_flush(struct bulk_habits *habits)
{
    if (habits == NULL || habits->count == 0)
        return;
    io_timer_stop(&habits->timer);
    if (store_records_put(habits->store, habits->pending, habits->count, NULL) == 0) {
        habits->count = 0;
        arena_reset(&habits->arena);
    }
}

static void flush_time_came(struct io_timer *timer)
{
    bulk_habits_flush(timer->user);
}

static bool make_record(struct arena *arena, const struct probe_habit *habit,
                        struct store_record *ret_record)
{
    struct buffer body;

    buffer_init(&body, 0);
    write_body(&body, habit);
    *ret_record = (struct store_record){
        .kind = STORE_RECORD_DOMAIN,
        .key = arena_slice(arena, habit->domain),
        .group = arena_slice(arena, habit->domain),
        .value = (uint8_t)habit->catch_all,
        .is_proof = true,
        .checked_unix_ms = habit->learnt_unix_ms,
        .expires_unix_ms = habit->until_unix_ms,
        .body = arena_slice(arena, buffer_slice(&body)),
    };
    if (body.failed)
        ret_record->body.ptr = NULL;
    buffer_done(&body);
    return ret_record->key.ptr != NULL && ret_record->group.ptr != NULL &&
           ret_record->body.ptr != NULL;
}

/* What there is no room or memory for is asked once more another time. */
static void learnt(void *user, const struct probe_habit *habit)
{
    struct bulk_habits *habits = user;

    if (habits->count == PENDING_MAX)
        bulk_habits_flush(habits);
    if (habits->count < PENDING_MAX &&
        make_record(&habits->arena, habit, &habits->pending[habits->count]))
        habits->count++;
    if (!io_timer_is_running(&habits->timer))
        (void)io_timer_start(&habits->timer, io_now_ms(habits->loop) + FLUSH_MS);
}

static bool recall(void *user, struct slice domain, struct probe_habit *ret_habit)
{
    struct bulk_habits *habits = user;
    struct store_record record;
    cJSON *object;
    bool is_known = false;

    arena_reset(&habits->recalled);
    if (store_record_get(habits->store, STORE_RECORD_DOMAIN, domain, &habits->recalled, &record,
                         NULL) != 1)
        return false;
    *ret_habit = (struct probe_habit){
        .domain = domain,
        .learnt_unix_ms = record.checked_unix_ms,
        .until_unix_ms = record.expires_unix_ms,
    };
    object = cJSON_ParseWithLength(record.body.ptr, record.body.len);
    if (object != NULL)
        is_known = read_body(object, &habits->recalled, ret_habit);
    cJSON_Delete(object);
    return is_known;
}

/* --- what is known of mailboxes -------------------------------------------------------------- */

/* At most so many of a domain and kind: they tell enough, and the loop must not wait. */
#define RECORDS_MAX 64

/* Keys of mailboxes are LOCAL@DOMAIN (provider_mailbox_key). */
static struct slice local_part(struct slice key)
{
    ptrdiff_t at = slice_rfind_byte(key, '@');

    return at > 0 ? slice_prefix(key, (size_t)at) : SLICE_EMPTY;
}

static bool is_of_person(struct slice local)
{
    return (lists_local_classes(local) & (LISTS_ROLE | LISTS_NO_REPLY)) == 0;
}

/*
 * The records of a kind up to the key `last` ("": all), in the order of keys; `tell` is called with
 * each that has not expired. *ret_stop: the last one's key when there may be more, else "". It
 * lives until habits->recalled is reset.
 */
static void walk(struct bulk_habits *habits, enum store_record_kind kind, struct slice domain,
                 struct slice last, void (*tell)(void *told, const struct store_record *record),
                 void *told, struct slice *ret_stop)
{
    struct store_record record = {.key = SLICE_EMPTY};
    unsigned seen = 0;

    *ret_stop = SLICE_EMPTY;
    while (store_record_next(habits->outcomes, kind, domain, record.key, &habits->recalled, &record,
                             NULL) == 1) {
        if (last.len > 0 && slice_compare(record.key, last) > 0)
            return;
        if (record.expires_unix_ms > io_unix_ms(habits->loop))
            tell(told, &record);
        if (++seen == RECORDS_MAX) {
            *ret_stop = record.key;
            return;
        }
    }
}

struct outcomes {
    uint32_t count;
    struct naming_habits naming;
};

static void tell_outcome(void *told, const struct store_record *record)
{
    struct slice local = local_part(record->key);
    struct outcomes *outcomes = told;

    outcomes->count++;
    if (is_of_person(local))
        naming_learn(&outcomes->naming, naming_pattern_of(local));
}

/*
 * Where there are many, those of the first mailboxes by key are taken, of both kinds up to the same
 * one: shares of so many of each would tell of the limit and not of the domain.
 */
static void tell_outcomes(struct bulk_habits *habits, struct slice domain,
                          struct naming_habits *naming, struct evidence_peers *peers)
{
    struct outcomes delivered = {0}, bounced = {0};
    struct slice last, stop;

    walk(habits, STORE_RECORD_DELIVERY, domain, SLICE_EMPTY, tell_outcome, &delivered, &last);
    walk(habits, STORE_RECORD_BOUNCE, domain, last, tell_outcome, &bounced, &stop);
    if (stop.len > 0) {
        delivered = (struct outcomes){0};
        walk(habits, STORE_RECORD_DELIVERY, domain, stop, tell_outcome, &delivered, &last);
    }
    peers->delivered += delivered.count;
    peers->bounced += bounced.count;
    *naming = delivered.naming;
}

struct findings {
    struct naming_habits *naming;
    struct evidence_peers *peers;
};

/* What a server said of a mailbox before (history/history.h): the value is the reason. */
static void tell_finding(void *told, const struct store_record *record)
{
    struct slice local = local_part(record->key);
    struct findings *findings = told;

    if (!record->is_proof)
        return;
    if (record->value == REASON_ACCEPTED || record->value == REASON_ACCEPTED_RESTRICTED ||
        record->value == REASON_MAILBOX_FULL) {
        findings->peers->accepted++;
        if (is_of_person(local))
            naming_learn(findings->naming, naming_pattern_of(local));
    } else if (record->value == REASON_MAILBOX_NOT_FOUND) {
        findings->peers->refused++;
        findings->peers->absent++;
    }
}

static void acquaint(void *user, struct slice domain, struct naming_habits *naming,
                     struct evidence_peers *peers)
{
    struct bulk_habits *habits = user;
    struct findings findings = {naming, peers};
    struct slice stop;

    if (habits->outcomes == NULL)
        return;
    arena_reset(&habits->recalled);
    tell_outcomes(habits, domain, naming, peers);
    walk(habits, STORE_RECORD_MAILBOX, domain, SLICE_EMPTY, tell_finding, &findings, &stop);
}

/* --- from start to end --------------------------------------------------------------------- */

struct bulk_habits *bulk_habits_new(struct io_loop *loop, struct store *store,
                                    struct store *outcomes)
{
    struct bulk_habits *habits = memory_zalloc(1, sizeof(*habits));

    if (habits == NULL)
        return NULL;
    habits->loop = loop;
    habits->store = store;
    habits->outcomes = outcomes;
    arena_init(&habits->arena);
    arena_init(&habits->recalled);
    io_timer_init(loop, &habits->timer, flush_time_came, habits);
    return habits;
}

void bulk_habits_free(struct bulk_habits *habits)
{
    if (habits == NULL)
        return;
    bulk_habits_flush(habits);
    io_timer_stop(&habits->timer);
    arena_done(&habits->arena);
    arena_done(&habits->recalled);
    memory_free(habits);
}

struct probe_memory bulk_habits_memory(struct bulk_habits *habits)
{
    return (struct probe_memory){recall, learnt, acquaint, habits};
}
