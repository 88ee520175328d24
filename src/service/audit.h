/*
 * Who did what that matters later: keys and lists made and removed, addresses erased.
 *
 * Kept as notes for a year or so, newest first. Addresses are hashed: what was erased is not to be
 * found here.
 */
#ifndef MK_SERVICE_AUDIT_H
#define MK_SERVICE_AUDIT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

struct store;

#define SERVICE_AUDIT_COMMAND_LINE UINT64_MAX /* instead of a key */

/*
 * event: a static word ("list_made"). key_id 0: nobody, the service itself. subject: what it was
 * done to, for people and programs. The store's errors.
 */
int service_audit_note(struct store *store, int64_t now_unix_ms, const char *event, uint64_t key_id,
                       const char *subject, struct error *error);
/*
 * At most `limit` entries below `cursor` ("": from the newest) as items of an open array.
 * *ret_next: an id to go on with, on the arena, or "" at the end.
 */
int service_audit_write(struct store *store, struct slice cursor, size_t limit, struct json *json,
                        struct arena *arena, struct slice *ret_next, struct error *error);

#endif
