#include "verdict/recall.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/check.h"
#include "base/instant.h"
#include "lists/operator.h"

#define ITEMS_MAX 4096 /* of one array; we write far less */

/* One reading: where things go, and what went wrong so far. */
struct reading {
    struct arena *arena;
    int code;
};

/* --- values -------------------------------------------------------------------------------------
 */

static struct slice text_of(struct reading *reading, const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    struct slice copy;

    if (!cJSON_IsString(item))
        return SLICE_EMPTY;
    copy = arena_slice(reading->arena, slice_from_string(item->valuestring));
    if (copy.ptr == NULL) {
        reading->code = ERROR_NOMEM;
        return SLICE_EMPTY;
    }
    return copy;
}

static uint64_t number_of(const cJSON *object, const char *name, uint64_t max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;

    if (!(value > 0))
        return 0;
    return value >= (double)max ? max : (uint64_t)value;
}

static bool is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool is_word(const cJSON *object, const char *name, const char *word)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) && strcmp(item->valuestring, word) == 0;
}

static int64_t moment_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    int64_t unix_ms;

    if (!cJSON_IsString(item) || !instant_parse(slice_from_string(item->valuestring), &unix_ms))
        return 0;
    return unix_ms;
}

/* The index of a name among `count`; what is not known, or missing, is `fallback`. */
typedef const char *name_at(int index);

static int index_of(const cJSON *object, const char *name, name_at *at, int count, int fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    for (int i = 0; cJSON_IsString(item) && i < count; i++)
        if (strcmp(at(i), item->valuestring) == 0)
            return i;
    return fallback;
}

static const char *dns_at(int index)
{
    return dns_outcome_name((enum dns_outcome)index);
}

static const char *outcome_at(int index)
{
    return smtp_outcome_name((enum smtp_outcome)index);
}

static const char *stage_at(int index)
{
    return smtp_stage_name((enum smtp_stage)index);
}

static const char *depth_at(int index)
{
    return evidence_depth_name((enum evidence_depth)index);
}

static const char *stop_at(int index)
{
    return evidence_stop_name((enum evidence_stop)index);
}

static const char *habit_at(int index)
{
    return evidence_catch_all_name((enum evidence_catch_all)index);
}

static enum dns_outcome dns_of(const cJSON *object, const char *name)
{
    return (enum dns_outcome)index_of(object, name, dns_at, DNS_OUTCOME_COUNT, DNS_NOT_ASKED);
}

/* Room for the items of an array; *ret_count 0 and NULL where there are none. */
static void *room_for(struct reading *reading, const cJSON *array, size_t size, size_t *ret_count)
{
    int count = cJSON_IsArray(array) ? cJSON_GetArraySize(array) : 0;
    void *room;

    *ret_count = 0;
    if (count == 0)
        return NULL;
    if (count > ITEMS_MAX) {
        reading->code = ERROR_FORMAT;
        return NULL;
    }
    room = arena_array(reading->arena, (size_t)count, size);
    if (room == NULL)
        reading->code = ERROR_NOMEM;
    else
        *ret_count = (size_t)count;
    return room;
}

/* --- attempts -----------------------------------------------------------------------------------
 */

static struct smtp_reply reply_of(struct reading *reading, const cJSON *object)
{
    struct smtp_reply reply = {.code = (uint16_t)number_of(object, "code", 599)};
    struct slice enhanced = text_of(reading, object, "enhanced");

    reply.text = text_of(reading, object, "text");
    /* Octets that JSON could not keep: what was judged were other words. */
    if (reading->code == 0 && slice_find(reply.text, SLICE("\xef\xbf\xbd")) >= 0)
        reading->code = ERROR_NOT_FOUND;
    if (smtp_enhanced_parse(enhanced, &reply.enhanced) == 0)
        reply.enhanced = (struct smtp_enhanced){0};
    return reply;
}

static void read_attempt(struct reading *reading, const cJSON *item,
                         struct evidence_attempt *attempt)
{
    struct slice ip = text_of(reading, item, "ip");

    *attempt = (struct evidence_attempt){
        .unix_ms = moment_of(item, "at"),
        .duration_ms = (uint32_t)number_of(item, "duration_ms", UINT32_MAX),
        .host = text_of(reading, item, "host"),
        .random_recipient = is_true(item, "random"),
        .recipient = text_of(reading, item, "recipient"),
        .sender = text_of(reading, item, "sender"),
        .outcome = (enum smtp_outcome)index_of(item, "outcome", outcome_at, SMTP_OUTCOME_COUNT,
                                               SMTP_OUTCOME_UNTRIED),
        .stage =
            (enum smtp_stage)index_of(item, "stage", stage_at, SMTP_STAGE_COUNT, SMTP_STAGE_ANY),
        .reply = reply_of(reading, item),
        .detail = text_of(reading, item, "detail"),
        .tls = text_of(reading, item, "tls"),
        .transcript = text_of(reading, item, "transcript"),
    };
    if (ip.len > 0 && !ip_parse(ip, &attempt->ip))
        attempt->ip = (struct ip){0};
}

static void read_attempts(struct reading *reading, const cJSON *kept, struct evidence *evidence)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(kept, "attempts"), *item;
    struct evidence_attempt *attempts =
        room_for(reading, array, sizeof(*attempts), &evidence->attempt_count);
    size_t i = 0;

    evidence->attempts = attempts;
    for (item = attempts != NULL ? array->child : NULL; item != NULL; item = item->next)
        read_attempt(reading, item, &attempts[i++]);
}

/* --- the domain ---------------------------------------------------------------------------------
 */

/* Ranges are static words. */
static const char *range_of(struct reading *reading, const cJSON *item)
{
    struct slice words = text_of(reading, item, "refused_range");

    return words.len > 0 ? words.ptr : NULL;
}

static void read_host(struct reading *reading, const cJSON *item, struct evidence_host *host)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(item, "addresses"), *address;
    struct ip *addresses = room_for(reading, array, sizeof(*addresses), &host->address_count);
    size_t count = 0;

    for (address = addresses != NULL ? array->child : NULL; address != NULL;
         address = address->next)
        if (cJSON_IsString(address) &&
            ip_parse(slice_from_string(address->valuestring), &addresses[count]))
            count++;
    host->addresses = addresses;
    host->address_count = count;
    host->name = text_of(reading, item, "host");
    host->preference = (uint16_t)number_of(item, "preference", UINT16_MAX);
    host->outcome = dns_of(item, "outcome");
    host->refused_count = (size_t)number_of(item, "refused", ITEMS_MAX);
    host->refused_range = range_of(reading, item);
}

static void read_hosts(struct reading *reading, const cJSON *kept, struct evidence_domain *domain)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(kept, "hosts"), *item;
    struct evidence_host *hosts = room_for(reading, array, sizeof(*hosts), &domain->host_count);
    size_t i = 0;

    domain->hosts = hosts;
    for (item = hosts != NULL ? array->child : NULL; item != NULL; item = item->next)
        read_host(reading, item, &hosts[i++]);
}

static void read_answers(struct reading *reading, const cJSON *kept, struct evidence_domain *domain)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(kept, "dns"), *item;
    struct evidence_dns_answer *answers =
        room_for(reading, array, sizeof(*answers), &domain->answer_count);
    size_t i = 0;

    domain->answers = answers;
    for (item = answers != NULL ? array->child : NULL; item != NULL; item = item->next)
        answers[i++] = (struct evidence_dns_answer){
            .name = text_of(reading, item, "name"),
            .type = text_of(reading, item, "type").ptr,
            .outcome = dns_of(item, "outcome"),
            .ttl_s = (uint32_t)number_of(item, "ttl_s", UINT32_MAX),
            .text = text_of(reading, item, "answer"),
        };
}

static void read_listings(struct reading *reading, const cJSON *kept,
                          struct evidence_domain *domain)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(kept, "listings"), *item;
    struct evidence_listing *listings =
        room_for(reading, array, sizeof(*listings), &domain->listing_count);
    size_t i = 0;

    domain->listings = listings;
    for (item = listings != NULL ? array->child : NULL; item != NULL; item = item->next) {
        struct slice code = text_of(reading, item, "code");

        listings[i] = (struct evidence_listing){
            .subject = text_of(reading, item, "subject"),
            .zone = text_of(reading, item, "zone"),
            .meaning = text_of(reading, item, "meaning"),
            .is_refused = is_true(item, "refused"),
        };
        if (code.len > 0 && !ip_parse(code, &listings[i].code))
            listings[i].code = (struct ip){0};
        i++;
    }
}

static void read_domain(struct reading *reading, const cJSON *root, const cJSON *kept,
                        struct evidence *evidence)
{
    const cJSON *facts = cJSON_GetObjectItemCaseSensitive(kept, "domain");
    struct evidence_domain *domain;
    struct slice provider = text_of(reading, root, "provider");

    if (provider.len > 0)
        evidence->provider = provider_by_name(provider);
    if (!cJSON_IsObject(facts))
        return;
    if (evidence->provider == NULL)
        evidence->provider = provider_generic();
    domain = arena_alloc(reading->arena, sizeof(*domain));
    if (domain == NULL) {
        reading->code = ERROR_NOMEM;
        return;
    }
    *domain = (struct evidence_domain){
        .name = text_of(reading, root, "domain"),
        .mx_outcome = dns_of(facts, "mx_outcome"),
        .address_outcome = dns_of(facts, "address_outcome"),
        .null_mx = is_true(facts, "null_mx"),
        .implicit_mx = is_true(facts, "implicit_mx"),
        .hosts_left_out = (size_t)number_of(facts, "hosts_left_out", UINT32_MAX),
        .spf = text_of(reading, kept, "spf"),
        .dmarc = text_of(reading, kept, "dmarc"),
        .spf_outcome = dns_of(facts, "spf_outcome"),
        .dmarc_outcome = dns_of(facts, "dmarc_outcome"),
    };
    read_hosts(reading, kept, domain);
    read_answers(reading, kept, domain);
    read_listings(reading, kept, domain);
    evidence->domain = domain;
}

/* --- the rest -----------------------------------------------------------------------------------
 */

static void read_habit(struct reading *reading, const cJSON *kept, struct evidence *evidence)
{
    const cJSON *habit = cJSON_GetObjectItemCaseSensitive(kept, "habit");

    evidence->catch_all_text = SLICE_EMPTY;
    if (!cJSON_IsObject(habit))
        return;
    evidence->catch_all = (enum evidence_catch_all)index_of(
        habit, "strangers", habit_at, EVIDENCE_CATCH_ALL_COUNT, EVIDENCE_CATCH_ALL_UNKNOWN);
    evidence->catch_all_from_cache = is_true(habit, "remembered");
    evidence->catch_all_code = (uint16_t)number_of(habit, "code", 599);
    evidence->catch_all_text = text_of(reading, habit, "text");
}

static void read_lists(const cJSON *kept, struct evidence *evidence)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(kept, "lists"))
    {
        for (unsigned i = 0; cJSON_IsString(item) && i < LISTS_OPERATOR_KIND_COUNT; i++)
            if (strcmp(lists_operator_kind_name((enum lists_operator_kind)i), item->valuestring) ==
                0)
                evidence->operator_matches |= 1U << i;
    }
}

static void read_outcomes(struct reading *reading, const cJSON *kept, struct evidence *evidence)
{
    const cJSON *outcomes = cJSON_GetObjectItemCaseSensitive(kept, "outcomes");
    struct evidence_history *history = &evidence->history;

    if (!cJSON_IsObject(outcomes))
        return;
    history->bounced_unix_ms = moment_of(outcomes, "bounced_at");
    history->known_bounce = history->bounced_unix_ms > 0;
    history->bounce = text_of(reading, outcomes, "bounce");
    history->complained_unix_ms = moment_of(outcomes, "complained_at");
    history->complained = history->complained_unix_ms > 0;
    history->delivered_unix_ms = moment_of(outcomes, "delivered_at");
}

static void read_peers(const cJSON *kept, struct evidence *evidence)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(kept, "peers");
    struct evidence_peers *peers = &evidence->peers;

    if (!cJSON_IsObject(object))
        return;
    peers->proven = (uint32_t)number_of(object, "proven", UINT32_MAX);
    peers->alike = (uint32_t)number_of(object, "alike", peers->proven);
    peers->refused = (uint32_t)number_of(object, "refused", UINT32_MAX);
    peers->accepted = (uint32_t)number_of(object, "accepted", UINT32_MAX);
    peers->absent = (uint32_t)number_of(object, "absent", peers->refused);
    peers->delivered = (uint32_t)number_of(object, "delivered", UINT32_MAX);
    peers->bounced = (uint32_t)number_of(object, "bounced", UINT32_MAX);
}

static int read_all(struct reading *reading, const cJSON *root, struct evidence *ret_evidence)
{
    const cJSON *kept = cJSON_GetObjectItemCaseSensitive(root, "evidence");
    struct evidence evidence = {
        .input = text_of(reading, root, "address"),
        .suggestion = text_of(reading, root, "suggestion"),
        .checked_unix_ms = moment_of(root, "checked_at"),
        .duration_ms = (uint32_t)number_of(root, "duration_ms", UINT32_MAX),
    };

    if (!cJSON_IsObject(root) || number_of(root, "schema", UINT32_MAX) != 1)
        return ERROR_FORMAT;
    if (!cJSON_IsObject(kept) || cJSON_GetObjectItemCaseSensitive(kept, "stop") == NULL)
        return ERROR_NOT_FOUND;
    (void)address_parse(evidence.input.ptr, evidence.input.len, &evidence.address);
    evidence.is_remembered = is_word(root, "source", "history");
    evidence.depth = (enum evidence_depth)index_of(kept, "depth", depth_at, EVIDENCE_DEPTH_COUNT,
                                                   EVIDENCE_DEPTH_SMTP);
    evidence.stop = (enum evidence_stop)index_of(kept, "stop", stop_at, EVIDENCE_STOP_COUNT,
                                                 EVIDENCE_STOP_NONE);
    evidence.internal = text_of(reading, kept, "internal");
    evidence.greylist_waited_s = (uint32_t)number_of(kept, "waited_s", UINT32_MAX);
    read_attempts(reading, kept, &evidence);
    read_domain(reading, root, kept, &evidence);
    read_habit(reading, kept, &evidence);
    read_lists(kept, &evidence);
    read_outcomes(reading, kept, &evidence);
    read_peers(kept, &evidence);
    if (reading->code == 0)
        *ret_evidence = evidence;
    return reading->code;
}

int recall_evidence(struct slice json, struct arena *arena, struct evidence *ret_evidence)
{
    struct reading reading = {.arena = arena};
    cJSON *root = json.len > 0 ? cJSON_ParseWithLength(json.ptr, json.len) : NULL;
    int code = root != NULL ? read_all(&reading, root, ret_evidence) : ERROR_FORMAT;

    cJSON_Delete(root);
    return code;
}
