/*
 * Options as rows: one table row says an option's name, type, bounds, unit, default and meaning.
 *
 * The same row serves the command line (`--name value`), the environment (`MAILKNOCK_NAME`, upper
 * case, "-" as "_") and the configuration file (`name = value`), the `--help` text, shell
 * completion and the manual. Values are written into a plain structure through the row's offset.
 * Strings are kept on an arena that the caller owns and that must live as long as the structure is
 * read.
 */
#ifndef MK_CONFIG_OPTION_H
#define MK_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

enum config_type {
    CONFIG_BOOL,   /* bool; "yes|no|true|false|on|off|1|0"; `--name` alone is yes, `--no-name` no */
    CONFIG_NUMBER, /* uint64_t within min and max */
    CONFIG_DURATION, /* uint64_t milliseconds; "500ms", "30s", "5m", "2h", "7d"; bare: seconds */
    CONFIG_SIZE,     /* uint64_t bytes; "64k", "10M", "2G" */
    CONFIG_TEXT,     /* const char *, NUL-terminated; NULL when never set and without default */
    CONFIG_CHOICE,   /* unsigned: index into `choices` */
    CONFIG_LIST,     /* struct config_list: may be given several times; commas do not separate */
};

struct config_list {
    const char *const *values; /* NUL-terminated each */
    size_t count;
};

struct config_option {
    const char *name; /* "mail-from" */
    char letter;      /* 'o' for `-o`, or 0 */
    enum config_type type;
    size_t offset;          /* in the structure */
    const char *value_name; /* "ADDR", for help */
    const char *fallback;   /* default as text, or NULL */
    uint64_t min, max;      /* of numbers, durations (ms), sizes; both 0: unbounded */
    bool or_zero;           /* 0 is allowed too, though it is below min */
    const char *choices;    /* of CONFIG_CHOICE: "syntax|dns|smtp" */
    const char *group;      /* heading in the help; NULL: as the row before */
    const char *help;       /* one or two sentences; names the unit */
    /*
     * A further check of the text, or NULL: 0 or a negative code; the message continues after the
     * value ("is no IP address"). Also asked of defaults, which must pass.
     */
    int (*check)(const char *value, struct error *error);
    bool secret;  /* never shown again (passwords, keys), as a text with config_url_password */
    bool has_key; /* a zone whose first label may be one, which is never shown either */
    bool command_line_only; /* not in the file, not in the environment */
    bool is_path;           /* the value names a file: for completion */
};

struct config_table {
    const struct config_option *options;
    size_t count;
};

/* What of a value is never shown again, a part of it; empty: all of it may be. */
struct slice config_secret_part(const struct config_option *option, struct slice value);
/* The password of "scheme://user:password@host", a part of `text`; empty: there is none. */
struct slice config_url_password(struct slice text);

/* Write every default into *values; what has none becomes 0, false, NULL, empty. ERROR_NOMEM. */
int config_set_defaults(const struct config_table *table, void *values, struct arena *arena);

/* The row, by name without dashes; NULL: none. */
const struct config_option *config_find(const struct config_table *table, struct slice name);
const struct config_option *config_find_letter(const struct config_table *table, char letter);

/*
 * Of two names the one that was more likely meant by `typed`: keep the best while walking all
 * candidates, from *best NULL and *distance 0. Those too far away never become best.
 */
void config_nearer(struct slice typed, const char *candidate, const char **best,
                   unsigned *distance);

/*
 * Set one option from text. `where` names the source for messages ("--helo", "/etc/mailknock.conf,
 * line 3: helo"). A list gets one more value. ERROR_USAGE with *error saying what is wrong and what
 * is allowed; then the old value stays. ERROR_NOMEM.
 */
int config_set(const struct config_option *option, struct slice value, const char *where,
               void *values, struct arena *arena, struct error *error);
/* Empty a list, for a source that overrides one set before. No-op for other types. */
void config_list_clear(const struct config_option *option, void *values);

/* What is allowed: "yes or no", "a number from 1 to 65535", "one of syntax, dns, smtp", ... */
void config_describe_allowed(const struct config_option *option, struct buffer *out);
/*
 * The value as it could be written in a file, units included; of lists the one at `index`. False
 * (nothing appended) when it has none: never set, or past the list's end. Secrets are "(secret)".
 */
bool config_format_value(const struct config_option *option, const void *values, size_t index,
                         struct buffer *out);

/* The name of its environment variable, NUL-terminated. */
#define CONFIG_ENVIRONMENT_NAME_SIZE 64
const char *config_environment_name(const struct config_option *option,
                                    char out[CONFIG_ENVIRONMENT_NAME_SIZE]);

#endif
