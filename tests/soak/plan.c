#include "plan.h"

#include <stdio.h>

#include "base/check.h"
#include "base/instant.h"

/* What reserved ranges a scenario's servers lie in; nobody has business elsewhere. */
static const struct ip_network lab_nets[] = {{{4, {192, 0, 2, 0}}, 24}};

static unsigned below(struct random *random, uint64_t bound)
{
    return (unsigned)random_below(random, bound);
}

static unsigned perhaps(struct random *random, unsigned bound)
{
    return random_chance(random, 1, 2) ? below(random, bound) : 0;
}

static unsigned seldom(struct random *random, unsigned one_in, unsigned bound)
{
    return random_chance(random, 1, one_in) ? 1 + below(random, bound) : 0;
}

static void plan_faults(struct random *random, struct soak_faults *faults)
{
    *faults = (struct soak_faults){
        .drop_permille = perhaps(random, 60),
        .reset_permille = perhaps(random, 20),
        .tls_fail_permille = perhaps(random, 300),
        .stall_permille = perhaps(random, 30),
        .split = below(random, 2),
        .reorder = below(random, 2),
        .dns_loss_permille = perhaps(random, 200),
        .dns_lie_permille = seldom(random, 3, 150),
        .memory_after = seldom(random, 5, 20000),
        .wall_jumps = seldom(random, 3, 4),
        .hold_ups = seldom(random, 3, 4),
        .hold_up_max_ms = random_chance(random, 1, 4) ? HOUR_MS : 5 * SECOND_MS,
        .stop_ms = seldom(random, 10, 5 * MINUTE_MS),
        .store_permille = seldom(random, 3, 150),
        .slow_disk_permille = seldom(random, 3, 300),
        .deaths = perhaps(random, 4),
    };
}

static void plan_address(struct random *random, struct soak_plan *plan, unsigned i)
{
    struct soak_address *address = &plan->addresses[i];

    *address = (struct soak_address){
        .kind = random_chance(random, 1, 20)   ? SOAK_BAD_SYNTAX
                : random_chance(random, 1, 20) ? SOAK_BAD_ROW
                                               : SOAK_MAILBOX,
        .is_user = random_chance(random, 1, 2),
        .site = below(random, plan->world.site_count),
        .number = random_chance(random, 1, 10) ? i / 2 : i, /* now and then the same again */
        .in_no_hurry = random_chance(random, 1, 2),
    };
    address->domain =
        below(random, random_chance(random, 1, 10) ? SOAK_DOMAINS_MAX
                                                   : plan->world.sites[address->site].domain_count);
}

static void plan_addresses(struct random *random, struct soak_plan *plan, unsigned count)
{
    uint64_t span_ms = random_chance(random, 1, 2) ? 0 : random_below(random, 10 * MINUTE_MS);
    uint64_t at_ms = 0;

    plan->address_count = count;
    for (unsigned i = 0; i < count; i++) {
        plan_address(random, plan, i);
        plan->addresses[i].at_ms = at_ms;
        at_ms += span_ms > 0 ? random_below(random, span_ms / count + 1) : 0;
    }
}

static void plan_begin(uint64_t seed, struct random *random, struct soak_plan *plan)
{
    *plan = (struct soak_plan){.seed = seed};
    random_init(random, seed);
    soak_world_make(random, &plan->world);
    plan->latency_max_ms = 20 + below(random, 300);
    plan->patience = (enum probe_patience)random_below(random, 3);
    plan->transcripts = random_chance(random, 1, 2);
    plan->has_second_sender = random_chance(random, 1, 2);
    plan->few_connections = random_chance(random, 1, 3);
    plan->few_cases = random_chance(random, 1, 3);
    plan->window = 1 + random_below(random, 60);
    plan->piece = perhaps(random, 300);
}

void soak_plan_make(uint64_t seed, struct soak_plan *plan)
{
    struct random random;

    plan_begin(seed, &random, plan);
    plan->on_disk = random_chance(&random, 1, 20);
    plan_faults(&random, &plan->faults);
    plan_addresses(&random, plan, 20 + below(&random, 100));
}

void soak_plan_make_small(uint64_t seed, struct soak_plan *plan)
{
    struct random random;

    plan_begin(seed, &random, plan);
    plan->faults.split = below(&random, 2);
    plan->faults.reorder = below(&random, 2);
    plan->faults.deaths = 1;
    plan_addresses(&random, plan, 4 + below(&random, 8));
}

void soak_plan_settings(const struct soak_plan *plan, struct probe_settings *settings)
{
    probe_settings_init(settings);
    settings->helo_name = SLICE("probe.mailknock.example");
    settings->allowed = (struct ip_networks){lab_nets, ARRAY_LEN(lab_nets)};
    settings->seed = plan->seed;
    settings->patience = plan->patience;
    settings->transcripts = plan->transcripts;
    if (plan->world.has_batches) {
        settings->limits_override = plan->world.limits;
        settings->limits_opened = true;
    }
    if (plan->few_connections)
        settings->connections_max = 2;
    if (plan->few_cases)
        settings->cases_max = 4 + (unsigned)(plan->seed % 20);
    if (plan->has_second_sender)
        settings->second_sender = SLICE("probe@mailknock.example");
}

const char *soak_address_text(const struct soak_address *address, char out[SOAK_ADDRESS_SIZE])
{
    if (address->kind == SOAK_BAD_ROW)
        out[0] = '\0';
    else
        (void)snprintf(out, SOAK_ADDRESS_SIZE, "%c%u@%sd%u.op%u.example",
                       address->is_user ? 'u' : 'n', address->number,
                       address->kind == SOAK_BAD_SYNTAX ? "@" : "", address->domain, address->site);
    return out;
}

bool soak_address_exists(const struct soak_plan *plan, const struct soak_address *address)
{
    return address->kind == SOAK_MAILBOX && address->is_user &&
           address->domain < plan->world.sites[address->site].domain_count;
}

void soak_plan_list(const struct soak_plan *plan, struct buffer *out)
{
    char text[SOAK_ADDRESS_SIZE];

    (void)buffer_printf(out, "number,e-mail,name\r\n");
    for (unsigned i = 0; i < plan->address_count; i++) {
        if (plan->addresses[i].kind == SOAK_BAD_ROW)
            (void)buffer_printf(out, "%u\r\n", i + 1);
        else
            (void)buffer_printf(out, "%u,%s,\"Name, %u\"\r\n", i + 1,
                                soak_address_text(&plan->addresses[i], text), i + 1);
    }
    CHECK(!out->failed);
}

void soak_plan_print(const struct soak_plan *plan)
{
    struct buffer text;

    buffer_init(&text, 0);
    soak_world_write(&plan->world, &text);
    printf("%s", text.ptr);
    buffer_clear(&text);
    soak_plan_list(plan, &text);
    for (struct slice rest = buffer_slice(&text), line; slice_split(&rest, '\n', &line);)
        if (line.len > 0)
            printf("# list: %.*s\n", SLICE_ARG(slice_prefix(line, line.len - 1)));
    buffer_done(&text);
#define X(name)                                                                                    \
    if (plan->faults.name > 0)                                                                     \
        printf("# fault: %s %u\n", #name, plan->faults.name);
    SOAK_FAULTS(X)
#undef X
    if (plan->dies_at > 0)
        printf("# dies %s %llu\n",
               !plan->dies_in_store    ? "after event"
               : plan->dies_after_call ? "after call of the store"
                                       : "before call of the store",
               (unsigned long long)plan->dies_at);
    printf("# window %zu, patience %d, latency up to %u ms%s%s%s%s%s\n", plan->window,
           (int)plan->patience, plan->latency_max_ms,
           plan->few_connections ? ", 2 connections" : "", plan->few_cases ? ", few cases" : "",
           plan->has_second_sender ? ", second sender" : "",
           plan->transcripts ? ", transcripts" : "", plan->on_disk ? ", on disk" : "");
}
