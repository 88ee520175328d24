#include "verdict/sentence.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/eight.h"
#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Invisible characters that move what stands around them (Unicode TR 36, bidirectional text). */
static bool is_treacherous(uint32_t code)
{
    return (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x2069) || code == 0x061c || code == 0xfeff ||
           (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f) ||
           (code & 0xfffe) == 0xfffe;
}

size_t sentence_safe_character(struct slice text, char out[4], size_t *ret_len)
{
    uint32_t code;
    size_t size;

    CHECK(text.len > 0);
    size = utf8_decode(text.ptr, text.len, &code);
    if (size == 0 || is_treacherous(code)) {
        memcpy(out, REPLACEMENT, 3);
        *ret_len = 3;
        return size > 0 ? size : 1;
    }
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029) {
        out[0] = ' ';
        *ret_len = 1;
        return size;
    }
    memcpy(out, text.ptr, size);
    *ret_len = size;
    return size;
}

void sentence_init(struct sentence *sentence, char *out, size_t size)
{
    CHECK(size > 0);
    *sentence = (struct sentence){out, size, 0};
    out[0] = '\0';
}

static bool put(struct sentence *sentence, const char *bytes, size_t len)
{
    if (len >= sentence->size - sentence->len)
        return false;
    eight_copy(sentence->out + sentence->len, bytes, len);
    sentence->len += len;
    sentence->out[sentence->len] = '\0';
    return true;
}

/* What stands as it is: visible ASCII, without blanks and quotation marks, which depend on what
 * stands before them. */
static size_t plain_len(struct slice words)
{
    size_t len = 0;

    while (len + 8 <= words.len) {
        uint64_t word = eight_read(words.ptr + len);
        uint64_t plain = eight_between(word, '!', '~') & ~eight_equal(word, '"');

        if (plain != EIGHT_HIGH) /* the first that is not */
            return len + (size_t)__builtin_ctzll(plain ^ EIGHT_HIGH) / 8;
        len += 8;
    }
    while (len < words.len && words.ptr[len] > ' ' && words.ptr[len] < 0x7f &&
           words.ptr[len] != '"')
        len++;
    return len;
}

/* What of the words fits in max bytes, runs of blanks as one; true when all of it did. */
static bool put_safely(struct sentence *sentence, struct slice words, size_t max, bool in_quotes)
{
    size_t written = 0;

    while (words.len > 0) {
        char safe[8]; /* four are used; the compiler believes that more might be copied */
        size_t len = plain_len(words), taken;

        if (len > 0 && written + len <= max && put(sentence, words.ptr, len)) {
            words = slice_from_offset(words, len);
            written += len;
            continue;
        }
        taken = sentence_safe_character(words, safe, &len);
        if (in_quotes && safe[0] == '"')
            safe[0] = '\'';
        words = slice_from_offset(words, taken);
        if (safe[0] == ' ' && (written == 0 || sentence->out[sentence->len - 1] == ' '))
            continue;
        if (written + len > max || !put(sentence, safe, len))
            return false;
        written += len;
    }
    return true;
}

void sentence_add(struct sentence *sentence, const char *words)
{
    struct slice rest = slice_from_string(words);

    while (rest.len > 0) {
        char safe[8]; /* four are used; the compiler believes that more might be copied */
        size_t len = utf8_visible_len(rest); /* safe as they stand */

        if (len > 0 && put(sentence, rest.ptr, len)) {
            rest = slice_from_offset(rest, len);
            continue;
        }
        rest = slice_from_offset(rest, sentence_safe_character(rest, safe, &len));
        if (!put(sentence, safe, len))
            return;
    }
}

void sentence_add_plain(struct sentence *sentence, const char *words, size_t len)
{
    if (!put(sentence, words, len))
        sentence_add(sentence, words); /* as much as there is room for */
}

void sentence_printf(struct sentence *sentence, const char *format, ...)
{
    char words[256];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    sentence_add(sentence, words);
}

static void add_cut(struct sentence *sentence, struct slice words, size_t max, bool in_quotes)
{
    words = slice_trim(words);
    if (words.len > max && max > 3) {
        put_safely(sentence, words, max - 3, in_quotes);
        sentence_add_literal(sentence, "...");
    } else if (!put_safely(sentence, words, max, in_quotes)) {
        sentence_add_literal(sentence, "...");
    }
}

void sentence_add_foreign(struct sentence *sentence, struct slice words, size_t max)
{
    add_cut(sentence, words, max, false);
}

void sentence_add_quoted(struct sentence *sentence, struct slice words, size_t max)
{
    sentence_add_literal(sentence, "\"");
    add_cut(sentence, words, max, true);
    sentence_add_literal(sentence, "\"");
}

void sentence_add_reply(struct sentence *sentence, const struct smtp_reply *reply, size_t max)
{
    unsigned number = reply->code % 1000u;
    char code[5 + 16] = {'"', (char)('0' + number / 100), (char)('0' + number / 10 % 10),
                         (char)('0' + number % 10), ' '};
    size_t len = strlen(smtp_enhanced_format(reply->enhanced, code + 5));

    len = len > 0 ? 5 + len : 4;
    code[len] = '\0';
    sentence_add_plain(sentence, code, len);
    if (reply->text.len > 0) {
        sentence_add_literal(sentence, " ");
        add_cut(sentence, reply->text, max, true);
    }
    sentence_add_literal(sentence, "\"");
}

void sentence_append_clause(struct sentence *sentence, const char *words)
{
    size_t len = strlen(words);

    if (sentence->len == 0 || sentence->out[sentence->len - 1] != '.' ||
        sentence->len + len + 1 > sentence->size)
        return;
    sentence->len--;
    memcpy(sentence->out + sentence->len, words, len);
    sentence->len += len;
    sentence->out[sentence->len++] = '.';
    sentence->out[sentence->len] = '\0';
}
