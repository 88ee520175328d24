/* Configuration files: any bytes; what is set can be shown and read again. */
#include "base/check.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void shown_reads_again(const struct config *config, struct arena *arena)
{
    for (size_t i = 0; i < config_common.count; i++) {
        const struct config_option *option = &config_common.options[i];
        struct config again = {0};
        const struct config_target target = {&config_common, &again};
        struct buffer line;
        struct error error;

        if (option->command_line_only)
            continue;
        buffer_init(&line, 0);
        buffer_printf(&line, "%s = ", option->name);
        if (config_format_value(option, config, 0, &line) &&
            slice_find(buffer_slice(&line), SLICE("(secret)")) < 0)
            CHECK(config_read_text(buffer_slice(&line), "again", &target, 1, arena, &error) == 0);
        buffer_done(&line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = {0};
    const struct config_target target = {&config_common, &config};
    struct arena arena;
    struct error error = {0};
    int code;

    arena_init(&arena);
    CHECK(config_set_defaults(&config_common, &config, &arena) == 0);
    code =
        config_read_text(slice_from((const char *)data, size), "fuzz", &target, 1, &arena, &error);
    CHECK(code == 0 || (code == ERROR_USAGE && error.message[0] != '\0'));
    shown_reads_again(&config, &arena);
    arena_done(&arena);
    return 0;
}
