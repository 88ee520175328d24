/* One row an operator. Alphabetical. */
#include "lab/preset.h"

#include "base/check.h"
#include "lab/model.h"

#define P LAB_OFFER_PIPELINING
#define T LAB_OFFER_STARTTLS
#define U LAB_OFFER_SMTPUTF8
#define E (LAB_OFFER_8BITMIME | LAB_OFFER_SIZE)
#define N LAB_OFFER_ENHANCED
#define C LAB_OFFER_CHUNKING
#define D LAB_OFFER_DSN

#define GREETING   LAB_TEXT_GREETING
#define HELO       LAB_TEXT_HELO
#define MAIL       LAB_TEXT_MAIL
#define RCPT       LAB_TEXT_RCPT
#define UNKNOWN    LAB_TEXT_UNKNOWN
#define RELAY      LAB_TEXT_RELAY
#define FULL       LAB_TEXT_FULL
#define DISABLED   LAB_TEXT_DISABLED
#define RESTRICTED LAB_TEXT_RESTRICTED
#define THROTTLED  LAB_TEXT_THROTTLED
#define TEMPORARY  LAB_TEXT_TEMPORARY

static const struct lab_preset presets[] = {
    {"apple",
     P | E | T | U | N,
     {[GREETING] = "220 iCloud SMTP - %h",
      [UNKNOWN] = "550 5.1.1 <%r>: user does not exist",
      [DISABLED] = "550 5.1.1 <%r>: inactive email address",
      [FULL] = "552 5.2.2 <%r>: user is over quota",
      [THROTTLED] = "421 4.7.1 Messages to %r deferred due to excessive volume"}},
    {"barracuda",
     P | E | T,
     {[GREETING] = "220 %h ESMTP (lab)",
      [RCPT] = "250 Recipient <%r> OK",
      [MAIL] = "250 Sender <%s> OK",
      [UNKNOWN] = "550 cuda_nsu %r: User unknown",
      [RELAY] = "550 permanent failure for one or more recipients (%r:blocked)"}},
    {"cisco",
     E | T,
     {[GREETING] = "220 %h ESMTP",
      [RCPT] = "250 recipient <%r> ok",
      [MAIL] = "250 sender <%s> ok",
      [UNKNOWN] = "550 #5.1.0 Address rejected.",
      [RELAY] = "550 #5.7.1 Relaying denied."}},
    {"docomo", E | T, {[UNKNOWN] = "550 Unknown user %r"}},
    {"exchange",
     P | E | T | N | C | D,
     {[GREETING] = "220 %h Microsoft ESMTP MAIL Service ready",
      [HELO] = "250 %h Hello [%i]",
      [MAIL] = "250 2.1.0 Sender OK",
      [RCPT] = "250 2.1.5 Recipient OK",
      [UNKNOWN] = "550 5.1.10 RESOLVER.ADR.RecipNotFound; not found",
      [RESTRICTED] = "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required",
      [TEMPORARY] = "452 4.3.1 Insufficient system resources",
      [RELAY] = "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"}},
    {"exim",
     P | E | T | C,
     {[GREETING] = "220 %h ESMTP Exim 4.97",
      [MAIL] = "250 OK",
      [RCPT] = "250 Accepted",
      [UNKNOWN] = "550 No Such User Here",
      [FULL] = "452 Mailbox is full / Blocks limit exceeded / Inode limit exceeded",
      [RELAY] = "550 relay not permitted"}},
    {"gmx",
     P | E | T,
     {[GREETING] = "220 gmx.net (%h) Nemesis ESMTP Service ready",
      [MAIL] = "250 Requested mail action okay, completed",
      [RCPT] = "250 OK",
      [UNKNOWN] = "550 Requested action not taken: mailbox unavailable",
      [FULL] =
          "552-Requested mail action aborted: exceeded storage allocation | 552 Quota exceeded. "
          "The recipient's mailbox is full."}},
    {"godaddy",
     P | E | T,
     {[GREETING] = "220 %h ESMTP",
      [UNKNOWN] = "550 5.1.1 <%r> Recipient not found. <http://x.co/irbounce>",
      [TEMPORARY] = "421 Server temporarily unavailable. Try again later. IB101"}},
    {"google",
     P | E | T | U | N | C,
     {[GREETING] = "220 mx.google.com ESMTP a1si4289577plt.121 - gsmtp",
      [HELO] = "250 mx.google.com at your service, [%i]",
      [MAIL] = "250 2.1.0 OK a1si4289577plt.121 - gsmtp",
      [RCPT] = "250 2.1.5 OK a1si4289577plt.121 - gsmtp",
      [UNKNOWN] = "550-5.1.1 The email account that you tried to reach does not exist. Please try "
                  "| 550-5.1.1 double-checking the recipient's email address for typos or "
                  "| 550-5.1.1 unnecessary spaces. For more information, go to "
                  "| 550 5.1.1  https://support.google.com/mail/?p=NoSuchUser "
                  "a1si4289577plt.121 - gsmtp",
      [DISABLED] = "550-5.2.1 The email account that you tried to reach is inactive. For more "
                   "| 550-5.2.1 information, go to "
                   "| 550 5.2.1  https://support.google.com/mail/?p=DisabledUser "
                   "a1si4289577plt.121 - gsmtp",
      [FULL] =
          "452-4.2.2 The recipient's inbox is out of storage space. Please direct the "
          "| 452-4.2.2 recipient to | 452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp "
          "a1si4289577plt.121 - gsmtp",
      [THROTTLED] = "450-4.2.1 The user you are trying to contact is receiving mail at a rate that "
                    "| 450-4.2.1 prevents additional messages from being delivered. "
                    "| 450 4.2.1  https://support.google.com/mail/?p=ReceivingRate "
                    "a1si4289577plt.121 - gsmtp",
      [RESTRICTED] = "550-5.7.1 The group %r only accepts mail from its members. "
                     "| 550 5.7.1 a1si4289577plt.121 - gsmtp"}},
    {"kddi", E | T, {[UNKNOWN] = "550 <%r>: User unknown"}},
    {"laposte",
     P | E | T | N,
     {[UNKNOWN] = "550 5.5.0 Adresse destinataire invalide. Invalid recipient. LPN007_416",
      [DISABLED] = "550 5.5.0 Boite du destinataire archivee. LPN007_420",
      [TEMPORARY] = "421 4.2.1 Service refuse. Veuillez essayer plus tard. Service refused, please "
                    "try later. LPN007_505"}},
    {"mailru",
     P | E | T,
     {[GREETING] = "220 %h ESMTP Mail.Ru",
      [UNKNOWN] = "550 Message was not accepted -- invalid mailbox. Local mailbox %r is "
                  "unavailable: user not found",
      [DISABLED] = "550 Message was not accepted -- invalid mailbox. Local mailbox %r is "
                   "unavailable: account is disabled"}},
    {"microsoft365",
     P | E | T | U | N | C | D,
     {[GREETING] = "220 %h Microsoft ESMTP MAIL Service ready",
      [HELO] = "250 %h Hello [%i]",
      [MAIL] = "250 2.1.0 Sender OK",
      [RCPT] = "250 2.1.5 Recipient OK",
      [UNKNOWN] = "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) "
                  "[%h 2026-01-01T00:00:00.000Z 08DE000000000000]",
      [RESTRICTED] = "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication "
                     "required; Delivery restriction check failed because the sender was not "
                     "authenticated when sending to this group",
      [THROTTLED] = "450 4.2.121 RESOLVER.RST.RecipientThreshold; mailbox is receiving messages "
                    "too quickly",
      [TEMPORARY] = "451 4.7.500 Server busy. Please try again later from [%i]. (S77719)"}},
    {"mimecast",
     P | E | T,
     {[GREETING] = "220 %h ESMTP; lab",
      [MAIL] = "250 Sender OK [Xq3]",
      [RCPT] = "250 Recipient OK [Xq3]",
      [UNKNOWN] = "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [Xq3]",
      [RELAY] = "550 Administrative prohibition - envelope blocked - "
                "https://community.mimecast.com/docs/DOC-1369#550 [Xq3]",
      [TEMPORARY] = "451 Internal resource temporarily unavailable - "
                    "https://community.mimecast.com/docs/DOC-1369#451 [Xq3]"}},
    {"netease",
     P | E | T,
     {[GREETING] = "220 163.com Anti-spam GT for Coremail System (163com[20141201])",
      [MAIL] = "250 Mail OK",
      [RCPT] = "250 Mail OK",
      [UNKNOWN] = "550 Invalid User:%r",
      [DISABLED] = "550 User suspended:%r",
      [TEMPORARY] = "450 RP:DRC"}},
    {"orange",
     P | E | T | N,
     {[UNKNOWN] = "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. "
                  "OFR004_416 [416]",
      [FULL] = "552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]",
      [DISABLED] = "550 5.1.1 Boite du destinataire archivee. Archived recipient. OFR_420 [420]"}},
    {"outlook",
     P | E | T | U | N | C | D,
     {[GREETING] = "220 %h Microsoft ESMTP MAIL Service ready",
      [HELO] = "250 %h Hello [%i]",
      [MAIL] = "250 2.1.0 Sender OK",
      [RCPT] = "250 2.1.5 Recipient OK",
      [UNKNOWN] = "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [%h]",
      [FULL] = "552 5.2.2 <%r>: mailbox is full"}},
    {"postfix",
     P | E | T | U | N | D,
     {[GREETING] = "220 %h ESMTP Postfix (Debian/GNU)",
      [FULL] = "452 4.2.2 <%r>: Recipient address rejected: mailbox is full"}},
    {"proofpoint",
     P | E | T | N,
     {[GREETING] = "220 %h ESMTP cm-m0001234",
      [MAIL] = "250 2.1.0 Sender ok",
      [RCPT] = "250 2.1.5 Recipient ok",
      [UNKNOWN] = "550 5.1.1 User Unknown",
      [TEMPORARY] = "450 4.1.1 <%r>: Recipient address rejected: unverified address: Address "
                    "verification in progress"}},
    {"proofpoint-essentials",
     P | E | T | N,
     {[UNKNOWN] = "550 5.7.1 User email address is marked as invalid.",
      [TEMPORARY] = "452 4.3.1 Insufficient system resources"}},
    {"qmail",
     P | LAB_OFFER_8BITMIME,
     {[GREETING] = "220 %h ESMTP",
      [MAIL] = "250 ok",
      [RCPT] = "250 ok",
      [UNKNOWN] = "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
      [RELAY] = "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"}},
    {"qq",
     P | E | T,
     {[GREETING] = "220 %h MX QQ Mail Server",
      [MAIL] = "250 OK.",
      [RCPT] = "250 OK",
      [UNKNOWN] = "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?id=20022",
      [DISABLED] = "550 Mailbox unavailable or access denied"}},
    {"rackspace",
     P | E | T | N,
     {[GREETING] = "220 %h ESMTP - VA Code Section 18.2-152.3:1 forbids use of this system for "
                   "unsolicited bulk electronic mail",
      [UNKNOWN] =
          "550 5.1.1 <%r>: Recipient address rejected: Email address could not be found, or "
          "was misspelled (G8)",
      [THROTTLED] = "450 4.2.1 <%r>: Recipient address rejected: Too many messages (G30)"}},
    {"sendmail",
     P | E | T | N | D,
     {[GREETING] = "220 %h ESMTP Sendmail 8.18.1/8.18.1; Thu, 1 Jan 2026 00:00:00 GMT",
      [HELO] = "250 %h Hello %c [%i], pleased to meet you",
      [MAIL] = "250 2.1.0 <%s>... Sender ok",
      [RCPT] = "250 2.1.5 <%r>... Recipient ok",
      [UNKNOWN] = "550 5.1.1 <%r>... User unknown",
      [RELAY] = "550 5.7.1 <%r>... Relaying denied"}},
    {"ses",
     P | E | T,
     {[GREETING] = "220 inbound-smtp.us-east-1.amazonaws.com ESMTP",
      [RCPT] = "250 OK",
      [MAIL] = "250 OK"}},
    {"stalwart",
     P | E | T | U | N | C,
     {[GREETING] = "220 %h Stalwart ESMTP at your service",
      [UNKNOWN] = "550 5.1.2 Mailbox does not exist.",
      [RELAY] = "550 5.1.2 Relay not allowed.",
      [TEMPORARY] = "451 4.4.3 Unable to verify address at this time."}},
    {"yahoo",
     P | E | T,
     {[GREETING] = "220 mtaproxy.mail.bf1.yahoo.com ESMTP ready",
      [MAIL] = "250 sender <%s> ok",
      [RCPT] = "250 recipient <%r> ok",
      [UNKNOWN] = "554 delivery error: dd This user doesn't have a yahoo.com account (%r) [0]",
      [THROTTLED] = "450 User is receiving mail too quickly"}},
    {"yandex",
     P | E | T | N,
     {[GREETING] = "220 %h ESMTP (Want to use Yandex.Mail for your domain?)",
      [UNKNOWN] = "550 5.7.1 No such user!",
      [DISABLED] = "550 5.7.1 Policy rejection on the target address",
      [FULL] = "552 5.2.2 Mailbox size limit exceeded",
      [THROTTLED] = "450 4.2.1 The recipient has exceeded their message rate limit. Try again "
                    "later."}},
    {"zoho",
     P | E | T,
     {[GREETING] = "220 %h SMTP Server ready",
      [MAIL] = "250 Sender <%s> OK",
      [RCPT] = "250 Recipient <%r> OK",
      [UNKNOWN] = "550 5.1.1 User does not exist - <%r>",
      [RELAY] = "553 Relaying disallowed. Invalid Domain - %d"}},
};

const struct lab_preset *lab_preset_by_name(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(presets); i++)
        if (slice_equal(name, slice_from_string(presets[i].name)))
            return &presets[i];
    return NULL;
}

const struct lab_preset *lab_preset_at(size_t index)
{
    return index < ARRAY_LEN(presets) ? &presets[index] : NULL;
}
