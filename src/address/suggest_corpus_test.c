/* Suggestions against tests/corpora/typos.dev.tsv: fixes that are right, and false alarms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "address/corpus_test.h"
#include "address/suggest.h"
#include "lists/builtin.h"

static bool is_listed(void *context, struct slice domain)
{
    return (lists_domain_classes(domain) & (LISTS_FREE | LISTS_PROVIDER)) != 0;
}

static void typos_are_mended_and_real_domains_left_alone(void **state)
{
    static const struct suggest_world world = {.is_real = is_listed};
    static struct corpus corpus;
    int wanted = 0, right = 0, wrong = 0, kept = 0, alarms = 0;

    assert_true(corpus_open(&corpus, "typos.dev.tsv"));
    while (corpus_next(&corpus)) {
        struct slice domain = corpus_unescape(corpus.columns[0]);
        struct slice expected = corpus.columns[1];
        char out[ADDRESS_DOMAIN_MAX + 1] = "-";
        bool found = suggest_domain(domain, &world, out);

        if (slice_equal(expected, SLICE("?"))) {
            if (getenv("VERBOSE") != NULL)
                printf("open: %.*s: %s\n", SLICE_ARG(domain), out);
            continue;
        }
        if (slice_equal(expected, slice_from_string(out))) {
            *(found ? &right : &kept) += 1;
        } else {
            if (slice_equal(expected, SLICE("-")))
                alarms++;
            else if (found)
                wrong++;
            printf("%.*s: expected %.*s, got %s\n", SLICE_ARG(domain), SLICE_ARG(expected), out);
        }
        *(slice_equal(expected, SLICE("-")) ? &kept : &wanted) +=
            slice_equal(expected, SLICE("-")) ? found : 1;
    }
    printf("right %d of %d, wrong %d, false alarms %d of %d\n", right, wanted, wrong, alarms, kept);
    assert_true(wanted > 600 && kept > 300);
    assert_true(right * 100 >= wanted * 97);
    assert_true(alarms * 1000 < kept * 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typos_are_mended_and_real_domains_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
