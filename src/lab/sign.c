#include "lab/sign.h"

#include <stdio.h>
#include <stdlib.h>

#include "lab/file.h"
#include "lab/setup.h"

void lab_sign_endpoint(struct buffer *out, const struct io_endpoint *at)
{
    char text[IP_TEXT_SIZE];

    (void)buffer_printf(out, at->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip_format(&at->ip, text),
                        at->port);
}

/* Break at the "--" of options, which no value contains behind a blank. */
static void options_fill(struct buffer *out, struct slice words, unsigned indent, unsigned width)
{
    size_t column = 0;

    while (words.len > 0) {
        ptrdiff_t next = slice_find(slice_from_offset(words, 1), SLICE(" --"));
        struct slice option = next < 0 ? words : slice_prefix(words, (size_t)next + 1);

        words = slice_from_offset(words, option.len);
        option = slice_trim(option);
        if (column > indent && column + 1 + option.len + 2 > width) {
            (void)buffer_append_string(out, " \\\n");
            column = 0;
        }
        if (column == 0) {
            (void)buffer_printf(out, "%*s", (int)indent, "");
            column = indent;
        } else {
            (void)buffer_append_byte(out, ' ');
            column++;
        }
        (void)buffer_append_slice(out, option);
        column += option.len;
    }
}

void lab_sign_options(struct buffer *out, const struct lab_loopback *loopback,
                      const struct lab_scenario *scenario, unsigned indent, unsigned width)
{
    struct buffer words;

    buffer_init(&words, 0);
    (void)buffer_append_string(&words, "--resolver ");
    lab_sign_endpoint(&words, &loopback->dns);
    (void)buffer_printf(&words, " --port %u", loopback->port);
    lab_setup_write(&words, scenario, true);
    options_fill(out, buffer_slice(&words), indent, width);
    out->failed = out->failed || words.failed;
    buffer_done(&words);
}

/* The entries of one list, a line each. */
static void list_collect(const struct lab_scenario *scenario, enum lists_operator_kind wanted,
                         struct buffer *out)
{
    enum lists_operator_kind kind;
    struct slice word, entry;

    for (size_t i = 0; lab_scenario_list_entry(scenario, i, &word, &entry); i++)
        if (lab_list_kind(word, &kind) && kind == wanted)
            (void)buffer_printf(out, "%.*s\n", SLICE_ARG(entry));
}

/* A list of the scenario as a file beside the configuration, named in it; nothing if it is empty.
 */
static int list_write(const char *path, const struct lab_scenario *scenario,
                      enum lists_operator_kind kind, struct buffer *config, struct error *error)
{
    char option[32], file[4096];
    struct buffer text;
    int code = 0;

    buffer_init(&text, 0);
    list_collect(scenario, kind, &text);
    (void)snprintf(option, sizeof(option), "%s", lists_operator_kind_name(kind));
    for (char *c = option; *c != '\0'; c++)
        if (*c == '_')
            *c = '-';
    if ((size_t)snprintf(file, sizeof(file), "%s.%s", path, option) >= sizeof(file))
        code = error_set(error, ERROR_USAGE, "%s: the name is too long", path);
    else if (text.failed)
        code = error_set(error, ERROR_NOMEM, "no memory for a list of the scenario");
    else if (text.len > 0)
        code = lab_file_write(file, buffer_slice(&text), error);
    if (code == 0 && text.len > 0) {
        char *whole = realpath(file, NULL); /* the configuration is read from other folders too */

        (void)buffer_printf(config, "%s = %s\n", option, whole != NULL ? whole : file);
        free(whole);
    }
    buffer_done(&text);
    return code;
}

void lab_sign_config(struct buffer *out, const struct lab_loopback *loopback,
                     const struct lab_scenario *scenario)
{
    (void)buffer_append_string(out, "resolver = ");
    lab_sign_endpoint(out, &loopback->dns);
    (void)buffer_printf(out, "\nport = %u\n", loopback->port);
    lab_setup_write(out, scenario, false);
}

int lab_sign_write(const char *path, const struct lab_loopback *loopback,
                   const struct lab_scenario *scenario, struct error *error)
{
    struct buffer config;
    int code = 0;

    buffer_init(&config, 0);
    (void)buffer_append_string(&config,
                               "# Written by `mailknock lab`: how to knock at this lab.\n");
    lab_sign_config(&config, loopback, scenario);
    for (unsigned i = 0; i < LISTS_OPERATOR_KIND_COUNT && code == 0; i++)
        code = list_write(path, scenario, (enum lists_operator_kind)i, &config, error);
    if (code == 0 && config.failed)
        code = error_set(error, ERROR_NOMEM, "no memory for the configuration");
    if (code == 0)
        code = lab_file_write(path, buffer_slice(&config), error);
    buffer_done(&config);
    return code;
}
