#include "probe/offline.h"

#include <string.h>

#include "base/memory.h"
#include "base/table.h"
#include "lists/builtin.h"
#include "verdict/shape.h"

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

bool probe_offline_is_unwelcome(unsigned matches)
{
    return probe_offline_is_skipped(matches) ||
           (matches & (BIT(LISTS_OPERATOR_TRAP) | BIT(LISTS_OPERATOR_COMPLAINT))) != 0 ||
           ((matches & BIT(LISTS_OPERATOR_LISTED)) != 0 &&
            (matches & BIT(LISTS_OPERATOR_ALLOW)) == 0);
}

static struct slice domain_of(const struct address *address)
{
    return address->is_literal ? address->domain
                               : slice_from(address->domain_ascii, address->domain_ascii_len);
}

/* What depends on the parsed address; of its domain: the classes and the rules. */
static void fill_parsed(struct evidence *evidence, unsigned domain_classes,
                        const struct provider_mailbox_rules *rules)
{
    struct slice local = evidence->address.local;

    evidence->builtin_classes = lists_local_classes(local) | domain_classes;
    evidence->mailbox_breach = provider_mailbox_breach_of(local, rules);
    evidence->subaddress = provider_mailbox_is_subaddress_of(local, rules, evidence->provider);
}

static unsigned classes_of_domain(const struct address *address)
{
    return address->is_literal ? 0 : lists_domain_classes(domain_of(address));
}

/*
 * Nothing but the domain could be mended: ASCII, and without what copying leaves at the beginning.
 * There suggest_address says nothing where suggest_domain says nothing.
 */
static bool only_domain_is_mended(const struct address *address)
{
    return address->diagnosis == ADDRESS_VALID && !address->is_literal &&
           address->domain.len == address->domain_ascii_len &&
           ascii_is_alnum(address->local.ptr[0]) &&
           (address->flags & (ADDRESS_FLAG_SMTPUTF8 | ADDRESS_FLAG_IDN)) == 0;
}

static bool needs_no_mending(struct slice domain)
{
    const struct suggest_world world = {probe_offline_domain_is_real, NULL};
    char meant[ADDRESS_DOMAIN_MAX + 1];

    return !suggest_domain(domain, &world, meant);
}

void probe_offline_know(struct slice domain, struct probe_offline_known *ret_known)
{
    ret_known->rules = provider_mailbox_rules_of(domain);
    ret_known->classes = (uint16_t)lists_domain_classes(domain);
    ret_known->is_sound = needs_no_mending(domain);
}

/* The same as fill_parsed for a domain that nothing is known of; true: there is nothing to suggest.
 */
static bool fill_unknown(struct evidence *evidence, const struct suggest_world *world)
{
    const struct address *address = &evidence->address;
    const struct provider_mailbox_rules rules = provider_mailbox_rules_of(domain_of(address));
    char meant[ADDRESS_DOMAIN_MAX + 1];

    fill_parsed(evidence, classes_of_domain(address), &rules);
    return only_domain_is_mended(address) && !suggest_domain(domain_of(address), world, meant);
}

void probe_offline_fill(struct slice input, const struct probe_offline_known *known,
                        const struct suggest_world *world, struct evidence *evidence,
                        char suggestion[ADDRESS_WIRE_SIZE])
{
    bool is_sound = false;

    evidence->input = input;
    evidence->suggestion = SLICE_EMPTY;
    if (address_parse(input.ptr, input.len, &evidence->address)) {
        if (known != NULL) {
            fill_parsed(evidence, known->classes, &known->rules);
            is_sound = known->is_sound && only_domain_is_mended(&evidence->address);
        } else {
            is_sound = fill_unknown(evidence, world);
        }
    }
    if (!is_sound)
        evidence->suggestion = slice_from(suggestion, suggest_address(input, world, suggestion));
}

/* --- domains that were looked up before ------------------------------------------------------ */

enum {
    MEMORY_ROOM_LEAST = 1 << 12,
    MEMORY_ROOM_MOST = 1 << 18,
    MEMORY_GROWTH = 8,
    MEMORY_WAYS = 4,   /* places where a domain may stand, side by side */
    NAME_MAX_LEN = 31, /* longer ones are too rare to be remembered */
    MEMORY_SHAPES_LOG2 = 9,
    MEMORY_SHAPES = 1 << MEMORY_SHAPES_LOG2,
};

/* One line of the processor's cache. */
struct probe_offline_domain {
    uint64_t hash; /* 0: nothing here */
    struct probe_offline_known known;
    uint8_t name_len;
    char name[NAME_MAX_LEN];
};

/* An address, judged for all of its shape. */
struct probe_offline_shape {
    uint64_t shape; /* 0: nothing here */
    struct verdict verdict;
    struct result_pattern pattern;
};

/* The last domain's places lie behind the last one. */
static struct probe_offline_domain *new_domains(size_t room)
{
    return memory_zalloc_table(room + MEMORY_WAYS, sizeof(struct probe_offline_domain));
}

void probe_offline_memory_init(struct probe_offline_memory *memory)
{
    *memory = (struct probe_offline_memory){
        .domains = new_domains(MEMORY_ROOM_LEAST),
        .domain_room = MEMORY_ROOM_LEAST,
        .shapes = memory_zalloc(MEMORY_SHAPES, sizeof(*memory->shapes)),
    };
}

void probe_offline_memory_done(struct probe_offline_memory *memory)
{
    for (size_t i = 0; memory->shapes != NULL && i < MEMORY_SHAPES; i++)
        result_pattern_done(&memory->shapes[i].pattern);
    memory_free(memory->shapes);
    memory_free(memory->domains);
    *memory = (struct probe_offline_memory){.domains = NULL};
}

static bool is_at(const struct probe_offline_domain *entry, uint64_t hash, struct slice domain)
{
    return entry->hash == hash && entry->name_len == domain.len &&
           memcmp(entry->name, domain.ptr, domain.len) == 0;
}

/* The first of the places where the domain may stand. */
static struct probe_offline_domain *places_of(const struct probe_offline_memory *memory,
                                              uint64_t hash)
{
    return &memory->domains[(hash >> 1) & (memory->domain_room - 1)];
}

/* Where a domain is put that is not there yet: all places taken, one of them is, by bits of the
 * hash that it does not stand by. */
static struct probe_offline_domain *place_for(struct probe_offline_memory *memory, uint64_t hash)
{
    struct probe_offline_domain *entry = places_of(memory, hash);
    size_t at = 0;

    while (at < MEMORY_WAYS && entry[at].hash != 0)
        at++;
    memory->domain_count += at < MEMORY_WAYS;
    return &entry[at < MEMORY_WAYS ? at : (hash >> 40) % MEMORY_WAYS];
}

/* Half full, it grows, as far as it may; without memory for that it stays as it is. */
static void make_room(struct probe_offline_memory *memory)
{
    struct probe_offline_memory grown = *memory;

    if (memory->domain_count < memory->domain_room / 2 || memory->domain_room == MEMORY_ROOM_MOST)
        return;
    grown.domain_room *= MEMORY_GROWTH;
    grown.domain_count = 0;
    grown.domains = new_domains(grown.domain_room);
    if (grown.domains == NULL)
        return;
    for (size_t i = 0; i < memory->domain_room + MEMORY_WAYS; i++)
        if (memory->domains[i].hash != 0)
            *place_for(&grown, memory->domains[i].hash) = memory->domains[i];
    memory_free(memory->domains);
    *memory = grown;
}

/* What is known of the domain, looked up when it is new; NULL: too long for the memory. */
static const struct probe_offline_known *find_domain(struct probe_offline_memory *memory,
                                                     const struct address *address)
{
    struct slice domain = domain_of(address);
    struct probe_offline_domain *entry;
    uint64_t hash;

    if (domain.len > NAME_MAX_LEN)
        return NULL;
    hash = hash_bytes(domain.ptr, domain.len, 0) | 1;
    entry = places_of(memory, hash);
    for (size_t at = 0; at < MEMORY_WAYS && entry[at].hash != 0; at++)
        if (is_at(&entry[at], hash, domain))
            return &entry[at].known;
    make_room(memory);
    entry = place_for(memory, hash);
    entry->hash = hash;
    probe_offline_know(domain, &entry->known);
    entry->name_len = (uint8_t)domain.len;
    memcpy(entry->name, domain.ptr, domain.len);
    return &entry->known;
}

/* Fill in what depends on the parsed address, from memory; true: there is nothing to suggest. */
static bool fill_remembered(struct probe_offline_memory *memory, struct evidence *evidence)
{
    const struct address *address = &evidence->address;
    const struct probe_offline_known *known = NULL;
    struct provider_mailbox_rules rules;

    if (memory != NULL && memory->domains != NULL && !address->is_literal)
        known = find_domain(memory, address);
    if (known != NULL) {
        memory->rules = &known->rules;
        fill_parsed(evidence, known->classes, &known->rules);
        return known->is_sound && only_domain_is_mended(address);
    }
    rules = provider_mailbox_rules_of(domain_of(address));
    fill_parsed(evidence, classes_of_domain(address), &rules);
    return false;
}

/* By the memory of its shape, where it has one; of two that want one place the later stays. */
static void judge(const struct evidence *evidence, struct probe_offline_memory *memory,
                  struct verdict *ret_verdict)
{
    uint64_t shape = memory != NULL && memory->shapes != NULL ? verdict_shape_of(evidence) : 0;
    struct probe_offline_shape *entry;

    if (shape == 0) {
        verdict_judge(evidence, ret_verdict);
        return;
    }
    entry = &memory->shapes[shape * UINT64_C(0x9E3779B97F4A7C15) >> (64 - MEMORY_SHAPES_LOG2)];
    if (entry->shape != shape) {
        verdict_judge(evidence, &entry->verdict);
        result_pattern_done(&entry->pattern);
        entry->shape = shape;
    }
    *ret_verdict = entry->verdict;
    memory->pattern = &entry->pattern;
}

void probe_offline_judge(struct slice input, struct probe_offline_memory *memory,
                         const struct lists_operator *lists, int64_t unix_ms,
                         enum evidence_stop stop, struct evidence *ret_evidence,
                         struct verdict *ret_verdict, char suggestion[ADDRESS_WIRE_SIZE])
{
    const struct suggest_world world = {probe_offline_domain_is_real, NULL};
    struct evidence *evidence = ret_evidence;
    bool is_sound = false;

    if (memory != NULL) {
        memory->rules = NULL;
        memory->pattern = NULL;
    }
    suggestion[0] = '\0';
    *evidence = (struct evidence){
        .input = input,
        .depth = stop == EVIDENCE_STOP_DEPTH ? EVIDENCE_DEPTH_SYNTAX : EVIDENCE_DEPTH_SMTP,
        .catch_all_text = SLICE_EMPTY,
        .internal = SLICE_EMPTY,
        .suggestion = SLICE_EMPTY,
        .checked_unix_ms = unix_ms,
    };
    if (address_parse(input.ptr, input.len, &evidence->address)) {
        is_sound = fill_remembered(memory, evidence);
        if (lists != NULL)
            evidence->operator_matches =
                lists_operator_match(lists, evidence->address.local, domain_of(&evidence->address));
        if (!probe_offline_is_skipped(evidence->operator_matches) &&
            evidence->mailbox_breach == NULL)
            evidence->stop = stop;
    }
    if (!is_sound)
        evidence->suggestion =
            slice_from(suggestion, suggest_address(evidence->input, &world, suggestion));
    judge(evidence, memory, ret_verdict);
}
