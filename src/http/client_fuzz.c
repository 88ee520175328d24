/*
 * Any text as a webhook's URL: what is accepted is http or https, names nobody, and its host, when
 * it is an address, is public or in a network that was opened. libcurl must see the same host as we
 * do: one that it reads as another would be called all the same, were it not looked at again.
 */
#include <curl/curl.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/ip.h"
#include "http/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(CURLU *parsed, struct ip_networks allowed)
{
    char *host = NULL, *user = NULL;
    struct slice text;
    struct ip ip;

    CHECK(curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK);
    CHECK(curl_url_get(parsed, CURLUPART_USER, &user, 0) != CURLUE_OK);
    text = slice_from_string(host);
    if (text.len > 2 && text.ptr[0] == '[')
        text = slice_prefix(slice_from_offset(text, 1), text.len - 2);
    if (ip_parse(text, &ip))
        CHECK(ip_may_probe(&ip, allowed));
    curl_free(host);
    curl_free(user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ip_network opened = {{4, {10}}, 8};
    const struct ip_networks allowed = {&opened, size % 2};
    char url[HTTP_CLIENT_URL_MAX + 2];
    struct error error = {0};
    CURLU *parsed;

    if (size >= sizeof(url) || memchr(data, '\0', size) != NULL)
        return 0;
    memcpy(url, data, size);
    url[size] = '\0';
    if (http_client_check_url(url, allowed, &error) != 0) {
        CHECK(error.code == ERROR_USAGE && error.message[0] != '\0');
        return 0;
    }
    CHECK(strncasecmp(url, "http", 4) == 0);
    parsed = curl_url();
    CHECK(parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK);
    check_host(parsed, allowed);
    curl_url_cleanup(parsed);
    return 0;
}
