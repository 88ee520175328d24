/* Tests of configuration: files, the environment, who wins; names and networks; the prober. */
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
#include "base/memory.h"
#include "config/config.h"
#include "config/prober.h"
#include "config/value.h"

static struct arena arena;
static struct config config;

static int setup(void **state)
{
    arena_init(&arena);
    memset(&config, 0, sizeof(config));
    return config_set_defaults(&config_common, &config, &arena);
}

static int teardown(void **state)
{
    arena_done(&arena);
    return 0;
}

static int read_text(const char *text, struct error *error)
{
    const struct config_target target = {&config_common, &config};

    return config_read_text(slice_from_string(text), "my.conf", &target, 1, &arena, error);
}

static void a_file_is_read(void **state)
{
    struct error error = {0};

    if (read_text("\xef\xbb\xbf# comment\r\n"
                  "\r\n"
                  "depth = dns   # as far as that\r\n"
                  "  timeout=5m\n"
                  "mail-from = \"a b\" # never\n",
                  &error) == 0)
        fail_msg("a b is no sender");
    assert_string_equal(error.message, "my.conf, line 5: mail-from: 'a b' is no address: There is "
                                       "no @ between a local part and a domain.");
    assert_int_equal(config.depth, EVIDENCE_DEPTH_DNS);
    assert_int_equal(config.timeout_ms, 300000);
    if (read_text("resolver = 192.0.2.1\nresolver = [2001:db8::1]:5353\nhelo = mx.example.org",
                  &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(config.resolvers.count, 2);
    assert_string_equal(config.resolvers.values[1], "[2001:db8::1]:5353");
    assert_string_equal(config.helo, "mx.example.org");
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *text, *message;
    } faults[] = {
        {"depth", "my.conf, line 1: write it as 'name = value'"},
        {"\n\nport = 0", "my.conf, line 3: port: '0' is not allowed; give a whole number from 1 to "
                         "65535"},
        {"depht = dns", "my.conf, line 1: there is no option 'depht'; did you mean 'depth'?"},
        {"zzzzzz = 1", "my.conf, line 1: there is no option 'zzzzzz' (mailknock config default "
                       "lists all)"},
        {"config = x", "my.conf, line 1: 'config' can only be given on the command line"},
        {"helo = \"mx.example.org", "my.conf, line 1: the quoted value does not end, or something "
                                    "follows it"},
        {"helo = \"mx.example.org\" x", "my.conf, line 1: the quoted value does not end, or "
                                        "something follows it"},
        {"= 1", "my.conf, line 1: there is no option '' (mailknock config default lists all)"},
        {"helo = localhost",
         "my.conf, line 1: helo: 'localhost' names every machine and none; give "
         "this machine's public name"},
        {"allow-net = 10.0.0.1/8", "my.conf, line 1: allow-net: '10.0.0.1/8' is no network; write "
                                   "192.0.2.0/24 or 2001:db8::/32, with nothing set beyond the "
                                   "prefix"},
    };

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct error error = {0};

        assert_int_equal(read_text(faults[i].text, &error), ERROR_USAGE);
        assert_string_equal(error.message, faults[i].message);
    }
}

/* A name that another command knows is no fault, and goes to whom it belongs. */
static void targets_share_a_file(void **state)
{
    struct other {
        uint64_t port, workers;
    } other = {0};
    static const struct config_option rows[] = {
        {.name = "workers", .type = CONFIG_NUMBER, .offset = offsetof(struct other, workers)},
        {.name = "port", .type = CONFIG_NUMBER, .offset = offsetof(struct other, port)},
    };
    const struct config_table table = {rows, ARRAY_LEN(rows)};
    const struct config_target targets[] = {{&config_common, &config}, {&table, &other}};
    const struct config_target absent[] = {{&config_common, &config}, {&table, NULL}};
    struct error error;

    assert_int_equal(
        config_read_text(SLICE("workers = 7\nport = 26"), "f", targets, 2, &arena, &error), 0);
    assert_int_equal(other.workers, 7);
    assert_int_equal(other.port, 26);
    assert_int_equal(config.port, 26);
    assert_int_equal(config_read_text(SLICE("workers = 9"), "f", absent, 2, &arena, &error), 0);
    assert_int_equal(other.workers, 7);
}

static void the_environment_wins_over_the_file(void **state)
{
    const struct config_target target = {&config_common, &config};
    char path[] = "/tmp/mailknock-config-XXXXXX";
    int fd = mkstemp(path);
    const char *text = "depth = dns\nresolver = 192.0.2.1\nresolver = 192.0.2.2\nport = 26\n";
    const char *read_file = NULL;
    struct error error = {0};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    setenv("MAILKNOCK_CONFIG", path, 1);
    setenv("MAILKNOCK_RESOLVER", " 192.0.2.7  [2001:db8::7]:53 ", 1);
    setenv("MAILKNOCK_PORT", "27", 1);
    setenv("MAILKNOCK_HELO", "", 1); /* as good as not set */
    if (config_load(&target, 1, NULL, &arena, &read_file, &error) != 0)
        fail_msg("%s", error.message);
    assert_string_equal(read_file, path);
    assert_int_equal(config.depth, EVIDENCE_DEPTH_DNS);
    assert_int_equal(config.port, 27);
    assert_null(config.helo);
    assert_int_equal(config.resolvers.count, 2);
    assert_string_equal(config.resolvers.values[0], "192.0.2.7");
    setenv("MAILKNOCK_PORT", "tcp://10.0.0.1:25", 1);
    assert_int_equal(config_load(&target, 1, NULL, &arena, NULL, &error), ERROR_USAGE);
    assert_non_null(strstr(error.message, "MAILKNOCK_PORT: 'tcp://10.0.0.1:25' is not allowed"));
    unlink(path);
    assert_int_equal(config_load(&target, 1, NULL, &arena, NULL, &error), ERROR_USAGE);
    assert_non_null(strstr(error.message, "No such file"));
    unsetenv("MAILKNOCK_CONFIG");
    unsetenv("MAILKNOCK_RESOLVER");
    unsetenv("MAILKNOCK_PORT");
    unsetenv("MAILKNOCK_HELO");
}

static void endpoints_are_understood(void **state)
{
    static const struct {
        const char *text, *ip;
        uint16_t port;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", 0},
        {"192.0.2.1:53", "192.0.2.1", 53},
        {"2001:db8::1", "2001:db8::1", 0},
        {"[2001:db8::1]", "2001:db8::1", 0},
        {"[2001:db8::1]:53", "2001:db8::1", 53},
        {"", NULL, 0},
        {":53", NULL, 0},
        {"192.0.2.1:0", NULL, 0},
        {"192.0.2.1:65536", NULL, 0},
        {"192.0.2.1:", NULL, 0},
        {"[192.0.2.1]:53", NULL, 0},
        {"[2001:db8::1]53", NULL, 0},
        {"[2001:db8::1", NULL, 0},
        {"[", NULL, 0},
        {"[]", NULL, 0},
        {"]:5", NULL, 0},
        {"dns.example.org", NULL, 0},
        {"192.0.2.1:53:53", NULL, 0},
    };
    char text[IP_TEXT_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct io_endpoint endpoint;
        bool ok = config_parse_endpoint(slice_from_string(cases[i].text), &endpoint);

        if (ok != (cases[i].ip != NULL))
            fail_msg("'%s' is %s", cases[i].text, ok ? "taken" : "refused");
        if (ok) {
            assert_string_equal(ip_format(&endpoint.ip, text), cases[i].ip);
            assert_int_equal(endpoint.port, cases[i].port);
        }
    }
}

static void names_to_say_are_judged(void **state)
{
    static const char *const good[] = {"mx.example.org", "a.b", "[192.0.2.1]", "[IPv6:2001:db8::1]",
                                       "xn--bcher-kva.example"};
    static const char *const bad[] = {"localhost",     "LocalHost", "host.localdomain",
                                      "x.localhost",   "mailhost",  "",
                                      "192.0.2.1",     "a..b",      "-a.example",
                                      "a_b.example",   "[x]",       "mx.example.org.",
                                      "mx example.org"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (config_check_helo(good[i], NULL) != 0)
            fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (config_check_helo(bad[i], NULL) == 0)
            fail_msg("'%s' is taken", bad[i]);
}

static void senders_are_judged(void **state)
{
    static const char *const good[] = {"<>", "", "probe@example.org", "<probe@example.org>"};
    static const char *const bad[] = {
        "probe",          "a@b@c", "probe@[192.0.2.1]", "<probe@example.org", "pröbe@example.org",
        "a b@example.org"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (config_check_sender(good[i], NULL) != 0)
            fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (config_check_sender(bad[i], NULL) == 0)
            fail_msg("'%s' is taken", bad[i]);
    assert_true(slice_equal(config_reverse_path(SLICE("<>")), SLICE_EMPTY));
    assert_true(slice_equal(config_reverse_path(SLICE("<a@b.c>")), SLICE("a@b.c")));
}

static void a_prober_opens_as_told(void **state)
{
    const char *networks[] = {"127.0.0.0/8", "::1/128"}, *resolver = "127.0.0.1:1";
    struct prober prober = {0};
    struct error error = {0};

    config.helo = "probe.example.org";
    config.mail_from = "<probe@example.org>";
    config.allow_nets = (struct config_list){networks, 2};
    config.resolvers = (struct config_list){&resolver, 1};
    config.site_rcpts = 3;
    if (prober_open(&prober, NULL, &config, &error) != 0)
        fail_msg("%s", error.message);
    assert_true(slice_equal(prober.settings.sender, SLICE("probe@example.org")));
    assert_int_equal(prober.settings.second_sender.len, 0);
    assert_int_equal(prober.allowed.count, 2);
    assert_int_equal(prober.settings.limits_override.rcpts_per_session, 3);
    assert_true(prober.settings.seed != 0);
    prober_say_goodbye(&prober, 1000);
    prober_close(&prober);
    prober_close(&prober);
    config.ipv4 = config.ipv6 = false;
    assert_int_equal(prober_open(&prober, NULL, &config, &error), ERROR_USAGE);
    assert_null(prober.loop);
}

/* A bad list leaves the good one in force. */
static void lists_are_read_again(void **state)
{
    char path[] = "/tmp/mailknock-list-XXXXXX";
    const char *files[] = {path};
    struct prober prober = {0};
    struct error error = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a.example\n", 10), 10);
    config.depth = EVIDENCE_DEPTH_SYNTAX;
    config.lists[LISTS_OPERATOR_BLOCK] = (struct config_list){files, 1};
    if (prober_open(&prober, NULL, &config, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(lists_operator_count(prober.lists, LISTS_OPERATOR_BLOCK), 1);
    assert_int_equal(write(fd, "b.example\n", 10), 10);
    assert_int_equal(prober_reload_lists(&prober, &config, NULL, &error), 0);
    assert_int_equal(lists_operator_count(prober.lists, LISTS_OPERATOR_BLOCK), 2);
    assert_int_equal(write(fd, "no domain\n", 10), 10);
    assert_int_equal(prober_reload_lists(&prober, &config, NULL, &error), ERROR_USAGE);
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.message, "line 3"));
    assert_int_equal(lists_operator_count(prober.lists, LISTS_OPERATOR_BLOCK), 2);
    prober_close(&prober);
    close(fd);
    unlink(path);
    assert_int_equal(prober_open(&prober, NULL, &config, &error), ERROR_USAGE);
    assert_non_null(strstr(error.message, "can't read the list"));
}

/* Whichever allocation fails, opening fails cleanly or succeeds. */
static void memory_runs_out(void **state)
{
    const char *networks[] = {"127.0.0.0/8"};
    unsigned n;

    config.helo = "probe.example.org";
    config.allow_nets = (struct config_list){networks, 1};
    for (n = 0; n < 400; n++) {
        struct prober prober = {0};
        struct error error = {0};
        int code;

        memory_fail_after(n);
        code = prober_open(&prober, NULL, &config, &error);
        memory_fail_after(-1);
        assert_true(code == 0 || code == ERROR_NOMEM || code == ERROR_IO);
        prober_close(&prober);
        if (code == 0)
            break;
    }
    assert_true(n > 1 && n < 400);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read),           TEST(faults_are_named),
        TEST(targets_share_a_file),     TEST(the_environment_wins_over_the_file),
        TEST(endpoints_are_understood), TEST(names_to_say_are_judged),
        TEST(senders_are_judged),       TEST(a_prober_opens_as_told),
        TEST(lists_are_read_again),     TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
