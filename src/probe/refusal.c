#include "probe/refusal.h"

/* The words of a text that can be compared, one after the other. */
struct words {
    struct slice rest;
    struct slice mailbox, local;
};

static struct words words_of(struct slice text, struct slice mailbox)
{
    ptrdiff_t at = slice_rfind_byte(mailbox, '@');

    return (struct words){text, mailbox, slice_prefix(mailbox, at > 0 ? (size_t)at : mailbox.len)};
}

static bool is_word_byte(char c)
{
    return !ascii_is_space(c) && c != '<' && c != '>' && c != ',' && c != ';' && c != '(' &&
           c != ')' && c != '[' && c != ']' && c != '"' && c != '\'';
}

static bool has_digit(struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (ascii_is_digit(word.ptr[i]))
            return true;
    }
    return false;
}

static bool next_word(struct words *words, struct slice *ret_word)
{
    for (;;) {
        struct slice word;
        size_t len = 0;

        while (words->rest.len > 0 && !is_word_byte(words->rest.ptr[0]))
            words->rest = slice_from_offset(words->rest, 1);
        while (len < words->rest.len && is_word_byte(words->rest.ptr[len]))
            len++;
        if (len == 0)
            return false;
        word = slice_prefix(words->rest, len);
        words->rest = slice_from_offset(words->rest, len);
        while (word.len > 0 && (word.ptr[word.len - 1] == ':' || word.ptr[word.len - 1] == '.'))
            word.len--;
        if (word.len == 0 || has_digit(word) || slice_find_byte(word, '@') >= 0 ||
            slice_equal_nocase(word, words->local))
            continue;
        *ret_word = word;
        return true;
    }
}

bool probe_refusals_are_alike(const struct smtp_reply *a, struct slice mailbox_a,
                              const struct smtp_reply *b, struct slice mailbox_b)
{
    struct words left = words_of(a->text, mailbox_a), right = words_of(b->text, mailbox_b);
    struct slice x, y;

    if (a->code != b->code || a->enhanced.status_class != b->enhanced.status_class ||
        a->enhanced.subject != b->enhanced.subject || a->enhanced.detail != b->enhanced.detail)
        return false;
    for (;;) {
        bool more_left = next_word(&left, &x), more_right = next_word(&right, &y);

        if (more_left != more_right)
            return false;
        if (!more_left)
            return true;
        if (!slice_equal_nocase(x, y))
            return false;
    }
}
