/* One row a setting. Alphabetical. */
#include "lab/setup.h"

#include <string.h>

#include "base/check.h"
#include "lab/line.h"
#include "lab/model.h"
#include "provider/mailbox.h"

#define HELO_DEFAULT "probe.mailknock.example"

static bool choose(struct slice value, const char *const *words, size_t count, unsigned *ret_index)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(value, slice_from_string(words[i]))) {
            *ret_index = (unsigned)i;
            return true;
        }
    return false;
}

static bool take_bool(struct slice value, bool *ret_value)
{
    static const char *const words[] = {"no", "yes"};
    unsigned index;

    if (!choose(value, words, ARRAY_LEN(words), &index))
        return false;
    *ret_value = index == 1;
    return true;
}

static bool take_span(struct slice value, uint32_t *ret_ms)
{
    uint64_t ms;

    if (!lab_span_parse(value, &ms) || ms == 0 || ms > UINT32_MAX)
        return false;
    *ret_ms = (uint32_t)ms;
    return true;
}

static bool take_count(struct slice value, uint64_t max, unsigned *ret_count)
{
    uint64_t count;

    if (!slice_to_u64(value, max, &count))
        return false;
    *ret_count = (unsigned)count;
    return true;
}

static bool take_sender(struct slice value, struct slice *ret_sender)
{
    if (slice_equal(value, SLICE("<>"))) {
        *ret_sender = SLICE_EMPTY;
        return true;
    }
    *ret_sender = value;
    return slice_find_byte(value, '@') > 0;
}

static bool set_allow_net(struct lab_setup *setup, struct slice value)
{
    if (setup->network_count == LAB_SETUP_NETWORKS_MAX ||
        !ip_network_parse(value, &setup->networks[setup->network_count]))
        return false;
    setup->network_count++;
    return true;
}

static bool set_catch_all(struct lab_setup *setup, struct slice value)
{
    return take_bool(value, &setup->settings.catch_all);
}

static bool set_connect_timeout(struct lab_setup *setup, struct slice value)
{
    return take_span(value, &setup->settings.connect_timeout_ms);
}

static bool set_connections(struct lab_setup *setup, struct slice value)
{
    return take_count(value, 100000, &setup->settings.connections_max);
}

static bool set_depth(struct lab_setup *setup, struct slice value)
{
    static const char *const words[] = {
        [EVIDENCE_DEPTH_SYNTAX] = "syntax",
        [EVIDENCE_DEPTH_DNS] = "dns",
        [EVIDENCE_DEPTH_SMTP] = "smtp",
    };
    unsigned index;

    if (!choose(value, words, ARRAY_LEN(words), &index))
        return false;
    setup->settings.depth = (enum evidence_depth)index;
    return true;
}

static bool add_blocklist(struct lab_setup *setup, struct slice value, bool of_addresses)
{
    struct dns_blocklist *list = &setup->blocklists[setup->blocklist_count];

    if (setup->blocklist_count == LAB_SETUP_BLOCKLISTS_MAX ||
        dns_blocklist_parse(value, list, NULL) != 0)
        return false;
    list->of_addresses = of_addresses;
    setup->blocklist_count++;
    return true;
}

static bool set_domain_blocklist(struct lab_setup *setup, struct slice value)
{
    return add_blocklist(setup, value, false);
}

static bool set_mx_blocklist(struct lab_setup *setup, struct slice value)
{
    return add_blocklist(setup, value, true);
}

static bool set_helo(struct lab_setup *setup, struct slice value)
{
    setup->settings.helo_name = value;
    return value.len > 0;
}

static bool set_mail_from(struct lab_setup *setup, struct slice value)
{
    return take_sender(value, &setup->settings.sender);
}

static bool set_second_mail_from(struct lab_setup *setup, struct slice value)
{
    return take_sender(value, &setup->settings.second_sender);
}

static bool set_open_limits(struct lab_setup *setup, struct slice value)
{
    return take_bool(value, &setup->settings.limits_opened);
}

static bool set_patience(struct lab_setup *setup, struct slice value)
{
    static const char *const words[] = {
        [PROBE_PATIENCE_QUICK] = "quick",
        [PROBE_PATIENCE_NORMAL] = "normal",
        [PROBE_PATIENCE_PATIENT] = "patient",
    };
    unsigned index;

    if (!choose(value, words, ARRAY_LEN(words), &index))
        return false;
    setup->settings.patience = (enum probe_patience)index;
    return true;
}

static bool set_pipelining(struct lab_setup *setup, struct slice value)
{
    return take_bool(value, &setup->settings.pipelining);
}

static bool set_real(struct lab_setup *setup, struct slice value)
{
    return take_bool(value, &setup->real);
}

static bool set_split(struct lab_setup *setup, struct slice value)
{
    return take_bool(value, &setup->split);
}

static bool set_timeout(struct lab_setup *setup, struct slice value)
{
    return take_span(value, &setup->settings.case_timeout_ms);
}

static bool set_tls(struct lab_setup *setup, struct slice value)
{
    static const char *const words[] = {
        [SMTP_TLS_OPPORTUNISTIC] = "opportunistic",
        [SMTP_TLS_DEMANDED] = "demanded",
        [SMTP_TLS_NEVER] = "never",
        [SMTP_TLS_REQUIRED] = "required",
    };
    unsigned index;

    if (!choose(value, words, ARRAY_LEN(words), &index))
        return false;
    setup->settings.tls = (enum smtp_tls_policy)index;
    return true;
}

static const struct {
    struct lab_setting_kind kind;
    bool (*set)(struct lab_setup *setup, struct slice value);
} rows[] = {
    {{"allow-net", "CIDR", true, "reserved range that may be probed too, several times"},
     set_allow_net},
    {{"catch-all", "yes|no", true, "ask a random recipient where needed"}, set_catch_all},
    {{"connect-timeout", "TIME", true, "how long to wait for a connection"}, set_connect_timeout},
    {{"connections", "N", true, "all sites together"}, set_connections},
    {{"depth", "syntax|dns|smtp", true, "how far to go"}, set_depth},
    {{"domain-blocklist", "ZONE", true, "a block list of domains, several times"},
     set_domain_blocklist},
    {{"helo", "NAME", true, "what visitors call themselves"}, set_helo},
    {{"mail-from", "ADDRESS", true, "the sender; <> is the null sender"}, set_mail_from},
    {{"mx-blocklist", "ZONE", true, "a block list of mail hosts' addresses, several times"},
     set_mx_blocklist},
    {{"open-limits", "yes|no", true, "no limit but those of connections and recipients; no gap"},
     set_open_limits},
    {{"patience", "quick|normal|patient", true, "how long to wait for greylists"}, set_patience},
    {{"pipelining", "yes|no", true, "use PIPELINING where it is offered"}, set_pipelining},
    {{"real", "yes|no", false, "the scenario is short enough to be run on real sockets"}, set_real},
    {{"second-mail-from", "ADDRESS", true, "the sender for servers that refuse the first"},
     set_second_mail_from},
    {{"split", "yes|no", false, "the virtual network may cut replies into pieces; default yes"},
     set_split},
    {{"timeout", "TIME", true, "of one address, greylist waits aside"}, set_timeout},
    {{"tls", "opportunistic|demanded|never|required", true, "when to use STARTTLS"}, set_tls},
};

const struct lab_setting_kind *lab_setting_at(size_t index)
{
    return index < ARRAY_LEN(rows) ? &rows[index].kind : NULL;
}

static size_t row_by_name(struct slice name)
{
    size_t i = 0;

    while (i < ARRAY_LEN(rows) && !slice_equal(name, slice_from_string(rows[i].kind.name)))
        i++;
    return i;
}

const char *lab_setting_fault(struct slice name, struct slice value)
{
    struct lab_setup scratch = {0};
    size_t i = row_by_name(name);

    for (size_t k = 0; k < value.len; k++) /* it may go into a file or on a command line */
        if ((unsigned char)value.ptr[k] < 0x20 || value.ptr[k] == '\'')
            return "a value has no control characters and no apostrophes";
    if (i == ARRAY_LEN(rows))
        return "there is no such setting (`mailknock lab settings` lists them)";
    return rows[i].set(&scratch, value) ? NULL : "this setting has no such value";
}

bool lab_list_kind(struct slice kind, enum lists_operator_kind *ret_kind)
{
    char name[32];

    if (!slice_to_string(kind, name, sizeof(name)))
        return false;
    for (char *c = name; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
    for (unsigned i = 0; i < LISTS_OPERATOR_KIND_COUNT; i++)
        if (strcmp(lists_operator_kind_name((enum lists_operator_kind)i), name) == 0) {
            *ret_kind = (enum lists_operator_kind)i;
            return true;
        }
    return false;
}

static int settings_apply(struct lab_setup *setup, const struct lab_scenario *scenario,
                          struct error *error)
{
    for (const struct lab_setting *s = scenario->settings; s != NULL; s = s->next)
        if (!rows[row_by_name(s->name)].set(setup, s->value)) /* each alone was checked before */
            return error_set(error, ERROR_FORMAT, "more than %d networks or %d block lists",
                             LAB_SETUP_NETWORKS_MAX, LAB_SETUP_BLOCKLISTS_MAX);
    return 0;
}

static int lists_load(struct lab_setup *setup, const struct lab_scenario *scenario,
                      struct error *error)
{
    for (const struct lab_list_entry *e = scenario->lists; e != NULL; e = e->next) {
        enum lists_operator_kind kind;
        int code;

        if (setup->lists == NULL) {
            setup->lists = lists_operator_new();
            if (setup->lists == NULL)
                return error_set(error, ERROR_NOMEM, "no memory for the scenario's lists");
            lists_operator_heed_spellings(setup->lists, provider_mailbox_spelling);
        }
        CHECK(lab_list_kind(e->kind, &kind));
        code = lists_operator_load(setup->lists, kind, e->entry, error);
        if (code < 0)
            return code;
    }
    return 0;
}

int lab_setup_init(struct lab_setup *setup, const struct lab_scenario *scenario,
                   struct error *error)
{
    int code;

    *setup = (struct lab_setup){.split = true};
    probe_settings_init(&setup->settings);
    setup->settings.helo_name = SLICE(HELO_DEFAULT);
    CHECK(set_allow_net(setup, SLICE("127.0.0.0/8")) && set_allow_net(setup, SLICE("::1/128")));
    code = settings_apply(setup, scenario, error);
    setup->settings.allowed = (struct ip_networks){setup->networks, setup->network_count};
    if (code == 0)
        code = lists_load(setup, scenario, error);
    if (code < 0)
        lab_setup_done(setup);
    return code;
}

void lab_setup_done(struct lab_setup *setup)
{
    lists_operator_free(setup->lists);
    setup->lists = NULL;
}

static void write_one(struct buffer *out, const char *name, struct slice value, bool for_shell)
{
    bool plain = value.len > 0;

    if (!for_shell) {
        (void)buffer_printf(out, "%s = %.*s\n", name, SLICE_ARG(value));
        return;
    }
    for (size_t i = 0; i < value.len; i++)
        plain = plain && (ascii_is_alnum(value.ptr[i]) ||
                          slice_find_byte(SLICE("@.:/-_"), value.ptr[i]) >= 0);
    (void)buffer_printf(out, plain ? " --%s %.*s" : " --%s '%.*s'", name, SLICE_ARG(value));
}

void lab_setup_write(struct buffer *out, const struct lab_scenario *scenario, bool for_shell)
{
    write_one(out, "allow-net", SLICE("127.0.0.0/8"), for_shell);
    write_one(out, "allow-net", SLICE("::1/128"), for_shell);
    if (lab_scenario_setting(scenario, SLICE("helo")).len == 0)
        write_one(out, "helo", SLICE(HELO_DEFAULT), for_shell);
    for (const struct lab_setting *s = scenario->settings; s != NULL; s = s->next) {
        const struct lab_setting_kind *kind = &rows[row_by_name(s->name)].kind;

        if (kind->is_option)
            write_one(out, kind->name, s->value, for_shell);
    }
}
