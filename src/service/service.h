/*
 * The service: HTTP API, web page and the list engine in one process, on one loop.
 *
 * `mailknock serve` opens a prober, a store and one of these. Requests are answered from the loop's
 * thread by the handlers in the table of service/table.c; long answers are written bit by bit.
 */
#ifndef MK_SERVICE_SERVICE_H
#define MK_SERVICE_SERVICE_H

#include "config/prober.h"
#include "service/log.h"
#include "store/store.h"

struct service;

struct service_options {
    const char *listen;         /* "127.0.0.1:8025", "[::1]:8025"; port 0: any */
    int listen_fd;              /* from the service manager; -1: none */
    const char *data_folder;    /* uploads; made when it is not there */
    bool open;                  /* no keys needed; loopback only */
    struct config_list origins; /* CORS: who else's pages may ask; "*" for all */
    uint64_t body_bytes;        /* of JSON bodies */
    uint64_t upload_bytes;      /* of lists */
    uint64_t retention_days;    /* lists and results are erased after; 0: never */
    bool metrics_public;
    unsigned log_format, log_level;
    bool log_addresses;
    FILE *log_file;
};

/*
 * Everything is borrowed and must outlive the service. ERROR_USAGE (address; no keys and not on
 * loopback), ERROR_IO, ERROR_NOMEM. When the store has no key yet, one with all scopes is made and
 * written to ret_first_key (SERVICE_KEY_SIZE bytes), which is "" otherwise.
 */
int service_open(struct prober *prober, struct store *store, const struct config *config,
                 const struct service_options *options, struct service **ret_service,
                 char ret_first_key[], struct error *error);
/* Bind service_options.listen before the service is opened. Not negative, ERROR_USAGE, ERROR_IO. */
int service_bind(const char *listen, struct error *error);
struct io_endpoint service_endpoint(const struct service *service);
/* No new requests; when those under way are answered and jobs have saved, `stopped` is called. */
void service_stop(struct service *service, void (*stopped)(void *user), void *user);
/* Read the operator's lists again. */
int service_reload(struct service *service, struct error *error);
void service_close(struct service *service); /* NULL accepted; before prober and store */

#endif
