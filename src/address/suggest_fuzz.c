/* Any bytes as a domain and as an address: a suggestion parses and differs from what was given. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "address/suggest.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Some domains are real, the choice depending on the bytes. */
static bool is_real(void *context, struct slice domain)
{
    return domain.len % 7 == 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_from((const char *)data, size);
    struct suggest_world world = {.is_real = is_real, .has_mail_server = size % 5 == 0};
    char domain[ADDRESS_DOMAIN_MAX + 1], text[ADDRESS_WIRE_SIZE];
    struct address address;
    size_t len;

    if (suggest_domain(input, size % 2 == 0 ? &world : NULL, domain)) {
        memcpy(text, "a@", 2);
        memcpy(text + 2, domain, strlen(domain) + 1);
        CHECK(address_parse(text, strlen(text), &address));
        CHECK(!slice_equal_nocase(slice_from_string(domain), input));
    }
    len = suggest_address(input, size % 2 == 0 ? &world : NULL, text);
    CHECK(len < ADDRESS_WIRE_SIZE);
    if (len > 0) {
        CHECK(strlen(text) == len && address_parse(text, len, &address));
        CHECK(!slice_equal(slice_from(text, len), input));
    }
    return 0;
}
