/* Settings and lists of scenarios, and the sign that tells visitors of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "io/uv_loop.h"
#include "lab/file.h"
#include "lab/loopback.h"
#include "lab/run.h"
#include "lab/setup.h"
#include "lab/sign.h"

static struct lab_scenario *scenario_of(const char *text)
{
    struct error error = {0};
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(text), &error);

    if (scenario == NULL)
        fail_msg("%s", error.message);
    return scenario;
}

static void settings_reach_the_engine(void **state)
{
    struct lab_scenario *scenario =
        scenario_of("set patience patient\nset patience quick\nset depth dns\nset timeout 8s\n"
                    "set connect-timeout 250ms\nset mail-from me@here.example\n"
                    "set second-mail-from <>\nset helo name.example\nset tls required\n"
                    "set catch-all no\nset pipelining no\nset connections 7\nset real yes\n"
                    "set split no\nset allow-net 10.1.0.0/16\n"
                    "list opt-out ann@a.example\nlist opt_out bob@a.example\n");
    struct lab_setup setup;
    struct ip inside, outside;

    assert_int_equal(lab_setup_init(&setup, scenario, NULL), 0);
    assert_int_equal(setup.settings.patience, PROBE_PATIENCE_QUICK); /* the last line counts */
    assert_int_equal(setup.settings.depth, EVIDENCE_DEPTH_DNS);
    assert_int_equal(setup.settings.case_timeout_ms, 8000);
    assert_int_equal(setup.settings.connect_timeout_ms, 250);
    assert_true(slice_equal(setup.settings.sender, SLICE("me@here.example")));
    assert_int_equal(setup.settings.second_sender.len, 0);
    assert_true(slice_equal(setup.settings.helo_name, SLICE("name.example")));
    assert_int_equal(setup.settings.tls, SMTP_TLS_REQUIRED);
    assert_false(setup.settings.catch_all);
    assert_false(setup.settings.pipelining);
    assert_int_equal(setup.settings.connections_max, 7);
    assert_true(setup.real);
    assert_false(setup.split);
    assert_true(ip_parse(SLICE("10.1.2.3"), &inside) && ip_parse(SLICE("10.2.2.3"), &outside));
    assert_true(ip_may_probe(&inside, setup.settings.allowed));
    assert_false(ip_may_probe(&outside, setup.settings.allowed));
    assert_int_equal(lists_operator_count(setup.lists, LISTS_OPERATOR_OPT_OUT), 2);
    lab_setup_done(&setup);
    lab_scenario_free(scenario);
}

static void nonsense_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"set speed 3\n", "line 1: speed 3: there is no such setting"},
        {"\nset patience endless\n", "line 2: patience endless: this setting has no such value"},
        {"set timeout 0s\n", "line 1: timeout 0s: this setting has no such value"},
        {"set timeout 8\n", "line 1: timeout 8: this setting has no such value"},
        {"set mail-from nobody\n", "line 1: mail-from nobody: this setting has no such value"},
        {"set allow-net 10.0.0.1/8\n", "line 1: allow-net 10.0.0.1/8: this setting has no"},
        {"set helo \"a\\nb\"\n", "line 1: helo a\nb: a value has no control characters"},
        {"list friends ann@a.example\n", "line 1: there is no list called friends"},
    };
    struct lab_setup setup;
    struct error error = {0};
    struct lab_scenario *scenario;
    char many[1024] = "";

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_null(lab_scenario_parse(slice_from_string(bad[i].text), &error));
        if (strstr(error.message, bad[i].message) != error.message)
            fail_msg("row %zu: %s, wanted %s", i, error.message, bad[i].message);
    }
    /* Entries and numbers that only show when all is put together. */
    scenario = scenario_of("list trap \"no address\"\n");
    assert_int_equal(lab_setup_init(&setup, scenario, &error), ERROR_FORMAT);
    lab_scenario_free(scenario);
    for (size_t i = 0; i <= LAB_SETUP_NETWORKS_MAX; i++)
        strcat(many, "set allow-net 10.0.0.0/8\n");
    scenario = scenario_of(many);
    assert_int_equal(lab_setup_init(&setup, scenario, &error), ERROR_FORMAT);
    lab_scenario_free(scenario);
}

#define DOOR                                                                                       \
    "set patience quick\nset real yes\nset mail-from \"<>\"\n"                                     \
    "list trap bob@a.example\nlist trap cas@a.example\n"                                           \
    "domain a.example\n  mx 10 mx.a.example\nserver mx.a.example 127.9.1.1\n  mailbox ann\n"

static void the_sign_names_options_and_lists(void **state)
{
    const struct lab_loopback_options options = {.port = 26500,
                                                 .dns = {.ip = ip_v4(127, 9, 1, 2), .port = 26501}};
    struct lab_scenario *scenario = scenario_of(DOOR);
    struct io_loop *loop = io_uv_loop_new(NULL);
    struct lab_loopback one, two;
    char folder[] = "/tmp/mk-sign-XXXXXX", path[64], list[80], expected[400];
    char here[4096];
    struct buffer text;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/lab.conf", folder);
    (void)snprintf(list, sizeof(list), "%s.trap", path);
    assert_int_equal(lab_loopback_open(&one, loop, scenario, &options, NULL), 0);
    /* The same again finds its ports taken. */
    assert_int_equal(lab_loopback_open(&two, loop, scenario, &options, NULL), 0);
    assert_true(two.port > one.port && two.dns.port > one.dns.port);

    /* Named from here, and found from anywhere. */
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(lab_sign_write("lab.conf", &one, scenario, NULL), 0);
    assert_int_equal(chdir(here), 0);
    buffer_init(&text, 0);
    assert_int_equal(lab_file_read(path, &text, NULL), 0);
    (void)snprintf(expected, sizeof(expected),
                   "# Written by `mailknock lab`: how to knock at this lab.\n"
                   "resolver = 127.9.1.2:%u\nport = %u\nallow-net = 127.0.0.0/8\n"
                   "allow-net = ::1/128\nhelo = probe.mailknock.example\npatience = quick\n"
                   "mail-from = <>\ntrap = %s\n",
                   one.dns.port, one.port, list);
    assert_true(slice_equal(buffer_slice(&text), slice_from_string(expected)));
    buffer_clear(&text);
    assert_int_equal(lab_file_read(list, &text, NULL), 0);
    assert_true(slice_equal(buffer_slice(&text), SLICE("bob@a.example\ncas@a.example\n")));

    buffer_clear(&text);
    lab_sign_options(&text, &one, scenario, 4, 50);
    (void)snprintf(expected, sizeof(expected),
                   "    --resolver 127.9.1.2:%u --port %u \\\n"
                   "    --allow-net 127.0.0.0/8 --allow-net ::1/128 \\\n"
                   "    --helo probe.mailknock.example \\\n"
                   "    --patience quick --mail-from '<>'",
                   one.dns.port, one.port);
    assert_true(buffer_append_byte(&text, '\0'));
    assert_string_equal(text.ptr, expected);

    buffer_done(&text);
    (void)unlink(path);
    (void)unlink(list);
    (void)rmdir(folder);
    lab_loopback_close(&two);
    lab_loopback_close(&one);
    lab_scenario_free(scenario);
    io_loop_free(loop);
}

static void only_loopback_is_opened(void **state)
{
    struct lab_scenario *scenario = scenario_of("server a.example 127.9.1.1\nserver b.example "
                                                "192.0.2.1\n");
    const struct lab_loopback_options options = {.port = 26600};
    struct io_loop *loop = io_uv_loop_new(NULL);
    struct lab_loopback loopback;
    struct error error = {0};

    assert_int_equal(lab_loopback_open(&loopback, loop, scenario, &options, &error), ERROR_USAGE);
    assert_non_null(strstr(error.message, "line 2: 192.0.2.1 is not on 127.0.0.0/8"));
    lab_loopback_close(&loopback);
    lab_scenario_free(scenario);
    io_loop_free(loop);
}

/* A run that can't fail proves nothing: these must. */
static void runs_tell_what_did_not_come_true(void **state)
{
    static const struct {
        const char *expect, *says;
    } rows[] = {
        {"expect ann@a.example valid accepted\n", NULL},
        {"expect eve@a.example valid accepted\n",
         "line 10: eve@a.example is invalid/mailbox_not_found, not valid/accepted: "},
        {"expect eve@a.example invalid mailbox_not_found \"never said\"\n",
         "does not say \"never said\""},
        {"expect x@gmial.com invalid domain_not_found suggests x@gmx.de\n",
         "\"x@gmail.com\" is suggested, not x@gmx.de"},
        {"server mx.c.example 127.9.1.9\n  mailbox dan never\n  serves c.example\n"
         "domain c.example\n  mx 10 mx.c.example\nexpect dan@c.example valid accepted\n",
         "violation: mx.c.example, connection 0: RCPT named dan@c.example"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024];
        struct lab_scenario *scenario;
        struct buffer report;
        struct lab_run run;

        (void)snprintf(text, sizeof(text), "%s%s", DOOR, rows[i].expect);
        scenario = scenario_of(text);
        buffer_init(&report, 0);
        assert_int_equal(lab_run_virtual(scenario, 1, false, &report, NULL, &run, NULL), 0);
        assert_int_equal(run.asked, 1);
        assert_int_equal(run.faults, rows[i].says != NULL);
        if (rows[i].says != NULL &&
            slice_find(buffer_slice(&report), slice_from_string(rows[i].says)) < 0)
            fail_msg("row %zu: %.*s", i, SLICE_ARG(buffer_slice(&report)));
        buffer_done(&report);
        lab_scenario_free(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_reach_the_engine),
        cmocka_unit_test(nonsense_is_refused_with_its_line),
        cmocka_unit_test(the_sign_names_options_and_lists),
        cmocka_unit_test(only_loopback_is_opened),
        cmocka_unit_test(runs_tell_what_did_not_come_true),
    };

    return cmocka_run_group_tests_name("lab-setup", tests, NULL, NULL);
}
