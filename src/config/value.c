#include "config/value.h"

#include <string.h>

#include "address/address.h"
#include "base/check.h"
#include "base/ip.h"
#include "dns/blocklist.h"
#include "smtp/command.h"

bool config_parse_endpoint(struct slice text, struct io_endpoint *ret_endpoint)
{
    struct io_endpoint endpoint = {0};
    struct slice host = text;
    ptrdiff_t colon = slice_rfind_byte(text, ':');
    bool is_bracketed = text.len > 0 && text.ptr[0] == '[';
    bool has_port = colon >= 0 && (is_bracketed ? text.ptr[colon - 1] == ']'
                                                : slice_find_byte(text, ':') == colon);
    uint64_t port;

    if (has_port) {
        if (!slice_to_u64(slice_from_offset(text, (size_t)colon + 1), 65535, &port) || port == 0)
            return false;
        endpoint.port = (uint16_t)port;
        host = slice_prefix(text, (size_t)colon);
    }
    if (is_bracketed) {
        if (host.len < 2 || host.ptr[host.len - 1] != ']')
            return false;
        host = slice_prefix(slice_from_offset(host, 1), host.len - 2);
    }
    if (!ip_parse(host, &endpoint.ip) || (is_bracketed && endpoint.ip.family != 6))
        return false;
    *ret_endpoint = endpoint;
    return true;
}

struct slice config_reverse_path(struct slice text)
{
    if (text.len >= 2 && text.ptr[0] == '<' && text.ptr[text.len - 1] == '>')
        return slice_prefix(slice_from_offset(text, 1), text.len - 2);
    return text;
}

int config_check_endpoint(const char *value, struct error *error)
{
    struct io_endpoint endpoint;

    if (config_parse_endpoint(slice_from_string(value), &endpoint))
        return 0;
    return error_set(error, ERROR_USAGE,
                     "is no IP address with or without a port; write 192.0.2.53, "
                     "127.0.0.1:5353 or [2001:db8::53]:53");
}

int config_check_ip(const char *value, struct error *error)
{
    struct ip ip;

    if (ip_parse(slice_from_string(value), &ip))
        return 0;
    return error_set(error, ERROR_USAGE, "is no IP address");
}

int config_check_blocklist(const char *value, struct error *error)
{
    struct dns_blocklist list;

    return dns_blocklist_parse(slice_from_string(value), &list, error);
}

int config_check_network(const char *value, struct error *error)
{
    struct ip_network network;

    if (ip_network_parse(slice_from_string(value), &network))
        return 0;
    return error_set(error, ERROR_USAGE,
                     "is no network; write 192.0.2.0/24 or 2001:db8::/32, with nothing set beyond "
                     "the prefix");
}

/* RFC 1123 2.1: labels of letters, digits and hyphens. */
static bool is_host_name(struct slice name)
{
    struct slice rest = name, label;

    if (name.len == 0 || name.len > 253)
        return false;
    while (slice_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
            label.ptr[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
                return false;
    }
    return true;
}

int config_check_helo(const char *value, struct error *error)
{
    struct slice name = slice_from_string(value);
    struct ip ip;

    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
        struct slice inside = slice_prefix(slice_from_offset(name, 1), name.len - 2);

        if (slice_starts_with_nocase(inside, SLICE("IPv6:")))
            inside = slice_from_offset(inside, 5);
        if (ip_parse(inside, &ip))
            return 0;
        return error_set(error, ERROR_USAGE, "is no address literal; write [192.0.2.1]");
    }
    if (ip_parse(name, &ip))
        return error_set(error, ERROR_USAGE, "is an IP address; servers want a host name");
    if (!is_host_name(name) || !smtp_helo_name_is_safe(name))
        return error_set(error, ERROR_USAGE, "is no host name");
    if (slice_equal_nocase(name, SLICE("localhost")) ||
        slice_ends_with_nocase(name, SLICE(".localhost")) ||
        slice_ends_with_nocase(name, SLICE(".localdomain")))
        return error_set(error, ERROR_USAGE,
                         "names every machine and none; give this machine's public name");
    if (slice_find_byte(name, '.') < 0)
        return error_set(error, ERROR_USAGE,
                         "is no full host name; give one with its domain, such as "
                         "probe.example.org");
    return 0;
}

int config_check_sender(const char *value, struct error *error)
{
    struct slice path = config_reverse_path(slice_from_string(value));
    struct address address;

    if (path.len == 0)
        return 0;
    if (!address_parse(path.ptr, path.len, &address))
        return error_set(error, ERROR_USAGE, "is no address: %s",
                         address_diagnosis_sentence(address.diagnosis));
    if (address_needs_smtputf8(&address) || address.is_literal || !smtp_sender_is_safe(path))
        return error_set(error, ERROR_USAGE,
                         "can't be a sender everywhere; give a plain ASCII address with a domain");
    return 0;
}

int config_check_store(const char *value, struct error *error)
{
    static const struct slice schemes[] = {
        {"sqlite:", 7}, {"memory:", 7}, {"postgresql://", 13}, {"postgres://", 11}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (slice_starts_with(slice_from_string(value), schemes[i]))
            return 0;
    return error_set(error, ERROR_USAGE,
                     "is no store; write sqlite:PATH or postgresql://USER@HOST/DATABASE");
}
