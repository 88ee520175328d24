/*
 * `mailknock clean --dry-run`: what a list holds and how long it would take, without asking
 * anybody.
 *
 * The time is the lower bound that the operators' limits allow: for each the recipients divided by
 * what its limits let through a second, and of those the longest. Operators of other domains than
 * the well-known consumer ones show only in DNS: each such domain counts as its own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/table.h"
#include "bulk/job_seen.h"
#include "cli/clean.h"
#include "provider/profile.h"

#define SEEN_MEMORY ((size_t)256 << 20)
#define DOMAINS_MAX 1000000 /* told apart; the rest is counted together */
#define SHOWN       10

struct plan_domain {
    uint64_t count;
    const struct provider_profile *profile; /* NULL: not known */
    char name[];
};

struct plan {
    struct clean *clean;
    struct table domains; /* of struct plan_domain */
    struct bulk_seen seen;
    uint64_t rows, faults, malformed, duplicates, other_domains;
};

static int count_domain(struct plan *plan, struct slice name)
{
    struct plan_domain *domain = table_get(&plan->domains, name);

    if (domain != NULL) {
        domain->count++;
        return 0;
    }
    if (plan->domains.count >= DOMAINS_MAX) {
        plan->other_domains++;
        return 0;
    }
    domain = memory_zalloc(1, sizeof(*domain) + name.len + 1);
    if (domain == NULL || table_put(&plan->domains, name, domain) != 0) {
        memory_free(domain);
        return ERROR_NOMEM;
    }
    memcpy(domain->name, name.ptr, name.len);
    domain->count = 1;
    domain->profile = provider_by_domain(name);
    return 0;
}

static int count_row(struct plan *plan, const struct bulk_row *row)
{
    struct slice cell = bulk_job_address(row->address);
    enum bulk_dedupe dedupe = (enum bulk_dedupe)plan->clean->options->dedupe;
    char key[BULK_KEY_SIZE];
    struct address address;
    uint64_t hash;

    plan->rows++;
    if (row->fault != NULL) {
        plan->faults++;
        return 0;
    }
    hash = bulk_job_key_hash(bulk_job_key(dedupe, cell, key));
    if (hash != 0 && bulk_seen_first(&plan->seen, hash, row->number) != 0) {
        plan->duplicates++;
        return 0;
    }
    if (!address_parse(cell.ptr, cell.len, &address)) {
        plan->malformed++;
        return 0;
    }
    return count_domain(plan, address.is_literal
                                  ? address.domain
                                  : slice_from(address.domain_ascii, address.domain_ascii_len));
}

static int count_rows(struct plan *plan, struct error *error)
{
    struct bulk_reader *reader = NULL;
    struct bulk_row row;
    int code = clean_open_reader(plan->clean, &reader, error);

    if (code != 0)
        return code;
    while ((code = bulk_reader_next(reader, &row, error)) == 1 && !clean_is_interrupted()) {
        if (count_row(plan, &row) != 0) {
            code = error_set(error, ERROR_NOMEM, "out of memory");
            break;
        }
        if (plan->rows % 4096 == 0)
            clean_progress_reading(&plan->clean->progress, plan->rows, bulk_reader_offset(reader),
                                   bulk_reader_size(reader), "reading");
    }
    clean_progress_clear(&plan->clean->progress);
    if (code >= 0)
        clean_say_faults(plan->clean, reader, plan->faults);
    bulk_reader_close(reader);
    return code;
}

/* --- the time -------------------------------------------------------------------------------- */

struct plan_site {
    const struct provider_profile *profile; /* NULL: one domain of its own */
    const char *name;
    uint64_t count;
    double seconds;
};

static int by_count(const void *left, const void *right)
{
    const struct plan_site *a = left, *b = right;

    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->name, b->name);
}

/* Domains, and with `join` those of one operator together; sorted by count. NULL: no memory. */
static struct plan_site *list_sites(const struct plan *plan, bool join, size_t *ret_count)
{
    struct plan_site *sites = memory_zalloc(plan->domains.count + 1, sizeof(*sites));
    size_t cursor = 0, count = 0;
    struct slice key;
    void *value;

    while (sites != NULL && table_next(&plan->domains, &cursor, &key, &value)) {
        const struct plan_domain *domain = value;
        const struct provider_profile *profile = domain->profile;
        size_t at = 0;

        /* There are some dozen operators: the search is short, for they are found early. */
        for (; join && profile != NULL && at < count && sites[at].profile != profile; at++) {
        }
        if (!join || profile == NULL || at == count) {
            at = count++;
            sites[at].profile = profile;
            sites[at].name = join && profile != NULL ? profile->title : domain->name;
        }
        sites[at].count += domain->count;
    }
    for (size_t i = 0; i < count; i++)
        sites[i].seconds = provider_limits_seconds(
            sites[i].profile != NULL ? &sites[i].profile->limits : &provider_generic()->limits,
            sites[i].count);
    if (sites != NULL)
        qsort(sites, count, sizeof(*sites), by_count);
    *ret_count = count;
    return sites;
}

static void print_domains(struct plan *plan)
{
    FILE *out = plan->clean->call->out;
    size_t count;
    struct plan_site *sites = list_sites(plan, false, &count);

    if (sites == NULL)
        return;
    fprintf(out, "\n%zu%s domain%s, the largest:\n", plan->domains.count,
            plan->other_domains > 0 ? " and more" : "",
            plan->domains.count == 1 && plan->other_domains == 0 ? "" : "s");
    for (size_t i = 0; i < count && i < SHOWN; i++)
        fprintf(out, "  %9" PRIu64 "  %s\n", sites[i].count, sites[i].name);
    memory_free(sites);
}

static void print_operators(struct plan *plan)
{
    FILE *out = plan->clean->call->out;
    struct plan_site *sites;
    double longest = 0;
    size_t count, shown = 0;
    char span[32];

    sites = list_sites(plan, true, &count);
    if (sites == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        if (sites[i].seconds > longest)
            longest = sites[i].seconds;
        if (sites[i].profile == NULL || shown++ >= SHOWN)
            continue;
        if (shown == 1)
            fprintf(out, "\nmail operators known by their domains, and the time their limits "
                         "want:\n");
        fprintf(out, "  %9" PRIu64 "  %-36s %s\n", sites[i].count, sites[i].name,
                span_format((uint64_t)(sites[i].seconds * 1000), span));
    }
    fprintf(out,
            "\nestimated time: about %s within the limits; greylists and operators behind other "
            "domains may add to it\n",
            span_format((uint64_t)(longest * 1000), span));
    memory_free(sites);
}

static void print_plan(struct plan *plan)
{
    FILE *out = plan->clean->call->out;
    uint64_t unique = plan->rows - plan->faults - plan->duplicates;

    fprintf(out,
            "%9" PRIu64 " rows\n%9" PRIu64 " can't be read\n%9" PRIu64 " duplicates\n%9" PRIu64
            " different addresses, of which %" PRIu64 " are malformed\n",
            plan->rows, plan->faults, plan->duplicates, unique, plan->malformed);
    if (plan->domains.count == 0)
        return;
    print_domains(plan);
    print_operators(plan);
}

int clean_plan(struct clean *clean)
{
    struct plan plan = {.clean = clean};
    struct error error = {0};
    size_t cursor = 0;
    struct slice key;
    void *value;
    int code;

    clean_catch_signals();
    table_init(&plan.domains, 0);
    bulk_seen_init(&plan.seen, SEEN_MEMORY);
    code = clean_keep_first(clean, &error);
    if (code == 0)
        code = count_rows(&plan, &error);
    if (clean_was_stopped(code))
        code = 0;
    if (code < 0)
        cli_fail(clean->call, CLI_EXIT_USAGE, "%s", error.message);
    else if (clean_is_interrupted())
        cli_fail(clean->call, CLI_EXIT_UNDETERMINED, "stopped after %" PRIu64 " rows", plan.rows);
    else
        print_plan(&plan);
    while (table_next(&plan.domains, &cursor, &key, &value))
        memory_free(value);
    table_done(&plan.domains);
    bulk_seen_done(&plan.seen);
    return code < 0 ? CLI_EXIT_USAGE : clean_is_interrupted() ? CLI_EXIT_UNDETERMINED : CLI_EXIT_OK;
}
