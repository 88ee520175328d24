#include "verdict/verdict_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CHECKED_MS INT64_C(1772323200000) /* 2026-03-01T00:00:00Z */

void rig_init(struct rig *rig, const char *address)
{
    memset(rig, 0, sizeof(*rig));
    rig->evidence.input = slice_from_string(address);
    address_parse(address, strlen(address), &rig->evidence.address);
    rig->evidence.depth = EVIDENCE_DEPTH_SMTP;
    rig->evidence.checked_unix_ms = CHECKED_MS;
    rig->evidence.duration_ms = 1234;
    rig->ip = ip_v4(198, 51, 100, 7);
}

static enum dns_outcome outcome_by_name(struct slice name)
{
    for (int i = 0; i < DNS_OUTCOME_COUNT; i++)
        if (slice_equal(name, slice_from_string(dns_outcome_name((enum dns_outcome)i))))
            return (enum dns_outcome)i;
    fprintf(stderr, "rig: no DNS outcome \"%.*s\"\n", SLICE_ARG(name));
    abort();
}

static void add_host(struct rig *rig, struct slice word)
{
    ptrdiff_t equals = slice_find_byte(word, '=');
    struct slice name = equals < 0 ? word : slice_prefix(word, (size_t)equals);
    struct slice state = equals < 0 ? SLICE_EMPTY : slice_from_offset(word, (size_t)equals + 1);
    size_t index = rig->domain.host_count++;
    struct evidence_host *host = &rig->hosts[index];

    CHECK(index < RIG_HOSTS_MAX);
    snprintf(rig->host_names[RIG_ATTEMPTS_MAX - 1 - index], 64, "%.*s.example.net",
             SLICE_ARG(name));
    host->name = slice_from_string(rig->host_names[RIG_ATTEMPTS_MAX - 1 - index]);
    host->preference = (uint16_t)(10 * (index + 1));
    host->outcome = DNS_FOUND;
    if (state.len == 0) {
        host->addresses = &rig->ip;
        host->address_count = 1;
    } else if (slice_equal(state, SLICE("dead"))) {
        host->outcome = DNS_NXDOMAIN;
    } else if (slice_equal(state, SLICE("reserved"))) {
        host->refused_count = 1;
        host->refused_range = "loopback";
    } else if (!slice_equal(state, SLICE("ipv6"))) {
        host->outcome = outcome_by_name(state);
    }
}

static void add_answers(struct rig *rig)
{
    struct evidence_dns_answer *answers = rig->answers;

    answers[0] = (struct evidence_dns_answer){
        rig->domain.name, "MX", rig->domain.mx_outcome, 300,
        rig->domain.host_count > 0 ? SLICE("10 mx1.example.net, 20 mx2.example.net") : SLICE_EMPTY};
    answers[1] = (struct evidence_dns_answer){SLICE("mx1.example.net"), "A", DNS_FOUND, 300,
                                              SLICE("198.51.100.7")};
    answers[2] = (struct evidence_dns_answer){SLICE("mx1.example.net"), "AAAA", DNS_NODATA, 300,
                                              SLICE_EMPTY};
    rig->domain.answers = answers;
    rig->domain.answer_count = rig->domain.host_count > 0 ? 3 : 1;
}

void rig_domain(struct rig *rig, const char *words)
{
    struct evidence_domain *domain = &rig->domain;
    struct slice rest = slice_from_string(words), word;

    *domain = (struct evidence_domain){
        .name = slice_from_string(rig->evidence.address.domain_ascii),
        .mx_outcome = DNS_FOUND,
        .hosts = rig->hosts,
        .ttl_s = 300,
        .duration_ms = 12,
    };
    rig->evidence.domain = domain;
    if (strcmp(words, "null_mx") == 0) {
        domain->null_mx = true;
    } else if (strcmp(words, "none") == 0) {
        domain->mx_outcome = domain->address_outcome = DNS_NODATA;
    } else if (strcmp(words, "implicit") == 0) {
        domain->mx_outcome = DNS_NODATA;
        domain->address_outcome = DNS_FOUND;
        domain->implicit_mx = true;
        add_host(rig, SLICE("www"));
    } else if (strncmp(words, "mx", 2) != 0) {
        domain->mx_outcome = outcome_by_name(rest);
    } else {
        while (slice_split(&rest, ' ', &word))
            add_host(rig, word);
    }
    add_answers(rig);
}

static enum smtp_outcome smtp_outcome_by_name(struct slice name)
{
    static const char *const names[SMTP_OUTCOME_COUNT] = {
        [SMTP_OUTCOME_CONNECT_FAILED] = "connect_failed",
        [SMTP_OUTCOME_TIMEOUT] = "timeout",
        [SMTP_OUTCOME_DISCONNECTED] = "disconnected",
        [SMTP_OUTCOME_PROTOCOL_ERROR] = "protocol_error",
        [SMTP_OUTCOME_TLS_FAILED] = "tls_failed",
        [SMTP_OUTCOME_TLS_NOT_OFFERED] = "tls_not_offered",
        [SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED] = "smtputf8_not_offered",
        [SMTP_OUTCOME_UNTRIED] = "untried",
    };

    for (int i = 1; i < SMTP_OUTCOME_COUNT; i++)
        if (slice_equal(name, slice_from_string(names[i])))
            return (enum smtp_outcome)i;
    fprintf(stderr, "rig: no SMTP outcome \"%.*s\"\n", SLICE_ARG(name));
    abort();
}

static void add_attempt(struct rig *rig, struct slice line)
{
    size_t index = rig->evidence.attempt_count++;
    struct evidence_attempt *attempt = &rig->attempts[index];
    uint64_t gap_s = 1;
    struct slice word;

    CHECK(index < RIG_ATTEMPTS_MAX - RIG_HOSTS_MAX);
    CHECK(slice_split(&line, ' ', &word));
    if (word.len > 0 && word.ptr[0] == '+') {
        CHECK(slice_to_u64(slice_from_offset(word, 1), UINT32_MAX, &gap_s));
        CHECK(slice_split(&line, ' ', &word));
    }
    attempt->unix_ms = (index > 0 ? attempt[-1].unix_ms : CHECKED_MS) + (int64_t)gap_s * 1000;
    attempt->duration_ms = 85;
    if (word.len > 0 && word.ptr[0] == '?') {
        attempt->random_recipient = true;
        word = slice_from_offset(word, 1);
    }
    snprintf(rig->host_names[index], 64, "%.*s.example.net", SLICE_ARG(word));
    attempt->host = slice_from_string(rig->host_names[index]);
    attempt->ip = rig->ip;
    attempt->recipient =
        attempt->random_recipient ? SLICE("mailknock-probe-x7@example.com") : rig->evidence.input;
    CHECK(slice_split(&line, ' ', &word) && smtp_stage_from_name(word, &attempt->stage));
    if (line.len > 0 && line.ptr[0] == '!') {
        attempt->outcome = smtp_outcome_by_name(slice_from_offset(line, 1));
        return;
    }
    CHECK(smtp_reply_from_line(line, rig->texts[index], &attempt->reply));
}

void rig_attempts(struct rig *rig, const char *lines)
{
    struct slice rest = slice_from_string(lines), line;

    rig->evidence.attempts = rig->attempts;
    while (slice_split(&rest, '\n', &line))
        if (line.len > 0)
            add_attempt(rig, line);
}

void rig_provider(struct rig *rig, const char *name)
{
    rig->evidence.provider = provider_by_name(slice_from_string(name));
    if (rig->evidence.provider == NULL) {
        fprintf(stderr, "rig: no provider \"%s\"\n", name);
        abort();
    }
}
