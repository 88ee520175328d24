/*
 * The parts of the service that need no network: routes and their description, rates, keys,
 * sessions, strangers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "service/asset.h"
#include "service/internal.h"

/* --- routes -------------------------------------------------------------------------------------
 */

static cJSON *read_description(void)
{
    for (size_t i = 0; i < service_asset_count; i++) {
        const struct service_asset *asset = &service_assets[i];

        if (strcmp(asset->path, "/openapi.json") == 0)
            return cJSON_ParseWithLength((const char *)asset->bytes, asset->len);
    }
    return NULL;
}

static void lower(char *out, size_t size, const char *text)
{
    size_t len = 0;

    for (; text[len] != '\0' && len + 1 < size; len++)
        out[len] = ascii_lower(text[len]);
    out[len] = '\0';
}

static void test_every_route_is_described(void **state)
{
    cJSON *description = read_description();
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(description, "paths");
    char method[16];

    (void)state;
    assert_non_null(paths);
    for (size_t i = 0; i < service_route_count; i++) {
        const struct service_route *route = &service_routes[i];
        const cJSON *path = cJSON_GetObjectItemCaseSensitive(paths, route->pattern);
        const cJSON *operation, *scope, *security;

        lower(method, sizeof(method), route->method);
        operation = cJSON_GetObjectItemCaseSensitive(path, method);
        if (operation == NULL)
            fail_msg("web/openapi.json lacks %s %s", route->method, route->pattern);
        scope = cJSON_GetObjectItemCaseSensitive(operation, "x-scope");
        security = cJSON_GetObjectItemCaseSensitive(operation, "security");
        if (!cJSON_IsArray(security) ||
            (cJSON_GetArraySize(security) == 0) != (route->scope == SERVICE_SCOPE_PUBLIC))
            fail_msg("%s %s: its security is not that of the table", route->method, route->pattern);
        if (route->scope == SERVICE_SCOPE_PUBLIC)
            continue;
        if (!cJSON_IsString(scope) ||
            service_scopes_parse(slice_from_string(scope->valuestring)) != route->scope)
            fail_msg("%s %s: x-scope is not the table's", route->method, route->pattern);
    }
    cJSON_Delete(description);
}

static bool is_served(const char *method, const char *pattern)
{
    char name[16];

    for (size_t i = 0; i < service_route_count; i++) {
        lower(name, sizeof(name), service_routes[i].method);
        if (strcmp(name, method) == 0 && strcmp(service_routes[i].pattern, pattern) == 0)
            return true;
    }
    return false;
}

static void test_everything_described_is_served(void **state)
{
    static const char *const methods[] = {"get", "post", "put", "patch", "delete"};
    cJSON *description = read_description();
    const cJSON *path, *operation;
    size_t seen = 0;

    (void)state;
    cJSON_ArrayForEach(path, cJSON_GetObjectItemCaseSensitive(description, "paths"))
    {
        cJSON_ArrayForEach(operation, path)
        {
            for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                if (strcmp(operation->string, methods[i]) != 0)
                    continue;
                seen++;
                if (!is_served(methods[i], path->string))
                    fail_msg("%s %s is described but not served", methods[i], path->string);
            }
        }
    }
    assert_int_equal(seen, service_route_count);
    cJSON_Delete(description);
}

static void test_matching(void **state)
{
    static const struct {
        const char *method, *path, *pattern, *part, *allow;
    } cases[] = {
        {"GET", "/v1/lists", "/v1/lists", "", ""},
        {"GET", "/v1/lists/", "/v1/lists", "", ""},
        {"HEAD", "/v1/lists/7", "/v1/lists/{id}", "7", ""},
        {"GET", "/v1/lists/7/results/9", "/v1/lists/{id}/results/{row}", "7", ""},
        {"GET", "/v1/lists//results", NULL, "", ""},
        {"GET", "//v1/lists", NULL, "", ""},
        {"GET", "/v1/lists/7/results/9/x", NULL, "", ""},
        {"GET", "/V1/lists", NULL, "", ""},
        {"GET", "", NULL, "", ""},
        {"GET", "/", "/", "", ""},
        {"PUT", "/v1/lists", NULL, "", "GET, POST"},
        {"DELETE", "/v1/verify", NULL, "", "GET, POST"},
        {"get", "/v1/lists", NULL, "", "GET, POST"},
    };
    struct service_match match;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        service_route_match(service_routes, service_route_count, cases[i].method, cases[i].path,
                            &match);
        if (cases[i].pattern == NULL) {
            assert_null(match.route);
        } else {
            assert_non_null(match.route);
            assert_string_equal(match.route->pattern, cases[i].pattern);
        }
        assert_true(slice_equal(match.parts[0], slice_from_string(cases[i].part)) ||
                    (match.parts[0].len == 0 && cases[i].part[0] == '\0'));
        assert_string_equal(match.allow, cases[i].allow);
    }
}

static void test_scopes(void **state)
{
    (void)state;
    assert_int_equal(service_scopes_parse(SLICE("verify, lists")),
                     SERVICE_SCOPE_VERIFY | SERVICE_SCOPE_LISTS);
    assert_int_equal(service_scopes_parse(SLICE("admin")), SERVICE_SCOPE_ADMIN);
    assert_int_equal(service_scopes_parse(SLICE("verify,root")), 0);
    assert_int_equal(service_scopes_parse(SLICE("")), 0);
    assert_int_equal(service_scopes_parse(SLICE("verify,")), 0);
}

/* --- rates --------------------------------------------------------------------------------------
 */

static void test_rate(void **state)
{
    static const uint32_t limits[] = {1, 3, 60, 1000, 59999, 90000, 1000000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct service_rate rate = {.per_minute = limits[i]};
        uint64_t now = 1000, taken = 0;

        assert_int_equal(service_rate_left(&rate, now), limits[i]);
        while (taken <= 2 * (uint64_t)limits[i] && service_rate_take(&rate, 1, now))
            taken++;
        assert_int_equal(taken, limits[i]);
        assert_int_equal(service_rate_left(&rate, now), 0);
        assert_in_range(service_rate_wait_s(&rate, now), 1, 60);
        /* When it says there is one, there is one. */
        now += service_rate_wait_s(&rate, now) * SECOND_MS;
        assert_int_equal(service_rate_wait_s(&rate, now), 0);
        assert_true(service_rate_take(&rate, 1, now));
        /* A minute later it is full, and not more than full. */
        assert_int_equal(service_rate_left(&rate, now + 10 * MINUTE_MS), limits[i]);
    }
}

static void test_no_rate(void **state)
{
    struct service_rate rate = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(service_rate_take(&rate, 1000000, 5));
    assert_int_equal(service_rate_wait_s(&rate, 5), 0);
}

/* --- keys ---------------------------------------------------------------------------------------
 */

struct world {
    struct store *store;
    struct service_keys keys;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct error error = {0};

    if (store_open("memory:", STORE_MODE_CREATE, &world->store, &error) != 0 ||
        service_keys_open(&world->keys, world->store, &error) != 0)
        return -1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    service_keys_close(&world->keys);
    store_close(world->store);
    free(world);
    return 0;
}

static const struct service_key *make(struct service_keys *keys, const char *name,
                                      char secret[SERVICE_KEY_SIZE])
{
    const struct service_key *key;
    struct error error = {0};

    if (service_key_make(keys, name, SERVICE_SCOPE_VERIFY, 60, 1000, secret, &key, &error) != 0)
        fail_msg("%s", error.message);
    return key;
}

static void test_keys(void **state)
{
    struct world *world = *state;
    char one[SERVICE_KEY_SIZE], two[SERVICE_KEY_SIZE], wrong[SERVICE_KEY_SIZE];
    const struct service_key *key = make(&world->keys, "one", one);
    struct error error = {0};
    uint64_t id = key->id;

    (void)make(&world->keys, "two", two);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), SERVICE_KEY_SIZE - 1);
    assert_memory_equal(one, "mk_", 3);
    assert_ptr_equal(service_key_find(&world->keys, slice_from_string(one)), key);
    assert_null(strstr(key->hash, one + 3));
    /* Some of these fall into the place where the right one stands as it was shown. */
    for (size_t i = 0; i < SERVICE_KEY_SIZE - 1; i++) {
        for (char other = 'a'; other <= 'z'; other++) {
            memcpy(wrong, one, sizeof(wrong));
            wrong[i] = other;
            if (strcmp(wrong, one) != 0)
                assert_null(service_key_find(&world->keys, slice_from_string(wrong)));
        }
    }
    assert_null(service_key_find(&world->keys, slice_from_string("")));
    assert_null(service_key_find(&world->keys, slice_from_string(key->hash)));
    assert_int_equal(service_key_remove(&world->keys, id, &error), 0);
    assert_null(service_key_find(&world->keys, slice_from_string(one)));
    assert_null(service_key_by_id(&world->keys, id));
    assert_int_equal(service_key_remove(&world->keys, id, &error), ERROR_NOT_FOUND);
    assert_non_null(service_key_find(&world->keys, slice_from_string(two)));
}

/* More than stand in memory as they were shown, in turn. */
static void test_many_keys(void **state)
{
    struct world *world = *state;
    char secrets[3 * SERVICE_KEYS_SHOWN][SERVICE_KEY_SIZE];
    const struct service_key *made[ARRAY_LEN(secrets)];
    struct error error = {0};

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        made[i] = make(&world->keys, "one of many", secrets[i]);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
            for (int again = 0; again < 2; again++)
                assert_ptr_equal(service_key_find(&world->keys, slice_from_string(secrets[i])),
                                 made[i]);
    for (size_t i = 0; i < ARRAY_LEN(secrets); i += 2) {
        assert_non_null(service_key_find(&world->keys, slice_from_string(secrets[i])));
        assert_int_equal(service_key_remove(&world->keys, made[i]->id, &error), 0);
        assert_null(service_key_find(&world->keys, slice_from_string(secrets[i])));
        assert_ptr_equal(service_key_find(&world->keys, slice_from_string(secrets[i + 1])),
                         made[i + 1]);
    }
}

static void test_keys_are_refused(void **state)
{
    struct world *world = *state;
    char secret[SERVICE_KEY_SIZE], long_name[SERVICE_KEY_NAME_MAX + 2];
    const struct service_key *key;
    struct error error = {0};

    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(
        service_key_make(&world->keys, "", SERVICE_SCOPE_VERIFY, 0, 1, secret, &key, &error),
        ERROR_USAGE);
    assert_int_equal(
        service_key_make(&world->keys, long_name, SERVICE_SCOPE_VERIFY, 0, 1, secret, &key, &error),
        ERROR_USAGE);
    assert_int_equal(service_key_make(&world->keys, "n", 0, 0, 1, secret, &key, &error),
                     ERROR_USAGE);
    assert_int_equal(service_keys_count(&world->keys), 0);
}

/* Two programs on one database: each learns of what the other does. */
static void test_keys_from_beside(void **state)
{
    struct world *world = *state;
    struct service_keys beside;
    char old[SERVICE_KEY_SIZE], new[SERVICE_KEY_SIZE];
    uint64_t old_id = make(&world->keys, "old", old)->id;
    struct error error = {0};

    assert_int_equal(service_keys_open(&beside, world->store, &error), 0);
    assert_non_null(service_key_find(&beside, slice_from_string(old)));
    (void)make(&beside, "new", new);
    assert_int_equal(service_key_remove(&beside, old_id, &error), 0);
    assert_null(service_key_find(&world->keys, slice_from_string(new)));
    assert_int_equal(service_keys_refresh(&world->keys, &error), 0);
    assert_non_null(service_key_find(&world->keys, slice_from_string(new)));
    assert_null(service_key_find(&world->keys, slice_from_string(old)));
    service_keys_close(&beside);
}

/* What was used is kept, and does not bring back a key that is gone. */
static void test_uses(void **state)
{
    struct world *world = *state;
    struct service_keys again;
    char secret[SERVICE_KEY_SIZE];
    uint64_t id = make(&world->keys, "used", secret)->id;
    struct error error = {0};

    service_key_used(service_key_by_id(&world->keys, id), 5000);
    service_key_used(service_key_by_id(&world->keys, id), 6000);
    assert_int_equal(service_keys_flush(&world->keys, &error), 0);
    assert_int_equal(service_keys_open(&again, world->store, &error), 0);
    assert_int_equal(service_key_by_id(&again, id)->uses, 2);
    assert_int_equal(service_key_by_id(&again, id)->used_unix_ms, 6000);
    assert_int_equal(service_key_remove(&again, id, &error), 0);
    service_keys_close(&again);
    service_key_used(service_key_by_id(&world->keys, id), 7000);
    assert_int_equal(service_keys_refresh(&world->keys, &error), 0);
    assert_int_equal(service_keys_flush(&world->keys, &error), 0);
    assert_int_equal(service_keys_refresh(&world->keys, &error), 0);
    assert_null(service_key_by_id(&world->keys, id));
}

/* --- sessions and strangers ---------------------------------------------------------------------
 */

static void test_sessions(void **state)
{
    struct service_sessions sessions;
    char first[SERVICE_SESSION_SIZE], token[SERVICE_SESSION_SIZE];

    (void)state;
    service_sessions_open(&sessions, 7);
    assert_int_equal(service_session_make(&sessions, 3, 1000, first), 0);
    assert_int_equal(service_session_find(&sessions, slice_from_string(first), 1000), 3);
    assert_int_equal(service_session_find(&sessions, SLICE("nobody"), 1000), 0);
    assert_int_equal(service_session_find(&sessions, SLICE(""), 1000), 0);
    assert_int_equal(
        service_session_find(&sessions, slice_from_string(first), 1000 + 12 * HOUR_MS - 1), 3);
    assert_int_equal(service_session_find(&sessions, slice_from_string(first), 1000 + 12 * HOUR_MS),
                     0);
    assert_int_equal(service_session_make(&sessions, 4, 1000, first), 0);
    service_session_end(&sessions, slice_from_string(first));
    assert_int_equal(service_session_find(&sessions, slice_from_string(first), 1000), 0);
    /* Bounded: the oldest make room. */
    assert_int_equal(service_session_make(&sessions, 5, 1000, first), 0);
    for (int i = 0; i < 12000; i++)
        assert_int_equal(service_session_make(&sessions, 6, 1000, token), 0);
    assert_int_equal(sessions.by_token.count, 10000);
    assert_int_equal(service_session_find(&sessions, slice_from_string(first), 1000), 0);
    assert_int_equal(service_session_find(&sessions, slice_from_string(token), 1000), 6);
    service_sessions_close(&sessions);
}

/* --- lists that nobody loads --------------------------------------------------------------------
 */

static void test_orphans(void **state)
{
    struct service_orphans orphans = {0};
    struct store_job job = {.id = 7, .state = STORE_JOB_LOADING, .rows = 100};
    const uint64_t minute = MINUTE_MS;

    (void)state;
    assert_false(service_orphans_look(&orphans, &job, 5 * minute));
    assert_false(service_orphans_look(&orphans, &job, 364 * minute));
    job.rows = 200; /* slow, but there is somebody */
    assert_false(service_orphans_look(&orphans, &job, 366 * minute));
    assert_false(service_orphans_look(&orphans, &job, 725 * minute));
    job.duplicates = 1;
    assert_false(service_orphans_look(&orphans, &job, 726 * minute));
    assert_false(service_orphans_look(&orphans, &job, 1085 * minute));
    assert_true(service_orphans_look(&orphans, &job, 1086 * minute));
    /* It went on, and was loaded again much later. */
    job.state = STORE_JOB_READY;
    assert_false(service_orphans_look(&orphans, &job, 1087 * minute));
    job.state = STORE_JOB_LOADING;
    assert_false(service_orphans_look(&orphans, &job, 2000 * minute));
    /* As many as there are places; the next ones have their turn when these are over. */
    for (job.id = 8; job.id < 8 + SERVICE_ORPHANS_MAX; job.id++)
        assert_false(service_orphans_look(&orphans, &job, 2001 * minute));
    job.id--;
    assert_false(service_orphans_look(&orphans, &job, 2400 * minute));
    job.id--;
    assert_true(service_orphans_look(&orphans, &job, 2400 * minute));
}

static void test_strangers(void **state)
{
    struct service_strangers strangers;
    struct ip one = {4, {192, 0, 2, 1}}, other = {4, {192, 0, 2, 2}};
    struct ip home = {6, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, [15] = 1}};
    struct ip same_home = {6, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, [15] = 2}};
    unsigned tries = 0;
    uint32_t wait_s;

    (void)state;
    service_strangers_open(&strangers, 7);
    while (service_stranger_wait_s(&strangers, &one, 1000) == 0 && tries++ < 1000)
        service_stranger_failed(&strangers, &one, 1000);
    assert_in_range(tries, 3, 30);
    assert_int_equal(service_stranger_wait_s(&strangers, &other, 1000), 0);
    wait_s = service_stranger_wait_s(&strangers, &one, 1000);
    assert_in_range(wait_s, 1, 600);
    assert_int_equal(service_stranger_wait_s(&strangers, &one, 1000 + wait_s * SECOND_MS), 0);
    for (unsigned i = 0; i < tries; i++)
        service_stranger_failed(&strangers, &home, 1000);
    assert_true(service_stranger_wait_s(&strangers, &same_home, 1000) > 0);
    /* Whoever has many addresses does not fill memory. */
    for (uint32_t i = 0; i < 30000; i++) {
        struct ip ip = {4, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};

        service_stranger_failed(&strangers, &ip, 2000);
    }
    assert_in_range(strangers.by_ip.count, 1, 10000);
    service_strangers_close(&strangers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_everything_described_is_served),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_no_rate),
        cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_from_beside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uses, set_up, tear_down),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
