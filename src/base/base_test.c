/* Tests of ring 0. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/check.h"
#include "base/eight.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/instant.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/sixteen.h"
#include "base/slice.h"
#include "base/table.h"
#include "base/utf8.h"

static void slices_split_and_compare(void **state)
{
    struct slice rest = SLICE("a,,b,"), part;
    const char *expected[] = {"a", "", "b", ""};
    uint64_t value;

    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(slice_split(&rest, ',', &part));
        assert_true(slice_equal(part, slice_from_string(expected[i])));
    }
    assert_false(slice_split(&rest, ',', &part));
    assert_true(slice_ends_with_nocase(SLICE("mx.GOOGLE.com"), SLICE(".google.com")));
    assert_false(slice_ends_with(SLICE("com"), SLICE(".com")));
    assert_int_equal(slice_find_nocase(SLICE("No Such User"), SLICE("such")), 3);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), UINT64_MAX, &value));
    assert_false(slice_to_u64(SLICE("18446744073709551616"), UINT64_MAX, &value));
    assert_false(slice_to_u64(SLICE("-1"), UINT64_MAX, &value));
    assert_false(slice_to_u64(SLICE(""), UINT64_MAX, &value));
}

/* Of each byte, and each range of ASCII. */
static void sixteen_are_told_from_to(void **state)
{
    for (int first = 1; first < 0x80; first++) {
        for (int last = first; last < 0x80; last++) {
            for (int at = 0; at < 256; at += 16) {
                uint64_t expected = 0;
                char bytes[16];

                for (int i = 0; i < 16; i++) {
                    bytes[i] = (char)(at + i);
                    expected |= (uint64_t)(at + i >= first && at + i <= last) << i;
                }
                assert_int_equal(
                    sixteen_gather(sixteen_between(sixteen_read(bytes, 16), (signed char)first,
                                                   (signed char)last)),
                    expected);
            }
        }
    }
}

/* All lengths, and nothing behind them. */
static void fewer_are_read_as_zeros(void **state)
{
    static const char text[] = "0123456789abcdef";

    for (size_t len = 0; len <= 16; len++) {
        char bytes[16] = {0}, *input = malloc(len + 1);
        sixteen read;

        assert_non_null(input);
        memcpy(bytes, text, len);
        memcpy(input, text, len);
        read = sixteen_read(input, len);
        assert_memory_equal(&read, bytes, 16);
        free(input);
    }
}

/* Eight bytes are looked at together: each length, and each place for what differs. */
static void case_is_all_that_may_differ(void **state)
{
    static const char upper[] = "SOMEONE.ELSE@EXAMPLE[]^_.COM{}~\xc3\x89";
    static const char lower[] = "someone.else@example[]^_.com{}~\xc3\x89";
    char other[sizeof(lower)];

    for (size_t len = 0; len < sizeof(lower); len++) {
        assert_true(slice_equal_nocase(slice_from(upper, len), slice_from(lower, len)));
        for (size_t at = 0; at < len; at++) {
            memcpy(other, lower, len);
            other[at] = (char)(other[at] ^ 0x80);
            assert_false(slice_equal_nocase(slice_from(other, len), slice_from(upper, len)));
            other[at] = (char)(lower[at] == '~' ? '^' : '~');
            assert_false(slice_equal_nocase(slice_from(other, len), slice_from(upper, len)));
        }
        memset(other, '?', sizeof(other));
        ascii_copy_lower(other, upper, len);
        assert_memory_equal(other, lower, len);
        assert_true(len == sizeof(other) || other[len] == '?');
        memcpy(other, upper, len);
        ascii_lower_bytes(other, len);
        assert_memory_equal(other, lower, len);
    }
    assert_false(slice_equal_nocase(SLICE("@`[{@`[{"), SLICE("`@{[`@{[")));
}

static void lines_begin_where_the_processor_has_them(void **state)
{
    for (size_t size = 0; size < 1000; size += 37) {
        char *lines = memory_alloc_lines(size);

        assert_non_null(lines);
        assert_int_equal((uintptr_t)lines % MEMORY_LINE, 0);
        memset(lines, 1, size);
        memory_free(lines);
    }
    memory_fail_after(0);
    assert_null(memory_alloc_lines(640));
    memory_fail_after(-1);
}

static void arenas_hand_out_zeroed_aligned_memory(void **state)
{
    struct arena arena;

    arena_init(&arena);
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        unsigned char *bytes = arena_alloc(&arena, size);

        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, size);
    }
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    arena_reset(&arena);
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
    arena_done(&arena);
}

static void buffers_keep_contents_when_an_append_fails(void **state)
{
    struct buffer buffer;

    buffer_init(&buffer, 8);
    assert_true(buffer_append_string(&buffer, "12345"));
    assert_false(buffer_append_string(&buffer, "6789"));
    assert_true(buffer.failed);
    assert_true(slice_equal(buffer_slice(&buffer), SLICE("12345")));
    buffer_consume(&buffer, 2);
    assert_true(slice_equal(buffer_slice(&buffer), SLICE("345")));
    buffer_done(&buffer);

    buffer_init(&buffer, 0);
    memory_fail_after(0);
    assert_false(buffer_append_byte(&buffer, 'x'));
    memory_fail_after(-1);
    assert_int_equal(buffer.len, 0);
    buffer_done(&buffer);
}

struct numbered {
    struct heap_node node;
    unsigned number;
};

static void heaps_order_and_remove(void **state)
{
    struct numbered items[500];
    struct random random;
    struct heap heap;
    uint64_t last = 0;

    random_init(&random, 42);
    heap_init(&heap);
    heap.next_order = UINT32_MAX - 100; /* which goes round on the way */
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        items[i] = (struct numbered){.number = (unsigned)i};
        assert_int_equal(heap_push(&heap, &items[i].node, random_below(&random, 50)), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(items); i += 3) {
        heap_remove(&heap, &items[i].node);
        assert_false(heap_node_is_in(&items[i].node));
    }
    for (size_t left = heap.count, number = 0; left > 0; left--) {
        struct heap_node *node = heap_pop(&heap);

        assert_true(node->key >= last);
        if (node->key == last) /* as they went in */
            assert_true(((struct numbered *)node)->number >= number);
        last = node->key;
        number = ((struct numbered *)node)->number;
    }
    assert_null(heap_pop(&heap));
    heap_done(&heap);
}

static void tables_borrow_keys_or_copy_them(void **state)
{
    char first[] = "key", second[] = "key", other[] = "other";
    struct table table;
    int one, two;

    table_init_borrowing(&table, 5);
    assert_int_equal(table_put(&table, slice_from_string(first), &one), 0);
    assert_int_equal(table_put(&table, slice_from_string(other), &one), 0);
    assert_int_equal(table_put(&table, slice_from_string(second), &two), 0);
    memset(first, 'x', 3); /* the second stands there now */
    assert_int_equal(table.count, 2);
    assert_ptr_equal(table_get(&table, SLICE("key")), &two);
    assert_null(table_get(&table, slice_from_string(first)));
    assert_ptr_equal(table_take(&table, slice_from_string(second)), &two);
    assert_null(table_take(&table, SLICE("key")));
    table_done(&table);
    assert_true(table.borrows);
}

static void tables_take_hashes_that_were_made_before(void **state)
{
    struct table table;
    uint32_t hash;
    int value;
    char key[8];

    table_init(&table, 7);
    hash = table_hash(&table, SLICE("first"));
    table_fetch(&table, hash); /* there is nothing yet */
    assert_null(table_get_hashed(&table, SLICE("first"), hash));
    assert_null(table_take_hashed(&table, SLICE("first"), hash));
    assert_int_equal(table_put_hashed(&table, SLICE("first"), hash, &value), 0);
    for (int i = 0; i < 100; i++) { /* it grows meanwhile */
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(table_put(&table, slice_from_string(key), &table), 0);
    }
    table_fetch(&table, hash);
    assert_ptr_equal(table_get(&table, SLICE("first")), &value);
    assert_ptr_equal(table_take_hashed(&table, SLICE("first"), hash), &value);
    assert_null(table_get_hashed(&table, SLICE("first"), hash));
    table_done(&table);
}

static void tables_agree_with_a_simple_model(void **state)
{
    bool present[300] = {false};
    struct random random;
    struct table table;
    size_t cursor = 0, seen = 0, expected = 0;
    struct slice key;
    void *value;

    random_init(&random, 7);
    table_init(&table, 99);
    for (int step = 0; step < 20000; step++) {
        unsigned k = (unsigned)random_below(&random, ARRAY_LEN(present));
        char name[16];

        snprintf(name, sizeof(name), "key%u", k);
        if (random_chance(&random, 1, 2)) {
            struct slice named = slice_from_string(name);

            if (present[k])
                assert_int_equal(table_put(&table, named, &present[k]), 0);
            else
                assert_int_equal(
                    table_add_hashed(&table, named, table_hash(&table, named), &present[k]), 0);
            present[k] = true;
        } else {
            assert_ptr_equal(table_take(&table, slice_from_string(name)),
                             present[k] ? &present[k] : NULL);
            present[k] = false;
        }
        assert_ptr_equal(table_get(&table, slice_from_string(name)),
                         present[k] ? &present[k] : NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(present); i++)
        expected += present[i];
    while (table_next(&table, &cursor, &key, &value))
        seen++;
    assert_int_equal(seen, expected);
    assert_int_equal(table.count, expected);
    table_done(&table);
}

/* Strings of every length up to three words, with each strange byte at each place. */
static void json_escapes_wherever_it_stands(void **state)
{
    static const char strange[] = "\"\\\x1f\x7f\n\xff";
    char text[24], expected[40];
    struct buffer out;
    struct json json;

    (void)state;
    buffer_init(&out, 0);
    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len++) {
        buffer_clear(&out);
        json_init(&json, &out);
        json_string(&json, slice_from(text, len));
        assert_int_equal(out.len, len + 2);
        for (size_t at = 0; at < len; at++) {
            for (const char *c = strange; *c != '\0'; c++) {
                text[at] = *c;
                buffer_clear(&out);
                json_init(&json, &out);
                json_string(&json, slice_from(text, len));
                text[at] = 'x';
                assert_true(out.len > len + 2);
                snprintf(expected, sizeof(expected), "%.*s", (int)at, text);
                assert_memory_equal(out.ptr + 1, expected, at);
                assert_true(out.ptr[at + 1] == '\\' || *c == '\xff');
            }
        }
    }
    buffer_done(&out);
}

static void json_is_placed_and_escaped(void **state)
{
    struct buffer out;
    struct json json;

    buffer_init(&out, 0);
    json_init(&json, &out);
    json_object_begin(&json);
    json_name_cstring(&json, "a", "q\"\\\n\x01\xff\xc3\xa9");
    json_name(&json, "b");
    json_array_begin(&json);
    json_int(&json, -5);
    json_bool(&json, true);
    json_object_begin(&json);
    json_object_end(&json);
    json_double(&json, 0.125, 2);
    json_array_end(&json);
    json_name_cstring(&json, "c", NULL);
    json_object_end(&json);
    assert_true(slice_equal(
        buffer_slice(&out),
        SLICE("{\"a\":\"q\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\"b\":[-5,true,{},0.12],"
              "\"c\":null}")));
    buffer_done(&out);
}

/* Every byte at every place of texts of every length up to some words. */
static void plain_and_visible_bytes_are_told(void **state)
{
    for (size_t len = 0; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                bool is_visible = c >= 0x20 && c < 0x7f;
                char text[40];

                memset(text, 'x', sizeof(text));
                text[at] = (char)c;
                assert_int_equal(utf8_visible_len(slice_from(text, len)), is_visible ? len : at);
                assert_int_equal(json_is_plain(slice_from(text, len)),
                                 is_visible && c != '"' && c != '\\');
            }
        }
        assert_true(json_is_plain(slice_from("                                        ", len)));
    }
}

static void check_milli(int32_t milli)
{
    char expected[32];
    struct buffer out;
    struct json json;

    buffer_init(&out, 0);
    json_init(&json, &out);
    json_milli(&json, milli);
    snprintf(expected, sizeof(expected), "%.3f", milli / 1000.0);
    if (!slice_equal(buffer_slice(&out), slice_from_string(expected)))
        fail_msg("%d: %.*s", (int)milli, SLICE_ARG(buffer_slice(&out)));
    buffer_done(&out);
}

static void json_milli_is_as_printf_writes_it(void **state)
{
    (void)state;
    for (int32_t milli = -20000; milli <= 20000; milli++)
        check_milli(milli);
    for (int64_t milli = INT32_MIN; milli <= INT32_MAX; milli += 54321)
        check_milli((int32_t)milli);
    check_milli(INT32_MAX);
}

static void json_members_are_copied(void **state)
{
    struct buffer out;
    struct json json;

    buffer_init(&out, 0);
    json_init(&json, &out);
    json_object_begin(&json);
    json_members(&json, "\"a\":1,\"b\":", true);
    json_int(&json, 0);
    json_members(&json, "\"c\":[]", false);
    json_name_word(&json, "d", "word");
    json_name_plain(&json, "e", SLICE_EMPTY);
    json_object_end(&json);
    assert_true(slice_equal(buffer_slice(&out),
                            SLICE("{\"a\":1,\"b\":0,\"c\":[],\"d\":\"word\",\"e\":\"\"}")));
    buffer_done(&out);
}

static void utf8_follows_rfc_3629(void **state)
{
    assert_int_equal(utf8_find_invalid(SLICE("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), -1);
    assert_int_equal(utf8_find_invalid(SLICE("a\xc0\x80")), 1);        /* overlong */
    assert_int_equal(utf8_find_invalid(SLICE("\xed\xa0\x80")), 0);     /* surrogate */
    assert_int_equal(utf8_find_invalid(SLICE("\xf4\x90\x80\x80")), 0); /* above U+10FFFF */
    assert_int_equal(utf8_find_invalid(SLICE("ab\xe2\x82")), 2);       /* cut short */
    assert_int_equal(utf8_columns(SLICE("\xe6\x97\xa5x")), 3);
}

static void addresses_parse_and_print(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"256.0.0.1", NULL},
        {"01.2.3.4", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"", NULL},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::ffff:192.0.2.1", "::ffff:c000:201"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"1:2:3:4:5:6:7", NULL},
        {"1::2::3", NULL},
        {":::", NULL},
        {"12345::", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[IP_TEXT_SIZE];
        struct ip ip;
        bool ok = ip_parse(slice_from_string(rows[i].in), &ip);

        if ((rows[i].out != NULL) != ok)
            fail_msg("%s: parsed %d", rows[i].in, ok);
        if (ok)
            assert_string_equal(ip_format(&ip, text), rows[i].out);
    }
}

static void reserved_ranges_are_refused(void **state)
{
    static const struct {
        const char *ip;
        bool reserved;
    } rows[] = {
        {"8.8.8.8", false},
        {"0.1.2.3", true},
        {"10.255.0.1", true},
        {"11.0.0.1", false},
        {"100.64.0.1", true},
        {"100.128.0.1", false},
        {"127.255.255.254", true},
        {"169.254.169.254", true},
        {"172.31.255.255", true},
        {"172.32.0.1", false},
        {"192.0.2.7", true},
        {"192.168.4.4", true},
        {"198.19.255.255", true},
        {"203.0.113.9", true},
        {"224.0.0.1", true},
        {"255.255.255.255", true},
        {"::", true},
        {"::1", true},
        {"::ffff:127.0.0.1", true},
        {"::ffff:8.8.8.8", false},
        {"::127.0.0.1", true},
        {"64:ff9b::10.0.0.1", true},
        {"64:ff9b::8.8.8.8", false},
        {"2002:7f00:1::", true},
        {"2002:808:808::1", false},
        {"2001:db8::1", true},
        {"2001:4860:4860::8888", false},
        {"fc00::1", true},
        {"fe80::1", true},
        {"ff02::1", true},
        {"fec0::1", true},
        {"4000::1", true},
        {"2001:0:808:808::f5ff:fffe", true},
    };
    struct ip_network lab;
    struct ip ip;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(ip_parse(slice_from_string(rows[i].ip), &ip));
        if ((ip_reserved_range(&ip) != NULL) != rows[i].reserved)
            fail_msg("%s", rows[i].ip);
    }
    assert_true(ip_network_parse(SLICE("127.0.0.0/8"), &lab));
    assert_false(ip_network_parse(SLICE("127.0.0.1/8"), &lab));
    assert_false(ip_network_parse(SLICE("127.0.0.0/33"), &lab));
    assert_true(ip_parse(SLICE("127.9.9.9"), &ip));
    assert_true(ip_may_probe(&ip, (struct ip_networks){&lab, 1}));
    assert_false(ip_may_probe(&ip, (struct ip_networks){NULL, 0}));
}

static void moments_are_printed_in_utc(void **state)
{
    char text[INSTANT_TEXT_SIZE], span[32];

    assert_string_equal(instant_format(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(instant_format(INT64_C(1709210096789), text), "2024-02-29T12:34:56.789Z");
    assert_string_equal(instant_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(span_format(65 * SECOND_MS, span), "1 min 05 s");
    assert_string_equal(span_format(1250, span), "1.2 s");
}

static void moments_are_read_as_they_are_printed(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_ms; /* -1: none */
    } rows[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"2024-02-29T12:34:56.789Z", INT64_C(1709210096789)},
        {"2024-02-29T12:34:56.7894321Z", INT64_C(1709210096789)},
        {"2024-02-29t13:34:56.789+01:00", INT64_C(1709210096789)},
        {"2024-02-29 11:04:56.789-01:30", INT64_C(1709210096789)},
        {"2024-02-29 12:34:56", INT64_C(1709210096000)},
        {"2024-02-29", INT64_C(1709164800000)},
        {"2023-02-29", -1},
        {"1969-12-31", -1},
        {"2024-13-01", -1},
        {"2024-00-01", -1},
        {"2024-04-31", -1},
        {"1970-01-01T00:00:00+01:00", -1},
        {"2024-02-29T24:00:00Z", -1},
        {"2024-02-29T12:34", -1},
        {"2024-02-29T12:34:56X", -1},
        {"2024-02-29T12:34:56Zx", -1},
        {"29.02.2024", -1},
        {"", -1},
    };
    char text[INSTANT_TEXT_SIZE];
    int64_t unix_ms;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unix_ms = -1;
        (void)instant_parse(slice_from_string(rows[i].text), &unix_ms);
        if (unix_ms != rows[i].unix_ms)
            fail_msg("%s is %lld", rows[i].text, (long long)unix_ms);
    }
    for (int64_t at = 0; at < INT64_C(253402300799999); at += INT64_C(86399999) * 37) {
        assert_true(instant_parse(slice_from_string(instant_format(at, text)), &unix_ms));
        assert_int_equal(unix_ms, at);
    }
}

/* Each byte is what it is alone, whatever stands beside it. */
static void eight_bytes_together_are_as_each_alone(void **state)
{
    struct random random;

    random_init(&random, 1);
    for (int round = 0; round < 20000; round++) {
        char bytes[8], lower[8];
        uint64_t word, letters, dots;

        for (size_t i = 0; i < 8; i++)
            bytes[i] = "aZ.z@[A-"[random_below(&random, 8)];
        bytes[random_below(&random, 8)] = (char)random_below(&random, 256);
        word = eight_read(bytes);
        letters = eight_gather(eight_between(word, 'a', 'z'));
        dots = eight_gather(eight_equal(word, '.'));
        eight_write(eight_lower(word), lower);
        for (size_t i = 0; i < 8; i++) {
            assert_int_equal(letters >> i & 1, bytes[i] >= 'a' && bytes[i] <= 'z');
            assert_int_equal(dots >> i & 1, bytes[i] == '.');
            assert_int_equal(lower[i], ascii_lower(bytes[i]));
        }
        for (size_t len = 1; len <= 8; len++)
            assert_int_equal(eight_read_last(bytes + 8, len), word >> (64 - 8 * len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_split_and_compare),
        cmocka_unit_test(case_is_all_that_may_differ),
        cmocka_unit_test(sixteen_are_told_from_to),
        cmocka_unit_test(fewer_are_read_as_zeros),
        cmocka_unit_test(eight_bytes_together_are_as_each_alone),
        cmocka_unit_test(lines_begin_where_the_processor_has_them),
        cmocka_unit_test(arenas_hand_out_zeroed_aligned_memory),
        cmocka_unit_test(buffers_keep_contents_when_an_append_fails),
        cmocka_unit_test(heaps_order_and_remove),
        cmocka_unit_test(tables_borrow_keys_or_copy_them),
        cmocka_unit_test(tables_take_hashes_that_were_made_before),
        cmocka_unit_test(tables_agree_with_a_simple_model),
        cmocka_unit_test(json_is_placed_and_escaped),
        cmocka_unit_test(json_escapes_wherever_it_stands),
        cmocka_unit_test(plain_and_visible_bytes_are_told),
        cmocka_unit_test(json_members_are_copied),
        cmocka_unit_test(json_milli_is_as_printf_writes_it),
        cmocka_unit_test(utf8_follows_rfc_3629),
        cmocka_unit_test(addresses_parse_and_print),
        cmocka_unit_test(reserved_ranges_are_refused),
        cmocka_unit_test(moments_are_printed_in_utc),
        cmocka_unit_test(moments_are_read_as_they_are_printed),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
