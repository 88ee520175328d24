/* Tests of what people see: nothing dangerous, nothing too wide, everything in its column. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "base/utf8.h"
#include "cli/help.h"
#include "cli/view.h"

static const struct view_style plain80 = {.width = 80};

static void is_text(struct buffer *out, const char *wanted)
{
    assert_false(out->failed);
    if (!slice_equal(buffer_slice(out), slice_from_string(wanted)))
        fail_msg("got:\n%.*s\nwanted:\n%s", SLICE_ARG(buffer_slice(out)), wanted);
    buffer_done(out);
    buffer_init(out, 0);
}

/* Well-formed UTF-8, and no control character but line ends and (where allowed) ESC of colours. */
static void is_safe(struct slice text, bool colours)
{
    assert_int_equal(utf8_find_invalid(text), -1);
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t size = utf8_decode(text.ptr + at, text.len - at, &code);

        if (code == 0x1b && colours) {
            assert_int_equal(text.ptr[at + 1], '[');
        } else if (code != '\n') {
            assert_true(code >= 0x20 && !(code >= 0x7f && code <= 0x9f));
            assert_true(code < 0x202a || code > 0x202e);
        }
        at += size;
    }
}

static void is_within(struct slice text, unsigned width)
{
    struct slice line;

    while (slice_split(&text, '\n', &line))
        if (utf8_columns(line) > width)
            fail_msg("%zu columns, not %u: %.*s", utf8_columns(line), width, SLICE_ARG(line));
}

static void foreign_bytes_are_harmless(void **state)
{
    static const struct {
        const char *bytes, *shown;
        size_t len;
    } cases[] = {
        {"plain", "plain", 5},
        {"m\xc3\xbcller", "m\xc3\xbcller", 7},
        {"\x1b[31mred", "\\x1b[31mred", 8},
        {"a\0b", "a\\x00b", 3},
        {"a\r\nb\tc", "a\\x0d\\x0ab\\x09c", 6},
        {"\x7f\xff\xc3", "\\x7f\\xff\\xc3", 3},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m", 5}, /* C1 CSI */
        {"\xe2\x80\xae"
         "moc",
         "\\xe2\\x80\\xaemoc", 6},              /* right-to-left override */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", 3}, /* a surrogate */
    };
    struct buffer out;

    buffer_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        view_clean(&out, slice_from(cases[i].bytes, cases[i].len));
        is_text(&out, cases[i].shown);
    }
    buffer_done(&out);
}

static void cells_have_their_width(void **state)
{
    static const struct {
        const char *text;
        unsigned columns;
        const char *shown;
    } cases[] = {
        {"abc", 6, "abc   "},
        {"abcdef", 6, "abcdef"},
        {"abcdefg", 6, "abc..."},
        {"", 3, "   "},
        {"上海市", 6, "上海市"},
        {"上海市政", 6, "上..."},
        {"上海市政", 7, "上海..."},
        {"a上海市", 6, "a上..."},
        {"abcdef", 2, ".."},
        {"e\xcc\x81"
         "abc",
         4,
         "e\xcc\x81"
         "abc"},
    };
    struct buffer out;

    buffer_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t columns;

        view_cell(&out, slice_from_string(cases[i].text), cases[i].columns, true);
        columns = utf8_columns(buffer_slice(&out));
        if (columns > cases[i].columns || columns + 1 < cases[i].columns)
            fail_msg("%s in %u columns takes %zu", cases[i].text, cases[i].columns, columns);
        assert_true(slice_starts_with(buffer_slice(&out), slice_from_string(cases[i].shown)));
        buffer_clear(&out);
    }
    buffer_done(&out);
}

static struct view_line sample(const char *address)
{
    return (struct view_line){
        .address = slice_from_string(address),
        .status = VERDICT_INVALID,
        .reason = REASON_MAILBOX_NOT_FOUND,
        .score = 2,
        .explanation = SLICE("mx.example.org says that there is no such mailbox."),
        .suggestion = SLICE_EMPTY,
    };
}

static void lines_are_aligned(void **state)
{
    struct view_line line = sample("ada@example.org");
    struct view_style style = plain80;
    struct buffer out;

    buffer_init(&out, 0);
    view_line(&out, &line, &style);
    is_text(&out, "invalid      ada@example.org                     mailbox_not_found      2\n");
    line.suggestion = SLICE("ada@example.com");
    view_line(&out, &line, &style);
    is_text(&out, "invalid      ada@example.org                     mailbox_not_found      2\n"
                  "             Did you mean ada@example.com?\n");
    style.width = 140;
    style.address_width = 20;
    view_line(&out, &line, &style);
    is_text(&out, "invalid      ada@example.org       mailbox_not_found      2  Did you mean "
                  "ada@example.com? mx.example.org says that there is no such mail...\n");
    style.width = 60;
    style.explain_below = true;
    line.suggestion = SLICE_EMPTY;
    view_line(&out, &line, &style);
    is_text(&out, "invalid      ada@example.org       mailbox_not_found      2\n"
                  "             mx.example.org says that there is no such\n"
                  "             mailbox.\n");
    style.colour = true;
    style.explain_below = false;
    view_line(&out, &line, &style);
    is_text(&out, "\033[31minvalid    \033[0m  ada@example.org       mailbox_not_found      2\n");
    view_tabbed(&out, &line);
    is_text(&out, "ada@example.org\tinvalid\tmailbox_not_found\t2\tmx.example.org says that there "
                  "is no such mailbox.\n");
    buffer_done(&out);
}

/* Whatever stands in an address: one line, not wider than the terminal, the columns in place. */
static void no_address_breaks_a_line(void **state)
{
    static const char *const addresses[] = {
        "",
        "\x1b]0;title\x07@x",
        "a\n\n\nb@x",
        "\xff\xfe\xfd\xfc",
        "测试用户名称很长很长很长很长@例子.测试",
    };
    struct buffer out, longest;

    buffer_init(&out, 0);
    buffer_init(&longest, 0);
    while (longest.len < 1 << 20)
        buffer_append_string(&longest, "ü\x01");
    for (unsigned width = 60; width <= 200; width += 7) {
        struct view_style style = {.width = width};

        for (size_t i = 0; i <= ARRAY_LEN(addresses); i++) {
            struct view_line line = sample("");
            ptrdiff_t reason;

            line.address =
                i < ARRAY_LEN(addresses) ? slice_from_string(addresses[i]) : buffer_slice(&longest);
            view_line(&out, &line, &style);
            is_safe(buffer_slice(&out), false);
            is_within(buffer_slice(&out), width);
            assert_int_equal(slice_find_byte(buffer_slice(&out), '\n'), (ptrdiff_t)out.len - 1);
            reason = slice_find(buffer_slice(&out), SLICE("mailbox_not_found"));
            assert_true(reason > 0);
            buffer_clear(&out);
        }
    }
    buffer_done(&longest);
    buffer_done(&out);
}

static void summaries_add_up(void **state)
{
    struct view_summary summary = {.total = 1000};
    struct buffer out;

    summary.by_status[VERDICT_VALID] = 750;
    summary.by_reason[REASON_ACCEPTED] = 700;
    summary.by_reason[REASON_ACCEPTED_RESTRICTED] = 50;
    summary.by_status[VERDICT_UNKNOWN] = 250;
    summary.by_reason[REASON_GREYLISTED] = 250;
    buffer_init(&out, 0);
    view_summary(&out, &summary, &(struct view_style){.width = 60});
    is_text(&out, "valid                          750  75.0%  ████████████▊\n"
                  "  accepted                     700  70.0%\n"
                  "  accepted_restricted           50   5.0%\n"
                  "unknown                        250  25.0%  ████▎\n"
                  "  greylisted                   250  25.0%\n"
                  "total                         1000 100.0%\n");
    view_summary(&out, &(struct view_summary){0}, &plain80);
    is_text(&out, "total                            0   0.0%\n");
    buffer_done(&out);
}

/* --- explained ---------------------------------------------------------------------------- */

static const struct ip host_ip = {4, {192, 0, 2, 1}};
static const struct evidence_host hosts[] = {
    {.name = {"mx.example.org", 14},
     .preference = 10,
     .outcome = DNS_FOUND,
     .addresses = &host_ip,
     .address_count = 1},
    {.name = {"dead.example.org", 16}, .preference = 20, .outcome = DNS_NXDOMAIN},
};
static const struct evidence_dns_answer answers[] = {
    {.name = {"example.org", 11},
     .type = "MX",
     .outcome = DNS_FOUND,
     .ttl_s = 300,
     .text = {"10 mx.example.org, 20 dead.example.org", 38}},
    {.name = {"mx.example.org", 14}, .type = "AAAA", .outcome = DNS_NODATA},
};

static void fill(struct evidence *evidence, struct evidence_domain *domain,
                 struct evidence_attempt attempts[2], struct slice words)
{
    *domain = (struct evidence_domain){
        .name = SLICE("example.org"),
        .mx_outcome = DNS_FOUND,
        .hosts = hosts,
        .host_count = ARRAY_LEN(hosts),
        .spf = SLICE("v=spf1 -all"),
        .answers = answers,
        .answer_count = ARRAY_LEN(answers),
        .duration_ms = 12,
    };
    attempts[0] = (struct evidence_attempt){
        .host = hosts[0].name,
        .ip = host_ip,
        .recipient = SLICE("ada@example.org"),
        .outcome = SMTP_OUTCOME_REPLY,
        .stage = SMTP_STAGE_RCPT,
        .reply = {.code = 250, .text = words},
        .duration_ms = 340,
        .transcript = SLICE("      12 S: 220 hello\n      13 C: EHLO probe.example\n"),
    };
    attempts[1] = attempts[0];
    attempts[1].random_recipient = true;
    attempts[1].recipient = SLICE("mailknock-x7@example.org");
    attempts[1].reply = (struct smtp_reply){.code = 550, .text = SLICE("no such user")};
    attempts[1].transcript = SLICE_EMPTY;
    *evidence = (struct evidence){
        .input = SLICE("ada@example.org"),
        .depth = EVIDENCE_DEPTH_SMTP,
        .domain = domain,
        .provider = provider_generic(),
        .attempts = attempts,
        .attempt_count = 2,
        .catch_all = EVIDENCE_CATCH_ALL_REFUSES,
        .duration_ms = 400,
    };
    address_parse(evidence->input.ptr, evidence->input.len, &evidence->address);
}

static void an_address_is_explained(void **state)
{
    struct evidence evidence;
    struct evidence_domain domain;
    struct evidence_attempt attempts[2];
    struct verdict verdict;
    struct buffer out;

    fill(&evidence, &domain, attempts, SLICE("ok"));
    verdict_judge(&evidence, &verdict);
    assert_int_equal(verdict.status, VERDICT_VALID);
    buffer_init(&out, 0);
    view_explain(&out, &evidence, &verdict, &plain80);
    is_text(&out,
            "valid        ada@example.org                     accepted              97\n"
            "             mx.example.org accepted the address (\"250 ok\") and refused a\n"
            "             made-up one (\"550 no such user\"), so the mailbox exists.\n"
            "\n"
            "  ✓ syntax     ada@example.org\n"
            "  ✓ lists      on none\n"
            "  ✓ domain     example.org: 2 mail hosts, SPF (12 ms)\n"
            "               10 mx.example.org 192.0.2.1\n"
            "               20 dead.example.org nxdomain\n"
            "  ✓ mailbox    mx.example.org [192.0.2.1] at RCPT TO: 250 ok (340 ms)\n"
            "  ✓ catch-all  mailknock-x7@example.org, made up: mx.example.org [192.0.2.1] at\n"
            "               RCPT TO: 550 no such user (340 ms)\n"
            "  - score      97 %: accepted, and a made-up recipient refused +3.48\n"
            "\n"
            "DNS answers\n"
            "  MX    example.org  10 mx.example.org, 20 dead.example.org  (for 300 s)\n"
            "  AAAA  mx.example.org  nodata\n"
            "\n"
            "Conversation with mx.example.org [192.0.2.1], 1970-01-01T00:00:00.000Z\n"
            "      ms   S: the server  C: we\n"
            "      12 S: 220 hello\n"
            "      13 C: EHLO probe.example\n"
            "\n");
    buffer_done(&out);
}

/* Servers write what they like; the terminal stays as it was. */
static void explanations_are_harmless(void **state)
{
    struct random random;
    struct buffer out;
    char noise[600];
    uint64_t seed = 20261125;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&random, seed);
    buffer_init(&out, 0);
    for (unsigned round = 0; round < 300; round++) {
        struct evidence evidence;
        struct evidence_domain domain;
        struct evidence_attempt attempts[2];
        struct verdict verdict;
        struct view_style style = {.width = 40 + (unsigned)random_below(&random, 120),
                                   .colour = random_chance(&random, 1, 2)};

        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (char)random_next(&random);
        fill(&evidence, &domain, attempts,
             slice_from(noise, (size_t)random_below(&random, sizeof(noise))));
        attempts[0].detail = attempts[0].host = slice_from(noise, 200);
        attempts[0].transcript = slice_from(noise + 300, 300);
        if (random_chance(&random, 1, 2))
            evidence.input = slice_from(noise, 100);
        verdict_judge(&evidence, &verdict);
        view_explain(&out, &evidence, &verdict, &style);
        is_safe(buffer_slice(&out), style.colour);
        buffer_clear(&out);
    }
    buffer_done(&out);
}

/* Nothing was asked: no layer pretends that it was. */
static void unasked_layers_say_so(void **state)
{
    struct evidence evidence = {.input = SLICE("a b"), .depth = EVIDENCE_DEPTH_SMTP};
    struct verdict verdict;
    struct buffer out;

    address_parse("a b", 3, &evidence.address);
    verdict_judge(&evidence, &verdict);
    buffer_init(&out, 0);
    view_explain(&out, &evidence, &verdict, &plain80);
    assert_true(slice_find(buffer_slice(&out), SLICE("  ✗ syntax     ")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("  - domain     not asked\n")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("  - mailbox    not asked\n")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("Conversation")) < 0);
    buffer_done(&out);
}

/* --- help ------------------------------------------------------------------------------------- */

static void help_fits_the_width(void **state)
{
    const struct cli_command *command;
    struct buffer out;

    buffer_init(&out, 0);
    for (unsigned width = 80; width <= 140; width += 20) {
        const struct help_style style = {.width = width};

        help_program(&out, &style);
        for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
            help_command(&out, command, &style);
        is_within(buffer_slice(&out), width);
        is_safe(buffer_slice(&out), false);
        buffer_clear(&out);
    }
    buffer_done(&out);
}

/* Who asks for help learns every word that an option takes. */
static void help_says_what_can_be_chosen(void **state)
{
    const struct help_style style = {.width = 100};
    const struct cli_command *command;
    struct buffer out;

    buffer_init(&out, 0);
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        buffer_clear(&out);
        help_command(&out, command, &style);
        for (size_t k = 0; k < command->own.count; k++) {
            struct slice rest = slice_from_string(command->own.options[k].choices), word;

            while (rest.len > 0 && slice_split(&rest, '|', &word))
                if (slice_find(buffer_slice(&out), word) < 0)
                    fail_msg("%s --%s: %.*s is not said", command->name,
                             command->own.options[k].name, SLICE_ARG(word));
        }
    }
    assert_false(out.failed);
    buffer_done(&out);
}

/* Commands' own rows are whole, and no command gives two options one name or letter. */
static void commands_are_whole(void **state)
{
    const struct cli_command *command;

    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        assert_ptr_equal(cli_command_find(slice_from_string(command->name)), command);
        assert_true(command->summary[strlen(command->summary) - 1] != '.');
        assert_true(command->arguments_min <= command->arguments_max);
        for (size_t k = 0; k < command->own.count; k++) {
            const struct config_option *option = &command->own.options[k];

            assert_ptr_equal(config_find(&command->own, slice_from_string(option->name)), option);
            if (option->letter != '\0')
                assert_ptr_equal(config_find_letter(&command->own, option->letter), option);
            assert_true(option->offset < command->options_size);
            if (option->type != CONFIG_BOOL)
                assert_non_null(option->value_name);
            if (option->help[strlen(option->help) - 1] != '.')
                fail_msg("%s --%s: \"%s\" ends without a stop", command->name, option->name,
                         option->help);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_bytes_are_harmless),
        cmocka_unit_test(cells_have_their_width),
        cmocka_unit_test(lines_are_aligned),
        cmocka_unit_test(no_address_breaks_a_line),
        cmocka_unit_test(summaries_add_up),
        cmocka_unit_test(an_address_is_explained),
        cmocka_unit_test(explanations_are_harmless),
        cmocka_unit_test(unasked_layers_say_so),
        cmocka_unit_test(help_fits_the_width),
        cmocka_unit_test(help_says_what_can_be_chosen),
        cmocka_unit_test(commands_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
