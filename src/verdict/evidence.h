/*
 * Evidence: everything that was learnt about one address, and nothing that was concluded from it.
 *
 * The world's answers live here: DNS outcomes, SMTP replies, how conversations broke, what is
 * remembered of the domain. A verdict is a pure function of this (verdict/verdict.h), so that old
 * evidence can be judged again by newer rules. Plain data; all pointers and slices borrow from
 * whoever made the evidence (a case's arena, the engine's domain records) and outlive it.
 */
#ifndef MK_VERDICT_EVIDENCE_H
#define MK_VERDICT_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address/address.h"
#include "base/ip.h"
#include "base/slice.h"
#include "provider/classify.h"
#include "provider/profile.h"
#include "smtp/class.h"
#include "smtp/reply.h"
#include "smtp/session.h"

struct verdict;

/* What DNS said to one question. Failure is never absence. */
#define DNS_OUTCOMES(X)                                                                            \
    X(NOT_ASKED, "not_asked")                                                                      \
    X(FOUND, "found")                                                                              \
    X(NXDOMAIN, "nxdomain") /* the name does not exist (RFC 2308) */                               \
    X(NODATA, "nodata")     /* the name exists, without this type */                               \
    X(SERVFAIL, "servfail")                                                                        \
    X(REFUSED, "refused") /* also NOTIMP, NOTAUTH and the like */                                  \
    X(TIMEOUT, "timeout")                                                                          \
    X(UNREACHABLE, "unreachable") /* no resolver could be reached */                               \
    X(BOGUS, "bogus")             /* malformed, or a CNAME loop */

enum dns_outcome {
#define X(symbol, name) DNS_##symbol,
    DNS_OUTCOMES(X)
#undef X
    DNS_OUTCOME_COUNT,
};

const char *dns_outcome_name(enum dns_outcome outcome);
/* SERVFAIL, REFUSED, TIMEOUT, UNREACHABLE, BOGUS: nothing was learnt. */
bool dns_outcome_is_failure(enum dns_outcome outcome);

struct evidence_dns_answer {
    struct slice name;
    const char *type; /* "MX", "A", "AAAA", "TXT" */
    enum dns_outcome outcome;
    uint32_t ttl_s;
    struct slice text; /* the records, joined by ", "; "" for none */
};

struct evidence_host {
    struct slice name; /* lower-case ASCII */
    uint16_t preference;
    /* Of A and AAAA together: FOUND if either gave an address; but a failure of one when there is
       none to probe, as it might have given one. */
    enum dns_outcome outcome;
    const struct ip *addresses; /* those that may be probed, of families we speak */
    size_t address_count;
    size_t refused_count;      /* in reserved ranges; 0 if one is public, though not spoken */
    const char *refused_range; /* why, of the first of them; or NULL */
};

/* What a block list in DNS says of the domain, or of a name or address of its mail hosts. */
struct evidence_listing {
    struct slice subject; /* the name or address that was asked about */
    struct slice zone;    /* the list */
    struct ip code;       /* its answer */
    struct slice meaning; /* for people, or "" */
    bool is_refused;      /* it would not answer us: nothing is known */
};

struct evidence_domain {
    struct slice name;                 /* as asked: lower-case A-labels */
    enum dns_outcome mx_outcome;       /* of the MX question, after CNAMEs */
    enum dns_outcome address_outcome;  /* of A/AAAA for the implicit MX; NOT_ASKED if not needed */
    bool null_mx;                      /* RFC 7505 */
    bool implicit_mx;                  /* no MX, the domain's own address serves (RFC 5321 5.1) */
    const struct evidence_host *hosts; /* in the order to try */
    size_t host_count;
    size_t hosts_left_out; /* less preferred ones that nobody looked at, for there are too many */
    struct slice spf;      /* the record, or "" */
    struct slice dmarc;    /* the record, or "" */
    enum dns_outcome spf_outcome, dmarc_outcome;
    const struct evidence_listing *listings; /* of block lists that were asked */
    size_t listing_count;
    const struct evidence_dns_answer *answers; /* everything that was asked, in order */
    size_t answer_count;
    uint32_t ttl_s; /* how long this may be kept */
    uint32_t duration_ms;
};

/* One recipient asked, or one conversation that did not get so far. */
struct evidence_attempt {
    int64_t unix_ms; /* when it began */
    uint32_t duration_ms;
    struct slice host; /* MX host name */
    struct ip ip;
    bool random_recipient;
    struct slice recipient; /* what RCPT TO named, or would have */
    struct slice sender;    /* what MAIL FROM named */
    enum smtp_outcome outcome;
    enum smtp_stage stage;
    struct smtp_reply reply; /* with SMTP_OUTCOME_REPLY; code 0 otherwise */
    struct slice detail;     /* words for other outcomes */
    struct slice tls;        /* "TLSv1.3 TLS_AES_256_GCM_SHA384; certificate …", "" in clear */
    struct slice transcript; /* of the whole session so far; may be "" for all but the last */
    /*
     * Not evidence, and kept nowhere: what classify_reply said of this stage and reply to whoever
     * made the attempt, so that it need not be asked again. Holds for `classified_for` alone, a
     * profile's name. All zero: nobody has asked, which changes no verdict.
     */
    struct classification classified;
    const char *classified_for;
};

/* What is known of the domain's habit with recipients that do not exist. */
#define EVIDENCE_CATCH_ALLS(X)                                                                     \
    X(UNKNOWN, "unknown")                                                                          \
    X(ACCEPTS, "accepts")           /* a random recipient was accepted */                          \
    X(REFUSES, "refuses")           /* a random recipient was refused as unknown */                \
    X(SAME_REFUSAL, "same_refusal") /* refused in the same words as the real one */

enum evidence_catch_all {
#define X(symbol, name) EVIDENCE_CATCH_ALL_##symbol,
    EVIDENCE_CATCH_ALLS(X)
#undef X
    EVIDENCE_CATCH_ALL_COUNT,
};

/*
 * What the operator's own records say of this address; zero: nothing. Whoever has the store fills
 * it in; what follows is the verdict's affair.
 */
struct evidence_history {
    bool known_bounce;       /* a hard bounce was reported, and no delivery since */
    int64_t bounced_unix_ms; /* when */
    struct slice bounce;     /* the words of the bounce, or "" */
    uint32_t bounce_days;    /* how long it counts; 0: VERDICT_BOUNCE_DAYS */
    bool complained;         /* its owner called a message spam */
    int64_t complained_unix_ms;
    int64_t delivered_unix_ms; /* of the last delivery, and no bounce since; 0: none */
};

/*
 * What is known of the domain's other mailboxes; zero: nothing. For the score only: no status
 * follows from it.
 */
struct evidence_peers {
    uint32_t proven;             /* mailboxes of people's names that are known to exist */
    uint32_t alike;              /* those whose names are made by this one's pattern, of them */
    uint32_t refused;            /* recipients that its servers called unknown, made-up ones too */
    uint32_t accepted, absent;   /* mailboxes that its servers vouched for, or called unknown */
    uint32_t delivered, bounced; /* what own messages to them met */
};

#define EVIDENCE_DEPTHS(X)                                                                         \
    X(SYNTAX, "syntax")                                                                            \
    X(DNS, "dns")                                                                                  \
    X(SMTP, "smtp")

enum evidence_depth {
#define X(symbol, name) EVIDENCE_DEPTH_##symbol,
    EVIDENCE_DEPTHS(X)
#undef X
    EVIDENCE_DEPTH_COUNT,
};

#define EVIDENCE_STOPS(X)                                                                          \
    X(NONE, "none")           /* the probe ran its course */                                       \
    X(DEPTH, "depth")         /* the depth chosen ends before SMTP */                              \
    X(DEADLINE, "deadline")   /* no time left */                                                   \
    X(CANCELLED, "cancelled") /* job stopped */                                                    \
    X(BREAKER, "breaker")     /* the site's breaker is open: we were refused there before */       \
    X(INTERNAL, "internal")   /* our fault; `internal` says what */                                \
    X(ELSEWHERE, "elsewhere") /* a site that another process asks; `elsewhere` says which */

enum evidence_stop {
#define X(symbol, name) EVIDENCE_STOP_##symbol,
    EVIDENCE_STOPS(X)
#undef X
    EVIDENCE_STOP_COUNT,
};

const char *evidence_catch_all_name(enum evidence_catch_all habit);
const char *evidence_depth_name(enum evidence_depth depth);
const char *evidence_stop_name(enum evidence_stop stop);

/*
 * The result as JSON, where somebody wrote that already: with its evidence, and how much of it is
 * what an object without has, all but the brace behind. It holds for these two alone, not for
 * copies of them, and as long as they are told to somebody.
 */
struct evidence_written {
    const struct evidence *evidence; /* NULL: nobody did */
    const struct verdict *verdict;
    struct slice json;
    size_t brief_len;
};

struct evidence {
    struct slice input;     /* as given */
    struct slice elsewhere; /* the site's key, with EVIDENCE_STOP_ELSEWHERE; not kept */
    struct address address;
    struct slice suggestion;   /* "" for none */
    unsigned builtin_classes;  /* enum lists_class bits of domain and local part */
    unsigned operator_matches; /* 1 << enum lists_operator_kind bits */
    bool disposable_mx;
    bool duplicate;             /* same mailbox earlier in the list */
    const char *mailbox_breach; /* provider_mailbox_breach; or NULL */
    bool subaddress;
    enum evidence_depth depth;               /* as chosen */
    const struct evidence_domain *domain;    /* NULL: DNS was not asked */
    const struct provider_profile *provider; /* NULL: not known */
    const struct evidence_attempt *attempts; /* in time order */
    size_t attempt_count;
    enum evidence_catch_all catch_all; /* of the domain, live or remembered */
    bool catch_all_from_cache;
    struct slice catch_all_text; /* the reply to the random recipient, when remembered; or "" */
    uint16_t catch_all_code;
    struct evidence_history history;
    struct evidence_peers peers;
    bool is_remembered; /* all of this was found out at checked_unix_ms, for another question */
    enum evidence_stop stop;
    struct slice internal;
    uint32_t greylist_waited_s; /* patience spent */
    int64_t checked_unix_ms;
    int64_t asked_unix_ms; /* now, of what is remembered; 0: checked_unix_ms */
    uint32_t duration_ms;
    struct evidence_written written; /* no evidence, and kept nowhere */
};

#endif
