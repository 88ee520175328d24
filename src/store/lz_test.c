/* Tests of packing: blocks of the format, round trips, and damaged blocks against guard pages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "store/lz.h"

#define TEXT_MAX 4096

/* Room for TEXT_MAX bytes that ends where memory ends. */
struct guarded {
    char *pages, *end;
    size_t size;
};

static struct guarded guard(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (TEXT_MAX / page + 1) * page;
    struct guarded g = {.size = used + page};

    g.pages = mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.pages != MAP_FAILED);
    assert_int_equal(mprotect(g.pages + used, page, PROT_NONE), 0);
    g.end = g.pages + used;
    return g;
}

/* The block and its text both stand where memory ends. */
static bool unpack(const struct lz *lz, struct slice block, size_t len, struct guarded pages[2])
{
    char *from = pages[0].end - block.len;

    memcpy(from, block.ptr, block.len);
    return lz_unpack(lz, slice_from(from, block.len), pages[1].end - len, len);
}

static void blocks_mean_what_the_format_says(void **state)
{
    static const struct {
        struct slice block;
        const char *text; /* NULL: no block */
        size_t len;       /* asked for; 0: of the text */
    } rows[] = {
        {SLICE("\x50hello"), "hello", 0},
        {SLICE("\x00"), "", 0},
        {SLICE("\x04\x08\x00\x50hello"), "abcdefghhello", 0},
        {SLICE("\x20xy\x04\x00\x50hello"), "xyghxyhello", 0},
        {SLICE("\x1f-\x01\x00\x00\x50hello"), "--------------------hello", 0},
        {SLICE("\xf0\x02"
               "0123456789abcdefg"),
         "0123456789abcdefg", 0},
        {SLICE(""), NULL, 5},
        {SLICE("\x50hell"), NULL, 5},
        {SLICE("\x50hello"), NULL, 4},
        {SLICE("\x50hello"), NULL, 6},
        {SLICE("\xf0"), NULL, 15},
        {SLICE("\xf0\xff\xff"), NULL, 600},
        {SLICE("\x04\x08"), NULL, 8},
        {SLICE("\x04\x08\x00"), NULL, 8}, /* no last literals */
        {SLICE("\x04\x00\x00\x50hello"), NULL, 13},
        {SLICE("\x04\x09\x00\x50hello"), NULL, 13}, /* before the dictionary */
        {SLICE("\x0f\x08\x00"), NULL, 19},
        {SLICE("\x0f\x08\x00\xff\xff\xff"), NULL, 4000},
    };
    struct guarded pages[2] = {guard(), guard()};
    struct lz *lz = lz_new(SLICE("abcdefgh"));

    (void)state;
    assert_non_null(lz);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = rows[i].text != NULL ? strlen(rows[i].text) : rows[i].len;

        if (unpack(lz, rows[i].block, len, pages) != (rows[i].text != NULL))
            fail_msg("row %zu", i);
        if (rows[i].text != NULL)
            assert_memory_equal(pages[1].end - len, rows[i].text, len);
    }
    lz_free(lz);
    for (size_t i = 0; i < 2; i++)
        munmap(pages[i].pages, pages[i].size);
}

/* Of few words, so that there is something to find; or noise. */
static void make_text(struct random *random, char *text, size_t len, bool is_noise)
{
    static const char words[] = "\"status\":\"valid\",null,{}";

    for (size_t at = 0; at < len;) {
        size_t from = (size_t)random_below(random, sizeof(words) - 1), copy = sizeof(words) - from;

        if (is_noise)
            text[at++] = (char)random_next(random);
        else
            for (size_t i = 0; i < copy && at < len; i++)
                text[at++] = words[from + i];
    }
}

static void texts_come_back(void **state)
{
    struct slice dictionary = SLICE("{\"status\":\"valid\",\"reason\":\"accepted\"}");
    struct guarded pages[2] = {guard(), guard()};
    struct lz *lz = lz_new(dictionary);
    char text[TEXT_MAX], out[TEXT_MAX];
    struct random random;

    (void)state;
    random_init(&random, 11);
    assert_non_null(lz);
    for (size_t len = 0; len < TEXT_MAX; len += 1 + len / 20) {
        for (int noise = 0; noise < 2; noise++) {
            size_t packed;

            make_text(&random, text, len, noise);
            packed = lz_pack(lz, slice_from(text, len), out, len);
            assert_true(packed < len || packed == 0);
            assert_true(noise || len < 100 || (packed > 0 && packed < len * 3 / 4));
            if (packed == 0)
                continue;
            assert_true(unpack(lz, slice_from(out, packed), len, pages));
            assert_memory_equal(pages[1].end - len, text, len);
            assert_false(unpack(lz, slice_from(out, packed), len - 1, pages));
            for (unsigned i = 0; i < 20; i++) { /* damaged: anything but a crash */
                char bad[TEXT_MAX];

                memcpy(bad, out, packed);
                bad[random_below(&random, packed)] ^= (char)(1 + random_below(&random, 255));
                (void)unpack(lz, slice_from(bad, random_below(&random, packed + 1)), len, pages);
            }
        }
    }
    lz_free(lz);
    for (size_t i = 0; i < 2; i++)
        munmap(pages[i].pages, pages[i].size);
}

static void what_is_too_long_is_left_alone(void **state)
{
    static char text[LZ_TEXT_MAX], out[LZ_TEXT_MAX];
    struct slice dictionary = SLICE("aaaaaaaa");
    struct lz *lz = lz_new(dictionary);

    (void)state;
    assert_non_null(lz);
    memset(text, 'a', sizeof(text));
    assert_int_equal(
        lz_pack(lz, slice_from(text, LZ_TEXT_MAX - dictionary.len + 1), out, sizeof(out)), 0);
    assert_true(lz_pack(lz, slice_from(text, LZ_TEXT_MAX - dictionary.len), out, sizeof(out)) > 0);
    lz_free(lz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_mean_what_the_format_says),
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(what_is_too_long_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
