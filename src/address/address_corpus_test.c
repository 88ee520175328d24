/* The address parser against tests/corpora/syntax.dev.tsv: agreement in both scored columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "address/address.h"
#include "address/corpus_test.h"

struct score {
    int rows;
    int agreed;
};

static void count(struct score *score, bool agrees, const char *column, const struct address *got,
                  struct slice address, struct slice expected, struct slice reason)
{
    score->rows++;
    if (agrees) {
        score->agreed++;
        return;
    }
    printf("%s: %.*s: expected %.*s (%.*s), got %s flags %x\n", column, SLICE_ARG(address),
           SLICE_ARG(expected), SLICE_ARG(reason), address_diagnosis_name(got->diagnosis),
           got->flags);
}

static const char *form_name(enum address_form form)
{
    static const char *const names[] = {
        [ADDRESS_FORM_REJECT] = "reject",
        [ADDRESS_FORM_ACCEPT_FLAGGED] = "accept_flagged",
        [ADDRESS_FORM_ACCEPT] = "accept",
    };

    return names[form];
}

static bool has_forbidden_byte(struct slice s)
{
    return slice_find_byte(s, '\r') >= 0 || slice_find_byte(s, '\n') >= 0 ||
           slice_find_byte(s, '\0') >= 0;
}

static void corpus_is_judged_as_labelled(void **state)
{
    static struct corpus corpus;
    struct score rfc = {0}, form = {0}, reason = {0};
    int forbidden = 0;

    assert_true(corpus_open(&corpus, "syntax.dev.tsv"));
    while (corpus_next(&corpus)) {
        struct slice bytes = corpus_unescape(corpus.columns[0]);
        struct slice *columns = corpus.columns;
        struct address address;
        bool accepted = address_parse(bytes.ptr, bytes.len, &address);

        if (has_forbidden_byte(bytes)) {
            forbidden++;
            assert_false(accepted);
        }
        if (!slice_equal(columns[1], SLICE("arguable")))
            count(&rfc, slice_equal(columns[1], SLICE("valid")) == accepted, "rfc5321", &address,
                  bytes, columns[1], columns[3]);
        if (!slice_equal(columns[2], SLICE("arguable"))) {
            const char *got = form_name(address_deliverable_form(&address));

            count(&form, slice_equal(columns[2], slice_from_string(got)), "form", &address, bytes,
                  columns[2], columns[3]);
        }
        if (!accepted && slice_equal(columns[1], SLICE("invalid"))) {
            const char *got = address_diagnosis_name(address.diagnosis);

            reason.rows++;
            if (slice_equal(columns[3], slice_from_string(got)))
                reason.agreed++;
            else if (getenv("VERBOSE") != NULL)
                printf("reason: %.*s: %.*s, got %s at %zu\n", SLICE_ARG(bytes),
                       SLICE_ARG(columns[3]), got, address.offset);
        }
    }
    printf("rfc5321 %d of %d, form %d of %d, reason %d of %d (%d rows with CR, LF or NUL)\n",
           rfc.agreed, rfc.rows, form.agreed, form.rows, reason.agreed, reason.rows, forbidden);
    assert_true(rfc.rows > 1000 && form.rows > 1000 && forbidden > 10);
    assert_true(rfc.agreed * 1000 >= rfc.rows * 995);
    assert_true(form.agreed * 1000 >= form.rows * 995);
    assert_true(reason.agreed * 100 >= reason.rows * 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpus_is_judged_as_labelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
