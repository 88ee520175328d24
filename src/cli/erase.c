/*
 * `mailknock erase`: one person's address out of everything that is kept here: the service's store
 * and the history file.
 */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/place.h"
#include "cli/view.h"
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

struct erase {
    struct cli_call *call;
    uint64_t rows;
    unsigned records;
    struct buffer lists, places; /* JSON, comma separated */
};

/* In the service's log, as POST /v1/erase notes it: that it was done, not whom it was about. */
static int note(const struct service_erasure *erasure, struct error *error)
{
    char hash[SERVICE_KEY_HASH_SIZE], subject[SERVICE_KEY_HASH_SIZE + 16];

    service_hash(erasure->key, hash);
    snprintf(subject, sizeof(subject), "address %.12s", hash);
    return service_audit_note(erasure->store, unix_ms_now(), "erased", SERVICE_AUDIT_COMMAND_LINE,
                              subject, error);
}

static void add_up(struct erase *erase, const struct service_erasure *erasure, const char *url)
{
    struct json json;

    erase->rows += erasure->rows;
    erase->records += erasure->records;
    if (erase->lists.len > 0 && erasure->lists.len > 0)
        buffer_append_byte(&erase->lists, ',');
    buffer_append_slice(&erase->lists, buffer_slice(&erasure->lists));
    if (erase->places.len > 0)
        buffer_append_byte(&erase->places, ',');
    json_init(&json, &erase->places);
    json_cstring(&json, url);
}

static int erase_in(struct erase *erase, const char *url, bool is_service, struct error *error)
{
    struct slice address = slice_from_string(erase->call->arguments[0]);
    struct service_erasure erasure = {0};
    struct store *store = NULL;
    int code = store_open(url, STORE_MODE_EXISTING, &store, error);

    if (code == 0)
        code = service_erasure_open(&erasure, store, NULL, address, error);
    if (code == 0) {
        do
            code = service_erasure_step(&erasure, error);
        while (code == 1);
    }
    if (code == 0 && is_service)
        code = note(&erasure, error);
    if (code == 0)
        add_up(erase, &erasure, url);
    service_erasure_close(&erasure);
    store_close(store);
    return code;
}

static int say(const struct erase *erase)
{
    struct cli_call *call = erase->call;
    struct buffer out;
    int status;

    buffer_init(&out, 0);
    buffer_printf(&out, "{\"rows\":%ju,\"records\":%u,\"lists\":[%.*s],\"places\":[%.*s]}\n",
                  (uintmax_t)erase->rows, erase->records, SLICE_ARG(buffer_slice(&erase->lists)),
                  SLICE_ARG(buffer_slice(&erase->places)));
    out.failed |= erase->lists.failed || erase->places.failed;
    status = cli_print(call, &out);
    if (erase->rows > 0)
        fprintf(call->err, "The files of these lists still hold it as they were uploaded; "
                           "remove the lists to erase those too.\n");
    return status;
}

/*
 * Where the service keeps things, and where the history file is. One that is not there holds
 * nobody, unless it was named for this or is the only place.
 */
static int run(struct cli_call *call)
{
    const struct erase_options *options = call->options;
    const char *url = cli_place_service(call, cli_place_folder(options->data));
    const char *history = call->config->history_file;
    struct erase erase = {.call = call};
    struct error error = {0};
    int code, status;

    if (url == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    buffer_init(&erase.lists, 0);
    buffer_init(&erase.places, 0);
    code = erase_in(&erase, url, true, &error);
    if (code == ERROR_NOT_FOUND && options->data == NULL && call->config->store == NULL &&
        history != NULL)
        code = 0;
    if (code == 0 && history != NULL && !cli_place_is_same(history, url)) {
        code = erase_in(&erase, history, false, &error);
        if (code == ERROR_NOT_FOUND && erase.places.len > 0)
            code = 0;
    }
    status = code == 0 ? say(&erase) : cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    buffer_done(&erase.lists);
    buffer_done(&erase.places);
    return status;
}

static const struct config_option rows[] = {
    {.name = "data",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct erase_options, data),
     .value_name = "FOLDER",
     .group = "Erasing",
     .help = "The service's folder, where its store is unless --store names another. Default: "
             "$STATE_DIRECTORY, else ./mailknock-data."},
};

const struct cli_command cli_erase = {
    .name = "erase",
    .arguments = "ADDRESS",
    .summary = "erase one address from lists and history",
    .details = "Takes the address, in every spelling of its mailbox, and what its results say out "
               "of all lists and of what is remembered, in the service's store and in the history "
               "file where one is named; counts stay. Says in which places, and which lists' files "
               "still hold it. A service that runs keeps single results in memory for a while: "
               "POST /v1/erase drops those too.\n"
               "\n"
               "  mailknock erase person@example.org --data /var/lib/mailknock\n",
    .own = {rows, sizeof(rows) / sizeof(rows[0])},
    .options_size = sizeof(struct erase_options),
    .uses_common = true,
    .common = "--history-file|--config|--store|--color",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
