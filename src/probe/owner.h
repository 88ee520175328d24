/*
 * Who asked: submissions of an owner (probe/engine.h) counted, told that they are cancelled, and
 * taken away from their cases.
 *
 * A case without submissions is nobody's: it ends where it stands, or with the answer to a RCPT
 * that was said already, and tells nobody.
 */
#ifndef MK_PROBE_OWNER_H
#define MK_PROBE_OWNER_H

#include "probe/case.h"

/* A submission joins its case, or leaves it for good. */
void probe_owner_count_in(struct probe_case *kase, const struct probe_submission *submission);
void probe_owner_count_out(struct probe_case *kase, const struct probe_submission *submission);
/* The case begins or ends to wait for a later attempt; call where its state changes. */
void probe_owner_waits(struct probe_case *kase);
void probe_owner_waits_no_more(struct probe_case *kase);

#endif
