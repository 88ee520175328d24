/* Comparing the words of two replies: see finding_same_words. */
#include "base/check.h"
#include "verdict/finding.h"

static bool is_word_byte(char c)
{
    return ascii_is_alnum(c) || (unsigned char)c >= 0x80 || c == '.' || c == '_' || c == '-' ||
           c == '+' || c == '@' || c == '=' || c == '%' || c == '\'' || c == '/' || c == ':';
}

/*
 * Is it something that differs from one recipient or moment to the next: an address, a name of the
 * recipient, anything with a digit (queue ids, times, IP addresses)?
 */
static bool is_variable(struct slice word, struct slice recipient)
{
    ptrdiff_t at = slice_rfind_byte(recipient, '@');
    struct slice local = at < 0 ? recipient : slice_prefix(recipient, (size_t)at);

    if (slice_find_byte(word, '@') >= 0)
        return true;
    for (size_t i = 0; i < word.len; i++)
        if (ascii_is_digit(word.ptr[i]))
            return true;
    return local.len > 0 && slice_equal_nocase(word, local);
}

/* The next word that is the same for everybody; false at the end. */
static bool next_word(struct slice *rest, struct slice recipient, struct slice *ret_word)
{
    while (rest->len > 0) {
        struct slice word;
        size_t len = 0;

        while (len < rest->len && is_word_byte(rest->ptr[len]))
            len++;
        if (len == 0) {
            *rest = slice_from_offset(*rest, 1);
            continue;
        }
        word = slice_prefix(*rest, len);
        *rest = slice_from_offset(*rest, len);
        while (word.len > 0 && (word.ptr[word.len - 1] == '.' || word.ptr[word.len - 1] == ':'))
            word.len--;
        if (word.len == 0 || is_variable(word, recipient))
            continue;
        *ret_word = word;
        return true;
    }
    return false;
}

bool finding_same_words(const struct smtp_reply *a, struct slice recipient_a,
                        const struct smtp_reply *b, struct slice recipient_b)
{
    struct slice rest_a = a->text, rest_b = b->text;

    if (a->code != b->code || a->enhanced.status_class != b->enhanced.status_class ||
        a->enhanced.subject != b->enhanced.subject || a->enhanced.detail != b->enhanced.detail)
        return false;
    for (;;) {
        struct slice word_a, word_b;
        bool more_a = next_word(&rest_a, recipient_a, &word_a);
        bool more_b = next_word(&rest_b, recipient_b, &word_b);

        if (more_a != more_b)
            return false;
        if (!more_a)
            return true;
        if (!slice_equal_nocase(word_a, word_b))
            return false;
    }
}
