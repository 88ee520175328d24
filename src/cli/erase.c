/*
 * `mailknock erase`: one person's address out of a service's database, where it lies.
 */
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/place.h"
#include "service/audit.h"
#include "service/erasure.h"
#include "service/key.h"

struct erase_options {
    const char *data;
};

static int64_t unix_ms_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int erase(struct service_erasure *erasure, struct error *error)
{
    char hash[SERVICE_KEY_HASH_SIZE], subject[SERVICE_KEY_HASH_SIZE + 16];
    int code;

    do
        code = service_erasure_step(erasure, error);
    while (code == 1);
    if (code != 0)
        return code;
    service_hash(erasure->key, hash);
    snprintf(subject, sizeof(subject), "address %.12s", hash);
    return service_audit_note(erasure->store, unix_ms_now(), "erased", SERVICE_AUDIT_COMMAND_LINE,
                              subject, error);
}

static int run(struct cli_call *call)
{
    const struct erase_options *options = call->options;
    const char *url = cli_place(call, options->data);
    struct service_erasure erasure = {0};
    struct store *store = NULL;
    struct error error = {0};
    int code;

    if (url == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    code = store_open(url, STORE_MODE_EXISTING, &store, &error);
    if (code == 0)
        code = service_erasure_open(&erasure, store, NULL, slice_from_string(call->arguments[0]),
                                    &error);
    if (code == 0)
        code = erase(&erasure, &error);
    if (code == 0) {
        fprintf(call->out, "{\"rows\":%ju,\"records\":%u,\"lists\":[%.*s]}\n",
                (uintmax_t)erasure.rows, erasure.records, SLICE_ARG(buffer_slice(&erasure.lists)));
        if (erasure.rows > 0)
            fprintf(call->err, "The files of these lists still hold it as they were uploaded; "
                               "remove the lists to erase those too.\n");
    }
    service_erasure_close(&erasure);
    store_close(store);
    return code == 0 ? CLI_EXIT_OK : cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
}

static const struct config_option rows[] = {
    {.name = "data",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct erase_options, data),
     .value_name = "FOLDER",
     .group = "Erasing",
     .help = "The service's folder. Default: $STATE_DIRECTORY, else ./mailknock-data."},
};

const struct cli_command cli_erase = {
    .name = "erase",
    .arguments = "ADDRESS",
    .summary = "erase one address from all lists of a service",
    .details = "Takes the address, in every spelling of its mailbox, and what its results say out "
               "of all lists and of the history; counts stay. Says which lists' files still hold "
               "it. A service that "
               "runs keeps single results in memory for a while: POST /v1/erase drops those too.\n"
               "\n"
               "  mailknock erase person@example.org --data /var/lib/mailknock\n",
    .own = {rows, sizeof(rows) / sizeof(rows[0])},
    .options_size = sizeof(struct erase_options),
    .uses_common = true,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
