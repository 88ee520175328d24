#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "provider/classify_memo.h"

static void assert_same(const struct classification *got, const struct classification *wanted)
{
    assert_int_equal(got->reply_class, wanted->reply_class);
    assert_ptr_equal(got->rule, wanted->rule);
    assert_int_equal(got->confidence, wanted->confidence);
    assert_int_equal(got->retry_after_s, wanted->retry_after_s);
    assert_ptr_equal(got->sentence, wanted->sentence);
    assert_int_equal(got->trust, wanted->trust);
}

/* Whatever was heard before, and wherever it stands: also of replies that differ in one thing. */
static void says_what_would_be_said_without_it(void **state)
{
    static const char *const texts[] = {
        "",
        "Ok",
        "OK",
        "User unknown",
        "User unknowm",
        "Greylisted, try again in 5 minutes",
        "Greylisted, try again in 9 minutes",
        "Mailbox is over quota",
        "Your IP address is blacklisted",
        "a text so long that it is not remembered, of which ninety-six octets are the same, and "
        "then: user unknown",
        "a text so long that it is not remembered, of which ninety-six octets are the same, and "
        "then: over quota!",
    };
    static const uint16_t codes[] = {250, 266, 450, 452, 550, 554};
    static const enum smtp_stage stages[] = {SMTP_STAGE_MAIL, SMTP_STAGE_RCPT, SMTP_STAGE_ANY};
    static const struct smtp_enhanced enhanced[] = {{0, 0, 0}, {5, 1, 1}, {5, 7, 1}, {5, 1, 2}};
    const char *const providers[] = {NULL, provider_generic()->name, provider_at(1)->name,
                                     provider_at(2)->name};
    struct classify_memo memo = {0};
    struct random random;

    random_init(&random, 7);
    for (unsigned i = 0; i < 20000; i++) {
        struct classify_input input = {
            .stage = stages[random_below(&random, ARRAY_LEN(stages))],
            .provider = providers[random_below(&random, ARRAY_LEN(providers))],
            .reply.code = codes[random_below(&random, ARRAY_LEN(codes))],
            .reply.enhanced = enhanced[random_below(&random, ARRAY_LEN(enhanced))],
            .reply.text = slice_from_string(texts[random_below(&random, ARRAY_LEN(texts))]),
        };
        struct classification got, wanted;

        classify_reply(&input, &wanted);
        for (unsigned again = 0; again < 2; again++) {
            classify_memo_reply(&memo, &input, &got);
            assert_same(&got, &wanted);
        }
    }
}

static uint8_t ask(struct classify_memo *memo, const struct classify_input *input)
{
    struct classification got;

    classify_memo_reply(memo, input, &got);
    return got.confidence;
}

/* What is planted where a reply was remembered comes back, for this very reply alone. */
static void it_does_remember(void **state)
{
    const struct classify_input input = {
        .stage = SMTP_STAGE_RCPT,
        .provider = provider_at(1)->name,
        .reply = {.code = 550, .enhanced = {5, 1, 1}, .text = SLICE("User unknown")},
    };
    struct classify_input others[5] = {input, input, input, input, input};
    struct classify_memo memo = {0};

    (void)state;
    others[0].stage = SMTP_STAGE_MAIL;
    others[1].provider = provider_at(2)->name;
    others[2].reply.code = 551;
    others[3].reply.enhanced.detail = 2;
    others[4].reply.text = SLICE("User unknowm");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_not_equal(ask(&memo, &input), 1);
        for (size_t at = 0; at < CLASSIFY_MEMO_ENTRIES; at++)
            memo.entries[at].classified.confidence = 1;
        assert_int_equal(ask(&memo, &input), 1);
        assert_int_not_equal(ask(&memo, &others[i]), 1);
        memo = (struct classify_memo){0};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_would_be_said_without_it),
        cmocka_unit_test(it_does_remember),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
