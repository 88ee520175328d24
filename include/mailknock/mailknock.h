/*
 * mailknock: would mail sent to this address arrive? Asked of DNS and of the recipient's own mail
 * server, which is never sent a message.
 *
 * Three things, from small to large:
 *   - mailknock_address_check looks at the text of an address; no network, no waiting.
 *   - mailknock_reply_classify says what a mail server's reply means.
 *   - A mailknock_verifier asks: one address at a time and waiting for it
 *     (mailknock_verifier_check), or thousands at once with a callback each
 *     (mailknock_verifier_submit), on its own (mailknock_verifier_run) or inside your event loop
 *     (mailknock_verifier_descriptor).
 *
 * Conventions. Functions that can fail return 0 or a negative enum mailknock_code; outputs begin
 * with `ret_` and are untouched on failure. Text that goes in is bytes and a length, because
 * addresses may hold anything; it is copied. Text that comes out is NUL-terminated, belongs to the
 * handle it was asked of and lives as long. Every _free function accepts NULL.
 *
 * Threads. Handles have no locks: one handle, one thread at a time. Different verifiers may work in
 * different threads; make the first of them before starting the others.
 *
 * The process. A verifier ignores SIGPIPE when the program has left that signal at its default, and
 * raises the soft limit of open files to the hard one.
 *
 * C99 and C++. Link with `pkg-config --cflags --libs mailknock`.
 */
#ifndef MAILKNOCK_MAILKNOCK_H
#define MAILKNOCK_MAILKNOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailknock/version.h"

#if defined(__GNUC__)
#define MAILKNOCK_API __attribute__((visibility("default")))
#else
#define MAILKNOCK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0": of the library that runs; MAILKNOCK_VERSION is that of the header. */
MAILKNOCK_API const char *mailknock_version(void);

/* --- errors -------------------------------------------------------------------------------- */

enum mailknock_code {
    MAILKNOCK_OK = 0,
    MAILKNOCK_NO_MEMORY = -1,
    MAILKNOCK_USAGE = -2,  /* the caller asked for nonsense */
    MAILKNOCK_FORMAT = -3, /* a file or text does not have the form it should have */
    MAILKNOCK_LIMIT = -4,  /* a documented ceiling would be exceeded */
    MAILKNOCK_IO = -5,     /* the operating system refused or failed */
    MAILKNOCK_RANGE = -6,  /* a value is out of bounds */
    MAILKNOCK_NOT_FOUND = -7,
    MAILKNOCK_BUSY = -8,    /* not now: too many open, or already under way */
    MAILKNOCK_INTERNAL = -9 /* our fault */
};

/* "no memory", "usage", ...: static text, for any number. */
MAILKNOCK_API const char *mailknock_code_name(int code);

/* Where functions that take one say what went wrong, where, and what to do about it. */
typedef struct mailknock_error {
    int code;          /* enum mailknock_code */
    char message[512]; /* one sentence without a newline */
} mailknock_error;

/* --- one address, offline ------------------------------------------------------------------ */

typedef struct mailknock_address mailknock_address;

/*
 * Look at the text of an address: the Mailbox of RFC 5321 section 4.1.2 with RFC 6531. Any bytes
 * are fine; what is wrong with them is a diagnosis, not an error. MAILKNOCK_NO_MEMORY.
 */
MAILKNOCK_API int mailknock_address_check(const char *text, size_t len,
                                          mailknock_address **ret_address);
/* Free it, with all texts that were asked of it. NULL is fine. */
MAILKNOCK_API void mailknock_address_free(mailknock_address *address);

/* Does it keep to the grammar? Then its diagnosis is "valid". */
MAILKNOCK_API bool mailknock_address_is_valid(const mailknock_address *address);
/* From a closed list: "valid", "no_at", "local_dot_double", ... */
MAILKNOCK_API const char *mailknock_address_diagnosis(const mailknock_address *address);
/* The diagnosis in an English sentence. */
MAILKNOCK_API const char *mailknock_address_explanation(const mailknock_address *address);
/* Where it goes wrong: octets from the start. 0 for a valid one. */
MAILKNOCK_API size_t mailknock_address_offset(const mailknock_address *address);
/*
 * What is remarkable about a valid one ("quoted_local", "idn", "tld_not_delegated", ...), one by
 * one from index 0; NULL past the last.
 */
MAILKNOCK_API const char *mailknock_address_flag(const mailknock_address *address, size_t index);
/* As it goes to a mail server: the domain in lower-case ASCII. NULL when it is not valid. */
MAILKNOCK_API const char *mailknock_address_normalized(const mailknock_address *address);
/* As people read it: the domain in its own script. NULL when it is not valid. */
MAILKNOCK_API const char *mailknock_address_display(const mailknock_address *address);
/*
 * Two addresses with the same key are the same mailbox, by the rules of their provider (dots and
 * tags of Gmail, ...). For finding duplicates only: never send to it. NULL when it is not valid.
 */
MAILKNOCK_API const char *mailknock_address_key(const mailknock_address *address);
/* The whole address with its typing error mended, or NULL when there is nothing to suggest. */
MAILKNOCK_API const char *mailknock_address_suggestion(const mailknock_address *address);
/* Why its provider has no such mailbox (Gmail: 6 to 30 characters, ...): a sentence, or NULL. */
MAILKNOCK_API const char *mailknock_address_provider_breach(const mailknock_address *address);
/* At a domain of throwaway mailboxes, by the list that comes with the library. */
MAILKNOCK_API bool mailknock_address_is_disposable(const mailknock_address *address);
/* At a provider that gives mailboxes to anybody (gmail.com, ...), by the list. */
MAILKNOCK_API bool mailknock_address_is_free(const mailknock_address *address);
/* Of a function and not of a person (info, sales, postmaster, ...), by the list. */
MAILKNOCK_API bool mailknock_address_is_role(const mailknock_address *address);

/* --- one reply, offline -------------------------------------------------------------------- */

enum mailknock_status {
    MAILKNOCK_VALID,       /* proven to accept mail */
    MAILKNOCK_INVALID,     /* proven undeliverable */
    MAILKNOCK_CATCH_ALL,   /* accepted, but the server accepts anything */
    MAILKNOCK_DO_NOT_MAIL, /* may be deliverable, unwise to mail */
    MAILKNOCK_UNKNOWN,     /* no trustworthy evidence */
    MAILKNOCK_SKIPPED      /* deliberately not checked */
};

enum mailknock_action {
    MAILKNOCK_SEND,
    MAILKNOCK_REVIEW,
    MAILKNOCK_RETRY,
    MAILKNOCK_SUPPRESS
};

/* "valid", "do_not_mail", ...: static text; NULL for a number that is none. */
MAILKNOCK_API const char *mailknock_status_name(enum mailknock_status status);
/* "send", "suppress", ...: static text; NULL for a number that is none. */
MAILKNOCK_API const char *mailknock_action_name(enum mailknock_action action);

/* When a reply was given. A refusal before RCPT TO is never about the mailbox. */
enum mailknock_stage {
    MAILKNOCK_STAGE_ANY, /* not known: read as RCPT */
    MAILKNOCK_STAGE_CONNECT,
    MAILKNOCK_STAGE_HELO,
    MAILKNOCK_STAGE_STARTTLS,
    MAILKNOCK_STAGE_MAIL,
    MAILKNOCK_STAGE_RCPT
};

typedef struct mailknock_reply mailknock_reply;

/*
 * What a mail server's reply means. `text` starts with the reply code, "550 5.1.1 No such user";
 * the lines of a longer one are joined by " | ". provider: whose server said it, as
 * mailknock_provider_by_mx names it, or NULL. MAILKNOCK_FORMAT when the text has no reply code;
 * MAILKNOCK_RANGE for a stage that is none; MAILKNOCK_NO_MEMORY.
 */
MAILKNOCK_API int mailknock_reply_classify(const char *text, size_t len, enum mailknock_stage stage,
                                           const char *provider, mailknock_reply **ret_reply);
/* Free it, with all texts that were asked of it. NULL is fine. */
MAILKNOCK_API void mailknock_reply_free(mailknock_reply *reply);

/* From a closed list: "accepted", "mailbox_not_found", "greylisted", "sender_blocked", ... */
MAILKNOCK_API const char *mailknock_reply_class(const mailknock_reply *reply);
/* What it means, in one English sentence. */
MAILKNOCK_API const char *mailknock_reply_explanation(const mailknock_reply *reply);
/* The name of the rule that fired, or NULL when none did. */
MAILKNOCK_API const char *mailknock_reply_rule(const mailknock_reply *reply);
/* The reply code, 200 to 599. */
MAILKNOCK_API int mailknock_reply_code(const mailknock_reply *reply);
/* The enhanced status code of RFC 3463, "5.1.1", or "" when there is none. */
MAILKNOCK_API const char *mailknock_reply_enhanced(const mailknock_reply *reply);
/* How sure the class is, 0 to 100. */
MAILKNOCK_API int mailknock_reply_confidence(const mailknock_reply *reply);
/* What follows for the address when this is all that is known. */
MAILKNOCK_API enum mailknock_status mailknock_reply_status(const mailknock_reply *reply);
/* The reason that goes with that status, as mailknock_result_reason has it. */
MAILKNOCK_API const char *mailknock_reply_reason(const mailknock_reply *reply);
/* What to do with the address, if this is all that is known. */
MAILKNOCK_API enum mailknock_action mailknock_reply_action(const mailknock_reply *reply);
/* Seconds after which asking again makes sense; 0: waiting does not help. */
MAILKNOCK_API uint32_t mailknock_reply_retry_after(const mailknock_reply *reply);

/* The provider behind an MX host name ("google", ...): static text, or NULL when none is known. */
MAILKNOCK_API const char *mailknock_provider_by_mx(const char *host);

/* --- results ------------------------------------------------------------------------------- */

typedef struct mailknock_result mailknock_result;

/* Free it, with all texts that were asked of it. NULL is fine. */
MAILKNOCK_API void mailknock_result_free(mailknock_result *result);

/* The address as it was given. It may hold NUL bytes: *ret_len (may be NULL) is its length. */
MAILKNOCK_API const char *mailknock_result_address(const mailknock_result *result, size_t *ret_len);
/* As it goes to a mail server, or NULL when it is no address. */
MAILKNOCK_API const char *mailknock_result_normalized(const mailknock_result *result);
/* One of six; the reason says more. */
MAILKNOCK_API enum mailknock_status mailknock_result_status(const mailknock_result *result);
/* From a closed list: "accepted", "mailbox_not_found", "greylisted", ... */
MAILKNOCK_API const char *mailknock_result_reason(const mailknock_result *result);
/* 0 to 100: how likely a message sent now is delivered. */
MAILKNOCK_API int mailknock_result_score(const mailknock_result *result);
/* What to do with the address. */
MAILKNOCK_API enum mailknock_action mailknock_result_action(const mailknock_result *result);
/* One by one from index 0 ("role", "free", "catch_all_domain", ...); NULL past the last. */
MAILKNOCK_API const char *mailknock_result_flag(const mailknock_result *result, size_t index);
/* Is that one among them? */
MAILKNOCK_API bool mailknock_result_has_flag(const mailknock_result *result, const char *flag);
/* Why, in one English sentence. */
MAILKNOCK_API const char *mailknock_result_explanation(const mailknock_result *result);
/* The whole address with its typing error mended, or NULL. */
MAILKNOCK_API const char *mailknock_result_suggestion(const mailknock_result *result);
/* The operator of its mail servers, or NULL when it is none that we know. */
MAILKNOCK_API const char *mailknock_result_provider(const mailknock_result *result);
/* Seconds after which asking again makes sense; 0: waiting does not help. */
MAILKNOCK_API uint32_t mailknock_result_retry_after(const mailknock_result *result);
/*
 * Everything, as one JSON object on one line (`schema: 1`), with the DNS answers and the whole
 * conversation when the option "evidence" is set. *ret_len (may be NULL) is its length.
 */
MAILKNOCK_API const char *mailknock_result_json(const mailknock_result *result, size_t *ret_len);

/* --- options of a verifier ----------------------------------------------------------------- */

typedef struct mailknock_options mailknock_options;

/* All at their defaults. NULL: no memory. */
MAILKNOCK_API mailknock_options *mailknock_options_new(void);
/* Free them; verifiers opened with them go on. NULL is fine. */
MAILKNOCK_API void mailknock_options_free(mailknock_options *options);

/*
 * Set one by its name, from text, as on the command line of mailknock(1) and in its configuration
 * file: "helo", "mail-from", "depth", "patience", "timeout", "resolver", "allow-net", ... An option
 * that is a list gets one more value. Of the library alone: "evidence" (yes or no).
 *
 * Asking mail servers (depth "smtp") takes a host name to say in "helo"; without it the name of
 * this machine is used, and mailknock_verifier_new fails where it has none that would do.
 *
 * MAILKNOCK_USAGE with *error (may be NULL) when there is no such option or the value is not
 * allowed: then nothing has changed. MAILKNOCK_NO_MEMORY.
 */
MAILKNOCK_API int mailknock_options_set(mailknock_options *options, const char *name,
                                        const char *value, mailknock_error *error);

/* --- the verifier -------------------------------------------------------------------------- */

typedef struct mailknock_verifier mailknock_verifier;

/*
 * Open a verifier. options: NULL for the defaults; may be freed afterwards. MAILKNOCK_USAGE,
 * MAILKNOCK_IO or MAILKNOCK_NO_MEMORY with *error (may be NULL).
 */
MAILKNOCK_API int mailknock_verifier_new(const mailknock_options *options,
                                         mailknock_verifier **ret_verifier, mailknock_error *error);
/*
 * Close connections and free. Addresses still open end during this call, with a callback each
 * (skipped, cancelled). Not from inside a callback.
 */
MAILKNOCK_API void mailknock_verifier_free(mailknock_verifier *verifier);

/*
 * Verify one address and wait for it, for as long as the options "timeout" and "patience" allow.
 * *ret_result is the caller's to free. Callbacks of other addresses may be called meanwhile.
 * MAILKNOCK_BUSY from inside a callback, or when too many are open; MAILKNOCK_NO_MEMORY.
 */
MAILKNOCK_API int mailknock_verifier_check(mailknock_verifier *verifier, const char *text,
                                           size_t len, mailknock_result **ret_result);

/*
 * One address is finished. result is the callback's to free; it is NULL, and code negative, only
 * when there was no memory for it. May submit further addresses; must not free the verifier.
 */
typedef void mailknock_done(void *user, int code, mailknock_result *result);

/*
 * Take an address; `done` is called exactly once, from mailknock_verifier_run, _check or _free and
 * never from inside this call. Many may be open at once, and should be: each mail operator is asked
 * within its own limits, all of them side by side. MAILKNOCK_BUSY when as many are open as the
 * option "open-cases" allows (go on after some have finished) or the verifier is being freed;
 * MAILKNOCK_NO_MEMORY.
 */
MAILKNOCK_API int mailknock_verifier_submit(mailknock_verifier *verifier, const char *text,
                                            size_t len, mailknock_done *done, void *user);

/*
 * Work for up to timeout_ms milliseconds: 0 does what is due and does not wait; negative goes on
 * until every address is finished. Returns early once all are. Returns how many are still open, or
 * MAILKNOCK_BUSY from inside a callback.
 */
MAILKNOCK_API int mailknock_verifier_run(mailknock_verifier *verifier, int timeout_ms);

/* Addresses submitted and not finished. */
MAILKNOCK_API size_t mailknock_verifier_open(const mailknock_verifier *verifier);

/*
 * Inside another event loop: watch this descriptor for readability, and call
 * mailknock_verifier_run(verifier, 0) when it is readable or when mailknock_verifier_wait
 * milliseconds have passed (-1: no limit; 0: now). Ask for the latter again after every run and
 * submit. Keep doing so while idle: connections are closed politely a little later. The descriptor
 * stays the verifier's: do not read from it or close it.
 */
MAILKNOCK_API int mailknock_verifier_descriptor(const mailknock_verifier *verifier);
/* How many milliseconds mailknock_verifier_run may be put off; -1: until the descriptor is
 * readable. */
MAILKNOCK_API int mailknock_verifier_wait(const mailknock_verifier *verifier);

#ifdef __cplusplus
}
#endif

#endif
