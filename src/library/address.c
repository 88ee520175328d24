/* The public view of one address's text. */
#include "mailknock/mailknock.h"

#include <string.h>

#include "address/address.h"
#include "address/suggest.h"
#include "base/memory.h"
#include "lists/builtin.h"
#include "provider/mailbox.h"

#define DISPLAY_SIZE 1024 /* address_format_display asks for it */

/* Slices of `address` point to the caller's bytes and are not looked at after the check. */
struct mailknock_address {
    struct address address;
    unsigned classes; /* enum lists_class bits */
    const char *provider_breach;
    char normalized[ADDRESS_WIRE_SIZE];
    char key[PROVIDER_KEY_SIZE];
    char suggestion[ADDRESS_WIRE_SIZE];
    char display[DISPLAY_SIZE];
};

static bool domain_is_real(void *context, struct slice domain)
{
    return (lists_domain_classes(domain) & (LISTS_FREE | LISTS_PROVIDER)) != 0;
}

static void look_at(mailknock_address *checked, const char *text, size_t len)
{
    const struct suggest_world world = {.is_real = domain_is_real};
    struct address *address = &checked->address;
    struct slice domain;

    if (suggest_address(slice_from(text, len), &world, checked->suggestion) == 0)
        checked->suggestion[0] = '\0';
    if (!address_parse(text, len, address))
        return;
    domain = address->is_literal ? address->domain : slice_from_string(address->domain_ascii);
    checked->classes = lists_local_classes(address->local) |
                       (address->is_literal ? 0 : lists_domain_classes(domain));
    checked->provider_breach = provider_mailbox_breach(address->local, domain);
    address_format_wire(address, checked->normalized);
    address_format_display(address, checked->display, sizeof(checked->display));
    provider_mailbox_key(address, NULL, checked->key);
}

int mailknock_address_check(const char *text, size_t len, mailknock_address **ret_address)
{
    mailknock_address *checked = memory_zalloc(1, sizeof(*checked));

    if (checked == NULL)
        return MAILKNOCK_NO_MEMORY;
    look_at(checked, len > 0 ? text : "", len);
    *ret_address = checked;
    return 0;
}

void mailknock_address_free(mailknock_address *address)
{
    memory_free(address);
}

bool mailknock_address_is_valid(const mailknock_address *address)
{
    return address->address.diagnosis == ADDRESS_VALID;
}

const char *mailknock_address_diagnosis(const mailknock_address *address)
{
    return address_diagnosis_name(address->address.diagnosis);
}

const char *mailknock_address_explanation(const mailknock_address *address)
{
    return address_diagnosis_sentence(address->address.diagnosis);
}

size_t mailknock_address_offset(const mailknock_address *address)
{
    return mailknock_address_is_valid(address) ? 0 : address->address.offset;
}

const char *mailknock_address_flag(const mailknock_address *address, size_t index)
{
    for (unsigned i = 0; i < ADDRESS_FLAG_COUNT; i++)
        if ((address->address.flags & (UINT32_C(1) << i)) != 0 && index-- == 0)
            return address_flag_name((enum address_flag_index)i);
    return NULL;
}

static const char *text_of_valid(const mailknock_address *address, const char *text)
{
    return mailknock_address_is_valid(address) ? text : NULL;
}

const char *mailknock_address_normalized(const mailknock_address *address)
{
    return text_of_valid(address, address->normalized);
}

const char *mailknock_address_display(const mailknock_address *address)
{
    return text_of_valid(address, address->display);
}

const char *mailknock_address_key(const mailknock_address *address)
{
    return text_of_valid(address, address->key);
}

const char *mailknock_address_suggestion(const mailknock_address *address)
{
    return address->suggestion[0] != '\0' ? address->suggestion : NULL;
}

const char *mailknock_address_provider_breach(const mailknock_address *address)
{
    return address->provider_breach;
}

bool mailknock_address_is_disposable(const mailknock_address *address)
{
    return (address->classes & LISTS_DISPOSABLE) != 0;
}

bool mailknock_address_is_free(const mailknock_address *address)
{
    return (address->classes & LISTS_FREE) != 0;
}

bool mailknock_address_is_role(const mailknock_address *address)
{
    return (address->classes & LISTS_ROLE) != 0;
}
