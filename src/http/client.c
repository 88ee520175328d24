#include "http/client.h"

#include <curl/curl.h>
#include <string.h>

int http_client_post(struct http_client *client, const struct http_post *post,
                     void (*done)(void *user, const struct http_outcome *outcome), void *user,
                     struct http_exchange **ret_exchange, struct error *error)
{
    return client->ops->post(client, post, done, user, ret_exchange, error);
}

void http_exchange_cancel(struct http_exchange *exchange)
{
    exchange->client->ops->cancel(exchange);
}

void http_client_free(struct http_client *client)
{
    if (client != NULL)
        client->ops->free(client);
}

/* --- where one may post to ---------------------------------------------------------------------
 */

/* What a URL consists of; freed with parts_done. */
struct parts {
    char *scheme, *user, *host, *port;
};

static void parts_done(struct parts *parts)
{
    curl_free(parts->scheme);
    curl_free(parts->user);
    curl_free(parts->host);
    curl_free(parts->port);
}

static bool split(const char *url, struct parts *parts)
{
    CURLU *handle = curl_url();
    bool is_url =
        handle != NULL && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) == CURLUE_OK;

    if (is_url)
        (void)curl_url_get(handle, CURLUPART_USER, &parts->user, 0);
    curl_url_cleanup(handle);
    return is_url;
}

static int check_address(const char *host, struct ip_networks allowed, struct error *error)
{
    struct slice text = slice_from_string(host);
    struct ip ip;

    if (text.len > 2 && text.ptr[0] == '[')
        text = slice_from(text.ptr + 1, text.len - 2);
    if (!ip_parse(text, &ip) || ip_may_probe(&ip, allowed))
        return 0;
    return error_set(error, ERROR_USAGE,
                     "%.60s is no public address (%s): --allow-net opens ranges of your own", host,
                     ip_reserved_range(&ip));
}

int http_client_check_url(const char *url, struct ip_networks allowed, struct error *error)
{
    struct parts parts = {0};
    uint64_t port = 0;
    int code = 0;

    if (strlen(url) > HTTP_CLIENT_URL_MAX || !split(url, &parts))
        code = error_set(error, ERROR_USAGE, "\"%.100s\" is no URL of at most %d bytes", url,
                         HTTP_CLIENT_URL_MAX);
    else if (strcmp(parts.scheme, "https") != 0 && strcmp(parts.scheme, "http") != 0)
        code = error_set(error, ERROR_USAGE, "a URL must begin with https:// or http://, not %.20s",
                         parts.scheme);
    else if (parts.user != NULL)
        code = error_set(error, ERROR_USAGE, "a URL may not carry a user or password");
    else if (!slice_to_u64(slice_from_string(parts.port), UINT16_MAX, &port) ||
             (port < 1024 && port != 80 && port != 443))
        code = error_set(error, ERROR_USAGE, "port %.10s is none of 80, 443, 1024 to 65535",
                         parts.port);
    else
        code = check_address(parts.host, allowed, error);
    parts_done(&parts);
    return code;
}
