#include "lists/operator.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/table.h"

/*
 * One table for all kinds: the key tells what is meant, the value which lists (bits, 1 << kind)
 * say so. "user@example.com" an address, "@example.com" that domain alone, ".example.com" that
 * domain and what is below it, ":mx.example.com" a mail host and what is below it. No two of these
 * can be taken for each other: an address has bytes before its "@", the others begin with theirs.
 */
struct lists_operator {
    struct table table;
    size_t counts[LISTS_OPERATOR_KIND_COUNT];
    lists_spelling *spelling; /* NULL: addresses have one */
    bool has_addresses;
};

#define KEY_SIZE  (ADDRESS_WIRE_SIZE + 1)
#define NAME_SIZE (ADDRESS_DOMAIN_MAX * 4) /* of U-labels: at most four bytes a character */

struct lists_operator *lists_operator_new(void)
{
    struct lists_operator *lists = memory_zalloc(1, sizeof(*lists));

    if (lists != NULL)
        table_init(&lists->table, 0); /* entries are the operator's: nobody chooses collisions */
    return lists;
}

void lists_operator_free(struct lists_operator *lists)
{
    if (lists == NULL)
        return;
    table_done(&lists->table);
    memory_free(lists);
}

void lists_operator_heed_spellings(struct lists_operator *lists, lists_spelling *spelling)
{
    CHECK(lists->table.count == 0);
    lists->spelling = spelling;
}

static unsigned bits_of(const struct lists_operator *lists, struct slice key)
{
    return (unsigned)(uintptr_t)table_get(&lists->table, key);
}

static int add_key(struct lists_operator *lists, enum lists_operator_kind kind, struct slice key)
{
    unsigned bits = bits_of(lists, key), added = bits | 1u << kind;

    if (added == bits)
        return 0;
    if (table_put(&lists->table, key, (void *)(uintptr_t)added) != 0)
        return ERROR_NOMEM;
    lists->counts[kind]++;
    return 0;
}

/* Write sign, local, and domain as a key in lower case. */
static struct slice make_key(char out[KEY_SIZE], struct slice local, char sign, struct slice domain)
{
    size_t len = 0;

    CHECK(local.len <= ADDRESS_LOCAL_MAX && domain.len <= ADDRESS_DOMAIN_MAX);
    for (size_t i = 0; i < local.len; i++)
        out[len++] = ascii_lower(local.ptr[i]);
    out[len++] = sign;
    for (size_t i = 0; i < domain.len; i++)
        out[len++] = ascii_lower(domain.ptr[i]);
    return slice_from(out, len);
}

/*
 * The key of the mailbox: that of one of its addresses. False: that is not known, or nothing is
 * left of the local part, as of `""@x` and `+tag@x`: that would be the key of the whole domain.
 */
static bool make_mailbox_key(const struct lists_operator *lists, struct slice local,
                             struct slice domain, char out[KEY_SIZE], struct slice *ret_key)
{
    size_t len;

    if (lists->spelling == NULL)
        return false;
    len = lists->spelling(local, domain, out);
    ascii_lower_bytes(out, len);
    *ret_key = slice_from(out, len);
    return len > 0 && out[0] != '@';
}

/* An address is found by this spelling, too. */
static int add_mailbox(struct lists_operator *lists, enum lists_operator_kind kind,
                       struct slice key)
{
    size_t at = (size_t)slice_rfind_byte(key, '@');
    size_t count = lists->counts[kind];
    char bytes[KEY_SIZE];
    struct slice mailbox;
    int code = 0;

    lists->has_addresses = true;
    if (make_mailbox_key(lists, slice_prefix(key, at), slice_from_offset(key, at + 1), bytes,
                         &mailbox))
        code = add_key(lists, kind, mailbox);
    lists->counts[kind] = count; /* no entry of its own */
    return code;
}

/* The address grammar judges domains too: one is sound when "x@" before it makes an address. */
static bool parse_domain(struct slice text, char bytes[2 + NAME_SIZE], struct address *ret)
{
    if (text.len > NAME_SIZE) {
        ret->diagnosis = ADDRESS_DOMAIN_TOO_LONG;
        return false;
    }
    memcpy(bytes, "x@", 2);
    memcpy(bytes + 2, text.ptr, text.len);
    return address_parse(bytes, text.len + 2, ret);
}

/* The key of one entry, or false when it is none; *ret_diagnosis says why. */
static bool make_entry_key(struct slice entry, char out[KEY_SIZE], struct slice *ret_key,
                           enum address_diagnosis *ret_diagnosis)
{
    char bytes[2 + NAME_SIZE];
    struct address address;
    struct slice local = SLICE_EMPTY, domain;
    char sign = '.';

    if (slice_starts_with_nocase(entry, SLICE("mx:"))) {
        sign = ':';
        entry = slice_from_offset(entry, 3);
    } else if (slice_find_byte(entry, '@') > 0) {
        sign = '@';
        if (!address_parse(entry.ptr, entry.len, &address)) {
            *ret_diagnosis = address.diagnosis;
            return false;
        }
        local = address.local;
    } else if (slice_starts_with(entry, SLICE("@"))) {
        sign = '@';
        entry = slice_from_offset(entry, 1);
    }
    if (local.len == 0 && !parse_domain(entry, bytes, &address)) {
        *ret_diagnosis = address.diagnosis;
        return false;
    }
    domain = address.is_literal ? address.domain
                                : slice_from(address.domain_ascii, address.domain_ascii_len);
    if (local.len == 0 && (address.is_literal || slice_find_byte(domain, '.') < 0)) {
        /* A sound name, but a bare word is more likely a slip than a top level domain. */
        *ret_diagnosis = ADDRESS_VALID;
        return false;
    }
    *ret_key = make_key(out, local, sign, domain);
    return true;
}

static int refuse_line(struct error *error, size_t number, struct slice entry,
                       enum address_diagnosis diagnosis)
{
    char shown[61];
    size_t len = entry.len < sizeof(shown) - 1 ? entry.len : sizeof(shown) - 1;

    for (size_t i = 0; i < len; i++)
        shown[i] = entry.ptr[i] > ' ' && entry.ptr[i] < 127 ? entry.ptr[i] : '?';
    shown[len] = '\0';
    return error_set(error, ERROR_FORMAT,
                     "line %zu: \"%s\" is neither an address nor a domain (%s)", number, shown,
                     diagnosis == ADDRESS_VALID ? "a domain has two labels or more"
                                                : address_diagnosis_name(diagnosis));
}

/* What is before a comment: "#" at the start or after a blank, for "a#b@example.com" is sound. */
struct slice lists_operator_entry(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '#' && (i == 0 || ascii_is_space(line.ptr[i - 1])))
            return slice_trim(slice_prefix(line, i));
    }
    return slice_trim(line);
}

int lists_operator_load(struct lists_operator *lists, enum lists_operator_kind kind,
                        struct slice text, struct error *error)
{
    struct slice line;
    size_t number = 0;

    CHECK(kind < LISTS_OPERATOR_KIND_COUNT);
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf"))) /* the mark that some editors write */
        text = slice_from_offset(text, 3);
    while (slice_split(&text, '\n', &line)) {
        struct slice entry = lists_operator_entry(line), key;
        enum address_diagnosis diagnosis = ADDRESS_VALID;
        char bytes[KEY_SIZE];

        number++;
        if (entry.len == 0)
            continue;
        if (!make_entry_key(entry, bytes, &key, &diagnosis))
            return refuse_line(error, number, entry, diagnosis);
        if (add_key(lists, kind, key) != 0 ||
            (slice_find_byte(key, '@') > 0 && add_mailbox(lists, kind, key) != 0))
            return error_set(error, ERROR_NOMEM, "line %zu: no memory", number);
    }
    return 0;
}

/* Bits of entries for this name and, sign by sign, of what is above it. */
static unsigned match_upwards(const struct lists_operator *lists, char sign, struct slice name)
{
    char bytes[KEY_SIZE];
    unsigned bits = 0;

    if (name.len == 0 || name.len > ADDRESS_DOMAIN_MAX)
        return 0;
    bytes[0] = sign;
    memcpy(bytes + 1, name.ptr, name.len);
    for (size_t at = 0;;) {
        const char *dot;

        bits |= bits_of(lists, slice_from(bytes + at, 1 + name.len - at));
        dot = memchr(bytes + at + 1, '.', name.len - at);
        if (dot == NULL)
            return bits;
        at = (size_t)(dot - bytes);
        bytes[at] = sign;
    }
}

unsigned lists_operator_match(const struct lists_operator *lists, struct slice local,
                              struct slice domain)
{
    char bytes[KEY_SIZE];
    struct slice mailbox;
    unsigned bits = 0;

    if (lists->table.count == 0 || local.len > ADDRESS_LOCAL_MAX || domain.len == 0 ||
        domain.len > ADDRESS_DOMAIN_MAX)
        return 0;
    if (lists->has_addresses && local.len > 0 &&
        make_mailbox_key(lists, local, domain, bytes, &mailbox))
        bits = bits_of(lists, mailbox);
    return bits | bits_of(lists, make_key(bytes, local, '@', domain)) |
           bits_of(lists, make_key(bytes, SLICE_EMPTY, '@', domain)) |
           match_upwards(lists, '.', domain);
}

unsigned lists_operator_match_mx(const struct lists_operator *lists, struct slice host)
{
    return lists->table.count > 0 ? match_upwards(lists, ':', host) : 0;
}

const char *lists_operator_kind_name(enum lists_operator_kind kind)
{
    static const char *const names[LISTS_OPERATOR_KIND_COUNT] = {
        [LISTS_OPERATOR_ALLOW] = "allow",
        [LISTS_OPERATOR_OPT_OUT] = "opt_out",
        [LISTS_OPERATOR_BLOCK] = "block",
        [LISTS_OPERATOR_TRAP] = "trap",
        [LISTS_OPERATOR_COMPLAINT] = "complaint",
        [LISTS_OPERATOR_LISTED] = "listed",
        [LISTS_OPERATOR_DISPOSABLE] = "disposable",
        [LISTS_OPERATOR_NOT_DISPOSABLE] = "not_disposable",
    };

    CHECK(kind < LISTS_OPERATOR_KIND_COUNT);
    return names[kind];
}

size_t lists_operator_count(const struct lists_operator *lists, enum lists_operator_kind kind)
{
    CHECK(kind < LISTS_OPERATOR_KIND_COUNT);
    return lists->counts[kind];
}
