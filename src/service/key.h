/*
 * API keys: who may call, what, and how often.
 *
 * A key is "mk_" and 160 random bits; only its SHA-256 is kept (that many bits need no salt and no
 * slow hash). It is shown once, when it is made. The set of keys lives in memory and, as notes, in
 * the store. Keys that callers showed lately stand in memory as they were shown, as in the requests
 * themselves: hashing each anew cost more than finding an answer that is remembered.
 */
#ifndef MK_SERVICE_KEY_H
#define MK_SERVICE_KEY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/list.h"
#include "base/table.h"
#include "service/rate.h"

#define SERVICE_KEY_SIZE      36 /* "mk_" + 32 characters + NUL */
#define SERVICE_KEY_NAME_MAX  100
#define SERVICE_KEY_HASH_SIZE 65 /* hexadecimal and NUL */
#define SERVICE_KEYS_SHOWN    64

struct store;

struct service_key {
    struct list_node node;
    uint64_t id;
    char name[SERVICE_KEY_NAME_MAX + 1];
    char hash[SERVICE_KEY_HASH_SIZE];
    unsigned scopes;
    struct service_rate rate;
    int64_t created_unix_ms, used_unix_ms; /* 0: never */
    uint64_t uses;
    bool changed; /* uses are not stored yet */
    unsigned generation;
};

/* A key as it was shown a moment ago. */
struct service_key_shown {
    char secret[SERVICE_KEY_SIZE];
    struct service_key *key; /* NULL: none */
};

struct service_keys {
    struct store *store; /* borrowed; NULL: nothing is kept */
    struct table by_hash;
    struct service_key_shown shown[SERVICE_KEYS_SHOWN];
    uint64_t seed;    /* of their places */
    struct list list; /* oldest first */
    uint64_t last_id;
    unsigned generation; /* of the last look at the store */
};

/* Read what the store has. ERROR_NOMEM, ERROR_IO, ERROR_FORMAT. */
int service_keys_open(struct service_keys *keys, struct store *store, struct error *error);
void service_keys_close(struct service_keys *keys);
size_t service_keys_count(const struct service_keys *keys);

/*
 * Make one; the key itself is written to ret_secret and nowhere else. per_minute 0: no limit.
 * ERROR_USAGE (name, scopes), ERROR_NOMEM, ERROR_IO.
 */
int service_key_make(struct service_keys *keys, const char *name, unsigned scopes,
                     uint32_t per_minute, int64_t now_unix_ms, char ret_secret[SERVICE_KEY_SIZE],
                     const struct service_key **ret_key, struct error *error);
/* ERROR_NOT_FOUND, ERROR_IO. */
int service_key_remove(struct service_keys *keys, uint64_t id, struct error *error);

/* The key that somebody showed, or NULL. In constant time as far as secrets go. */
struct service_key *service_key_find(struct service_keys *keys, struct slice secret);
/* Take over what others changed in the store: keys that are new or gone. The store's errors. */
int service_keys_refresh(struct service_keys *keys, struct error *error);
struct service_key *service_key_by_id(struct service_keys *keys, uint64_t id);
/* Count a use; stored by service_keys_flush. */
void service_key_used(struct service_key *key, int64_t now_unix_ms);
int service_keys_flush(struct service_keys *keys, struct error *error);

/* One object, without the hash. */
void service_key_write(struct json *json, const struct service_key *key);

/* Lower-case hexadecimal SHA-256; for others that keep secrets hashed. */
void service_hash(struct slice bytes, char ret_hash[SERVICE_KEY_HASH_SIZE]);
/* Lower-case hexadecimal and NUL: 2 * len + 1 characters. */
void service_hex(const unsigned char *bytes, size_t len, char *out);
/* Random characters of base 32 (RFC 4648, lower case), NUL-terminated, count of them. */
void service_random_text(char *out, size_t count);

#endif
