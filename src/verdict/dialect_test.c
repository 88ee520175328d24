/* Tests of the vendors' words: every reason has some, and what the vendors publish is what is said.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "verdict/dialect.h"

/* Every word a vendor has for its first field. */
static const char *const statuses[VERDICT_DIALECT_COUNT][10] = {
    [DIALECT_EMAILVERIFY] = {"valid", "invalid", "catch_all", "do_not_mail", "role_based",
                             "unknown", "skipped"},
    [DIALECT_ZEROBOUNCE] = {"valid", "invalid", "catch-all", "spamtrap", "abuse", "do_not_mail",
                            "unknown"},
    [DIALECT_NEVERBOUNCE] = {"valid", "invalid", "disposable", "catchall", "unknown"},
    [DIALECT_KICKBOX] = {"deliverable", "undeliverable", "risky", "unknown"},
    [DIALECT_REACHER] = {"safe", "risky", "invalid", "unknown"},
};

static bool is_known(enum verdict_dialect dialect, const char *word)
{
    for (size_t i = 0; i < 10 && statuses[dialect][i] != NULL; i++)
        if (strcmp(statuses[dialect][i], word) == 0)
            return true;
    return false;
}

static void every_reason_has_words(void **state)
{
    static const uint32_t flags[] = {0, VERDICT_FLAG_ROLE, VERDICT_FLAG_TYPO_SUSPECTED, UINT32_MAX};

    for (size_t d = DIALECT_EMAILVERIFY; d < VERDICT_DIALECT_COUNT; d++) {
        for (size_t r = 0; r < VERDICT_REASON_COUNT; r++) {
            for (size_t f = 0; f < ARRAY_LEN(flags); f++) {
                enum verdict_status status = verdict_reason_status((enum verdict_reason)r);
                struct dialect_words words = dialect_words((enum verdict_dialect)d, status,
                                                           (enum verdict_reason)r, flags[f]);

                assert_non_null(words.status);
                assert_non_null(words.detail);
                if (!is_known((enum verdict_dialect)d, words.status))
                    print_error("%s, %s: \"%s\"\n", dialect_name((enum verdict_dialect)d),
                                verdict_reason_name((enum verdict_reason)r), words.status);
                assert_true(is_known((enum verdict_dialect)d, words.status));
            }
        }
    }
}

/* Good words for good addresses only; a refusal of us is never a verdict on the mailbox. */
static void nothing_becomes_better_or_worse(void **state)
{
    static const char *const good[] = {"valid", "deliverable", "safe", "role_based"};
    static const char *const bad[] = {"invalid", "undeliverable"};

    for (size_t d = DIALECT_EMAILVERIFY; d < VERDICT_DIALECT_COUNT; d++) {
        for (size_t r = 0; r < VERDICT_REASON_COUNT; r++) {
            enum verdict_status status = verdict_reason_status((enum verdict_reason)r);
            const char *word =
                dialect_words((enum verdict_dialect)d, status, (enum verdict_reason)r, 0).status;

            for (size_t i = 0; i < ARRAY_LEN(good); i++)
                assert_true(strcmp(word, good[i]) != 0 || status == VERDICT_VALID);
            for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_true(strcmp(word, bad[i]) != 0 ||
                            (status != VERDICT_UNKNOWN && status != VERDICT_VALID &&
                             status != VERDICT_CATCH_ALL));
            if (status == VERDICT_UNKNOWN)
                assert_string_equal(word, "unknown");
        }
    }
}

static void published_words(void **state)
{
    static const struct {
        enum verdict_dialect dialect;
        enum verdict_reason reason;
        uint32_t flags;
        const char *status, *detail;
    } rows[] = {
        {DIALECT_MAILKNOCK, REASON_ACCEPTED, 0, "valid", "accepted"},
        {DIALECT_EMAILVERIFY, REASON_ACCEPTED, 0, "valid", "permitted"},
        {DIALECT_EMAILVERIFY, REASON_ACCEPTED, VERDICT_FLAG_ROLE, "role_based", "permitted"},
        {DIALECT_EMAILVERIFY, REASON_ACCEPTS_ALL, VERDICT_FLAG_ROLE, "catch_all", "none"},
        {DIALECT_EMAILVERIFY, REASON_MAILBOX_FULL, 0, "do_not_mail", "mailbox_quota_exceeded"},
        {DIALECT_EMAILVERIFY, REASON_OPTED_OUT, 0, "skipped", "opt_out"},
        {DIALECT_ZEROBOUNCE, REASON_ACCEPTED, VERDICT_FLAG_ROLE, "do_not_mail", "role_based"},
        {DIALECT_ZEROBOUNCE, REASON_ACCEPTS_ALL, 0, "catch-all", ""},
        {DIALECT_ZEROBOUNCE, REASON_ACCEPTS_ALL, VERDICT_FLAG_ROLE, "do_not_mail",
         "role_based_catch_all"},
        {DIALECT_ZEROBOUNCE, REASON_DOMAIN_NOT_FOUND, VERDICT_FLAG_TYPO_SUSPECTED, "invalid",
         "possible_typo"},
        {DIALECT_ZEROBOUNCE, REASON_GREYLISTED, VERDICT_FLAG_TYPO_SUSPECTED, "unknown",
         "greylisted"},
        {DIALECT_ZEROBOUNCE, REASON_NULL_MX, 0, "invalid", "does_not_accept_mail"},
        {DIALECT_NEVERBOUNCE, REASON_BAD_SYNTAX, 0, "invalid", "bad_syntax"},
        {DIALECT_NEVERBOUNCE, REASON_BAD_SYNTAX, VERDICT_FLAG_TYPO_SUSPECTED, "invalid",
         "spelling_mistake"},
        {DIALECT_NEVERBOUNCE, REASON_ACCEPTED, VERDICT_FLAG_ROLE, "valid", "role_account"},
        {DIALECT_KICKBOX, REASON_MAILBOX_NOT_FOUND, 0, "undeliverable", "rejected_email"},
        {DIALECT_KICKBOX, REASON_ACCEPTED, VERDICT_FLAG_ROLE, "risky", "low_quality"},
        {DIALECT_REACHER, REASON_ACCEPTED, 0, "safe", ""},
        {DIALECT_REACHER, REASON_ACCEPTED, VERDICT_FLAG_ROLE, "risky", ""},
        {DIALECT_REACHER, REASON_PROBE_BLOCKED, 0, "unknown", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_words words = dialect_words(
            rows[i].dialect, verdict_reason_status(rows[i].reason), rows[i].reason, rows[i].flags);

        assert_string_equal(words.status, rows[i].status);
        assert_string_equal(words.detail, rows[i].detail);
    }
}

static void names_lead_back(void **state)
{
    enum verdict_dialect dialect;

    for (size_t d = 0; d < VERDICT_DIALECT_COUNT; d++) {
        const char *status, *detail = "";

        assert_true(
            dialect_by_name(slice_from_string(dialect_name((enum verdict_dialect)d)), &dialect));
        assert_int_equal(dialect, d);
        dialect_fields(dialect, &status, &detail);
        assert_true(strlen(status) > 0 && (detail == NULL || strlen(detail) > 0));
    }
    assert_true(dialect_by_name(SLICE("ZeroBounce"), &dialect));
    assert_int_equal(dialect, DIALECT_ZEROBOUNCE);
    assert_false(dialect_by_name(SLICE("hunter"), &dialect));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_words),
        cmocka_unit_test(nothing_becomes_better_or_worse),
        cmocka_unit_test(published_words),
        cmocka_unit_test(names_lead_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
