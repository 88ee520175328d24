/* Configuration files and the environment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "config/config.h"

#define NAMES_MAX 400 /* options of all targets together */
#define WHERE_MAX 320

/* Lists that this source has given already: the first value replaces what other sources gave. */
struct source {
    const struct config_target *targets;
    size_t target_count;
    struct arena *arena;
    struct error *error;
    bool seen[NAMES_MAX];
};

static int set_everywhere(struct source *source, struct slice name, struct slice value,
                          const char *where, bool *ret_known)
{
    size_t base = 0;

    *ret_known = false;
    for (size_t i = 0; i < source->target_count; i++) {
        const struct config_target *target = &source->targets[i];
        const struct config_option *option = config_find(target->table, name);
        int code;

        if (option != NULL && !option->command_line_only) {
            size_t row = base + (size_t)(option - target->table->options);

            *ret_known = true;
            CHECK(row < NAMES_MAX);
            if (target->values != NULL) {
                if (!source->seen[row])
                    config_list_clear(option, target->values);
                source->seen[row] = true;
                code =
                    config_set(option, value, where, target->values, source->arena, source->error);
                if (code < 0)
                    return code;
            }
        }
        base += target->table->count;
    }
    return 0;
}

/* --- the file -------------------------------------------------------------------------------- */

static int unknown_name(struct source *source, struct slice name, const char *file, unsigned line)
{
    const char *nearest = NULL;
    unsigned distance = 0;
    bool only_command_line = false;

    for (size_t i = 0; i < source->target_count; i++) {
        const struct config_table *table = source->targets[i].table;

        for (size_t k = 0; k < table->count; k++) {
            if (!table->options[k].command_line_only)
                config_nearer(name, table->options[k].name, &nearest, &distance);
            else if (slice_equal(name, slice_from_string(table->options[k].name)))
                only_command_line = true;
        }
    }
    name = slice_prefix(name, 60);
    if (only_command_line)
        return error_set(source->error, ERROR_USAGE,
                         "%s, line %u: '%.*s' can only be given on the command line", file, line,
                         SLICE_ARG(name));
    if (nearest != NULL)
        return error_set(source->error, ERROR_USAGE,
                         "%s, line %u: there is no option '%.*s'; did you mean '%s'?", file, line,
                         SLICE_ARG(name), nearest);
    return error_set(source->error, ERROR_USAGE,
                     "%s, line %u: there is no option '%.*s' (mailknock config default lists all)",
                     file, line, SLICE_ARG(name));
}

/* "..." with \" and \\; nothing but a comment may follow. False when it is not well formed. */
static bool unquote(struct slice text, char *out, size_t *ret_len)
{
    size_t at = 1, len = 0;

    while (at < text.len && text.ptr[at] != '"') {
        if (text.ptr[at] == '\\' && at + 1 < text.len)
            at++;
        out[len++] = text.ptr[at++];
    }
    if (at >= text.len)
        return false;
    text = slice_trim(slice_from_offset(text, at + 1));
    *ret_len = len;
    return text.len == 0 || text.ptr[0] == '#';
}

/* Cut off a comment: "#" at the start or after a blank. */
static struct slice without_comment(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '#' && (i == 0 || ascii_is_space(text.ptr[i - 1])))
            return slice_trim(slice_prefix(text, i));
    return text;
}

static int read_line(struct source *source, struct slice text, const char *file, unsigned line)
{
    char where[WHERE_MAX];
    struct slice name, value;
    ptrdiff_t equals;
    size_t len;
    bool known;
    int code;

    text = slice_trim(text);
    if (text.len == 0 || text.ptr[0] == '#')
        return 0;
    equals = slice_find_byte(text, '=');
    if (equals < 0)
        return error_set(source->error, ERROR_USAGE, "%s, line %u: write it as 'name = value'",
                         file, line);
    name = slice_trim(slice_prefix(text, (size_t)equals));
    value = slice_trim(slice_from_offset(text, (size_t)equals + 1));
    if (value.len > 0 && value.ptr[0] == '"') {
        char *copy = arena_alloc(source->arena, value.len);

        if (copy == NULL)
            return error_set(source->error, ERROR_NOMEM, "%s: out of memory", file);
        if (!unquote(value, copy, &len))
            return error_set(source->error, ERROR_USAGE,
                             "%s, line %u: the quoted value does not end, or something follows it",
                             file, line);
        value = slice_from(copy, len);
    } else {
        value = without_comment(value);
    }
    snprintf(where, sizeof(where), "%s, line %u: %.*s", file, line,
             SLICE_ARG(slice_prefix(name, 60)));
    code = set_everywhere(source, name, value, where, &known);
    if (code == 0 && !known)
        code = unknown_name(source, name, file, line);
    return code;
}

int config_read_text(struct slice text, const char *name, const struct config_target *targets,
                     size_t target_count, struct arena *arena, struct error *error)
{
    struct source source = {
        .targets = targets,
        .target_count = target_count,
        .arena = arena,
        .error = error,
    };
    struct slice line;

    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_from_offset(text, 3);
    for (unsigned number = 1; slice_split(&text, '\n', &line); number++) {
        int code = read_line(&source, line, name, number);

        if (code < 0)
            return code;
    }
    return 0;
}

/* The whole file on the arena. */
static int read_bytes(const char *path, struct arena *arena, struct slice *ret_text,
                      struct error *error)
{
    FILE *file = fopen(path, "rb");
    char *bytes = memory_alloc(CONFIG_FILE_MAX + 1);
    size_t len = 0;
    int code;

    if (file == NULL) {
        code = error_set(error, ERROR_USAGE, "can't read %.200s: %s", path, strerror(errno));
        goto done;
    }
    if (bytes == NULL) {
        code = error_set(error, ERROR_NOMEM, "%.200s: out of memory", path);
        goto done;
    }
    len = fread(bytes, 1, CONFIG_FILE_MAX + 1, file);
    if (ferror(file)) {
        code = error_set(error, ERROR_USAGE, "can't read %.200s: %s", path, strerror(errno));
        goto done;
    }
    if (len > CONFIG_FILE_MAX) {
        code = error_set(error, ERROR_USAGE, "%.200s is larger than 1 MB: no configuration file",
                         path);
        goto done;
    }
    *ret_text = arena_slice(arena, slice_from(bytes, len));
    code = ret_text->ptr != NULL ? 0 : error_set(error, ERROR_NOMEM, "%.200s: out of memory", path);
done:
    memory_free(bytes);
    if (file != NULL)
        fclose(file);
    return code;
}

/* --- the environment ------------------------------------------------------------------------- */

/* One variable holds a whole list, blanks between. */
static int set_from_variable(struct source *source, const struct config_option *option,
                             const char *variable, const char *text)
{
    struct slice rest = slice_from_string(text), name = slice_from_string(option->name);
    bool known;

    if (option->type != CONFIG_LIST)
        return set_everywhere(source, name, rest, variable, &known);
    for (struct slice part; slice_split(&rest, ' ', &part);) {
        int code = part.len > 0 ? set_everywhere(source, name, part, variable, &known) : 0;

        if (code < 0)
            return code;
    }
    return 0;
}

static int read_environment(const struct config_target *targets, size_t target_count,
                            struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < target_count; i++) {
        const struct config_target *target = &targets[i];
        struct source source = {target, 1, arena, error, {false}};

        for (size_t k = 0; target->values != NULL && k < target->table->count; k++) {
            const struct config_option *option = &target->table->options[k];
            char variable[CONFIG_ENVIRONMENT_NAME_SIZE];
            const char *text = getenv(config_environment_name(option, variable));
            int code;

            if (option->command_line_only || text == NULL || text[0] == '\0')
                continue;
            code = set_from_variable(&source, option, variable, text);
            if (code < 0)
                return code;
        }
    }
    return 0;
}

int config_load(const struct config_target *targets, size_t target_count, const char *file,
                struct arena *arena, const char **ret_file, struct error *error)
{
    struct slice text = {0};
    int code;

    if (file == NULL)
        file = getenv("MAILKNOCK_CONFIG");
    if (file != NULL && file[0] == '\0')
        file = NULL;
    if (file == NULL) {
        FILE *probe = fopen(CONFIG_DEFAULT_FILE, "rb");

        /* There, but not for us: say so rather than go on without what the operator set. */
        if (probe != NULL || errno == EACCES)
            file = CONFIG_DEFAULT_FILE;
        if (probe != NULL)
            fclose(probe);
    }
    if (file != NULL) {
        code = read_bytes(file, arena, &text, error);
        if (code == 0)
            code = config_read_text(text, file, targets, target_count, arena, error);
        if (code < 0)
            return code;
    }
    code = read_environment(targets, target_count, arena, error);
    if (code == 0 && ret_file != NULL) {
        *ret_file = NULL;
        if (file != NULL && (*ret_file = arena_string(arena, slice_from_string(file))) == NULL)
            return error_set(error, ERROR_NOMEM, "out of memory");
    }
    return code;
}
