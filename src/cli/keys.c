/*
 * `mailknock keys`: API keys of a service, made and taken away where the database lies.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/instant.h"
#include "cli/command.h"
#include "cli/place.h"
#include "service/audit.h"
#include "service/key.h"
#include "service/route.h"
#include "store/store.h"

struct keys_options {
    const char *data, *scopes;
    uint64_t per_minute;
};

static int64_t unix_ms_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For GET /v1/audit. What was done stays done when it can't be noted, but that is said. */
static int note(struct cli_call *call, struct service_keys *keys, const char *event, uint64_t id)
{
    struct error error = {0};
    char subject[32];

    snprintf(subject, sizeof(subject), "key %ju", (uintmax_t)id);
    return service_audit_note(keys->store, unix_ms_now(), event, SERVICE_AUDIT_COMMAND_LINE,
                              subject, &error) == 0
               ? CLI_EXIT_OK
               : cli_fail(call, CLI_EXIT_USAGE, "it is done, but not in the audit log: %s",
                          error.message);
}

static int add(struct cli_call *call, struct service_keys *keys)
{
    const struct keys_options *options = call->options;
    unsigned scopes = service_scopes_parse(slice_from_string(options->scopes));
    const struct service_key *key;
    char secret[SERVICE_KEY_SIZE];
    struct error error = {0};

    if (call->argument_count != 2)
        return cli_fail(call, CLI_EXIT_USAGE, "say the new key's name: mailknock keys add NAME");
    if (scopes == 0)
        return cli_fail(call, CLI_EXIT_USAGE,
                        "--scopes takes verify, lists and admin, separated by commas");
    if (service_key_make(keys, call->arguments[1], scopes, (uint32_t)options->per_minute,
                         unix_ms_now(), secret, &key, &error) != 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    fprintf(call->out, "%s\n", secret);
    fprintf(call->err, "Key %ju; it is shown this once.\n", (uintmax_t)key->id);
    return note(call, keys, "key_made", key->id);
}

static int list(struct cli_call *call, struct service_keys *keys)
{
    char text[INSTANT_TEXT_SIZE];

    fprintf(call->out, "id\tname\tscopes\tper_minute\tuses\tcreated\n");
    for (struct list_node *node = list_first(&keys->list); node != NULL;
         node = list_after(&keys->list, node)) {
        const struct service_key *key = LIST_ELEMENT(node, struct service_key, node);
        const char *comma = "";

        fprintf(call->out, "%ju\t%s\t", (uintmax_t)key->id, key->name);
        for (unsigned bit = 1; bit < SERVICE_SCOPE_ALL; bit <<= 1) {
            if ((key->scopes & bit) == 0)
                continue;
            fprintf(call->out, "%s%s", comma, service_scope_name((enum service_scope)bit));
            comma = ",";
        }
        fprintf(call->out, "\t%u\t%ju\t%s\n", key->rate.per_minute, (uintmax_t)key->uses,
                instant_format(key->created_unix_ms, text));
    }
    return CLI_EXIT_OK;
}

static int take_away(struct cli_call *call, struct service_keys *keys)
{
    struct error error = {0};
    uint64_t id;

    if (call->argument_count != 2 ||
        !slice_to_u64(slice_from_string(call->arguments[1]), UINT64_MAX, &id))
        return cli_fail(call, CLI_EXIT_USAGE, "say the key's id: mailknock keys remove ID");
    if (service_key_remove(keys, id, &error) != 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    return note(call, keys, "key_removed", id);
}

static int run(struct cli_call *call)
{
    static const struct {
        const char *name;
        int (*run)(struct cli_call *call, struct service_keys *keys);
    } words[] = {{"add", add}, {"list", list}, {"remove", take_away}};
    const struct keys_options *options = call->options;
    const char *folder = cli_place_folder(options->data);
    struct service_keys keys;
    struct store *store;
    struct error error = {0};
    int status = CLI_EXIT_USAGE;

    if (cli_place_open(call, folder, STORE_MODE_EXISTING, &store, &error) != 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    if (service_keys_open(&keys, store, &error) != 0) {
        status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    } else {
        size_t i = 0;

        while (i < sizeof(words) / sizeof(words[0]) &&
               strcmp(words[i].name, call->arguments[0]) != 0)
            i++;
        status = i < sizeof(words) / sizeof(words[0])
                     ? words[i].run(call, &keys)
                     : cli_fail(call, CLI_EXIT_USAGE, "keys knows add, list and remove, not \"%s\"",
                                call->arguments[0]);
        service_keys_close(&keys);
    }
    store_close(store);
    return status;
}

#define AT(member) .offset = offsetof(struct keys_options, member)

static const struct config_option rows[] = {
    {.name = "data",
     .type = CONFIG_TEXT,
     AT(data),
     .value_name = "FOLDER",
     .group = "Keys",
     .help = "The service's folder, where its store is unless --store names another. Default: "
             "$STATE_DIRECTORY, else ./mailknock-data."},
    {.name = "scopes",
     .type = CONFIG_TEXT,
     AT(scopes),
     .value_name = "SCOPES",
     .fallback = "verify,lists",
     .group = "Keys",
     .command_line_only = true,
     .help = "What the new key may do: verify (single addresses), lists, admin."},
    {.name = "per-minute",
     .type = CONFIG_NUMBER,
     AT(per_minute),
     .value_name = "N",
     .fallback = "0",
     .min = 0,
     .max = 1000000,
     .group = "Keys",
     .command_line_only = true,
     .help = "How many requests a minute the new key may make. 0: any number."},
};

const struct cli_command cli_keys = {
    .name = "keys",
    .arguments = "add NAME | list | remove ID",
    .summary = "make, list and remove API keys of a service",
    .details = "Works on the service's database, also while it runs. A new key is printed once; "
               "only its hash is kept.\n"
               "\n"
               "  mailknock keys add \"sign-up form\" --scopes verify --per-minute 60\n",
    .own = {rows, sizeof(rows) / sizeof(rows[0])},
    .options_size = sizeof(struct keys_options),
    .uses_common = true,
    .common = "--config|--store|--color",
    .arguments_min = 1,
    .arguments_max = 2,
    .words = "add|list|remove",
    .run = run,
};
