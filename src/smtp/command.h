/*
 * The commands that this client can say, and what may be put into them.
 *
 * There are EHLO, HELO, STARTTLS, MAIL, RCPT, RSET and QUIT, and no others: nothing in this program
 * can begin a message. Whatever is put into a command was checked here first, so that no line end
 * and no other command can hide in a mailbox or a host name.
 */
#ifndef MK_SMTP_COMMAND_H
#define MK_SMTP_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define SMTP_MAILBOX_MAX 480 /* octets: "RCPT TO:<", ">" and CRLF fit 512 (RFC 5321 4.5.3.1.4) */

/*
 * True when a mailbox can be sent as it is: local part, "@", domain; well-formed UTF-8; no control
 * character; outside a quoted string no blank, quote, backslash, "<", ">" or second "@"; at most
 * SMTP_MAILBOX_MAX octets. Not a check of syntax (address/address.h), only of safety.
 * *ret_domain_at is the offset of the domain.
 */
bool smtp_mailbox_is_safe(struct slice mailbox, uint16_t *ret_domain_at, bool *ret_is_ascii);
/* True for a host name or address literal that can be sent: printable ASCII without blanks. */
bool smtp_helo_name_is_safe(struct slice name);
/* True for a reverse-path without its brackets: empty, or a mailbox that is safe. */
bool smtp_sender_is_safe(struct slice sender);

/* Append one command with its CRLF; false (nothing appended) when memory lacks. */
bool smtp_command_ehlo(struct buffer *out, struct slice helo_name);
bool smtp_command_helo(struct buffer *out, struct slice helo_name);
bool smtp_command_starttls(struct buffer *out);
bool smtp_command_mail(struct buffer *out, struct slice sender, bool smtputf8);
bool smtp_command_rcpt(struct buffer *out, struct slice mailbox);
bool smtp_command_rset(struct buffer *out);
bool smtp_command_quit(struct buffer *out);

#endif
