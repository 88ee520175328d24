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

/* What the name that the local part stands for is made of. */
static void look_at_local(const struct address *address, struct address_traits *ret_traits)
{
    char bytes[ADDRESS_LOCAL_MAX];

    if ((address->flags & ADDRESS_FLAG_QUOTED_LOCAL) == 0)
        address_traits_of(address->local, ret_traits);
    else
        address_traits_of(slice_from(bytes, address_unquote_local(address, bytes)), ret_traits);
}

/* What depends on the parsed address; of its domain: the classes and the rules. */
static void fill_parsed(struct evidence *evidence, const struct address_traits *traits,
                        unsigned domain_classes, const struct provider_mailbox_rules *rules)
{
    struct slice local = evidence->address.local;
    /* Lists of roles leave escapes in quotes as they are. */
    bool is_quoted = (evidence->address.flags & ADDRESS_FLAG_QUOTED_LOCAL) != 0;

    evidence->builtin_classes =
        (is_quoted ? lists_local_classes(local) : lists_local_classes_by(traits)) | domain_classes;
    evidence->mailbox_breach = provider_mailbox_breach_by(traits, rules);
    evidence->subaddress =
        !is_quoted && provider_mailbox_is_subaddress_by(traits, rules, evidence->provider);
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

/* What the parser says of addresses at it. */
static void know_parsed(struct slice domain, struct probe_offline_known *known)
{
    char bytes[2 + ADDRESS_DOMAIN_MAX] = "x@";
    struct address address;

    known->is_plain = false;
    if (domain.len > ADDRESS_DOMAIN_MAX)
        return;
    memcpy(bytes + 2, domain.ptr, domain.len);
    known->is_plain =
        address_parse(bytes, 2 + domain.len, &address) &&
        slice_equal(domain, slice_from(address.domain_ascii, address.domain_ascii_len));
    known->address_flags = address.flags;
}

void probe_offline_know(struct slice domain, struct probe_offline_known *ret_known)
{
    know_parsed(domain, ret_known);
    ret_known->rules = provider_mailbox_rules_of(domain);
    ret_known->classes = (uint16_t)lists_domain_classes(domain);
    ret_known->is_sound = needs_no_mending(domain);
}

/* The same as fill_parsed for a domain that nothing is known of; true: there is nothing to suggest.
 */
static bool fill_unknown(struct evidence *evidence, const struct address_traits *traits,
                         const struct suggest_world *world)
{
    const struct address *address = &evidence->address;
    const struct provider_mailbox_rules rules = provider_mailbox_rules_of(domain_of(address));
    char meant[ADDRESS_DOMAIN_MAX + 1];

    fill_parsed(evidence, traits, classes_of_domain(address), &rules);
    return only_domain_is_mended(address) && !suggest_domain(domain_of(address), world, meant);
}

void probe_offline_fill(struct slice input, struct address_memo memo,
                        const struct probe_offline_known *known, const struct suggest_world *world,
                        struct evidence *evidence, struct address_traits *ret_traits,
                        char suggestion[ADDRESS_WIRE_SIZE])
{
    bool is_sound = false;

    evidence->input = input;
    evidence->suggestion = SLICE_EMPTY;
    if (address_parse_again(input.ptr, input.len, memo, &evidence->address)) {
        look_at_local(&evidence->address, ret_traits);
        if (known != NULL) {
            fill_parsed(evidence, ret_traits, known->classes, &known->rules);
            is_sound = known->is_sound && only_domain_is_mended(&evidence->address);
        } else {
            is_sound = fill_unknown(evidence, ret_traits, world);
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
    MEMORY_MENDED_LOG2 = 8,
    MEMORY_MENDED = 1 << MEMORY_MENDED_LOG2,
    MEANT_MAX_LEN = 63,
};

/* One line of the processor's cache. */
struct probe_offline_domain {
    uint64_t hash; /* 0: nothing here */
    struct probe_offline_known known;
    uint8_t name_len;
    char name[NAME_MAX_LEN];
};
_Static_assert(sizeof(void *) > 8 || sizeof(struct probe_offline_domain) <= MEMORY_LINE,
               "a domain fits a line");

/* An address, judged for all of its shape. */
struct probe_offline_shape {
    uint64_t shape; /* 0: nothing here */
    struct verdict verdict;
    struct result_pattern pattern;
};

/* A domain that was mistyped, and what is suggested instead. */
struct probe_offline_mended {
    uint64_t hash; /* 0: nothing here */
    uint8_t name_len, meant_len;
    char name[NAME_MAX_LEN], meant[MEANT_MAX_LEN];
};

/* Room for domains, each in one line. The last one's places lie behind the last one. */
static bool make_domains(struct probe_offline_memory *memory, size_t room)
{
    char *block = memory_zalloc_table(room + MEMORY_WAYS + 1, sizeof(struct probe_offline_domain));

    if (block == NULL)
        return false;
    memory->block = block;
    memory->domains = (void *)(block + (-(uintptr_t)block & (MEMORY_LINE - 1)));
    memory->domain_room = room;
    memory->domain_count = 0;
    return true;
}

void probe_offline_memory_init(struct probe_offline_memory *memory)
{
    *memory = (struct probe_offline_memory){
        .shapes = memory_zalloc(MEMORY_SHAPES, sizeof(*memory->shapes)),
        .mended = memory_zalloc(MEMORY_MENDED, sizeof(*memory->mended)),
    };
    (void)make_domains(memory, MEMORY_ROOM_LEAST);
}

void probe_offline_memory_done(struct probe_offline_memory *memory)
{
    for (size_t i = 0; memory->shapes != NULL && i < MEMORY_SHAPES; i++)
        result_pattern_done(&memory->shapes[i].pattern);
    memory_free(memory->shapes);
    memory_free(memory->mended);
    memory_free(memory->block);
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

    if (memory->domain_count < memory->domain_room / 2 || memory->domain_room == MEMORY_ROOM_MOST ||
        !make_domains(&grown, memory->domain_room * MEMORY_GROWTH))
        return;
    for (size_t i = 0; i < memory->domain_room + MEMORY_WAYS; i++)
        if (memory->domains[i].hash != 0)
            *place_for(&grown, memory->domains[i].hash) = memory->domains[i];
    memory_free(memory->block);
    *memory = grown;
}

/* What is known of the domain, or NULL. */
static const struct probe_offline_known *find_domain(const struct probe_offline_memory *memory,
                                                     struct slice domain, uint64_t hash)
{
    const struct probe_offline_domain *entry = places_of(memory, hash);

    for (size_t at = 0; at < MEMORY_WAYS && entry[at].hash != 0; at++)
        if (is_at(&entry[at], hash, domain))
            return &entry[at].known;
    return NULL;
}

/* The same of one that is not there yet. */
static const struct probe_offline_known *add_domain(struct probe_offline_memory *memory,
                                                    struct slice domain, uint64_t hash)
{
    struct probe_offline_domain *entry;

    make_room(memory);
    entry = place_for(memory, hash);
    entry->hash = hash;
    probe_offline_know(domain, &entry->known);
    entry->name_len = (uint8_t)domain.len;
    memcpy(entry->name, domain.ptr, domain.len);
    return &entry->known;
}

/* --- suggestions that were made before -------------------------------------------------------- */

/* Nothing that suggest_address could take for anything but a name. */
static bool is_simple_name(struct slice local)
{
    for (size_t i = 0; i < local.len; i++) {
        char c = local.ptr[i];

        if (!ascii_is_alnum(c) && c != '.' && c != '_' && c != '-' && c != '+')
            return false;
    }
    return true;
}

static void keep_mended(struct probe_offline_mended *entry, struct slice local,
                        const struct probe_offline_case *each, size_t len)
{
    struct slice domain = domain_of(&each->evidence.address);
    size_t before = local.len + 1;

    if (len <= before || len - before > MEANT_MAX_LEN ||
        memcmp(each->suggestion, local.ptr, local.len) != 0 || each->suggestion[local.len] != '@')
        return;
    entry->hash = each->domain_hash;
    entry->name_len = (uint8_t)domain.len;
    memcpy(entry->name, domain.ptr, domain.len);
    entry->meant_len = (uint8_t)(len - before);
    memcpy(entry->meant, each->suggestion + before, len - before);
}

/*
 * suggest_address into the case; its length. Lists have the same few slips again and again: where
 * the domain alone is mended, what was meant by it before is meant again.
 */
static size_t suggest(struct probe_offline_memory *memory, struct probe_offline_case *each)
{
    const struct suggest_world world = {probe_offline_domain_is_real, NULL};
    const struct address *address = &each->evidence.address;
    struct slice domain = domain_of(address), local = address->local;
    struct probe_offline_mended *entry;
    size_t len;

    if (memory == NULL || memory->mended == NULL || each->domain_hash == 0 ||
        !only_domain_is_mended(address) || !is_simple_name(local))
        return suggest_address(each->evidence.input, &world, each->suggestion);
    entry = &memory->mended[each->domain_hash >> (64 - MEMORY_MENDED_LOG2)];
    if (entry->hash == each->domain_hash && entry->name_len == domain.len &&
        memcmp(entry->name, domain.ptr, domain.len) == 0) {
        memcpy(each->suggestion, local.ptr, local.len);
        each->suggestion[local.len] = '@';
        memcpy(each->suggestion + local.len + 1, entry->meant, entry->meant_len);
        len = local.len + 1 + entry->meant_len;
        each->suggestion[len] = '\0';
        return len;
    }
    len = suggest_address(each->evidence.input, &world, each->suggestion);
    keep_mended(entry, local, each, len);
    return len;
}

/* --- judged ---------------------------------------------------------------------------------- */

/* By the memory of its shape, where it has one; of two that want one place the later stays. */
static const struct verdict *judge(struct probe_offline_case *each,
                                   struct probe_offline_memory *memory, struct verdict *room)
{
    const struct evidence *evidence = &each->evidence;
    uint64_t shape =
        memory != NULL && memory->shapes != NULL ? verdict_shape_of(evidence, &each->traits) : 0;
    struct probe_offline_shape *entry;

    each->pattern = NULL;
    if (shape == 0) {
        verdict_judge(evidence, room);
        return room;
    }
    entry = &memory->shapes[shape * UINT64_C(0x9E3779B97F4A7C15) >> (64 - MEMORY_SHAPES_LOG2)];
    if (entry->shape != shape) {
        verdict_judge(evidence, &entry->verdict);
        result_pattern_done(&entry->pattern);
        entry->shape = shape;
    }
    each->pattern = &entry->pattern;
    return &entry->verdict;
}

void probe_offline_begin(const struct probe_offline_terms *terms,
                         struct probe_offline_case *ret_case)
{
    ret_case->evidence = (struct evidence){
        .depth = terms->stop == EVIDENCE_STOP_DEPTH ? EVIDENCE_DEPTH_SYNTAX : EVIDENCE_DEPTH_SMTP,
        .catch_all_text = SLICE_EMPTY,
        .internal = SLICE_EMPTY,
        .checked_unix_ms = terms->unix_ms,
    };
}

static bool is_remembered(const struct probe_offline_memory *memory, struct slice domain)
{
    return memory != NULL && memory->domains != NULL && domain.len <= NAME_MAX_LEN;
}

static uint64_t hash_of(struct slice domain)
{
    return hash_bytes(domain.ptr, domain.len, 0) | 1;
}

/* Where the domain begins that may tell all of an address, since the local part is plain; or 0. */
static size_t plain_domain_at(struct slice input)
{
    size_t local_len = address_plain_local_len(input);

    return local_len > 0 && local_len + 1 < input.len && input.len <= ADDRESS_MAX ? local_len + 1
                                                                                  : 0;
}

static void parse(const struct probe_offline_memory *memory, struct probe_offline_case *each)
{
    struct evidence *evidence = &each->evidence;

    each->domain_hash = 0;
    if (address_parse(evidence->input.ptr, evidence->input.len, &evidence->address) &&
        !evidence->address.is_literal && is_remembered(memory, domain_of(&evidence->address)))
        each->domain_hash = hash_of(domain_of(&evidence->address));
}

/* All that differs from one address to another is set here; it is a small part of the evidence. */
void probe_offline_parse(struct slice input, const struct probe_offline_memory *memory,
                         struct probe_offline_case *each)
{
    struct evidence *evidence = &each->evidence;
    struct slice domain;

    evidence->input = input;
    evidence->suggestion = SLICE_EMPTY;
    evidence->builtin_classes = evidence->operator_matches = 0;
    evidence->mailbox_breach = NULL;
    evidence->subaddress = false;
    evidence->stop = EVIDENCE_STOP_NONE;
    each->plain_domain_at = plain_domain_at(input);
    domain = slice_from_offset(input, each->plain_domain_at);
    if (each->plain_domain_at > 0 && is_remembered(memory, domain)) {
        each->domain_hash = hash_of(domain);
    } else {
        each->plain_domain_at = 0;
        parse(memory, each);
    }
}

void probe_offline_fetch(const struct probe_offline_memory *memory,
                         const struct probe_offline_case *each)
{
    if (each->domain_hash != 0)
        __builtin_prefetch(places_of(memory, each->domain_hash));
}

/* True when the domain, as it is written, told all that the parser would. */
static bool take_plain(const struct probe_offline_memory *memory, struct probe_offline_case *each)
{
    struct slice input = each->evidence.input;
    const struct probe_offline_known *known;
    struct address_memo memo;

    if (each->plain_domain_at == 0)
        return false;
    known = find_domain(memory, slice_from_offset(input, each->plain_domain_at), each->domain_hash);
    if (known == NULL || !known->is_plain) {
        parse(memory, each);
        return false;
    }
    memo = (struct address_memo){known->address_flags, (uint8_t)(each->plain_domain_at - 1)};
    address_parse_again(input.ptr, input.len, memo, &each->evidence.address);
    each->known = *known;
    return true;
}

void probe_offline_look_up(struct probe_offline_memory *memory, struct probe_offline_case *each)
{
    const struct address *address = &each->evidence.address;
    const struct probe_offline_known *known;

    if (take_plain(memory, each))
        return;
    if (each->domain_hash != 0) {
        known = find_domain(memory, domain_of(address), each->domain_hash);
        each->known =
            known != NULL ? *known : *add_domain(memory, domain_of(address), each->domain_hash);
    } else if (address->diagnosis == ADDRESS_VALID) {
        each->known.rules = provider_mailbox_rules_of(domain_of(address));
    }
}

const struct verdict *probe_offline_conclude(struct probe_offline_memory *memory,
                                             const struct probe_offline_terms *terms,
                                             struct probe_offline_case *each, struct verdict *room)
{
    struct evidence *evidence = &each->evidence;
    const struct address *address = &evidence->address;
    bool is_known = each->domain_hash != 0, is_sound = false;

    if (address->diagnosis == ADDRESS_VALID) {
        look_at_local(address, &each->traits);
        fill_parsed(evidence, &each->traits,
                    is_known ? each->known.classes : classes_of_domain(address),
                    &each->known.rules);
        is_sound = is_known && each->known.is_sound && only_domain_is_mended(address);
        if (terms->lists != NULL)
            evidence->operator_matches =
                lists_operator_match(terms->lists, address->local, domain_of(address));
        if (!probe_offline_is_skipped(evidence->operator_matches) &&
            evidence->mailbox_breach == NULL)
            evidence->stop = terms->stop;
    }
    if (!is_sound)
        evidence->suggestion = slice_from(each->suggestion, suggest(memory, each));
    return judge(each, memory, room);
}

void probe_offline_judge(struct slice input, struct probe_offline_memory *memory,
                         const struct probe_offline_terms *terms,
                         struct probe_offline_case *ret_case, struct verdict *ret_verdict)
{
    const struct verdict *verdict;

    probe_offline_begin(terms, ret_case);
    probe_offline_parse(input, memory, ret_case);
    probe_offline_look_up(memory, ret_case);
    verdict = probe_offline_conclude(memory, terms, ret_case, ret_verdict);
    if (verdict != ret_verdict)
        *ret_verdict = *verdict;
}
