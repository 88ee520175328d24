#include "library/options.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

static const struct config_option own_options[] = {
    {
        .name = "evidence",
        .type = CONFIG_BOOL,
        .offset = offsetof(struct library_own_options, evidence),
        .fallback = "no",
        .help = "Results carry the DNS answers and the whole conversation.",
    },
};
static const struct config_table own_table = {own_options, ARRAY_LEN(own_options)};

/* Options of the program that mean nothing here: better an error than to be passed over. */
static const char *const foreign[] = {"config", "store", "color"};

mailknock_options *mailknock_options_new(void)
{
    mailknock_options *options = memory_zalloc(1, sizeof(*options));

    if (options == NULL)
        return NULL;
    arena_init(&options->arena);
    if (config_set_defaults(&config_common, &options->common, &options->arena) < 0 ||
        config_set_defaults(&own_table, &options->own, &options->arena) < 0) {
        mailknock_options_free(options);
        return NULL;
    }
    return options;
}

void mailknock_options_free(mailknock_options *options)
{
    if (options == NULL)
        return;
    arena_done(&options->arena);
    memory_free(options);
}

static const struct config_option *find(mailknock_options *options, const char *name,
                                        void **ret_values)
{
    const struct config_option *option = config_find(&own_table, slice_from_string(name));

    *ret_values = &options->own;
    if (option != NULL)
        return option;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (strcmp(foreign[i], name) == 0)
            return NULL;
    *ret_values = &options->common;
    return config_find(&config_common, slice_from_string(name));
}

int mailknock_options_set(mailknock_options *options, const char *name, const char *value,
                          mailknock_error *error)
{
    struct error inner = {0};
    void *values;
    const struct config_option *option;
    int code;

    if (name == NULL || value == NULL)
        return MAILKNOCK_USAGE;
    option = find(options, name, &values);
    if (option == NULL)
        code = error_set(&inner, ERROR_USAGE, "the library has no option '%.60s'", name);
    else
        code = config_set(option, slice_from_string(value), name, values, &options->arena, &inner);
    if (code < 0 && error != NULL) {
        error->code = code;
        memcpy(error->message, inner.message, sizeof(error->message));
    }
    return code;
}
