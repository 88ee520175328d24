/* Endpoints and socket addresses. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "io/uv_internal.h"

socklen_t io_uv_address_from_endpoint(const struct io_endpoint *endpoint,
                                      struct sockaddr_storage *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    if (endpoint->ip.family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(endpoint->port);
        memcpy(&v6->sin6_addr, endpoint->ip.bytes, 16);
        return sizeof(*v6);
    }
    {
        struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;

        v4->sin_family = AF_INET;
        v4->sin_port = htons(endpoint->port);
        memcpy(&v4->sin_addr, endpoint->ip.bytes, 4); /* all zero for family 0: any */
        return sizeof(*v4);
    }
}

struct io_endpoint io_uv_address_to_endpoint(const struct sockaddr_storage *address)
{
    struct io_endpoint endpoint = {0};

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        endpoint.ip.family = 6;
        memcpy(endpoint.ip.bytes, &v6->sin6_addr, 16);
        endpoint.port = ntohs(v6->sin6_port);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        endpoint.ip.family = 4;
        memcpy(endpoint.ip.bytes, &v4->sin_addr, 4);
        endpoint.port = ntohs(v4->sin_port);
    }
    return endpoint;
}
