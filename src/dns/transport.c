/* The thin dispatch from dns/transport.h to whichever transport is behind it. */
#include "dns/transport.h"

int dns_transport_ask(struct dns_transport *transport, const char *name, uint16_t type,
                      dns_transport_done *done, void *user)
{
    return transport->ops->ask(transport, name, type, done, user);
}

void dns_transport_free(struct dns_transport *transport)
{
    if (transport != NULL)
        transport->ops->free(transport);
}
