/*
 * A list as a ZIP: the files of its statuses, all rows, the upload as it came, and the report.
 *
 * A writer with `split` and `with_all` (bulk/writer.h) has made the files of the rows; here they
 * are packed and removed, some at a time.
 */
#ifndef MK_SERVICE_EXPORT_ZIP_H
#define MK_SERVICE_EXPORT_ZIP_H

#include "bulk/stats.h"
#include "io/pace.h"
#include "store/store.h"

struct service;
struct service_export_zip;

/*
 * stem: path of the writer's files, up to ".valid.csv" and the like; the archive lies beside them,
 * without a name. name: of the list within the archive. Texts are copied. ERROR_IO, ERROR_NOMEM.
 */
int service_export_zip_open(struct service *service, const struct store_job *job, const char *stem,
                            const char *name, struct service_export_zip **ret_zip,
                            struct error *error);
/* To be filled with what is written, for the report. */
struct bulk_stats *service_export_zip_stats(struct service_export_zip *zip);
/* The writer has finished: pack until the step's time is up (1), or all is packed (0). */
int service_export_zip_step(struct service_export_zip *zip, const struct io_pace *pace,
                            struct error *error);
/* The archive, to be read from its start; the descriptor is the caller's. */
int service_export_zip_take(struct service_export_zip *zip);
/* Also removes what the writer left. NULL accepted. */
void service_export_zip_close(struct service_export_zip *zip);

#endif
