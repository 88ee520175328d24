/* An accepted address as it goes on the wire, as people read it, and its local part unquoted. */
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "address/address.h"
#include "base/check.h"

enum {
    DISPLAY_SIZE_MIN = 1024,
};

size_t address_format_wire(const struct address *address, char out[ADDRESS_WIRE_SIZE])
{
    struct slice domain = address->is_literal
                              ? address->domain
                              : slice_from(address->domain_ascii, address->domain_ascii_len);
    size_t len = address->local.len + 1 + domain.len;

    CHECK(address->diagnosis == ADDRESS_VALID && len < ADDRESS_WIRE_SIZE);
    memcpy(out, address->local.ptr, address->local.len);
    out[address->local.len] = '@';
    memcpy(out + address->local.len + 1, domain.ptr, domain.len);
    out[len] = '\0';
    return len;
}

size_t address_format_display(const struct address *address, char *out, size_t size)
{
    /* NFC makes UTF-8 at most three times as long (UAX 15, 9.3). */
    uint8_t local[ADDRESS_LOCAL_MAX * 3];
    size_t local_len = sizeof(local);
    char wire[ADDRESS_WIRE_SIZE];
    size_t len = address_format_wire(address, wire);
    const char *domain = wire + address->local.len + 1;
    char *unicode = NULL;
    uint8_t *normal;

    CHECK(size >= DISPLAY_SIZE_MIN);
    normal = u8_normalize(UNINORM_NFC, (const uint8_t *)address->local.ptr, address->local.len,
                          local, &local_len);
    /* libidn2 turns a label it can't or won't decode into nothing, without an error. */
    if (!address->is_literal &&
        !(address->flags & (ADDRESS_FLAG_FAKE_ALABEL | ADDRESS_FLAG_IDN_DISPUTED)) &&
        idn2_to_unicode_8z8z(domain, &unicode, 0) == IDN2_OK)
        domain = unicode;
    if (normal == NULL || local_len + 1 + strlen(domain) >= size) {
        memcpy(out, wire, len + 1);
    } else {
        memcpy(out, normal, local_len);
        out[local_len] = '@';
        len = local_len + 1 + strlen(domain);
        memcpy(out + local_len + 1, domain, strlen(domain) + 1);
    }
    idn2_free(unicode);
    if (normal != local)
        free(normal);
    return len;
}

size_t address_unquote_local(const struct address *address, char out[ADDRESS_LOCAL_MAX])
{
    struct slice local = address->local;
    size_t len = 0;

    CHECK(address->diagnosis == ADDRESS_VALID && local.len <= ADDRESS_LOCAL_MAX);
    if (local.ptr[0] != '"') {
        memcpy(out, local.ptr, local.len);
        return local.len;
    }
    for (size_t i = 1; i + 1 < local.len; i++) {
        if (local.ptr[i] == '\\')
            i++;
        out[len++] = local.ptr[i];
    }
    return len;
}
