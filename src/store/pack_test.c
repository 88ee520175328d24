/* Tests of packing: round trips, damage, and what earlier builds kept. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "base/check.h"
#include "base/random.h"
#include "store/dictionary.h"
#include "store/pack.h"

#define HEAD_SIZE 5
#define TEXT_MAX  200000 /* beyond the window of 64 KB, too */

static const char result[] =
    "{\"schema\":1,\"address\":\"ann@firm.example\",\"normalized\":\"ann@firm.example\","
    "\"status\":\"valid\",\"reason\":\"accepted\",\"score\":97,\"action\":\"send\"}";

/* Damaged or cut anywhere it may give nonsense, but never more than it says. */
static void damage(struct store_pack *pack, struct slice packed, struct arena *arena)
{
    struct slice back;

    for (size_t i = 0; i < packed.len; i += 1 + packed.len / 64) {
        char *bad = malloc(packed.len), *cut = malloc(i + 1);

        assert_true(bad != NULL && cut != NULL);
        memcpy(bad, packed.ptr, packed.len);
        memcpy(cut, packed.ptr, i);
        bad[i] ^= 0x55;
        (void)store_unpack(pack, slice_from(bad, packed.len), arena, &back);
        if (i > 0)
            assert_int_equal(store_unpack(pack, slice_from(cut, i), arena, &back), ERROR_FORMAT);
        free(bad);
        free(cut);
    }
}

static void packing_gives_back_what_it_got(void **state)
{
    static char text[TEXT_MAX];
    struct store_pack *pack = store_pack_new();
    struct random random;
    struct arena arena;

    (void)state;
    assert_non_null(pack);
    arena_init(&arena);
    random_init(&random, 7);
    for (size_t len = 0; len < sizeof(text); len = len * 3 / 2 + 1) {
        for (int noise = 0; noise < 2; noise++) {
            struct slice packed, back;

            for (size_t i = 0; i < len; i++)
                text[i] = noise ? (char)random_next(&random) : "{\"status\":\"valid\","[i % 17];
            packed = store_pack(pack, slice_from(text, len));
            assert_non_null(packed.ptr);
            assert_true(packed.len <= len + HEAD_SIZE);
            assert_true(noise || len < 40 || packed.len < len / 2 + 20);
            assert_int_equal(store_unpack(pack, packed, &arena, &back), 0);
            assert_true(slice_equal(back, slice_from(text, len)));
            if (len < 3000)
                damage(pack, packed, &arena);
            arena_reset(&arena);
        }
    }
    arena_done(&arena);
    store_pack_free(pack);
}

/*
 * Part of the format: a change here makes unreadable what is kept. New words are a new dictionary,
 * and a new kind of packing.
 */
static void dictionaries_never_change(void **state)
{
    static const struct {
        struct slice (*dictionary)(void);
        size_t len;
        const char *sha256;
    } rows[] = {
        {store_dictionary_1, 2218,
         "3bceedbd3255ee794f91e8bfd9c4cdd55899e42d514300e13e0187155a3dc377"},
        {store_dictionary_2, 6383,
         "f20ecabfed77bdfb6bf2d2980eb83cdca763cac7198d35372b043e777ecbeea9"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text = rows[i].dictionary();
        unsigned char digest[EVP_MAX_MD_SIZE];
        char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
        unsigned len = 0;

        assert_int_equal(text.len, rows[i].len);
        assert_int_equal(EVP_Digest(text.ptr, text.len, digest, &len, EVP_sha256(), NULL), 1);
        for (unsigned at = 0; at < len; at++)
            snprintf(hex + 2 * at, 3, "%02x", digest[at]);
        assert_string_equal(hex, rows[i].sha256);
    }
}

static void what_results_usually_say_takes_little(void **state)
{
    struct store_pack *pack = store_pack_new();

    (void)state;
    assert_non_null(pack);
    assert_in_range(store_pack(pack, SLICE(result)).len, 1, sizeof(result) / 2);
    store_pack_free(pack);
}

static void what_earlier_builds_deflated_is_read(void **state)
{
    struct slice first = store_dictionary_1(), back;
    struct store_pack *pack = store_pack_new();
    char packed[HEAD_SIZE + sizeof(result)] = {1, (char)(sizeof(result) - 1)};
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)result,
                       .avail_in = sizeof(result) - 1,
                       .next_out = (Bytef *)packed + HEAD_SIZE,
                       .avail_out = sizeof(result)};
    struct arena arena;

    (void)state;
    assert_non_null(pack);
    arena_init(&arena);
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, -12, 5, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflateSetDictionary(&stream, (const Bytef *)first.ptr, (uInt)first.len),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    for (int again = 0; again < 2; again++) {
        struct slice whole = slice_from(packed, HEAD_SIZE + stream.total_out);

        assert_int_equal(store_unpack(pack, whole, &arena, &back), 0);
        assert_true(slice_equal(back, SLICE(result)));
        damage(pack, whole, &arena);
    }
    deflateEnd(&stream);
    arena_done(&arena);
    store_pack_free(pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dictionaries_never_change),
        cmocka_unit_test(packing_gives_back_what_it_got),
        cmocka_unit_test(what_results_usually_say_takes_little),
        cmocka_unit_test(what_earlier_builds_deflated_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
