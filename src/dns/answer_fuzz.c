/* Reads any octets as the answer to the question that they hold themselves. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "dns/answer.h"

static void answer_is_sound(const struct dns_answer *answer, uint16_t type)
{
    struct buffer text;

    CHECK(answer->record_count <= DNS_RECORDS_MAX);
    CHECK(answer->alias_count <= DNS_ALIASES_MAX + 1);
    CHECK(answer->ttl_s <= INT32_MAX);
    if (answer->outcome != DNS_FOUND)
        CHECK(answer->record_count == 0 && answer->alias == NULL);
    else
        CHECK((answer->record_count > 0) != (answer->alias != NULL));
    for (size_t i = 0; i < answer->record_count; i++) {
        CHECK(type != DNS_TYPE_MX || answer->records[i].target[0] != '\0');
        CHECK(type != DNS_TYPE_A || answer->records[i].ip.family == 4);
        CHECK(type != DNS_TYPE_AAAA || answer->records[i].ip.family == 6);
    }
    buffer_init(&text, 0);
    dns_answer_format(answer, type, &text);
    for (size_t i = 0; i < text.len; i++)
        CHECK(text.ptr[i] >= ' ' && text.ptr[i] < 0x7f);
    buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message message;
    struct dns_question question;
    struct dns_answer answer;
    struct arena arena;

    if (dns_message_open(&message, data, size) != 0 ||
        dns_message_next_question(&message, &question) != 1)
        return 0;
    arena_init(&arena);
    CHECK(dns_answer_read(&arena, question.name, question.type, data, size, &answer) == 0);
    answer_is_sound(&answer, question.type);
    arena_done(&arena);
    return 0;
}
