#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "provider/guess.h"
#include "provider/reply_tables.h"

static struct guess guess_of(unsigned code, const char *text)
{
    struct classify_input input = {.stage = SMTP_STAGE_RCPT, .provider = ""};
    struct wording wording;
    struct guess guess;

    input.reply.code = (uint16_t)code;
    input.reply.text = slice_from_string(text);
    wording_from_text(input.reply.text, &wording);
    guess_from_wording(&wording, &input, &guess);
    return guess;
}

static void words_speak_for_classes(void **state)
{
    static const struct {
        unsigned code;
        const char *text;
        enum smtp_class wanted;
    } rows[] = {
        {550, "User unknown", SMTP_CLASS_MAILBOX_NOT_FOUND},
        {452, "Mailbox is over quota", SMTP_CLASS_MAILBOX_FULL},
        {550, "Your IP address is blacklisted", SMTP_CLASS_SENDER_BLOCKED},
        {450, "Greylisted, try again", SMTP_CLASS_GREYLISTED},
        {421, "Too many connections", SMTP_CLASS_RATE_LIMITED},
        {550, "Relaying denied", SMTP_CLASS_RELAY_DENIED},
        {530, "Must issue a STARTTLS command first", SMTP_CLASS_TLS_REQUIRED},
        {550, "Benutzer unbekannt", SMTP_CLASS_MAILBOX_NOT_FOUND},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guess guess = guess_of(rows[i].code, rows[i].text);

        if (guess.reply_class != rows[i].wanted)
            fail_msg("'%s' is taken for %s", rows[i].text, smtp_class_name(guess.reply_class));
        assert_true(guess.lead > 0 && guess.words > 0);
    }
}

static void unknown_words_count_for_nothing(void **state)
{
    assert_int_equal(guess_of(550, "Nixo xyzzy").words, 0);
    assert_int_equal(guess_of(550, "").words, 0);
    /* Parts of host names are not words of the server. */
    assert_int_equal(guess_of(550, "unknown").words, 1);
    assert_int_equal(guess_of(550, "at.unknown.example.net").words, guess_of(550, "a.b.cc").words);
}

static void the_table_is_sorted_and_within_bounds(void **state)
{
    for (unsigned i = 0; i < reply_word_count; i++) {
        const struct reply_word *word = &reply_words[i];

        assert_true(i == 0 || reply_words[i - 1].hash < word->hash);
        assert_true(word->weight_count > 0);
        for (unsigned k = 0; k < word->weight_count; k++)
            assert_true(reply_weights[word->weight_first + k].reply_class < SMTP_CLASS_COUNT);
    }
    assert_true(reply_word_count > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_speak_for_classes),
        cmocka_unit_test(unknown_words_count_for_nothing),
        cmocka_unit_test(the_table_is_sorted_and_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
