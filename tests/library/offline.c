/* The public header from C99, pedantically; nothing here needs a network. */
#include <mailknock/mailknock.h>
#include <mailknock/mailknock.h> /* twice does no harm */

#include <stdio.h>
#include <string.h>

int main(void)
{
    static const char reply_text[] =
        "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted";
    mailknock_address *address = NULL;
    mailknock_reply *reply = NULL;
    int failed = 0;

    failed |= strcmp(mailknock_version(), MAILKNOCK_VERSION) != 0;
    failed |= mailknock_address_check("a..b@example.org", 16, &address) != 0;
    failed |= mailknock_address_is_valid(address) || mailknock_address_offset(address) != 2;
    failed |= mailknock_reply_classify(reply_text, sizeof(reply_text) - 1, MAILKNOCK_STAGE_RCPT,
                                       NULL, &reply) != 0;
    failed |= strcmp(mailknock_reply_class(reply), "greylisted") != 0;
    failed |= mailknock_reply_status(reply) != MAILKNOCK_UNKNOWN;
    mailknock_reply_free(reply);
    mailknock_address_free(address);
    if (failed)
        fprintf(stderr, "offline: an answer is wrong\n");
    return failed;
}
