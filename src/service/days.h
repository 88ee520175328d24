/*
 * Addresses checked, by day and status: what the overview's bars show. Kept as notes.
 */
#ifndef MK_SERVICE_DAYS_H
#define MK_SERVICE_DAYS_H

#include "base/error.h"
#include "base/json.h"
#include "verdict/verdict.h"

struct store;

struct service_days {
    char today[11]; /* "2026-11-25"; "": nothing was counted yet */
    int64_t day;    /* the same, in days since 1970 */
    uint64_t counts[VERDICT_STATUS_COUNT];
    bool changed;
};

/* Count one; a new day begins by itself, and what was counted for the old one is kept. */
void service_days_count(struct service_days *days, struct store *store, enum verdict_reason reason,
                        int64_t now_unix_ms);
/* Keep what was counted. The store's errors. */
int service_days_flush(struct service_days *days, struct store *store, struct error *error);
/* An array of the last `count` days that have any, oldest first: {date, counts{status: n}}. */
int service_days_write(struct service_days *days, struct store *store, int64_t now_unix_ms,
                       unsigned count, struct json *json, struct error *error);

#endif
