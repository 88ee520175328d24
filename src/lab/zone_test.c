/* Tests of the lab's DNS: answers from zones, faults, and the clock of the simulated transport. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "dns/message.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "lab/zone.h"

static const char text[] =
    "domain example.com\n  ttl 77\n  mx 10 mx1.example.com\n  mx 20 mx2.example.com\n"
    "  spf \"v=spf1 -all\"\n  dmarc \"v=DMARC1; p=none\"\n"
    "domain null.example\n  mx null\n"
    "domain alias.example\n  cname example.com\n"
    "domain loop.example\n  cname loop.example\n"
    "domain gone.example\n  cname nowhere.example\n"
    "domain *.wild.example\n  mx 5 mx1.example.com\n"
    "domain deep.down.example\n  a 127.0.0.5\n"
    "domain fails.example\n  fault servfail mx\n  a 127.0.0.6\n"
    "domain refuses.example\n  fault refused\n"
    "domain silent.example\n  fault timeout\n"
    "domain slow.example\n  slow 3s mx\n  mx 1 mx1.example.com\n"
    "domain glacial.example\n  slow 1h\n"
    "domain bogus.example\n  fault garbage\n"
    "domain cut.example\n  fault truncate\n  mx 1 mx1.example.com\n"
    "domain circle.example\n  fault pointers\n"
    "domain odd.example\n  fault names mx\n"
    "domain crowd.example\n  fault crowd\n"
    "server mx1.example.com 127.0.1.1 ::1\n";

static const struct {
    const char *name;
    uint16_t type;
    enum dns_outcome outcome; /* of the RCODE; BOGUS: it can't be read; TIMEOUT: no message */
    unsigned answers;         /* records in the answer section */
    const char *first;        /* target or text of the first record of the type */
} rows[] = {
    {"example.com", DNS_TYPE_MX, DNS_FOUND, 2, "mx1.example.com"},
    {"example.com", DNS_TYPE_A, DNS_FOUND, 0, ""},
    {"example.com", DNS_TYPE_TXT, DNS_FOUND, 1, "v=spf1 -all"},
    {"_dmarc.example.com", DNS_TYPE_TXT, DNS_FOUND, 1, "v=DMARC1; p=none"},
    {"mx1.example.com", DNS_TYPE_A, DNS_FOUND, 1, "127.0.1.1"},
    {"mx1.example.com", DNS_TYPE_AAAA, DNS_FOUND, 1, "::1"},
    {"mx2.example.com", DNS_TYPE_A, DNS_NXDOMAIN, 0, ""},
    {"null.example", DNS_TYPE_MX, DNS_FOUND, 1, "."},
    {"alias.example", DNS_TYPE_MX, DNS_FOUND, 3, "mx1.example.com"},
    {"loop.example", DNS_TYPE_MX, DNS_FOUND, 9, ""},
    {"gone.example", DNS_TYPE_MX, DNS_NXDOMAIN, 1, ""},
    {"any.wild.example", DNS_TYPE_MX, DNS_FOUND, 1, "mx1.example.com"},
    {"a.b.wild.example", DNS_TYPE_MX, DNS_FOUND, 1, "mx1.example.com"},
    {"any.wild.example", DNS_TYPE_A, DNS_FOUND, 0, ""},
    {"wild.example", DNS_TYPE_MX, DNS_FOUND, 0, ""},
    {"down.example", DNS_TYPE_MX, DNS_FOUND, 0, ""},
    {"up.example", DNS_TYPE_MX, DNS_NXDOMAIN, 0, ""},
    {"fails.example", DNS_TYPE_MX, DNS_SERVFAIL, 0, ""},
    {"fails.example", DNS_TYPE_A, DNS_FOUND, 1, "127.0.0.6"},
    {"refuses.example", DNS_TYPE_MX, DNS_REFUSED, 0, ""},
    {"silent.example", DNS_TYPE_MX, DNS_TIMEOUT, 0, ""},
    {"glacial.example", DNS_TYPE_MX, DNS_TIMEOUT, 0, ""},
    {"slow.example", DNS_TYPE_MX, DNS_FOUND, 1, "mx1.example.com"},
    {"bogus.example", DNS_TYPE_MX, DNS_BOGUS, 0, ""},
    {"cut.example", DNS_TYPE_MX, DNS_FOUND, 1, "mx1.example.com"},
    {"circle.example", DNS_TYPE_MX, DNS_BOGUS, 0, ""},
    {"odd.example", DNS_TYPE_MX, DNS_FOUND, 7, "mx\\032a.example"},
    {"odd.example", DNS_TYPE_A, DNS_FOUND, 0, ""},
    {"crowd.example", DNS_TYPE_A, DNS_FOUND, 0, ""},
};

struct asked {
    struct io_loop *loop;
    uint16_t type;
    unsigned calls, answers;
    enum dns_outcome outcome;
    char first[256];
    uint32_t ttl_s, negative_s;
    uint64_t at_ms;
};

static void record_note(struct asked *asked, const struct dns_record *record)
{
    if (record->section == DNS_SECTION_AUTHORITY && record->type == DNS_TYPE_SOA)
        asked->negative_s = record->minimum_s;
    if (record->section != DNS_SECTION_ANSWER)
        return;
    asked->answers++;
    asked->ttl_s = record->ttl_s;
    if (record->type != asked->type || asked->first[0] != '\0')
        return;
    if (record->type == DNS_TYPE_TXT)
        (void)dns_record_text(record, asked->first, sizeof(asked->first) - 1);
    else if (record->ip.family != 0)
        (void)ip_format(&record->ip, asked->first);
    else
        (void)snprintf(asked->first, sizeof(asked->first), "%.200s", record->target);
}

static void on_answer(void *user, enum dns_outcome outcome, const uint8_t *bytes, size_t len)
{
    struct asked *asked = user;
    struct dns_message message;
    struct dns_record record;
    int code;

    asked->calls++;
    asked->outcome = outcome;
    asked->at_ms = io_now_ms(asked->loop);
    if (outcome != DNS_FOUND)
        return;
    assert_int_equal(dns_message_open(&message, bytes, len), 0);
    asked->outcome = dns_rcode_outcome(message.header.rcode);
    assert_false(message.header.truncated);
    while ((code = dns_message_next_record(&message, &record)) == 1)
        record_note(asked, &record);
    if (code < 0)
        asked->outcome = DNS_BOGUS;
}

static void zones_answer_as_a_resolver_does(void **state)
{
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(text), NULL);
    struct io_loop *loop = lab_sim_loop_new(&(struct lab_sim_plan){.seed = 3});
    struct lab_world *world = lab_world_new(loop, scenario, 25, 7, NULL);
    struct lab_counts counts;

    assert_non_null(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked asked = {.loop = loop, .type = rows[i].type};
        uint64_t began = io_now_ms(loop);

        assert_int_equal(dns_transport_ask(lab_world_transport(world), rows[i].name, rows[i].type,
                                           on_answer, &asked),
                         0);
        assert_int_equal(asked.calls, 0);
        io_loop_run(loop);
        assert_int_equal(asked.calls, 1);
        if (asked.outcome != rows[i].outcome || asked.answers != rows[i].answers ||
            strcmp(asked.first, rows[i].first) != 0)
            fail_msg("%s %u: outcome %d, %u answers, first %s", rows[i].name, rows[i].type,
                     asked.outcome, asked.answers, asked.first);
        if (rows[i].outcome == DNS_TIMEOUT)
            assert_true(asked.at_ms - began >= 8000);
        if (strcmp(rows[i].name, "slow.example") == 0)
            assert_in_range(asked.at_ms - began, 3000, 3100);
        if (rows[i].outcome == DNS_NXDOMAIN)
            assert_int_equal(asked.negative_s, 60);
        if (strcmp(rows[i].name, "example.com") == 0 && asked.answers > 0)
            assert_int_equal(asked.ttl_s, 77);
    }
    lab_world_counts(world, &counts);
    assert_int_equal(counts.questions, ARRAY_LEN(rows));
    lab_world_free(world);
    lab_scenario_free(scenario);
    io_loop_free(loop);
}

static void udp_says_truncated_where_the_scenario_wants_it(void **state)
{
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(text), NULL);
    struct dns_question question = {.name = "cut.example", .type = DNS_TYPE_MX, .dns_class = 1};
    struct dns_header header = {.id = 7};
    struct lab_zone_reply reply;
    struct dns_message message;
    uint8_t out[512];

    lab_zone_answer(scenario, &header, &question, true, out, sizeof(out), &reply);
    assert_int_equal(dns_message_open(&message, out, reply.len), 0);
    assert_true(message.header.truncated);
    assert_int_equal(message.counts[DNS_SECTION_ANSWER], 0);
    lab_scenario_free(scenario);
}

/* By UDP as for any large answer; by TCP all that a message holds, and nothing is missing from it.
 */
static void crowds_fill_a_message(void **state)
{
    static const struct {
        uint16_t type;
        unsigned least;
    } asked[] = {{DNS_TYPE_MX, 2000}, {DNS_TYPE_TXT, 200}};
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(text), NULL);
    static uint8_t out[DNS_MESSAGE_MAX];

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct dns_question question = {
            .name = "crowd.example", .type = asked[i].type, .dns_class = 1};
        const struct dns_header header = {.id = 7};
        struct lab_zone_reply reply;
        struct dns_message message;
        struct dns_record record;
        unsigned count = 0;

        lab_zone_answer(scenario, &header, &question, true, out, 512, &reply);
        assert_int_equal(dns_message_open(&message, out, reply.len), 0);
        assert_true(message.header.truncated);
        lab_zone_answer(scenario, &header, &question, false, out, sizeof(out), &reply);
        assert_true(reply.len > sizeof(out) - 300);
        assert_int_equal(dns_message_open(&message, out, reply.len), 0);
        assert_false(message.header.truncated);
        while (dns_message_next_record(&message, &record) == 1)
            count++;
        assert_int_equal(count, message.counts[DNS_SECTION_ANSWER]);
        assert_true(count > asked[i].least);
    }
    lab_scenario_free(scenario);
}

static void questions_under_way_end_when_the_world_does(void **state)
{
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(text), NULL);
    struct io_loop *loop = lab_sim_loop_new(&(struct lab_sim_plan){.seed = 3});
    struct lab_world *world = lab_world_new(loop, scenario, 25, 7, NULL);
    struct asked asked = {.loop = loop};

    assert_int_equal(dns_transport_ask(lab_world_transport(world), "example.com", DNS_TYPE_MX,
                                       on_answer, &asked),
                     0);
    assert_int_equal(
        dns_transport_ask(lab_world_transport(world), "no name", DNS_TYPE_MX, on_answer, &asked),
        ERROR_RANGE);
    lab_world_free(world);
    assert_int_equal(asked.calls, 1);
    assert_int_equal(asked.outcome, DNS_TIMEOUT);
    lab_scenario_free(scenario);
    io_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_answer_as_a_resolver_does),
        cmocka_unit_test(udp_says_truncated_where_the_scenario_wants_it),
        cmocka_unit_test(crowds_fill_a_message),
        cmocka_unit_test(questions_under_way_end_when_the_world_does),
    };

    return cmocka_run_group_tests_name("lab-zone", tests, NULL, NULL);
}
