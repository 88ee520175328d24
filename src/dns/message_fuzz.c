/* Reads any octets as a DNS message; what can be read must survive being written again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "dns/message.h"
#include "dns/writer.h"

static void name_survives(const char *name)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    char again[DNS_NAME_SIZE];
    size_t len = dns_name_to_wire(name, wire);

    CHECK(len > 0);
    CHECK(dns_name_read(wire, len, 0, again) == len);
    CHECK(strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message message;
    struct dns_question question;
    struct dns_record record;
    struct dns_header header;
    size_t records = 0;
    char text[512];

    if (dns_query_read(data, size, &header, &question) == 0)
        name_survives(question.name);
    if (dns_message_open(&message, data, size) != 0)
        return 0;
    while (dns_message_next_record(&message, &record) == 1) {
        CHECK(++records <= size / 11);
        name_survives(record.name);
        if (record.target[0] != '\0')
            name_survives(record.target);
        if (record.type == DNS_TYPE_TXT && record.dns_class == DNS_CLASS_IN)
            CHECK(dns_record_text(&record, text, sizeof(text)) <= sizeof(text));
    }
    return 0;
}
