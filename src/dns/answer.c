#include "dns/answer.h"

#include <string.h>

#include "base/error.h"

#define TEXT_MAX 1000

/* One walk over the answer section, looking at one owner name. */
struct scan {
    struct arena *arena;
    const char *owner;
    uint16_t type;
    struct dns_answer_record *records;
    size_t capacity, count;
    bool has_alias;
    char alias[DNS_NAME_SIZE];
    uint32_t ttl_s;
};

static int record_keep(struct scan *scan, const struct dns_record *record)
{
    struct dns_answer_record *kept = &scan->records[scan->count];
    char text[4096];

    if (scan->count == scan->capacity)
        return 0;
    kept->preference = record->preference;
    kept->ip = record->ip;
    kept->target = "";
    kept->text = SLICE_EMPTY;
    if (record->target[0] != '\0')
        kept->target = arena_string(scan->arena, slice_from_string(record->target));
    if (record->type == DNS_TYPE_TXT)
        kept->text =
            arena_slice(scan->arena, slice_from(text, dns_record_text(record, text, sizeof(text))));
    if (kept->target == NULL || kept->text.ptr == NULL)
        return ERROR_NOMEM;
    scan->count++;
    return 0;
}

/* Everything of the owner's; ERROR_FORMAT when the section is malformed. */
static int scan_answers(struct scan *scan, struct dns_message message)
{
    struct dns_record record;
    int rc;

    while ((rc = dns_message_next_record(&message, &record)) == 1 &&
           record.section == DNS_SECTION_ANSWER) {
        if (record.dns_class != DNS_CLASS_IN || strcmp(record.name, scan->owner) != 0)
            continue;
        if (record.type == scan->type) {
            rc = record_keep(scan, &record);
            if (rc != 0)
                return rc;
        } else if (record.type == DNS_TYPE_CNAME) {
            scan->has_alias = true;
            memcpy(scan->alias, record.target, strlen(record.target) + 1);
        } else {
            continue;
        }
        if (record.ttl_s < scan->ttl_s)
            scan->ttl_s = record.ttl_s;
    }
    /* Behind the answers a malformed record changes nothing. */
    return rc < 0 && message.section <= DNS_SECTION_ANSWER ? ERROR_FORMAT : 0;
}

/*
 * How a message without the record asked for came to be; true when a SOA speaks for it (RFC 2308
 * section 2).
 */
static bool read_absence(struct dns_message message, struct dns_answer *answer, uint32_t ttl_s)
{
    bool referral = false;
    struct dns_record record;

    answer->ttl_s = 0;
    while (dns_message_next_record(&message, &record) == 1 &&
           record.section <= DNS_SECTION_AUTHORITY) {
        if (record.section != DNS_SECTION_AUTHORITY || record.dns_class != DNS_CLASS_IN)
            continue;
        if (record.type == DNS_TYPE_SOA) {
            uint32_t negative = record.minimum_s < record.ttl_s ? record.minimum_s : record.ttl_s;

            answer->ttl_s = negative < ttl_s ? negative : ttl_s;
            return true;
        }
        referral |= record.type == DNS_TYPE_NS;
    }
    /* RFC 2308 section 2.2: name servers without a SOA, from no authority: "ask over there". */
    if (referral && !message.header.authoritative && answer->outcome == DNS_NODATA)
        answer->outcome = DNS_SERVFAIL;
    return false;
}

static bool question_matches(struct dns_message *message, const char *name, uint16_t type)
{
    struct dns_question question;
    int rc = dns_message_next_question(message, &question);

    if (rc == 0) /* some servers leave it out of errors */
        return message->header.rcode != DNS_RCODE_NOERROR;
    return rc == 1 && question.type == type && strcmp(question.name, name) == 0;
}

/* Follow the chain from `name` as far as the message goes. */
static int follow(struct scan *scan, struct dns_message message, struct dns_answer *answer)
{
    for (;;) {
        char *owner;
        int rc;

        scan->has_alias = false;
        rc = scan_answers(scan, message);
        if (rc != 0)
            return rc;
        if (scan->count > 0 || !scan->has_alias)
            return 0;
        if (++answer->alias_count > DNS_ALIASES_MAX)
            return ERROR_FORMAT;
        owner = arena_string(scan->arena, slice_from_string(scan->alias));
        if (owner == NULL)
            return ERROR_NOMEM;
        scan->owner = owner;
    }
}

static void answer_conclude(struct scan *scan, struct dns_message message,
                            struct dns_answer *answer)
{
    answer->ttl_s = scan->ttl_s;
    if (scan->count > 0) {
        answer->outcome = DNS_FOUND;
        answer->records = scan->records;
        answer->record_count = scan->count;
        return;
    }
    if (message.header.rcode == DNS_RCODE_NXDOMAIN) {
        answer->outcome = DNS_NXDOMAIN;
        read_absence(message, answer, scan->ttl_s);
        return;
    }
    answer->outcome = DNS_NODATA;
    if (!read_absence(message, answer, scan->ttl_s) && answer->alias_count > 0) {
        /* Nothing was said of where the CNAME leads: ask there. */
        answer->outcome = DNS_FOUND;
        answer->ttl_s = scan->ttl_s;
        answer->alias = scan->owner;
    }
}

int dns_answer_read(struct arena *arena, const char *name, uint16_t type, const uint8_t *bytes,
                    size_t len, struct dns_answer *ret_answer)
{
    struct scan scan = {.arena = arena, .owner = name, .type = type, .ttl_s = INT32_MAX};
    struct dns_answer answer = {.outcome = DNS_BOGUS};
    struct dns_message message;
    int rc;

    *ret_answer = answer;
    if (dns_message_open(&message, bytes, len) != 0 || !message.header.response)
        return 0;
    if (!question_matches(&message, name, type))
        return 0;
    answer.outcome = dns_rcode_outcome(message.header.rcode);
    if (dns_outcome_is_failure(answer.outcome)) {
        *ret_answer = answer;
        return 0;
    }
    if (message.header.truncated) /* TCP was no help either: half an answer is none */
        return 0;
    scan.capacity = message.counts[DNS_SECTION_ANSWER];
    if (scan.capacity > len / 11)
        scan.capacity = len / 11;
    if (scan.capacity > DNS_RECORDS_MAX)
        scan.capacity = DNS_RECORDS_MAX;
    scan.records = arena_array(arena, scan.capacity + 1, sizeof(*scan.records));
    if (scan.records == NULL)
        return ERROR_NOMEM;
    rc = follow(&scan, message, &answer);
    if (rc != 0)
        return rc == ERROR_NOMEM ? rc : 0;
    answer_conclude(&scan, message, &answer);
    *ret_answer = answer;
    return 0;
}

static void append_quoted(struct buffer *buffer, struct slice text)
{
    buffer_append_byte(buffer, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\')
            buffer_append_byte(buffer, '\\');
        if (c >= ' ' && c < 0x7f)
            buffer_append_byte(buffer, (char)c);
        else
            buffer_printf(buffer, "\\%03u", c);
    }
    buffer_append_byte(buffer, '"');
}

void dns_answer_format(const struct dns_answer *answer, uint16_t type, struct buffer *buffer)
{
    char ip[IP_TEXT_SIZE];

    for (size_t i = 0; i < answer->record_count; i++) {
        const struct dns_answer_record *record = &answer->records[i];

        if (i > 0)
            buffer_append_string(buffer, ", ");
        if (buffer->len > TEXT_MAX) {
            buffer_printf(buffer, "%zu more", answer->record_count - i);
            return;
        }
        if (type == DNS_TYPE_MX)
            buffer_printf(buffer, "%u %s", record->preference, record->target);
        else if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)
            buffer_append_string(buffer, ip_format(&record->ip, ip));
        else if (type == DNS_TYPE_TXT)
            append_quoted(buffer, slice_prefix(record->text, TEXT_MAX));
        else
            buffer_append_string(buffer, record->target);
    }
}
