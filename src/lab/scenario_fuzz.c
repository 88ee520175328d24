/* Any bytes as a scenario: parsed or refused with a line number, and its zones asked. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "lab/scenario.h"
#include "lab/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct lab_scenario *scenario =
        lab_scenario_parse(slice_from((const char *)data, size), &error);

    if (scenario == NULL) {
        CHECK(error.code < 0 && strncmp(error.message, "line ", 5) == 0);
        return 0;
    }
    for (const struct lab_name *n = scenario->first_name; n != NULL; n = n->next) {
        static const uint16_t types[] = {DNS_TYPE_MX, DNS_TYPE_A, DNS_TYPE_TXT, DNS_TYPE_CNAME};
        struct dns_question question = {.dns_class = DNS_CLASS_IN};
        struct dns_header header = {.id = 1};
        struct lab_zone_reply reply;
        uint8_t out[512];

        if (!slice_to_string(n->name, question.name, sizeof(question.name)))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            question.type = types[i];
            lab_zone_answer(scenario, &header, &question, true, out, sizeof(out), &reply);
            CHECK(reply.len <= sizeof(out));
        }
    }
    lab_scenario_free(scenario);
    return 0;
}
