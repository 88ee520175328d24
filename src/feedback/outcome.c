#include "feedback/outcome.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "provider/classify.h"
#include "verdict/verdict.h"

#define WORD_MAX 32

const char *feedback_outcome_name(enum feedback_outcome outcome)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        FEEDBACK_OUTCOMES(X)
#undef X
    };

    CHECK((unsigned)outcome < ARRAY_LEN(names));
    return names[outcome];
}

/* --- words --------------------------------------------------------------------------------------
 */

static const struct {
    const char *word; /* lower case, letters and digits only */
    enum feedback_outcome outcome;
} words[] = {
    {"bounce", FEEDBACK_BOUNCE},
    {"bounced", FEEDBACK_BOUNCE},
    {"hardbounce", FEEDBACK_BOUNCE},
    {"hardbounced", FEEDBACK_BOUNCE},
    {"hard", FEEDBACK_BOUNCE},
    {"permanent", FEEDBACK_BOUNCE},
    {"permanentbounce", FEEDBACK_BOUNCE},
    {"permanentfailure", FEEDBACK_BOUNCE},
    {"undeliverable", FEEDBACK_BOUNCE},
    {"undelivered", FEEDBACK_BOUNCE},
    {"failed", FEEDBACK_BOUNCE},
    {"rejected", FEEDBACK_BOUNCE},
    {"invalid", FEEDBACK_BOUNCE},
    {"invalidemail", FEEDBACK_BOUNCE},
    {"delivery", FEEDBACK_DELIVERY},
    {"delivered", FEEDBACK_DELIVERY},
    {"open", FEEDBACK_DELIVERY},
    {"opened", FEEDBACK_DELIVERY},
    {"uniqueopened", FEEDBACK_DELIVERY},
    {"click", FEEDBACK_DELIVERY},
    {"clicked", FEEDBACK_DELIVERY},
    {"replied", FEEDBACK_DELIVERY},
    {"reply", FEEDBACK_DELIVERY},
    {"complaint", FEEDBACK_COMPLAINT},
    {"complained", FEEDBACK_COMPLAINT},
    {"spam", FEEDBACK_COMPLAINT},
    {"spamreport", FEEDBACK_COMPLAINT},
    {"spamcomplaint", FEEDBACK_COMPLAINT},
    {"abuse", FEEDBACK_COMPLAINT},
    {"soft", FEEDBACK_SOFT},
    {"softbounce", FEEDBACK_SOFT},
    {"softbounced", FEEDBACK_SOFT},
    {"transient", FEEDBACK_SOFT},
    {"temporary", FEEDBACK_SOFT},
    {"temporaryfailure", FEEDBACK_SOFT},
    {"deferred", FEEDBACK_SOFT},
    {"delayed", FEEDBACK_SOFT},
    {"delay", FEEDBACK_SOFT},
    {"mailboxfull", FEEDBACK_SOFT},
    {"blocked", FEEDBACK_BLOCKED},
    {"block", FEEDBACK_BLOCKED},
    {"spamnotification", FEEDBACK_BLOCKED},
    {"dropped", FEEDBACK_OTHER},
    {"processed", FEEDBACK_OTHER},
    {"accepted", FEEDBACK_OTHER}, /* by the service, not by the recipient */
    {"queued", FEEDBACK_OTHER},
    {"sent", FEEDBACK_OTHER},
    {"send", FEEDBACK_OTHER},
    {"stored", FEEDBACK_OTHER},
    {"unsubscribe", FEEDBACK_OTHER},
    {"unsubscribed", FEEDBACK_OTHER},
    {"groupunsubscribe", FEEDBACK_OTHER},
    {"groupresubscribe", FEEDBACK_OTHER},
    {"renderingfailure", FEEDBACK_OTHER},
    {"subscription", FEEDBACK_OTHER},
    {"subscriptionchange", FEEDBACK_OTHER},
    {"reject", FEEDBACK_OTHER}, /* by the service, before it was sent */
    {"other", FEEDBACK_OTHER},
};

bool feedback_outcome_from_word(struct slice word, enum feedback_outcome *ret_outcome)
{
    char folded[WORD_MAX];
    size_t len = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (!ascii_is_alnum(word.ptr[i]))
            continue;
        if (len == sizeof(folded))
            return false;
        folded[len++] = ascii_lower(word.ptr[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_equal(slice_from_string(words[i].word), slice_from(folded, len))) {
            *ret_outcome = words[i].outcome;
            return true;
        }
    }
    return false;
}

/* --- bounces ------------------------------------------------------------------------------------
 */

/* Without "smtp;" or "x-unix;" (RFC 3464 2.3.6). */
static struct slice without_type(struct slice diagnostic)
{
    ptrdiff_t semicolon;

    diagnostic = slice_trim(diagnostic);
    semicolon = slice_find_byte(slice_prefix(diagnostic, 20), ';');
    if (semicolon > 0 && !ascii_is_digit(diagnostic.ptr[0]) &&
        slice_find_byte(slice_prefix(diagnostic, (size_t)semicolon), ' ') < 0)
        diagnostic = slice_trim(slice_from_offset(diagnostic, (size_t)semicolon + 1));
    return diagnostic;
}

/* The reply in the words, or one made of them with the status. */
static bool reply_of(struct slice diagnostic, struct slice status, char text[SMTP_REPLY_TEXT_MAX],
                     struct smtp_reply *ret_reply)
{
    struct slice words_only = without_type(diagnostic);
    struct smtp_enhanced enhanced;
    size_t size;

    status = slice_trim(status);
    size = smtp_enhanced_parse(status, &enhanced);
    if (smtp_reply_from_line(slice_prefix(words_only, SMTP_REPLY_TEXT_MAX), text, ret_reply)) {
        if (ret_reply->enhanced.status_class == 0 && size > 0 &&
            enhanced.status_class == ret_reply->code / 100)
            ret_reply->enhanced = enhanced;
        return ret_reply->code >= 400;
    }
    if (size == 0 || enhanced.status_class < 4)
        return false;
    words_only = slice_prefix(words_only, SMTP_REPLY_TEXT_MAX - 1);
    if (words_only.len > 0)
        memcpy(text, words_only.ptr, words_only.len);
    *ret_reply = (struct smtp_reply){
        .code = enhanced.status_class == 5 ? 550 : 450,
        .enhanced = enhanced,
        .text = slice_from(text, words_only.len),
    };
    return true;
}

static enum feedback_outcome outcome_of_class(enum smtp_class reply_class, bool is_permanent,
                                              enum feedback_outcome claimed)
{
    switch (reply_class) {
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
        return is_permanent ? FEEDBACK_BOUNCE : FEEDBACK_SOFT;
    case SMTP_CLASS_MAILBOX_FULL:
    case SMTP_CLASS_RECIPIENT_THROTTLED:
    case SMTP_CLASS_GREYLISTED:
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
    case SMTP_CLASS_SERVER_PERMANENT_FAILURE:
    case SMTP_CLASS_NETWORK:
    case SMTP_CLASS_PROTOCOL_ERROR:
        return FEEDBACK_SOFT;
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
    case SMTP_CLASS_RATE_LIMITED:
    case SMTP_CLASS_SENDER_BLOCKED:
    case SMTP_CLASS_SENDER_REJECTED:
    case SMTP_CLASS_RELAY_DENIED:
    case SMTP_CLASS_POLICY_REJECTED:
    case SMTP_CLASS_TLS_REQUIRED:
    case SMTP_CLASS_AUTH_REQUIRED:
        return FEEDBACK_BLOCKED;
    case SMTP_CLASS_ACCEPTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
    case SMTP_CLASS_AMBIGUOUS:
    case SMTP_CLASS_COUNT:
        break;
    }
    return is_permanent ? claimed : FEEDBACK_SOFT;
}

enum feedback_outcome feedback_judge_bounce(struct slice diagnostic, struct slice status,
                                            enum feedback_outcome claimed)
{
    char text[SMTP_REPLY_TEXT_MAX];
    struct classify_input input = {.stage = SMTP_STAGE_RCPT};
    struct classification classified;
    enum feedback_outcome outcome;

    if (!reply_of(diagnostic, status, text, &input.reply)) {
        struct slice said = slice_prefix(without_type(diagnostic), SMTP_REPLY_TEXT_MAX - 1);

        /* Words without a code may still say that it was we who were refused. */
        if (claimed != FEEDBACK_BOUNCE || said.len == 0)
            return claimed;
        memcpy(text, said.ptr, said.len);
        input.reply = (struct smtp_reply){.code = 550, .text = slice_from(text, said.len)};
    }
    classify_reply(&input, &classified);
    outcome = outcome_of_class(classified.reply_class, input.reply.code >= 500, claimed);
    /* Words that only make it likely, and nobody to compare with: the reporter knows more. */
    return outcome == FEEDBACK_BOUNCE && classified.confidence < VERDICT_PLAIN_CONFIDENCE ? claimed
                                                                                          : outcome;
}

/* --- addresses and moments ----------------------------------------------------------------------
 */

struct slice feedback_bare_address(struct slice text)
{
    ptrdiff_t open, close;

    text = slice_trim(text);
    open = slice_rfind_byte(text, '<');
    close = slice_rfind_byte(text, '>');
    if (open >= 0 && close > open && (size_t)close == text.len - 1)
        text = slice_prefix(slice_from_offset(text, (size_t)open + 1), (size_t)(close - open - 1));
    return slice_trim(text);
}

static bool month_of(struct slice word, unsigned *ret_month)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (unsigned i = 0; word.len == 3 && i < 12; i++) {
        if (slice_equal_nocase(word, slice_from(months + (size_t)3 * i, 3))) {
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

static bool number_in(struct slice word, uint64_t max, unsigned *ret_number)
{
    uint64_t number;

    if (!slice_to_u64(word, max, &number))
        return false;
    *ret_number = (unsigned)number;
    return true;
}

/* "11:02:55", "11:02" */
static bool parse_clock(struct slice text, struct instant_civil *civil)
{
    struct slice part;

    if (!slice_split(&text, ':', &part) || !number_in(part, 23, &civil->hour) ||
        !slice_split(&text, ':', &part) || !number_in(part, 59, &civil->minute))
        return false;
    return text.ptr == NULL || number_in(text, 60, &civil->second);
}

/* "+0130"; names of zones are UTC, as RFC 5322 4.3 has it for those not known. */
static void parse_zone(struct slice text, struct instant_civil *civil)
{
    unsigned number;

    if (text.len == 5 && (text.ptr[0] == '+' || text.ptr[0] == '-') &&
        number_in(slice_from_offset(text, 1), 2359, &number))
        civil->east_minutes =
            (text.ptr[0] == '-' ? -1 : 1) * (int)(number / 100 * 60 + number % 100);
}

/* The next word, blanks skipped. */
static struct slice next_word(struct slice *rest)
{
    struct slice word = SLICE_EMPTY;

    while (word.len == 0 && slice_split(rest, ' ', &word)) {
    }
    return word;
}

/* RFC 5322 3.3: [day-name ","] day month year time zone */
static bool parse_mail_date(struct slice text, int64_t *ret_unix_ms)
{
    struct instant_civil civil = {0};
    struct slice rest = text, word = next_word(&rest);
    unsigned year;

    if (word.len > 0 && word.ptr[word.len - 1] == ',')
        word = next_word(&rest);
    if (!number_in(word, 31, &civil.day) || !month_of(next_word(&rest), &civil.month) ||
        !number_in(next_word(&rest), 9999, &year))
        return false;
    civil.year = (int)(year < 50 ? year + 2000 : year < 1000 ? year + 1900 : year);
    if (!parse_clock(next_word(&rest), &civil))
        return false;
    parse_zone(next_word(&rest), &civil);
    return instant_from_civil(&civil, ret_unix_ms);
}

bool feedback_parse_moment(struct slice text, int64_t *ret_unix_ms)
{
    ptrdiff_t dot;
    uint64_t number;

    text = slice_trim(text);
    dot = slice_find_byte(text, '.');
    /* Up to 9999-12-31 in seconds; what is more is milliseconds. */
    if (slice_to_u64(dot > 0 ? slice_prefix(text, (size_t)dot) : text, UINT64_C(253402300799999),
                     &number)) {
        if (number < 100000000)
            return false; /* 20240229 is no moment, and nobody bounced before 1973 */
        *ret_unix_ms = (int64_t)(number < UINT64_C(100000000000) ? number * 1000 : number);
        return true;
    }
    return instant_parse(text, ret_unix_ms) || parse_mail_date(text, ret_unix_ms);
}
