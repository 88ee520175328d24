/*
 * `mailknock completion bash|zsh|fish`: scripts for shells, made from the tables.
 */
#include <string.h>

#include "base/check.h"
#include "cli/command.h"

/* Every option that a command takes: its own, then the common ones that it does not redefine. */
static const struct config_option *option_of(const struct cli_command *command, size_t index)
{
    if (index < command->own.count)
        return &command->own.options[index];
    index -= command->own.count;
    return command->uses_common && index < config_common.count ? &config_common.options[index]
                                                               : NULL;
}

static bool is_hidden(const struct cli_command *command, const struct config_option *option)
{
    const struct config_option *own = config_find(&command->own, slice_from_string(option->name));

    if (own != NULL)
        return own != option;
    return !cli_command_shows(command, (size_t)(option - config_common.options));
}

static bool is_on(const struct config_option *option)
{
    return option->type == CONFIG_BOOL && option->fallback != NULL && option->fallback[0] == 'y';
}

/* "a|b" as "a b". */
static void words(struct buffer *out, const char *choices)
{
    for (; *choices != '\0'; choices++)
        buffer_append_byte(out, *choices == '|' ? ' ' : *choices);
}

/* --- bash ------------------------------------------------------------------------------------- */

static void bash_values(struct buffer *out, const struct cli_command *command)
{
    const struct config_option *option;

    for (size_t i = 0; (option = option_of(command, i)) != NULL; i++) {
        if (is_hidden(command, option) || option->type == CONFIG_BOOL)
            continue;
        buffer_printf(out, "        '%s --%s'", command->name, option->name);
        if (option->letter != '\0')
            buffer_printf(out, "|'%s -%c'", command->name, option->letter);
        buffer_append_string(out, ") ");
        if (option->choices != NULL) {
            buffer_append_string(out, "COMPREPLY=($(compgen -W '");
            words(out, option->choices);
            buffer_append_string(out, "' -- \"$word\")) ;;\n");
        } else if (option->is_path) {
            buffer_append_string(out, "_mailknock_files ;;\n");
        } else {
            buffer_append_string(out, ";;\n");
        }
    }
}

static void bash_options(struct buffer *out, const struct cli_command *command)
{
    const struct config_option *option;

    buffer_printf(out, "        %s) options='--help", command->name);
    for (size_t i = 0; (option = option_of(command, i)) != NULL; i++) {
        if (is_hidden(command, option))
            continue;
        buffer_printf(out, " --%s%s", is_on(option) ? "no-" : "", option->name);
        if (option->letter != '\0')
            buffer_printf(out, " -%c", option->letter);
    }
    buffer_append_string(out, "' words='");
    if (command->words != NULL)
        words(out, command->words);
    buffer_append_string(out, "' ;;\n");
}

static void write_bash(struct buffer *out)
{
    const struct cli_command *command;

    buffer_append_string(out, "# bash completion of mailknock; made by: mailknock completion bash\n"
                              "_mailknock_files() {\n"
                              "    compopt -o filenames 2>/dev/null\n"
                              "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
                              "}\n"
                              "_mailknock() {\n"
                              "    local word=${COMP_WORDS[COMP_CWORD]} options='' words=''\n"
                              "    local before=${COMP_WORDS[COMP_CWORD-1]}\n"
                              "    COMPREPLY=()\n"
                              "    if ((COMP_CWORD == 1)); then\n"
                              "        COMPREPLY=($(compgen -W '--help --version help");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
        buffer_printf(out, " %s", command->name);
    buffer_append_string(out, "' -- \"$word\"))\n"
                              "        return\n"
                              "    fi\n"
                              "    # bash takes --name=value apart at the \"=\".\n"
                              "    if [[ $word == '=' ]]; then\n"
                              "        word=''\n"
                              "    elif [[ $before == '=' ]] && ((COMP_CWORD > 2)); then\n"
                              "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
                              "    fi\n"
                              "    case \"${COMP_WORDS[1]} $before\" in\n");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
        bash_values(out, command);
    buffer_append_string(out, "        *) before='' ;;\n"
                              "    esac\n"
                              "    [[ -n $before ]] && return\n"
                              "    case \"${COMP_WORDS[1]}\" in\n");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
        bash_options(out, command);
    buffer_append_string(out, "    esac\n"
                              "    if [[ $word == -* ]]; then\n"
                              "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                              "    elif [[ -n $words ]] && ((COMP_CWORD == 2)); then\n"
                              "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                              "    else\n"
                              "        _mailknock_files\n"
                              "    fi\n"
                              "}\n"
                              "complete -F _mailknock mailknock\n");
}

/* --- zsh -------------------------------------------------------------------------------------- */

/* Inside '...' and inside [...] of an _arguments specification. */
static void zsh_text(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buffer_append_string(out, "'\\''");
        else if (strchr("[]:\\", *text) != NULL)
            buffer_printf(out, "\\%c", *text);
        else
            buffer_append_byte(out, *text);
    }
}

static void zsh_option(struct buffer *out, const struct config_option *option)
{
    const char *repeat = option->type == CONFIG_LIST ? "*" : "";

    buffer_printf(out, "            '%s--%s%s%s[", repeat, is_on(option) ? "no-" : "", option->name,
                  option->type == CONFIG_BOOL ? "" : "=");
    zsh_text(out, option->help);
    buffer_append_byte(out, ']');
    if (option->type != CONFIG_BOOL) {
        buffer_append_byte(out, ':');
        zsh_text(out, option->value_name != NULL ? option->value_name : "value");
        buffer_append_byte(out, ':');
        if (option->choices != NULL) {
            buffer_append_byte(out, '(');
            words(out, option->choices);
            buffer_append_byte(out, ')');
        } else if (option->is_path) {
            buffer_append_string(out, "_files");
        }
    }
    buffer_append_string(out, "' \\\n");
    if (option->letter != '\0')
        buffer_printf(out, "            '%s-%c[short for --%s]%s' \\\n", repeat, option->letter,
                      option->name, option->type == CONFIG_BOOL ? "" : ":value:_files");
}

static void zsh_command(struct buffer *out, const struct cli_command *command)
{
    const struct config_option *option;

    buffer_printf(out, "    %s)\n        _arguments \\\n            '--help[show help]' \\\n",
                  command->name);
    for (size_t i = 0; (option = option_of(command, i)) != NULL; i++)
        if (!is_hidden(command, option))
            zsh_option(out, option);
    if (command->words != NULL) {
        buffer_append_string(out, "            '1:what:(");
        words(out, command->words);
        buffer_append_string(out, ")' \\\n");
    }
    buffer_append_string(out, "            '*:argument:_files' ;;\n");
}

static void write_zsh(struct buffer *out)
{
    const struct cli_command *command;

    buffer_append_string(out, "#compdef mailknock\n"
                              "# zsh completion of mailknock; made by: mailknock completion zsh\n"
                              "if ((CURRENT == 2)); then\n"
                              "    local -a commands\n"
                              "    commands=(\n");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        buffer_printf(out, "        '%s:", command->name);
        zsh_text(out, command->summary);
        buffer_append_string(out, "'\n");
    }
    buffer_append_string(out, "    )\n"
                              "    _describe 'command' commands\n"
                              "    return\n"
                              "fi\n"
                              "local command=${words[2]}\n"
                              "shift words\n"
                              "((CURRENT--))\n"
                              "case $command in\n");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
        zsh_command(out, command);
    buffer_append_string(out, "    *) _files ;;\n"
                              "esac\n");
}

/* --- fish ------------------------------------------------------------------------------------- */

/* Inside '...', where fish knows the escapes \\ and \' only. */
static void fish_text(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            buffer_append_byte(out, '\\');
        buffer_append_byte(out, *text);
    }
}

static void fish_option(struct buffer *out, const struct cli_command *command,
                        const struct config_option *option)
{
    buffer_printf(out, "complete -c mailknock -n '__fish_seen_subcommand_from %s' -l %s%s",
                  command->name, is_on(option) ? "no-" : "", option->name);
    if (option->letter != '\0')
        buffer_printf(out, " -s %c", option->letter);
    if (option->choices != NULL) {
        buffer_append_string(out, " -x -a '");
        words(out, option->choices);
        buffer_append_byte(out, '\'');
    } else if (option->type != CONFIG_BOOL) {
        buffer_append_string(out, option->is_path ? " -r -F" : " -x");
    }
    buffer_append_string(out, " -d '");
    fish_text(out, option->help);
    buffer_append_string(out, "'\n");
}

static void write_fish(struct buffer *out)
{
    const struct cli_command *command;
    const struct config_option *option;

    buffer_append_string(out, "# fish completion of mailknock; made by: mailknock completion fish\n"
                              "complete -c mailknock -l help -d 'show help'\n"
                              "complete -c mailknock -n __fish_use_subcommand -l version -d 'show "
                              "the version'\n");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        buffer_printf(out, "complete -c mailknock -n __fish_use_subcommand -f -a %s -d '",
                      command->name);
        fish_text(out, command->summary);
        buffer_append_string(out, "'\n");
        if (command->words != NULL) {
            buffer_printf(out, "complete -c mailknock -n '__fish_seen_subcommand_from %s' -a '",
                          command->name);
            words(out, command->words);
            buffer_append_string(out, "'\n");
        }
        for (size_t k = 0; (option = option_of(command, k)) != NULL; k++)
            if (!is_hidden(command, option))
                fish_option(out, command, option);
    }
}

static int run(struct cli_call *call)
{
    struct buffer out;

    buffer_init(&out, 0);
    if (strcmp(call->arguments[0], "bash") == 0)
        write_bash(&out);
    else if (strcmp(call->arguments[0], "zsh") == 0)
        write_zsh(&out);
    else
        write_fish(&out);
    return cli_print(call, &out);
}

const struct cli_command cli_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "print a script that completes command lines",
    .details = "  source <(mailknock completion bash)\n"
               "  mailknock completion zsh > ~/.zfunc/_mailknock\n"
               "  mailknock completion fish > ~/.config/fish/completions/mailknock.fish\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .words = "bash|zsh|fish",
    .run = run,
};
