#include "probe/offline.h"

#include "base/memory.h"
#include "base/table.h"
#include "lists/builtin.h"
#include "provider/mailbox.h"

#define BIT(kind) (1U << (kind))

bool probe_offline_domain_is_real(void *context, struct slice domain)
{
    return (lists_domain_classes(domain) & (LISTS_FREE | LISTS_PROVIDER)) != 0;
}

bool probe_offline_is_skipped(unsigned matches)
{
    return (matches & BIT(LISTS_OPERATOR_OPT_OUT)) != 0 ||
           ((matches & BIT(LISTS_OPERATOR_BLOCK)) != 0 &&
            (matches & BIT(LISTS_OPERATOR_ALLOW)) == 0);
}

static struct slice domain_of(const struct address *address)
{
    return address->is_literal ? address->domain
                               : slice_from(address->domain_ascii, address->domain_ascii_len);
}

/* What depends on the parsed address. */
static void fill_parsed(struct evidence *evidence)
{
    const struct address *address = &evidence->address;
    struct slice domain = domain_of(address);

    evidence->builtin_classes = lists_local_classes(address->local) |
                                (address->is_literal ? 0 : lists_domain_classes(domain));
    evidence->mailbox_breach = provider_mailbox_breach(address->local, domain);
    evidence->subaddress =
        provider_mailbox_is_subaddress(address->local, domain, evidence->provider);
}

void probe_offline_fill(struct slice input, const struct suggest_world *world,
                        struct evidence *evidence, char suggestion[ADDRESS_WIRE_SIZE])
{
    evidence->input = input;
    evidence->suggestion = slice_from(suggestion, suggest_address(input, world, suggestion));
    if (address_parse(input.ptr, input.len, &evidence->address))
        fill_parsed(evidence);
}

/* --- domains that need no mending ------------------------------------------------------------ */

#define MEMORY_ENTRIES ((size_t)1 << 17)

void probe_offline_memory_init(struct probe_offline_memory *memory)
{
    memory->hashes = memory_zalloc(MEMORY_ENTRIES, sizeof(*memory->hashes));
}

void probe_offline_memory_done(struct probe_offline_memory *memory)
{
    memory_free(memory->hashes);
    memory->hashes = NULL;
}

/*
 * Only of addresses in which nothing but the domain could be mended: ASCII, and without what
 * copying leaves at the beginning. NULL: not one of those. *ret_hash is what to find there.
 */
static uint64_t *find_entry(struct probe_offline_memory *memory, const struct address *address,
                            uint64_t *ret_hash)
{
    struct slice domain = domain_of(address);

    if (memory == NULL || memory->hashes == NULL || address->diagnosis != ADDRESS_VALID ||
        address->is_literal || !ascii_is_alnum(address->local.ptr[0]) ||
        (address->flags & (ADDRESS_FLAG_SMTPUTF8 | ADDRESS_FLAG_IDN)) != 0)
        return NULL;
    *ret_hash = hash_bytes(domain.ptr, domain.len, 0) | 1; /* 0 is an empty entry */
    return &memory->hashes[(*ret_hash >> 1) % MEMORY_ENTRIES];
}

static void find_suggestion(struct probe_offline_memory *memory, struct evidence *evidence,
                            char suggestion[ADDRESS_WIRE_SIZE])
{
    const struct suggest_world world = {probe_offline_domain_is_real, NULL};
    uint64_t hash = 0, *entry = find_entry(memory, &evidence->address, &hash);

    suggestion[0] = '\0';
    evidence->suggestion = SLICE_EMPTY;
    if (entry != NULL && *entry == hash)
        return;
    evidence->suggestion =
        slice_from(suggestion, suggest_address(evidence->input, &world, suggestion));
    if (entry != NULL && evidence->suggestion.len == 0)
        *entry = hash;
}

void probe_offline_judge(struct slice input, struct probe_offline_memory *memory,
                         const struct lists_operator *lists, int64_t unix_ms,
                         enum evidence_stop stop, struct evidence *ret_evidence,
                         struct verdict *ret_verdict, char suggestion[ADDRESS_WIRE_SIZE])
{
    struct evidence *evidence = ret_evidence;

    *evidence = (struct evidence){
        .input = input,
        .depth = stop == EVIDENCE_STOP_DEPTH ? EVIDENCE_DEPTH_SYNTAX : EVIDENCE_DEPTH_SMTP,
        .catch_all_text = SLICE_EMPTY,
        .internal = SLICE_EMPTY,
        .checked_unix_ms = unix_ms,
    };
    if (address_parse(input.ptr, input.len, &evidence->address)) {
        fill_parsed(evidence);
        if (lists != NULL)
            evidence->operator_matches =
                lists_operator_match(lists, evidence->address.local, domain_of(&evidence->address));
        if (!probe_offline_is_skipped(evidence->operator_matches) &&
            evidence->mailbox_breach == NULL)
            evidence->stop = stop;
    }
    find_suggestion(memory, evidence, suggestion);
    verdict_judge(evidence, ret_verdict);
}
