#include "cli/arguments.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"

struct parse {
    const struct cli_command *command;
    int count, at;
    char **words;
    struct arena *arena;
    struct cli_arguments *ret;
    struct error *error;
};

/* The command's own options first: they may have a common one's name. */
static const struct config_option *find(const struct parse *parse, struct slice name,
                                        bool *ret_is_common)
{
    const struct config_option *option = config_find(&parse->command->own, name);

    *ret_is_common = option == NULL;
    if (option == NULL && parse->command->uses_common)
        option = config_find(&config_common, name);
    return option;
}

static int unknown(const struct parse *parse, struct slice name)
{
    const struct config_table *tables[] = {&parse->command->own,
                                           parse->command->uses_common ? &config_common : NULL};
    const char *nearest = NULL;
    unsigned distance = 0;

    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        for (size_t k = 0; tables[i] != NULL && k < tables[i]->count; k++)
            config_nearer(name, tables[i]->options[k].name, &nearest, &distance);
    config_nearer(name, "help", &nearest, &distance);
    name = slice_prefix(name, 60);
    if (nearest != NULL)
        return error_set(parse->error, ERROR_USAGE, "there is no option --%.*s; did you mean --%s?",
                         SLICE_ARG(name), nearest);
    return error_set(parse->error, ERROR_USAGE,
                     "there is no option --%.*s (mailknock %s --help lists all)", SLICE_ARG(name),
                     parse->command->name);
}

static void add(struct parse *parse, const struct config_option *option, bool is_common,
                const char *where, struct slice value)
{
    parse->ret->settings[parse->ret->setting_count++] = (struct cli_setting){
        .option = option,
        .is_common = is_common,
        .where = where,
        .value = value,
    };
}

/* The value of an option that needs one: what stood behind "=", or the next word. */
static int add_with_value(struct parse *parse, const struct config_option *option, bool is_common,
                          const char *where, const char *value)
{
    if (value == NULL) {
        if (parse->at >= parse->count)
            return error_set(parse->error, ERROR_USAGE, "%s wants a value: %s %s", where, where,
                             option->value_name != NULL ? option->value_name : "VALUE");
        value = parse->words[parse->at++];
    }
    add(parse, option, is_common, where, slice_from_string(value));
    return 0;
}

static int parse_long(struct parse *parse, const char *word)
{
    const char *equals = strchr(word, '=');
    struct slice name = {word + 2, equals != NULL ? (size_t)(equals - word - 2) : strlen(word + 2)};
    bool is_common, is_no = false;
    const struct config_option *option = find(parse, name, &is_common);
    const char *where;

    if (option == NULL && slice_starts_with(name, SLICE("no-"))) {
        option = find(parse, slice_from_offset(name, 3), &is_common);
        is_no = option != NULL && option->type == CONFIG_BOOL;
        if (!is_no)
            option = NULL;
    }
    if (option == NULL && slice_equal(name, SLICE("help"))) {
        parse->ret->wants_help = true;
        return 0;
    }
    if (option == NULL)
        return unknown(parse, name);
    where = arena_printf(parse->arena, "--%.*s", SLICE_ARG(name));
    if (where == NULL)
        return error_set(parse->error, ERROR_NOMEM, "out of memory");
    if (is_no && equals != NULL)
        return error_set(parse->error, ERROR_USAGE, "%s takes no value", where);
    if (option->type != CONFIG_BOOL)
        return add_with_value(parse, option, is_common, where, equals != NULL ? equals + 1 : NULL);
    add(parse, option, is_common, where,
        equals != NULL ? slice_from_string(equals + 1)
        : is_no        ? SLICE("no")
                       : SLICE("yes"));
    return 0;
}

static int parse_letter(struct parse *parse, const char *word)
{
    const struct config_option *option = config_find_letter(&parse->command->own, word[1]);
    bool is_common = option == NULL;
    const char *where = arena_printf(parse->arena, "-%c", word[1]);

    if (where == NULL)
        return error_set(parse->error, ERROR_NOMEM, "out of memory");
    if (option == NULL && parse->command->uses_common)
        option = config_find_letter(&config_common, word[1]);
    if (option == NULL && strcmp(word, "-h") == 0) {
        parse->ret->wants_help = true;
        return 0;
    }
    if (option == NULL)
        return error_set(parse->error, ERROR_USAGE,
                         "there is no option %.40s (mailknock %s --help lists all)", word,
                         parse->command->name);
    if (option->type != CONFIG_BOOL)
        return add_with_value(parse, option, is_common, where, word[2] != '\0' ? word + 2 : NULL);
    if (word[2] != '\0')
        return error_set(parse->error, ERROR_USAGE, "%s takes no value; write options one by one",
                         where);
    add(parse, option, is_common, where, SLICE("yes"));
    return 0;
}

int cli_arguments_parse(const struct cli_command *command, int count, char **words,
                        struct arena *arena, struct cli_arguments *ret, struct error *error)
{
    struct parse parse = {command, count, 0, words, arena, ret, error};
    int code = 0;

    *ret = (struct cli_arguments){
        .settings = arena_array(arena, (size_t)count + 1, sizeof(*ret->settings)),
        .plain = arena_array(arena, (size_t)count + 1, sizeof(*ret->plain)),
    };
    if (ret->settings == NULL || ret->plain == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    while (code == 0 && parse.at < count) {
        char *word = words[parse.at++];

        if (strcmp(word, "--") == 0) {
            while (parse.at < count)
                ret->plain[ret->plain_count++] = words[parse.at++];
        } else if (strncmp(word, "--", 2) == 0) {
            code = parse_long(&parse, word);
        } else if (word[0] == '-' && word[1] != '\0') {
            code = parse_letter(&parse, word);
        } else {
            ret->plain[ret->plain_count++] = word;
        }
    }
    return code;
}

/* The first of a list's values on the command line replaces what file and environment gave. */
static bool is_first(const struct cli_arguments *arguments, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (arguments->settings[i].option == arguments->settings[index].option)
            return false;
    return true;
}

int cli_arguments_apply(const struct cli_arguments *arguments, struct config *config, void *own,
                        struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        const struct cli_setting *setting = &arguments->settings[i];
        void *values = setting->is_common ? (void *)config : own;
        int code;

        if (is_first(arguments, i))
            config_list_clear(setting->option, values);
        code = config_set(setting->option, setting->value, setting->where, values, arena, error);
        if (code < 0)
            return code;
    }
    return 0;
}

void cli_arguments_hide(const struct cli_arguments *arguments)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        const struct cli_setting *setting = &arguments->settings[i];
        struct slice secret = config_secret_part(setting->option, setting->value);

        /* Words of argv, which are ours to change (C17 5.1.2.2.1). */
        if (setting->option->type != CONFIG_BOOL && secret.len > 0)
            memset((char *)(uintptr_t)secret.ptr, 'x', secret.len);
    }
}
