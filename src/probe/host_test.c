/* Tests of hosts by themselves: who waits for which. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "probe/domain.h"
#include "probe/engine_rig.h"
#include "probe/host.h"

static struct ip ip_of(const char *text)
{
    struct ip ip;

    assert_true(ip_parse(slice_from_string(text), &ip));
    return ip;
}

/* A host is found by its address among those that the domain's own cases wait for, and no other. */
static void the_hosts_of_a_domain_are_those_that_it_waits_for(void **state)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "c000:201::", "192.0.2.3"};
    struct bench *bench = bench_new();
    struct probe_host *hosts[ARRAY_LEN(addresses)];
    struct ip ips[ARRAY_LEN(addresses)];
    struct probe_ask asks[ARRAY_LEN(addresses) + 2] = {{{0}}};
    struct probe_domain *one, *two;

    (void)state;
    assert_true(bench_build(bench, SERVER_A));
    probe_engine_enter(bench->engine);
    one = probe_domain_get(bench->engine, SLICE("one.example"));
    two = probe_domain_get(bench->engine, SLICE("two.example"));
    assert_true(one != NULL && two != NULL);
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        ips[i] = ip_of(addresses[i]);
        hosts[i] = probe_host_get(bench->engine, &ips[i], SLICE("mx.example"));
        assert_non_null(hosts[i]);
        assert_null(probe_host_in_rows(one, &ips[i]));
        asks[i].domain = i < 3 ? one : two;
        assert_int_equal(probe_host_enqueue(hosts[i], &asks[i], false), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        assert_ptr_equal(probe_host_in_rows(one, &ips[i]), i < 3 ? hosts[i] : NULL);
        assert_ptr_equal(probe_host_in_rows(two, &ips[i]), i < 3 ? NULL : hosts[i]);
    }
    /* Who wants a session alone stands in no row; of two that wait for the same one may go. */
    asks[4] = (struct probe_ask){.domain = two, .alone = true};
    asks[5].domain = one;
    assert_int_equal(probe_host_enqueue(hosts[0], &asks[4], false), 0);
    assert_int_equal(probe_host_enqueue(hosts[0], &asks[5], false), 0);
    assert_null(probe_host_in_rows(two, &ips[0]));
    probe_host_dequeue(&asks[0]);
    assert_ptr_equal(probe_host_in_rows(one, &ips[0]), hosts[0]);
    for (size_t i = 1; i < ARRAY_LEN(asks); i++)
        probe_host_dequeue(&asks[i]);
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        assert_null(probe_host_in_rows(i < 3 ? one : two, &ips[i]));
    probe_domain_release(one);
    probe_domain_release(two);
    probe_engine_leave(bench->engine);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hosts_of_a_domain_are_those_that_it_waits_for),
    };

    return cmocka_run_group_tests_name("probe-host", tests, NULL, NULL);
}
