/*
 * Options of what comes out of a list, for `clean` and `jobs export`: rows of a config_option table
 * whose structure `owner` has a struct clean_output_options as `member`.
 */
#ifndef MK_CLI_CLEAN_ROWS_H
#define MK_CLI_CLEAN_ROWS_H

#include "cli/clean.h"

/* clang-format off */
#define CLEAN_OUTPUT_ROWS(owner, member) \
    {.name = "output", \
     .letter = 'o', \
     .type = CONFIG_TEXT, \
     .offset = offsetof(owner, member.output), \
     .value_name = "OUT", \
     .command_line_only = true, \
     .is_path = true, \
     .group = "What comes out", \
     .help = "Where to write; - is standard output, as results come. Default: NAME.cleaned.EXT " \
             "beside the list."}, \
    {.name = "format", \
     .type = CONFIG_CHOICE, \
     .offset = offsetof(owner, member.format), \
     .value_name = "FORMAT", \
     .choices = "auto|csv|ndjson|xlsx", \
     .fallback = "auto", \
     .help = "Default: by the ending of OUT, else as the list."}, \
    {.name = "only", \
     .type = CONFIG_TEXT, \
     .offset = offsetof(owner, member.only), \
     .value_name = "WORDS", \
     .command_line_only = true, \
     .help = "Only rows with these statuses or reasons, separated by commas: " \
             "valid,catch_all,greylisted."}, \
    {.name = "export", \
     .type = CONFIG_CHOICE, \
     .offset = offsetof(owner, member.export), \
     .value_name = "ROWS", \
     .choices = "all|safe|safe+catch-all|not-invalid|unknown|remove", \
     .fallback = "all", \
     .command_line_only = true, \
     .help = "A usual choice of rows: safe is valid; remove is invalid and do_not_mail."}, \
    {.name = "profile", \
     .type = CONFIG_CHOICE, \
     .offset = offsetof(owner, member.profile), \
     .value_name = "VENDOR", \
     .choices = "mailknock|emailverify|zerobounce|neverbounce|kickbox|reacher", \
     .fallback = "mailknock", \
     .help = "Say it in the words of another vendor."}, \
    {.name = "duplicates", \
     .type = CONFIG_CHOICE, \
     .offset = offsetof(owner, member.duplicates), \
     .value_name = "HOW", \
     .choices = "answer|skip|drop", \
     .fallback = "answer", \
     .help = "Later rows with the same mailbox: the verdict of the first, marked; " \
             "skipped/duplicate; or left out."}, \
    {.name = "split", \
     .type = CONFIG_BOOL, \
     .offset = offsetof(owner, member.split), \
     .command_line_only = true, \
     .help = "One file a status: NAME.valid.csv, NAME.invalid.csv, ..."}, \
    {.name = "prefix", \
     .type = CONFIG_TEXT, \
     .offset = offsetof(owner, member.prefix), \
     .value_name = "TEXT", \
     .help = "How the names of the added columns begin. Default: mk_, but the verdict in a " \
             "vendor's words has the vendor's names."}, \
    {.name = "report", \
     .type = CONFIG_TEXT, \
     .offset = offsetof(owner, member.report), \
     .value_name = "FILE", \
     .command_line_only = true, \
     .is_path = true, \
     .help = "Write a page about the list too: HTML, complete in itself, to read and to print."}
/* clang-format on */

#endif
