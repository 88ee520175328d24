/*
 * `mailknock lists`: what the built-in and the operator's lists say, and what is known of
 * providers.
 */
#include <inttypes.h>
#include <string.h>

#include "address/address.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/view.h"
#include "config/prober.h"
#include "lists/builtin.h"
#include "provider/mailbox.h"
#include "provider/profile.h"

#define NAME_WIDTH 16

struct lists_options {
    bool json;
};

static const struct {
    enum lists_class bit;
    const char *name, *title;
} builtin[] = {
    {LISTS_DISPOSABLE, "disposable", "throwaway domains"},
    {LISTS_FREE, "free", "free-mail domains"},
    {LISTS_PROVIDER, "provider", "domains of popular providers"},
    {LISTS_ROLE, "role", "names of functions (info, sales)"},
    {LISTS_NO_REPLY, "no_reply", "names that nobody reads (noreply)"},
};

/* --- providers -------------------------------------------------------------------------------- */

static const char *trust_words(enum provider_trust trust)
{
    switch (trust) {
    case PROVIDER_TRUST_FULL:
        return "full: yes and no to a recipient mean what they say";
    case PROVIDER_TRUST_ACCEPT_NONE:
        return "none: its yes proves nothing (unknown/rcpt_untrusted)";
    case PROVIDER_TRUST_ACCEPTS_ALL:
        return "none: it says yes to every recipient (catch_all/provider_accepts_all)";
    }
    return "";
}

static const char *trust_name(enum provider_trust trust)
{
    static const char *const names[] = {
        [PROVIDER_TRUST_FULL] = "full",
        [PROVIDER_TRUST_ACCEPT_NONE] = "accept_none",
        [PROVIDER_TRUST_ACCEPTS_ALL] = "accepts_all",
    };

    return names[trust];
}

static void row(struct buffer *out, const struct cli_call *call, const char *name,
                const char *words)
{
    buffer_printf(out, "  %-*s", NAME_WIDTH, name);
    help_fill(out, slice_from_string(words), NAME_WIDTH + 2, NAME_WIDTH + 2, call->width);
    buffer_append_byte(out, '\n');
}

static void row_number(struct buffer *out, const struct cli_call *call, const char *name,
                       unsigned number, const char *unit, const char *when_zero)
{
    char words[96];

    if (number == 0)
        snprintf(words, sizeof(words), "%s", when_zero);
    else
        snprintf(words, sizeof(words), "%u %s", number, unit);
    row(out, call, name, words);
}

static void profile_limits(struct buffer *out, const struct cli_call *call,
                           const struct provider_profile *profile)
{
    const struct provider_limits *limits = &profile->limits;
    char span[32];

    row_number(out, call, "connections", limits->connections, "at a time", "");
    row_number(out, call, "new connections", limits->connections_per_minute, "a minute",
               "no limit");
    row_number(out, call, "recipients", limits->rcpts_per_session, "a session", "");
    row_number(out, call, "", limits->rcpts_per_transaction, "a transaction", "");
    row_number(out, call, "gap", limits->gap_ms, "ms between two recipients", "none");
    row_number(out, call, "unknown users", limits->unknowns_per_session,
               "in a session, then it is left", "no limit");
    row_number(out, call, "time-outs", profile->timeout_percent, "% of RFC 5321 4.5.3.2", "");
    row(out, call, "greylisting",
        profile->greylist_ms > 0 ? span_format(profile->greylist_ms, span) : "the usual calendar");
}

static struct slice domain_of(struct slice what)
{
    ptrdiff_t at = slice_rfind_byte(what, '@');

    return at >= 0 ? slice_from_offset(what, (size_t)at + 1) : what;
}

/* what: as it was asked for; a consumer domain has rules of its own. */
static void profile_mailboxes(struct buffer *out, const struct cli_call *call, struct slice what)
{
    char names[PROVIDER_MAILBOX_WORDS], folds[PROVIDER_MAILBOX_WORDS];

    if (!provider_mailbox_words(domain_of(what), names, folds))
        return;
    if (names[0] != '\0')
        row(out, call, "local parts", names);
    if (folds[0] != '\0')
        row(out, call, "one mailbox", folds);
}

static void write_profile(struct buffer *out, const struct cli_call *call,
                          const struct provider_profile *profile, struct slice what)
{
    buffer_printf(out, "%s: %s\n", profile->name, profile->title);
    row(out, call, "mail hosts",
        profile->mx_patterns[0] != '\0' ? profile->mx_patterns
                                        : "anywhere (software, or an operator without a name)");
    if (profile->greeting[0] != '\0')
        row(out, call, "greeting has", profile->greeting);
    row(out, call, "trust", trust_words(profile->trust));
    row(out, call, "gateway",
        profile->is_gateway ? "yes: it filters for others, whose servers decide" : "no");
    row(out, call, "null sender",
        profile->null_sender == PROVIDER_NULL_SENDER_REFUSED
            ? "refused: --second-mail-from is used from the start"
            : "accepted");
    row(out, call, "made-up address",
        profile->random_in_own_session ? "asked in a session of its own"
                                       : "may follow the real one in its session");
    profile_mailboxes(out, call, what);
    profile_limits(out, call, profile);
    row(out, call, "learnt from", profile->source);
}

static void write_profile_json(struct buffer *out, const struct provider_profile *profile)
{
    const struct provider_limits *limits = &profile->limits;
    struct slice rest = slice_from_string(profile->mx_patterns), pattern;
    struct json json;

    json_init(&json, out);
    json_object_begin(&json);
    json_name_cstring(&json, "name", profile->name);
    json_name_cstring(&json, "title", profile->title);
    json_name(&json, "mx");
    json_array_begin(&json);
    while (slice_split(&rest, ' ', &pattern))
        if (pattern.len > 0)
            json_string(&json, pattern);
    json_array_end(&json);
    json_name_bool(&json, "gateway", profile->is_gateway);
    json_name_cstring(&json, "trust", trust_name(profile->trust));
    json_name_bool(&json, "null_sender", profile->null_sender == PROVIDER_NULL_SENDER_ACCEPTED);
    json_name_bool(&json, "random_in_own_session", profile->random_in_own_session);
    json_name_int(&json, "connections", limits->connections);
    json_name_int(&json, "connections_per_minute", limits->connections_per_minute);
    json_name_int(&json, "rcpts_per_session", limits->rcpts_per_session);
    json_name_int(&json, "rcpts_per_transaction", limits->rcpts_per_transaction);
    json_name_int(&json, "gap_ms", limits->gap_ms);
    json_name_int(&json, "unknowns_per_session", limits->unknowns_per_session);
    json_name_int(&json, "timeout_percent", profile->timeout_percent);
    json_name_int(&json, "greylist_ms", profile->greylist_ms);
    json_name_cstring(&json, "source", profile->source);
    json_object_end(&json);
    buffer_append_byte(out, '\n');
}

/* A name, a mail host, a consumer domain, or an address there. */
static const struct provider_profile *find_profile(struct slice what)
{
    const struct provider_profile *profile = provider_by_name(what);

    what = domain_of(what);
    if (profile == NULL)
        profile = provider_by_domain(what);
    return profile != NULL ? profile : provider_by_mx(what);
}

static int no_provider(struct cli_call *call, const char *name)
{
    const char *nearest = NULL;
    unsigned distance = 0;
    const struct provider_profile *profile;

    for (size_t i = 0; (profile = provider_at(i)) != NULL; i++)
        config_nearer(slice_from_string(name), profile->name, &nearest, &distance);
    if (nearest != NULL)
        return cli_fail(call, CLI_EXIT_NOT_VALID,
                        "no provider is known as '%.80s'; did you mean '%s'? What no row names is "
                        "treated as 'generic'.",
                        name, nearest);
    return cli_fail(call, CLI_EXIT_NOT_VALID,
                    "no provider is known as '%.80s' (mailknock lists provider shows all). What no "
                    "row names is treated as 'generic'.",
                    name);
}

static int run_provider(struct cli_call *call)
{
    const struct lists_options *options = call->options;
    const struct provider_profile *profile;
    int status = CLI_EXIT_OK;
    struct buffer out;

    buffer_init(&out, 0);
    if (call->argument_count < 2) {
        for (size_t i = 0; (profile = provider_at(i)) != NULL; i++) {
            if (options->json)
                write_profile_json(&out, profile);
            else
                buffer_printf(&out, "%-24s %s\n", profile->name, profile->title);
        }
        return cli_print(call, &out);
    }
    for (size_t i = 1; i < call->argument_count; i++) {
        char *what = arena_string(call->arena, slice_trim(slice_from_string(call->arguments[i])));

        if (what == NULL) {
            out.failed = true;
            break;
        }
        ascii_lower_bytes(what, strlen(what));
        profile = find_profile(slice_from_string(what));
        if (profile == NULL)
            status = no_provider(call, call->arguments[i]);
        else if (options->json)
            write_profile_json(&out, profile);
        else
            write_profile(&out, call, profile, slice_from_string(what));
    }
    return cli_print(call, &out) == CLI_EXIT_OK ? status : CLI_EXIT_USAGE;
}

/* --- what matches ----------------------------------------------------------------------------- */

struct match {
    struct slice local, domain; /* "" where there is none */
    unsigned classes;           /* enum lists_class */
    unsigned operators;         /* 1 << enum lists_operator_kind */
    bool disposable_mx;
};

/* An address, or a domain (as if an address stood there). */
static bool look_up(const char *what, const struct lists_operator *lists, struct arena *arena,
                    struct match *ret)
{
    bool is_address = strchr(what, '@') != NULL;
    char *text = is_address ? arena_string(arena, slice_from_string(what))
                            : arena_printf(arena, "x@%s", what);
    struct address *address = arena_alloc(arena, sizeof(*address));

    *ret = (struct match){0};
    if (text == NULL || address == NULL || !address_parse(text, strlen(text), address) ||
        address->is_literal)
        return false;
    ret->domain = slice_from_string(address->domain_ascii);
    ret->classes = lists_domain_classes(ret->domain);
    if (is_address) {
        ret->local = address->local;
        ret->classes |= lists_local_classes(ret->local);
    }
    ret->disposable_mx = lists_mx_is_disposable(ret->domain);
    ret->operators = lists_operator_match(lists, ret->local, ret->domain) |
                     lists_operator_match_mx(lists, ret->domain);
    return true;
}

static void write_match(struct buffer *out, const char *what, const struct match *match)
{
    const char *before = "";

    view_clean(out, slice_from_string(what));
    buffer_append_string(out, ": ");
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        if (match->classes & builtin[i].bit) {
            buffer_printf(out, "%s%s", before, builtin[i].name);
            before = ", ";
        }
    }
    if (match->disposable_mx) {
        buffer_printf(out, "%smail host of a throwaway service", before);
        before = ", ";
    }
    for (unsigned kind = 0; kind < LISTS_OPERATOR_KIND_COUNT; kind++) {
        if (match->operators >> kind & 1) {
            buffer_printf(out, "%syour list %s", before,
                          lists_operator_kind_name((enum lists_operator_kind)kind));
            before = ", ";
        }
    }
    buffer_append_string(out, before[0] != '\0' ? "\n" : "on no list\n");
}

static void write_match_json(struct buffer *out, const char *what, const struct match *match)
{
    struct json json;

    json_init(&json, out);
    json_object_begin(&json);
    json_name_cstring(&json, "entry", what);
    json_name(&json, "builtin");
    json_array_begin(&json);
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++)
        if (match->classes & builtin[i].bit)
            json_cstring(&json, builtin[i].name);
    if (match->disposable_mx)
        json_cstring(&json, "disposable_mx");
    json_array_end(&json);
    json_name(&json, "operator");
    json_array_begin(&json);
    for (unsigned kind = 0; kind < LISTS_OPERATOR_KIND_COUNT; kind++)
        if (match->operators >> kind & 1)
            json_cstring(&json, lists_operator_kind_name((enum lists_operator_kind)kind));
    json_array_end(&json);
    json_object_end(&json);
    buffer_append_byte(out, '\n');
}

static int run_lookup(struct cli_call *call, const struct lists_operator *lists)
{
    const struct lists_options *options = call->options;
    int status = CLI_EXIT_OK;
    struct buffer out;

    if (call->argument_count < 2)
        return cli_fail(call, CLI_EXIT_USAGE,
                        "say what to look up: mailknock lists lookup "
                        "ADDRESS|DOMAIN");
    buffer_init(&out, 0);
    for (size_t i = 1; i < call->argument_count; i++) {
        struct match match;

        if (!look_up(call->arguments[i], lists, call->arena, &match))
            status = cli_fail(call, CLI_EXIT_USAGE, "'%.80s' is neither an address nor a domain",
                              call->arguments[i]);
        else if (options->json)
            write_match_json(&out, call->arguments[i], &match);
        else
            write_match(&out, call->arguments[i], &match);
    }
    return cli_print(call, &out) == CLI_EXIT_OK ? status : CLI_EXIT_USAGE;
}

/* --- how much there is ------------------------------------------------------------------------ */

static int run_stats(struct cli_call *call, const struct lists_operator *lists)
{
    const struct lists_options *options = call->options;
    struct buffer out;
    struct json json;
    size_t providers = 0;

    while (provider_at(providers) != NULL)
        providers++;
    buffer_init(&out, 0);
    json_init(&json, &out);
    if (options->json)
        json_object_begin(&json);
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        if (options->json)
            json_name_int(&json, builtin[i].name, (int64_t)lists_count(builtin[i].bit));
        else
            buffer_printf(&out, "%9zu  %-15s %s\n", lists_count(builtin[i].bit), builtin[i].name,
                          builtin[i].title);
    }
    if (options->json)
        json_name_int(&json, "providers", (int64_t)providers);
    else
        buffer_printf(&out, "%9zu  %-15s %s\n", providers, "providers",
                      "mail operators and server software with a profile");
    for (unsigned kind = 0; kind < LISTS_OPERATOR_KIND_COUNT; kind++) {
        const char *name = lists_operator_kind_name((enum lists_operator_kind)kind);
        size_t count = lists_operator_count(lists, (enum lists_operator_kind)kind);
        char key[64];

        snprintf(key, sizeof(key), "operator_%s", name);
        if (options->json)
            json_name_int(&json, key, (int64_t)count);
        else if (call->config->lists[kind].count > 0)
            buffer_printf(&out, "%9zu  %-15s your list, from %zu file%s\n", count, name,
                          call->config->lists[kind].count,
                          call->config->lists[kind].count == 1 ? "" : "s");
    }
    if (options->json) {
        json_object_end(&json);
        buffer_append_byte(&out, '\n');
    }
    return cli_print(call, &out);
}

static int run(struct cli_call *call)
{
    const char *word = call->argument_count > 0 ? call->arguments[0] : "stats";
    struct lists_operator *lists = NULL;
    struct error error;
    int status;

    if (strcmp(word, "provider") == 0 || strcmp(word, "providers") == 0)
        return run_provider(call);
    if (prober_load_lists(call->config, &lists, &error) < 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    if (strcmp(word, "lookup") == 0 || strcmp(word, "show") == 0)
        status = run_lookup(call, lists);
    else
        status = run_stats(call, lists);
    lists_operator_free(lists);
    return status;
}

static const struct config_option rows[] = {
    {.name = "json",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct lists_options, json),
     .command_line_only = true,
     .help = "JSON, one object a line."},
};

const struct cli_command cli_lists = {
    .name = "lists",
    .arguments = "[stats|lookup WHAT...|provider [WHAT...]]",
    .summary = "show what lists and provider profiles say",
    .details =
        "stats counts the entries of the built-in lists and of your own. lookup tells which of "
        "them "
        "an address or a domain is on. provider shows how a mail operator is treated and why, by "
        "its name, one of its domains or mail hosts; without a name it lists all.\n"
        "\n"
        "  mailknock lists lookup info@mailinator.com\n"
        "  mailknock lists provider gmail.com\n",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct lists_options),
    .uses_common = true,
    .common = "--allow|--opt-out|--block|--trap|--complaint|--listed|--disposable|--not-disposable|"
              "--config|--color",
    .arguments_max = SIZE_MAX,
    .words = "stats|lookup|show|provider|providers",
    .run = run,
};
