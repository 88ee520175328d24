#include "service/key.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/route.h"
#include "store/store.h"

#define KIND "key"

void service_hex(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

void service_hash(struct slice bytes, char ret_hash[SERVICE_KEY_HASH_SIZE])
{
    static EVP_MD *sha256; /* fetched once: every request's key is hashed, and looking the algorithm
                              up costs more than the hash */
    unsigned char hash[32];
    unsigned len = 0;

    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(sha256 != NULL);
    CHECK(EVP_Digest(bytes.ptr, bytes.len, hash, &len, sha256, NULL) == 1 && len == 32);
    service_hex(hash, sizeof(hash), ret_hash);
}

void service_random_text(char *out, size_t count)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[64];

    CHECK(count <= sizeof(bytes));
    CHECK(RAND_bytes(bytes, (int)count) == 1);
    for (size_t i = 0; i < count; i++)
        out[i] = letters[bytes[i] & 31];
    out[count] = '\0';
}

/* --- in the store ----------------------------------------------------------------------------- */

static void write_key(struct json *json, const struct service_key *key, bool with_hash)
{
    char id[24];

    snprintf(id, sizeof(id), "%ju", (uintmax_t)key->id);
    json_object_begin(json);
    json_name_cstring(json, "id", id);
    json_name_cstring(json, "name", key->name);
    if (with_hash)
        json_name_cstring(json, "hash", key->hash);
    json_name(json, "scopes");
    json_array_begin(json);
    for (unsigned bit = 1; bit < SERVICE_SCOPE_ALL; bit <<= 1)
        if (key->scopes & bit)
            json_cstring(json, service_scope_name((enum service_scope)bit));
    json_array_end(json);
    json_name_int(json, "per_minute", key->rate.per_minute);
    json_name_int(json, "uses", (int64_t)key->uses);
    if (with_hash) {
        json_name_int(json, "created_unix_ms", key->created_unix_ms);
        json_name_int(json, "used_unix_ms", key->used_unix_ms);
    } else {
        char text[INSTANT_TEXT_SIZE];

        json_name_cstring(json, "created_at", instant_format(key->created_unix_ms, text));
        json_name_cstring(json, "used_at",
                          key->used_unix_ms != 0 ? instant_format(key->used_unix_ms, text) : NULL);
    }
    json_object_end(json);
}

void service_key_write(struct json *json, const struct service_key *key)
{
    write_key(json, key, false);
}

static void note_id(uint64_t id, char out[24])
{
    snprintf(out, 24, "%020ju", (uintmax_t)id);
}

static int keep(struct service_keys *keys, const struct service_key *key, struct error *error)
{
    struct buffer body;
    struct json json;
    char id[24];
    int code;

    if (keys->store == NULL)
        return 0;
    buffer_init(&body, 0);
    json_init(&json, &body);
    write_key(&json, key, true);
    note_id(key->id, id);
    code = body.failed ? error_set(error, ERROR_NOMEM, "out of memory")
                       : store_note_put(keys->store, KIND, id, buffer_slice(&body), 0, error);
    buffer_done(&body);
    return code;
}

static uint64_t number_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (cJSON_IsNumber(member) && member->valuedouble >= 0 && member->valuedouble < 1e18)
        return (uint64_t)member->valuedouble;
    return 0;
}

static unsigned scopes_of(const cJSON *object)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "scopes"), *word;
    unsigned bits = 0;

    cJSON_ArrayForEach(word, array) if (cJSON_IsString(word)) bits |=
        service_scopes_parse(slice_from_string(word->valuestring));
    return bits;
}

static int add(struct service_keys *keys, struct service_key *key)
{
    int code = table_put(&keys->by_hash, slice_from_string(key->hash), key);

    if (code != 0)
        return code;
    list_append(&keys->list, &key->node);
    if (key->id > keys->last_id)
        keys->last_id = key->id;
    return 0;
}

static int add_note(struct service_keys *keys, struct slice id, struct slice body,
                    struct error *error)
{
    cJSON *object = cJSON_ParseWithLength(body.ptr, body.len);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "name");
    const cJSON *hash = cJSON_GetObjectItemCaseSensitive(object, "hash");
    struct service_key *key = NULL;
    int code = ERROR_FORMAT;

    if (!cJSON_IsString(name) || !cJSON_IsString(hash) ||
        strlen(hash->valuestring) != SERVICE_KEY_HASH_SIZE - 1 ||
        strlen(name->valuestring) > SERVICE_KEY_NAME_MAX) {
        error_set(error, ERROR_FORMAT, "the store's API key %.*s is damaged", SLICE_ARG(id));
        goto done;
    }
    key = memory_zalloc(1, sizeof(*key));
    code = key != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
    if (code != 0)
        goto done;
    (void)slice_to_u64(id, UINT64_MAX, &key->id);
    strcpy(key->name, name->valuestring);
    strcpy(key->hash, hash->valuestring);
    key->scopes = scopes_of(object);
    key->rate.per_minute = (uint32_t)number_of(object, "per_minute");
    key->uses = number_of(object, "uses");
    key->created_unix_ms = (int64_t)number_of(object, "created_unix_ms");
    key->used_unix_ms = (int64_t)number_of(object, "used_unix_ms");
    code = add(keys, key);
    if (code != 0)
        error_set(error, code, "out of memory");
done:
    if (code != 0)
        memory_free(key);
    cJSON_Delete(object);
    return code;
}

static void forget_shown(struct service_key_shown *shown)
{
    OPENSSL_cleanse(shown, sizeof(*shown));
}

static void key_free(struct service_keys *keys, struct service_key *key)
{
    for (size_t i = 0; i < SERVICE_KEYS_SHOWN; i++)
        if (keys->shown[i].key == key)
            forget_shown(&keys->shown[i]);
    (void)table_take(&keys->by_hash, slice_from_string(key->hash));
    list_remove(&key->node);
    memory_free(key);
}

int service_keys_refresh(struct service_keys *keys, struct error *error)
{
    struct slice id = SLICE_EMPTY, body;
    struct arena arena;
    int code = 0;

    if (keys->store == NULL)
        return 0;
    arena_init(&arena);
    keys->generation++;
    while ((code = store_note_next(keys->store, KIND, id, &arena, &id, &body, error)) == 1) {
        struct service_key *key;
        uint64_t number = 0;

        (void)slice_to_u64(id, UINT64_MAX, &number);
        key = service_key_by_id(keys, number);
        code = key != NULL ? 0 : add_note(keys, id, body, error);
        if (code != 0)
            break;
        service_key_by_id(keys, number)->generation = keys->generation;
    }
    arena_done(&arena);
    for (struct list_node *node = list_first(&keys->list); code == 0 && node != NULL;) {
        struct service_key *key = LIST_ELEMENT(node, struct service_key, node);

        node = list_after(&keys->list, node);
        if (key->generation != keys->generation)
            key_free(keys, key);
    }
    return code;
}

int service_keys_open(struct service_keys *keys, struct store *store, struct error *error)
{
    uint64_t seed;
    int code;

    CHECK(RAND_bytes((unsigned char *)&seed, sizeof(seed)) == 1);
    memset(keys, 0, sizeof(*keys));
    keys->store = store;
    keys->seed = seed;
    table_init(&keys->by_hash, seed);
    list_init(&keys->list);
    code = service_keys_refresh(keys, error);
    if (code != 0)
        service_keys_close(keys);
    return code;
}

void service_keys_close(struct service_keys *keys)
{
    struct list_node *node;

    if (keys->list.head.next == NULL)
        return;
    while ((node = list_pop(&keys->list)) != NULL)
        memory_free(LIST_ELEMENT(node, struct service_key, node));
    table_done(&keys->by_hash);
    for (size_t i = 0; i < SERVICE_KEYS_SHOWN; i++)
        forget_shown(&keys->shown[i]);
}

size_t service_keys_count(const struct service_keys *keys)
{
    return keys->by_hash.count;
}

/* --- making, finding -------------------------------------------------------------------------- */

int service_key_make(struct service_keys *keys, const char *name, unsigned scopes,
                     uint32_t per_minute, int64_t now_unix_ms, char ret_secret[SERVICE_KEY_SIZE],
                     const struct service_key **ret_key, struct error *error)
{
    struct slice trimmed = slice_trim(slice_from_string(name));
    struct service_key *key;
    int code;

    if (trimmed.len == 0 || trimmed.len > SERVICE_KEY_NAME_MAX)
        return error_set(error, ERROR_USAGE, "a key needs a name of at most %d bytes",
                         SERVICE_KEY_NAME_MAX);
    if (scopes == 0 || (scopes & ~(unsigned)SERVICE_SCOPE_ALL) != 0)
        return error_set(error, ERROR_USAGE,
                         "a key needs at least one scope: verify, lists, admin");
    key = memory_zalloc(1, sizeof(*key));
    if (key == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    memcpy(ret_secret, "mk_", 3);
    service_random_text(ret_secret + 3, 32);
    service_hash(slice_from_string(ret_secret), key->hash);
    memcpy(key->name, trimmed.ptr, trimmed.len);
    key->id = keys->last_id + 1;
    key->scopes = scopes;
    key->rate.per_minute = per_minute;
    key->created_unix_ms = now_unix_ms;
    code = keep(keys, key, error);
    if (code == 0 && add(keys, key) != 0)
        code = error_set(error, ERROR_NOMEM, "out of memory");
    if (code != 0) {
        memory_free(key);
        return code;
    }
    *ret_key = key;
    return 0;
}

struct service_key *service_key_by_id(struct service_keys *keys, uint64_t id)
{
    for (struct list_node *node = list_first(&keys->list); node != NULL;
         node = list_after(&keys->list, node)) {
        struct service_key *key = LIST_ELEMENT(node, struct service_key, node);

        if (key->id == id)
            return key;
    }
    return NULL;
}

int service_key_remove(struct service_keys *keys, uint64_t id, struct error *error)
{
    struct service_key *key = service_key_by_id(keys, id);
    char text[24];
    int code = 0;

    if (key == NULL)
        return error_set(error, ERROR_NOT_FOUND, "there is no key %ju", (uintmax_t)id);
    note_id(id, text);
    if (keys->store != NULL)
        code = store_note_remove(keys->store, KIND, text, error);
    if (code != 0)
        return code;
    key_free(keys, key);
    return 0;
}

struct service_key *service_key_find(struct service_keys *keys, struct slice secret)
{
    char hash[SERVICE_KEY_HASH_SIZE];
    struct service_key_shown *shown;
    struct service_key *key;

    if (secret.len != SERVICE_KEY_SIZE - 1)
        return NULL;
    /* Its place has a seed that nobody knows, and all of it is compared whatever differs: how long
       that takes says nothing of what others showed. */
    shown = &keys->shown[hash_bytes(secret.ptr, secret.len, keys->seed) % SERVICE_KEYS_SHOWN];
    if (shown->key != NULL && CRYPTO_memcmp(shown->secret, secret.ptr, secret.len) == 0)
        return shown->key;
    /* Looked up by its hash: how long that takes says nothing of the secret. */
    service_hash(secret, hash);
    key = table_get(&keys->by_hash, slice_from_string(hash));
    if (key != NULL) {
        memcpy(shown->secret, secret.ptr, secret.len);
        shown->key = key;
    }
    return key;
}

void service_key_used(struct service_key *key, int64_t now_unix_ms)
{
    key->uses++;
    key->used_unix_ms = now_unix_ms;
    key->changed = true;
}

int service_keys_flush(struct service_keys *keys, struct error *error)
{
    for (struct list_node *node = list_first(&keys->list); node != NULL;
         node = list_after(&keys->list, node)) {
        struct service_key *key = LIST_ELEMENT(node, struct service_key, node);
        int code;

        if (!key->changed)
            continue;
        code = keep(keys, key, error);
        if (code != 0)
            return code;
        key->changed = false;
    }
    return 0;
}
