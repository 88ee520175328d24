/*
 * Addresses in a JSON array, as a file that the desk can take for a list.
 */
#ifndef MK_SERVICE_BATCH_H
#define MK_SERVICE_BATCH_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"
#include "store/store.h"

struct service;

#define SERVICE_BATCH_PATH_SIZE 4096

/*
 * Items are strings or objects with "address". NDJSON is written, in which any string is safe: an
 * address with a line break stays one. *ret_rejected: how many are no addresses; they are kept.
 * ERROR_USAGE: an item of another form; ERROR_IO; ERROR_NOMEM. On failure no file is left.
 */
int service_batch_file(struct service *service, const cJSON *array,
                       char path[SERVICE_BATCH_PATH_SIZE], size_t *ret_rejected,
                       struct error *error);
/*
 * Does nothing come any more? Of a list that was cancelled too: who polls it with a vendor's client
 * would wait for ever otherwise.
 */
bool service_batch_is_over(const struct store_job *job);

#endif
