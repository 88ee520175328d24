/*
 * Any bytes as an address. What is accepted has no CR, LF or NUL, goes on the wire without control
 * bytes, and its wire form is an address of the same meaning; what is refused says where.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "address/address.h"
#include "address/suffix.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_forms(const struct address *address)
{
    char wire[ADDRESS_WIRE_SIZE], display[1024], unquoted[ADDRESS_LOCAL_MAX];
    size_t len = address_format_wire(address, wire);
    struct address again;

    CHECK(len == strlen(wire) && len <= ADDRESS_MAX);
    for (size_t i = 0; i < len; i++)
        CHECK((uint8_t)wire[i] >= 0x20 && wire[i] != 0x7f);
    CHECK(address_parse(wire, len, &again));
    CHECK(slice_equal(again.local, address->local));
    CHECK(strcmp(again.domain_ascii, address->domain_ascii) == 0);
    CHECK(ip_equal(&again.literal, &address->literal));
    CHECK(address_needs_smtputf8(&again) == address_needs_smtputf8(address));
    CHECK(address_deliverable_form(&again) >= address_deliverable_form(address));
    len = address_format_display(address, display, sizeof(display));
    CHECK(len == strlen(display));
    CHECK(address_unquote_local(address, unquoted) <= address->local.len);
    address_registrable_domain(slice_from(address->domain_ascii, address->domain_ascii_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address address;

    if (address_parse((const char *)data, size, &address)) {
        CHECK(address.diagnosis == ADDRESS_VALID);
        CHECK(address.local.len + 1 + address.domain.len == size);
        check_forms(&address);
    } else {
        CHECK(address.diagnosis != ADDRESS_VALID && address.flags == 0);
        CHECK(address.offset <= size);
        CHECK(address_diagnosis_sentence(address.diagnosis) != NULL);
    }
    address_registrable_domain(slice_from((const char *)data, size));
    return 0;
}
