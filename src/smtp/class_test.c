/* Tests of the names of classes and stages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "smtp/class.h"

static void every_name_leads_back(void **state)
{
    enum smtp_class smtp_class;
    enum smtp_stage stage;

    for (int i = 0; i < SMTP_CLASS_COUNT; i++) {
        smtp_class = SMTP_CLASS_COUNT;
        assert_true(smtp_class_from_name(slice_from_string(smtp_class_name(i)), &smtp_class));
        assert_int_equal(smtp_class, i);
    }
    for (int i = 0; i < SMTP_STAGE_COUNT; i++) {
        stage = SMTP_STAGE_COUNT;
        assert_true(smtp_stage_from_name(slice_from_string(smtp_stage_name(i)), &stage));
        assert_int_equal(stage, i);
    }
    assert_string_equal(smtp_class_name(SMTP_CLASS_SENDER_BLOCKED), "sender_blocked");
    assert_string_equal(smtp_stage_name(SMTP_STAGE_STARTTLS), "starttls");
}

static void foreign_names_are_refused(void **state)
{
    static const char *const names[] = {"", "Accepted", "accepte", "accepted ", "rcpt\t", "data"};
    enum smtp_class smtp_class = SMTP_CLASS_MOVED;
    enum smtp_stage stage = SMTP_STAGE_QUIT;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(smtp_class_from_name(slice_from_string(names[i]), &smtp_class));
        assert_false(smtp_stage_from_name(slice_from_string(names[i]), &stage));
    }
    assert_int_equal(smtp_class, SMTP_CLASS_MOVED);
    assert_int_equal(stage, SMTP_STAGE_QUIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_leads_back),
        cmocka_unit_test(foreign_names_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
