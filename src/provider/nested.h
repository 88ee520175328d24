/*
 * Replies within replies: a gateway or a verifying server quotes what the next host told it, as in
 * "undeliverable address: host mx.example.com[192.0.2.1] said: 550 5.1.1 <...>: User unknown (in
 * reply to RCPT TO command)". The innermost one speaks of the recipient and is what counts.
 *
 * Not when the verification was of our own sender: then the quoted "user unknown" is our address,
 * and the refusal is of us.
 */
#ifndef MK_PROVIDER_NESTED_H
#define MK_PROVIDER_NESTED_H

#include <stdbool.h>

#include "smtp/class.h"
#include "smtp/reply.h"

/*
 * Replace *reply by the innermost quoted one; *stage by the command it answered, where that is said
 * and is earlier than RCPT. False when nothing is quoted; nothing is changed then.
 */
bool nested_reply_peel(struct smtp_reply *reply, enum smtp_stage *stage);

#endif
