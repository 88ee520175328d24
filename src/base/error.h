/*
 * Errors of our environment: a negative code from one table, and an optional message.
 *
 * Our bugs are assertions (base/check.h); the world's answers are evidence (verdict/evidence.h).
 * Functions that can fail return 0 or a negative code, and fill a caller-owned `struct error` when
 * they are given one. Messages say what, where and what to do; they carry no trailing newline.
 */
#ifndef MK_BASE_ERROR_H
#define MK_BASE_ERROR_H

enum error_code {
    ERROR_NONE = 0,
    ERROR_NOMEM = -1,  /* memory could not be had */
    ERROR_USAGE = -2,  /* the caller (command line, configuration, API) asked for nonsense */
    ERROR_FORMAT = -3, /* a file or message does not have the form it should have */
    ERROR_LIMIT = -4,  /* a documented ceiling would be exceeded */
    ERROR_IO = -5,     /* the operating system refused or failed */
    ERROR_RANGE = -6,  /* a value is out of bounds */
    ERROR_NOT_FOUND = -7,
    ERROR_BUSY = -8,     /* held by another process, or already under way */
    ERROR_INTERNAL = -9, /* a library misbehaved */
    ERROR_STOPPED = -10, /* a signal ended a wait, as was asked for */
};

struct error {
    int code;          /* enum error_code */
    char message[512]; /* NUL-terminated, cut if need be */
};

/* Fill *error (NULL accepted) and return code. code must be negative. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An analyzer that sees one file at a time would follow paths on which a failure is none. */
#ifdef __clang_analyzer__
#define error_set(error, code, ...) ((void)error_set((error), (code), __VA_ARGS__), (code))
#endif

/* The code's name in lower case ("no memory", "usage", ...). Static string. */
const char *error_name(int code);

#endif
