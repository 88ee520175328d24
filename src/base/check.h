/*
 * Assertions that stay on in release builds.
 *
 * An assertion speaks of our own bugs only: never of input, of the network or of the environment
 * (those are errors or evidence). A failed one prints where and aborts.
 */
#ifndef MK_BASE_CHECK_H
#define MK_BASE_CHECK_H

/* Abort the process, naming the broken expectation. Never returns. */
_Noreturn void check_failed(const char *expression, const char *file, int line);

#define CHECK(expression)                                                                          \
    ((__builtin_expect(!!(expression), 1)) ? (void)0                                               \
                                           : check_failed(#expression, __FILE__, __LINE__))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
