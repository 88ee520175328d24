/*
 * A list on its way in: the body of a request, written to a file as it comes.
 *
 * multipart/form-data ("file", and "options" as JSON), a bare body (CSV, text, NDJSON, XLSX, gzip),
 * or a JSON object with "addresses". Memory does not grow with the list.
 */
#ifndef MK_SERVICE_UPLOAD_H
#define MK_SERVICE_UPLOAD_H

#include "service/call.h"

/* The route's begin: call->state is a struct service_upload from then on. */
void service_upload_begin(struct service_call *call);

struct service_upload;

/* What came, once it is all there. False: a problem was said. */
bool service_upload_finish(struct service_call *call);
/*
 * The file (or the JSON that held the addresses) as one hash, and everything that was asked for as
 * another (SERVICE_KEY_HASH_SIZE bytes each). Once, after finish.
 */
void service_upload_digest(const struct service_upload *upload, char ret_file[], char ret_all[]);
const char *service_upload_path(const struct service_upload *upload);
const char *service_upload_name(const struct service_upload *upload);   /* for people */
const char *service_upload_ending(const struct service_upload *upload); /* ".csv", or "" */
/* The options as an object, or NULL: none were sent. Borrowed. */
const cJSON *service_upload_options(const struct service_upload *upload);

#endif
