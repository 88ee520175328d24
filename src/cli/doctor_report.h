/*
 * What `mailknock doctor` found: a list of findings, shown to people or written as JSON.
 *
 * Pure. Each kind of check knows in one sentence why it matters; each finding says what was seen
 * and, where that is not well, what to do. Details may hold what strangers sent.
 */
#ifndef MK_CLI_DOCTOR_REPORT_H
#define MK_CLI_DOCTOR_REPORT_H

#include "base/arena.h"
#include "base/json.h"
#include "cli/view.h"

enum doctor_result {
    DOCTOR_OK,
    DOCTOR_WARNING,
    DOCTOR_FAILED,
    DOCTOR_NOT_CHECKED,
    DOCTOR_RESULT_COUNT,
};

/* Symbol, name in JSON, heading for people, why it matters. In the order of the report. */
#define DOCTOR_CHECKS(X)                                                                           \
    X(CLOCK, "clock", "clock",                                                                     \
      "Results carry dates, and a wrong clock makes every certificate look invalid.")              \
    X(FILES, "file_descriptors", "open files",                                                     \
      "Every connection takes a file descriptor; without them fewer servers are asked at a time.") \
    X(HARDENING, "hardening", "hardening",                                                         \
      "A service that can't be confined can do whatever its user can, should it be taken over.")   \
    X(STORE, "store", "store", "Results and keys are lost where the store can't be written.")      \
    X(RESOLVER, "resolver", "resolver", "Every verdict begins with a question to DNS.")            \
    X(NXDOMAIN, "resolver_nxdomain", "honest NXDOMAIN",                                            \
      "A resolver that invents addresses makes mistyped domains look alive.")                      \
    X(PUBLIC_RESOLVER, "public_resolver", "own resolver",                                          \
      "Public resolvers limit the rate of questions and are refused by block lists.")              \
    X(SOURCE, "source_address", "source address",                                                  \
      "Mail servers judge a visitor by the address that they see.")                                \
    X(HELO, "helo_name", "HELO name",                                                              \
      "Servers refuse visitors whose name does not exist or belongs to another address.")          \
    X(PTR, "reverse_dns", "reverse DNS",                                                           \
      "Many servers refuse an address without a PTR record that leads back to it (FCrDNS).")       \
    X(PTR_HELO, "reverse_dns_is_helo", "PTR is HELO",                                              \
      "A name in EHLO that reverse DNS confirms is the least suspicious one.")                     \
    X(MAIL_FROM, "mail_from", "MAIL FROM",                                                         \
      "Servers refuse a sender whose domain could not take the answer.")                           \
    X(SECOND_MAIL_FROM, "second_mail_from", "second MAIL FROM",                                    \
      "Sites that refuse the null sender ask for one that can receive mail.")                      \
    X(SPF, "spf", "SPF", "A sender or name whose domain does not list this address looks forged.") \
    X(PORT, "smtp_port", "mail port",                                                              \
      "Without outgoing SMTP connections no mailbox can be verified from here.")                   \
    X(BLOCKLIST, "blocklist", "block list",                                                        \
      "Servers that use the list refuse every question from this address.")

enum doctor_check {
#define X(symbol, name, heading, why) DOCTOR_##symbol,
    DOCTOR_CHECKS(X)
#undef X
    DOCTOR_CHECK_COUNT,
};

struct doctor_finding {
    struct doctor_finding *next;
    enum doctor_check check;
    enum doctor_result result;
    const char *detail; /* what was seen */
    const char *fix;    /* what to do; "" where nothing is to be done */
};

struct doctor_report {
    struct arena *arena;
    struct doctor_finding *first; /* in the order of enum doctor_check, then as they came */
    unsigned counts[DOCTOR_RESULT_COUNT];
    const char *about; /* words before what is seen, as "egress 2 (IP)"; NULL: none */
    bool out_of_memory;
};

void doctor_report_init(struct doctor_report *report, struct arena *arena);
/* `fix` is copied; format and what follows say what was seen, in a sentence without full stop. */
void doctor_report_add(struct doctor_report *report, enum doctor_check check,
                       enum doctor_result result, const char *fix, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

void doctor_report_text(const struct doctor_report *report, const struct view_style *style,
                        struct buffer *out);
/* An array of {check, result, detail, why, fix}; result "not_checked", fix null without one. */
void doctor_report_json(const struct doctor_report *report, struct buffer *out);

/* CLI_EXIT_NOT_VALID when something failed, CLI_EXIT_UNDETERMINED when something could not be
   checked, CLI_EXIT_OK. */
int doctor_report_status(const struct doctor_report *report);

#endif
