/*
 * Confinement of the commands that run for long and listen to strangers: what they keep access to,
 * and what the log says of it. The mechanisms are cli/confine.h.
 *
 * It happens before the store, the operator's lists and the network are opened: what is forbidden
 * by mistake then fails at the start, before somebody's eyes, and not at a reload at night. Sockets
 * that want root are to be bound before.
 */
#ifndef MK_CLI_HARDEN_H
#define MK_CLI_HARDEN_H

#include "cli/command.h"
#include "service/log.h"

#define HARDEN_MEMORY_MIN (UINT64_C(64) << 20) /* with less nothing gets as far as the log */

struct harden_options {
    bool on;
    const char *user; /* NULL: stay who we are */
    uint64_t memory_bytes;
};

/* Rows for the command's table; `member` is a struct harden_options of its options. */
#define HARDEN_ROWS(options, member)                                                               \
    {.name = "hardening",                                                                          \
     .type = CONFIG_BOOL,                                                                          \
     .offset = offsetof(options, member.on),                                                       \
     .fallback = "yes",                                                                            \
     .group = "Service",                                                                           \
     .help = "Give up what is not needed: other files (Landlock), other system calls (seccomp), "  \
             "core dumps, new privileges. Turn it off only to find out whether it is what keeps "  \
             "something from working."},                                                           \
        {.name = "user",                                                                           \
         .type = CONFIG_TEXT,                                                                      \
         .offset = offsetof(options, member.user),                                                 \
         .value_name = "NAME",                                                                     \
         .group = "Service",                                                                       \
         .help = "Started as root, become this user, when a port is bound. The folder of a "       \
                 "service must be that user's."},                                                  \
    {                                                                                              \
        .name = "memory-limit", .type = CONFIG_SIZE,                                               \
        .offset = offsetof(options, member.memory_bytes), .value_name = "SIZE", .fallback = "0",   \
        .min = HARDEN_MEMORY_MIN, .max = UINT64_C(1) << 50, .or_zero = true, .group = "Service",   \
        .help = "The most memory to take for data, with hardening or without; more is refused, "   \
                "and what asked for it fails. 0: no limit."                                        \
    }

/* Whether cli_harden would become another user, so that ports below 1024 are to be bound before. */
bool harden_changes_user(const struct harden_options *options);

/*
 * Confine this process to what call->config and the folder need: the folder (NULL: none; made when
 * it is not there, for the user to be), the stores that are named, the folders of the operator's
 * lists for reading, the system's libraries and resolver settings, temporary files; `files`
 * descriptors. One line in the log says what is on, as a warning when something could not be had.
 * ERROR_USAGE (no such user, or not ours to become), ERROR_IO, ERROR_NOMEM: do not go on.
 */
int cli_harden(struct cli_call *call, const struct harden_options *options, const char *folder,
               uint64_t files, struct service_log *log, struct error *error);

#endif
