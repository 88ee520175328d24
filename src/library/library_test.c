/*
 * The public interface, as a program would use it. The verifier asks a small lab that another
 * process serves on loopback sockets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/uv_loop.h"
#include "lab/loopback.h"
#include "lab/sign.h"
#include "mailknock/mailknock.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

/* --- offline -------------------------------------------------------------------------------- */

static void addresses_are_looked_at(void **state)
{
    static const struct {
        const char *text, *diagnosis;
        size_t len, offset;
        const char *normalized, *key, *suggestion, *flag; /* the first */
    } cases[] = {
#define ADDRESS(text, ...) {text, .len = sizeof(text) - 1, __VA_ARGS__}
        ADDRESS("Jane.Doe+news@GMAIL.com", .diagnosis = "valid",
                .normalized = "Jane.Doe+news@gmail.com", .key = "janedoe@gmail.com"),
        ADDRESS("info@b\xc3\xbc"
                "cher.example",
                .diagnosis = "valid", .normalized = "info@xn--bcher-kva.example",
                .key = "info@xn--bcher-kva.example", .flag = "idn"),
        ADDRESS("a..b@example.org", .diagnosis = "local_dot_double", .offset = 2,
                .suggestion = "a.b@example.org"),
        ADDRESS("bob@gmial.com", .diagnosis = "valid", .normalized = "bob@gmial.com",
                .key = "bob@gmial.com", .suggestion = "bob@gmail.com"),
        ADDRESS("bob@gmail,com", .diagnosis = "domain_bad_char", .offset = 9,
                .suggestion = "bob@gmail.com"),
        ADDRESS("a\0b@example.org", .diagnosis = "local_control", .offset = 1),
        ADDRESS("", .diagnosis = "empty"),
#undef ADDRESS
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mailknock_address *address = NULL;
        bool valid = strcmp(cases[i].diagnosis, "valid") == 0;

        assert_int_equal(mailknock_address_check(cases[i].text, cases[i].len, &address), 0);
        assert_string_equal(mailknock_address_diagnosis(address), cases[i].diagnosis);
        assert_int_equal(mailknock_address_is_valid(address), valid);
        assert_int_equal(mailknock_address_offset(address), cases[i].offset);
        assert_true(strlen(mailknock_address_explanation(address)) > 10);
        if (valid) {
            assert_string_equal(mailknock_address_normalized(address), cases[i].normalized);
            assert_string_equal(mailknock_address_key(address), cases[i].key);
            assert_non_null(mailknock_address_display(address));
        } else {
            assert_null(mailknock_address_normalized(address));
            assert_null(mailknock_address_key(address));
            assert_null(mailknock_address_display(address));
        }
        if (cases[i].suggestion != NULL)
            assert_string_equal(mailknock_address_suggestion(address), cases[i].suggestion);
        else
            assert_null(mailknock_address_suggestion(address));
        if (cases[i].flag != NULL) {
            assert_string_equal(mailknock_address_flag(address, 0), cases[i].flag);
            assert_null(mailknock_address_flag(address, 30));
        }
        mailknock_address_free(address);
    }
    mailknock_address_free(NULL);
}

static void addresses_are_found_on_lists(void **state)
{
    static const struct {
        const char *text;
        bool disposable, is_free, role, breach;
    } cases[] = {
        {"x@mailinator.com", .disposable = true},
        {"sales@example.org", .role = true},
        {"somebody@gmail.com", .is_free = true},
        {"abc@gmail.com", .is_free = true, .breach = true},
        {"sales@", false, false, false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mailknock_address *address;

        assert_int_equal(mailknock_address_check(cases[i].text, strlen(cases[i].text), &address),
                         0);
        assert_int_equal(mailknock_address_is_disposable(address), cases[i].disposable);
        assert_int_equal(mailknock_address_is_free(address), cases[i].is_free);
        assert_int_equal(mailknock_address_is_role(address), cases[i].role);
        assert_int_equal(mailknock_address_provider_breach(address) != NULL, cases[i].breach);
        mailknock_address_free(address);
    }
}

static void replies_are_understood(void **state)
{
    mailknock_reply *reply = NULL;

    assert_int_equal(mailknock_reply_classify(TEXT("550 5.1.1 <a@b.example>: Recipient address "
                                                   "rejected: User unknown"),
                                              MAILKNOCK_STAGE_RCPT, NULL, &reply),
                     0);
    assert_string_equal(mailknock_reply_class(reply), "mailbox_not_found");
    assert_int_equal(mailknock_reply_code(reply), 550);
    assert_string_equal(mailknock_reply_enhanced(reply), "5.1.1");
    assert_int_equal(mailknock_reply_status(reply), MAILKNOCK_INVALID);
    assert_string_equal(mailknock_reply_reason(reply), "mailbox_not_found");
    assert_int_equal(mailknock_reply_action(reply), MAILKNOCK_SUPPRESS);
    assert_true(mailknock_reply_confidence(reply) > 60);
    assert_non_null(mailknock_reply_rule(reply));
    assert_non_null(mailknock_reply_explanation(reply));
    assert_int_equal(mailknock_reply_retry_after(reply), 0);
    mailknock_reply_free(reply);

    /* The same words before RCPT are not about the mailbox. */
    assert_int_equal(mailknock_reply_classify(TEXT("550 5.1.1 User unknown"), MAILKNOCK_STAGE_MAIL,
                                              NULL, &reply),
                     0);
    assert_int_equal(mailknock_reply_status(reply), MAILKNOCK_UNKNOWN);
    mailknock_reply_free(reply);

    reply = NULL;
    assert_int_equal(mailknock_reply_classify(TEXT("hello"), MAILKNOCK_STAGE_ANY, NULL, &reply),
                     MAILKNOCK_FORMAT);
    assert_int_equal(
        mailknock_reply_classify(TEXT("250 ok"), (enum mailknock_stage)99, NULL, &reply),
        MAILKNOCK_RANGE);
    assert_null(reply);
}

static void names_are_known(void **state)
{
    assert_string_equal(mailknock_version(), MAILKNOCK_VERSION);
    assert_string_equal(mailknock_status_name(MAILKNOCK_DO_NOT_MAIL), "do_not_mail");
    assert_null(mailknock_status_name((enum mailknock_status)77));
    assert_string_equal(mailknock_action_name(MAILKNOCK_RETRY), "retry");
    assert_null(mailknock_action_name((enum mailknock_action) - 1));
    assert_string_equal(mailknock_provider_by_mx("ASPMX.L.Google.COM."), "google");
    assert_null(mailknock_provider_by_mx("mx.example.org"));
    assert_null(mailknock_provider_by_mx(""));
    assert_null(mailknock_provider_by_mx(NULL));
    assert_non_null(mailknock_code_name(MAILKNOCK_BUSY));
    assert_non_null(mailknock_code_name(-4711));
}

static void options_are_checked(void **state)
{
    mailknock_options *options = mailknock_options_new();
    mailknock_error error = {0};

    assert_non_null(options);
    assert_int_equal(mailknock_options_set(options, "helo", "probe.example.org", &error), 0);
    assert_int_equal(mailknock_options_set(options, "timeout", "30s", &error), 0);
    assert_int_equal(mailknock_options_set(options, "evidence", "yes", NULL), 0);
    assert_int_equal(error.code, 0);
    assert_int_equal(mailknock_options_set(options, "depth", "deep", &error), MAILKNOCK_USAGE);
    assert_int_equal(error.code, MAILKNOCK_USAGE);
    assert_non_null(strstr(error.message, "smtp"));
    assert_int_equal(mailknock_options_set(options, "no-such", "1", &error), MAILKNOCK_USAGE);
    assert_non_null(strstr(error.message, "no-such"));
    assert_int_equal(mailknock_options_set(options, "config", "/etc/passwd", NULL),
                     MAILKNOCK_USAGE);
    assert_int_equal(mailknock_options_set(options, "helo", NULL, NULL), MAILKNOCK_USAGE);
    mailknock_options_free(options);
    mailknock_options_free(NULL);
    mailknock_result_free(NULL);
    mailknock_verifier_free(NULL);
}

/* --- a lab in another process --------------------------------------------------------------- */

static const char scenario_text[] = "set real yes\n"
                                    "domain good.example\n"
                                    "  mx 10 mx.good.example\n"
                                    "server mx.good.example 127.0.66.1\n"
                                    "  mailbox anna\n"
                                    "  mailbox bert\n"
                                    "domain all.example\n"
                                    "  mx 10 mx.all.example\n"
                                    "server mx.all.example 127.0.66.2\n"
                                    "  behave accept-all\n"
                                    "domain slow.example\n"
                                    "  mx 10 mx.slow.example\n"
                                    "server mx.slow.example 127.0.66.3\n"
                                    "  behave silent connect\n";

static pid_t lab_process;
static char lab_config[4096]; /* "name = value" lines */

/* Serve until killed. The configuration of those who visit goes into the pipe. */
static void serve_lab(int out)
{
    const struct lab_loopback_options options = {.seed = 1};
    struct lab_loopback loopback;
    struct error error = {0};
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(scenario_text), &error);
    struct io_loop *loop = io_uv_loop_new(&error);
    struct buffer config;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (scenario == NULL || loop == NULL ||
        lab_loopback_open(&loopback, loop, scenario, &options, &error) < 0) {
        fprintf(stderr, "the lab: %s\n", error.message);
        _exit(1);
    }
    buffer_init(&config, sizeof(lab_config) - 1);
    lab_sign_config(&config, &loopback, scenario);
    if (config.failed || write(out, config.ptr, config.len) != (ssize_t)config.len)
        _exit(1);
    close(out);
    io_loop_run(loop);
    _exit(1);
}

static int start_lab(void **state)
{
    int ends[2];
    size_t len = 0;
    ssize_t got;

    if (pipe(ends) != 0 || (lab_process = fork()) < 0)
        return -1;
    if (lab_process == 0) {
        close(ends[0]);
        serve_lab(ends[1]);
    }
    close(ends[1]);
    while ((got = read(ends[0], lab_config + len, sizeof(lab_config) - 1 - len)) > 0)
        len += (size_t)got;
    close(ends[0]);
    return len > 0 ? 0 : -1;
}

static int stop_lab(void **state)
{
    kill(lab_process, SIGKILL);
    return waitpid(lab_process, NULL, 0) == lab_process ? 0 : -1;
}

static mailknock_options *lab_options(void)
{
    mailknock_options *options = mailknock_options_new();
    struct slice rest = slice_from_string(lab_config), line;

    assert_non_null(options);
    while (slice_split(&rest, '\n', &line)) {
        char name[64], value[256];
        mailknock_error error = {0};
        ptrdiff_t equals = slice_find_byte(line, '=');

        if (equals < 0 || line.ptr[0] == '#')
            continue;
        assert_true(
            slice_to_string(slice_trim(slice_prefix(line, (size_t)equals)), name, sizeof(name)));
        assert_true(slice_to_string(slice_trim(slice_from_offset(line, (size_t)equals + 1)), value,
                                    sizeof(value)));
        if (mailknock_options_set(options, name, value, &error) < 0)
            fail_msg("%s", error.message);
    }
    assert_int_equal(mailknock_options_set(options, "helo", "probe.example.org", NULL), 0);
    return options;
}

static mailknock_verifier *lab_verifier(const char *name, const char *value)
{
    mailknock_options *options = lab_options();
    mailknock_verifier *verifier = NULL;
    mailknock_error error = {0};

    if (name != NULL)
        assert_int_equal(mailknock_options_set(options, name, value, NULL), 0);
    if (mailknock_verifier_new(options, &verifier, &error) < 0)
        fail_msg("%s", error.message);
    mailknock_options_free(options); /* not needed any more */
    return verifier;
}

/* --- verifiers ------------------------------------------------------------------------------ */

static void one_address_blocking(void **state)
{
    mailknock_verifier *verifier = lab_verifier("evidence", "yes");
    mailknock_result *result = NULL;
    const char *json;
    size_t len;

    assert_int_equal(mailknock_verifier_check(verifier, TEXT("Anna@good.example"), &result), 0);
    assert_int_equal(mailknock_result_status(result), MAILKNOCK_VALID);
    assert_string_equal(mailknock_result_reason(result), "accepted");
    assert_int_equal(mailknock_result_action(result), MAILKNOCK_SEND);
    assert_string_equal(mailknock_result_address(result, &len), "Anna@good.example");
    assert_int_equal(len, strlen("Anna@good.example"));
    assert_string_equal(mailknock_result_normalized(result), "Anna@good.example");
    assert_true(mailknock_result_score(result) > 90);
    assert_true(strlen(mailknock_result_explanation(result)) > 10);
    assert_null(mailknock_result_suggestion(result));
    assert_null(mailknock_result_provider(result));
    json = mailknock_result_json(result, &len);
    assert_int_equal(strlen(json), len);
    assert_non_null(strstr(json, "\"schema\":1"));
    assert_non_null(strstr(json, "RCPT TO:<Anna@good.example>"));
    assert_null(strchr(json, '\n'));
    mailknock_result_free(result);

    assert_int_equal(mailknock_verifier_check(verifier, TEXT("nobody@good.example"), &result), 0);
    assert_string_equal(mailknock_result_reason(result), "mailbox_not_found");
    mailknock_result_free(result);

    assert_int_equal(mailknock_verifier_check(verifier, TEXT("sales@all.example"), &result), 0);
    assert_int_equal(mailknock_result_status(result), MAILKNOCK_CATCH_ALL);
    assert_true(mailknock_result_has_flag(result, "role"));
    assert_true(mailknock_result_has_flag(result, "catch_all_domain"));
    assert_false(mailknock_result_has_flag(result, "free"));
    mailknock_result_free(result);

    assert_int_equal(mailknock_verifier_check(verifier, TEXT("a\0b@good.example"), &result), 0);
    assert_string_equal(mailknock_result_reason(result), "bad_syntax");
    assert_memory_equal(mailknock_result_address(result, &len), "a\0b@good.example", 17);
    assert_int_equal(len, 16);
    mailknock_result_free(result);
    mailknock_verifier_free(verifier);
}

struct tally {
    mailknock_verifier *verifier;
    unsigned done, by_status[6];
    const char *follow_up; /* submitted from inside the first callback */
};

static void count(void *user, int code, mailknock_result *result)
{
    struct tally *tally = user;
    mailknock_result *other;

    assert_int_equal(code, 0);
    tally->done++;
    tally->by_status[mailknock_result_status(result)]++;
    mailknock_result_free(result);
    assert_int_equal(mailknock_verifier_run(tally->verifier, 0), MAILKNOCK_BUSY);
    assert_int_equal(mailknock_verifier_check(tally->verifier, TEXT("x@y.example"), &other),
                     MAILKNOCK_BUSY);
    if (tally->follow_up != NULL) {
        const char *address = tally->follow_up;

        tally->follow_up = NULL;
        assert_int_equal(
            mailknock_verifier_submit(tally->verifier, address, strlen(address), count, tally), 0);
    }
}

static void submit_some(struct tally *tally)
{
    static const char *const addresses[] = {
        "anna@good.example", "bert@good.example", "carl@good.example", "any@all.example", "no at",
    };

    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        assert_int_equal(mailknock_verifier_submit(tally->verifier, addresses[i],
                                                   strlen(addresses[i]), count, tally),
                         0);
    assert_int_equal(tally->done, 0);
}

static void check_tally(const struct tally *tally)
{
    assert_int_equal(tally->done, 6);
    assert_int_equal(tally->by_status[MAILKNOCK_VALID], 2);
    assert_int_equal(tally->by_status[MAILKNOCK_INVALID], 3);
    assert_int_equal(tally->by_status[MAILKNOCK_CATCH_ALL], 1);
    assert_int_equal(mailknock_verifier_open(tally->verifier), 0);
}

static void many_with_callbacks(void **state)
{
    struct tally tally = {.verifier = lab_verifier(NULL, NULL), .follow_up = "dora@good.example"};

    submit_some(&tally);
    assert_int_equal(mailknock_verifier_open(tally.verifier), 5);
    assert_int_equal(mailknock_verifier_run(tally.verifier, -1), 0);
    check_tally(&tally);
    mailknock_verifier_free(tally.verifier);
}

static void inside_a_foreign_loop(void **state)
{
    struct tally tally = {.verifier = lab_verifier(NULL, NULL), .follow_up = "dora@good.example"};
    unsigned passes = 0;

    submit_some(&tally);
    assert_int_equal(mailknock_verifier_wait(tally.verifier), 0);
    while (mailknock_verifier_open(tally.verifier) > 0) {
        struct pollfd watched = {mailknock_verifier_descriptor(tally.verifier), POLLIN, 0};

        assert_true(poll(&watched, 1, mailknock_verifier_wait(tally.verifier)) >= 0);
        assert_true(mailknock_verifier_run(tally.verifier, 0) >= 0);
        assert_true(++passes < 100000); /* it does not spin */
    }
    check_tally(&tally);
    mailknock_verifier_free(tally.verifier);
}

static void runs_end_on_time_and_freeing_cancels(void **state)
{
    struct tally tally = {.verifier = lab_verifier(NULL, NULL)};

    assert_int_equal(
        mailknock_verifier_submit(tally.verifier, TEXT("a@slow.example"), count, &tally), 0);
    assert_int_equal(mailknock_verifier_run(tally.verifier, 300), 1);
    assert_int_equal(tally.done, 0);
    mailknock_verifier_free(tally.verifier);
    assert_int_equal(tally.done, 1);
    assert_int_equal(tally.by_status[MAILKNOCK_VALID] + tally.by_status[MAILKNOCK_INVALID], 0);
}

static void only_so_many_at_once(void **state)
{
    struct tally tally = {.verifier = lab_verifier("open-cases", "2")};
    unsigned taken = 0;

    while (mailknock_verifier_submit(tally.verifier, TEXT("anna@good.example"), count, &tally) == 0)
        assert_true(++taken <= 2);
    assert_int_equal(taken, 2);
    assert_int_equal(mailknock_verifier_run(tally.verifier, -1), 0);
    assert_int_equal(tally.done, 2);
    mailknock_verifier_free(tally.verifier);
}

static void bad_set_ups_are_told(void **state)
{
    mailknock_options *options = mailknock_options_new();
    mailknock_verifier *verifier = NULL;
    mailknock_error error = {0};

    assert_int_equal(mailknock_options_set(options, "helo", "probe.example.org", NULL), 0);
    assert_int_equal(mailknock_options_set(options, "opt-out", "/no/such/file", NULL), 0);
    assert_true(mailknock_verifier_new(options, &verifier, &error) < 0);
    assert_non_null(strstr(error.message, "/no/such/file"));
    assert_null(verifier);
    mailknock_options_free(options);
}

/* Every allocation fails once: an error or a result comes, and nothing leaks (sanitizers see). */
static void any_allocation_may_fail(void **state)
{
    int code = MAILKNOCK_NO_MEMORY;

    for (int64_t n = 0; code != 0; n++) {
        mailknock_options *options;
        mailknock_verifier *verifier = NULL;
        mailknock_result *result = NULL;

        assert_true(n < 5000);
        memory_fail_after(n);
        options = mailknock_options_new();
        code = options == NULL ? MAILKNOCK_NO_MEMORY
                               : mailknock_options_set(options, "depth", "syntax", NULL);
        if (code == 0)
            code = mailknock_verifier_new(options, &verifier, NULL);
        if (code == 0)
            code = mailknock_verifier_check(verifier, TEXT("bob@gmial.com"), &result);
        memory_fail_after(-1);
        mailknock_result_free(result);
        mailknock_verifier_free(verifier);
        mailknock_options_free(options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_looked_at),
        cmocka_unit_test(addresses_are_found_on_lists),
        cmocka_unit_test(replies_are_understood),
        cmocka_unit_test(names_are_known),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(one_address_blocking),
        cmocka_unit_test(many_with_callbacks),
        cmocka_unit_test(inside_a_foreign_loop),
        cmocka_unit_test(runs_end_on_time_and_freeing_cancels),
        cmocka_unit_test(only_so_many_at_once),
        cmocka_unit_test(bad_set_ups_are_told),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, start_lab, stop_lab);
}
