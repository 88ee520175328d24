/* What the report of a list says besides its counts: the same in the page and in the archive. */
#ifndef MK_SERVICE_REPORT_H
#define MK_SERVICE_REPORT_H

#include "base/arena.h"
#include "bulk/report.h"
#include "store/store.h"

struct service;

/* Texts on the arena; the counts (`stats`) are left to the caller. ERROR_NOMEM. */
int service_report_of(const struct service *service, const struct store_job *job,
                      struct arena *arena, struct bulk_report *ret_report, struct error *error);

#endif
