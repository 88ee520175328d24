/* What concerns a whole scenario: sites, settings, lists, expectations. */
#include "base/check.h"
#include "lab/parser.h"
#include "lab/setup.h"

static struct lab_site *site_by_name(const struct lab_scenario *s, struct slice name)
{
    struct lab_site *site = s->sites;

    while (site != NULL && !slice_equal(site->name, name))
        site = site->next;
    return site;
}

static int site_limit(struct lab_parser *p, struct lab_site *site, struct slice name)
{
    static const struct {
        struct slice name;
        size_t offset;
    } limits[] = {
        {{"connections", 11}, offsetof(struct lab_site, connections)},
        {{"per-minute", 10}, offsetof(struct lab_site, per_minute)},
        {{"rcpts-per-session", 17}, offsetof(struct lab_site, rcpts_per_session)},
        {{"rcpts-per-transaction", 21}, offsetof(struct lab_site, rcpts_per_transaction)},
        {{"unknowns-per-session", 20}, offsetof(struct lab_site, unknowns_per_session)},
    };

    if (slice_equal(name, SLICE("gap")))
        return lab_parser_span(p, "the gap", &site->gap_ms);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (slice_equal(name, limits[i].name)) {
            uint64_t number;
            int code = lab_parser_number(p, "limit", 100000, &number);

            if (code == 0)
                *(unsigned *)(void *)((char *)site + limits[i].offset) = (unsigned)number;
            return code;
        }
    return lab_parser_fail(p,
                           "unknown limit %.*s (connections, per-minute, rcpts-per-session, "
                           "rcpts-per-transaction, unknowns-per-session, gap)",
                           SLICE_ARG(name));
}

/* At the top it defines a site; in a server's block it says which one the server belongs to. */
int lab_parse_site(struct lab_parser *p)
{
    struct slice name, word;
    struct lab_site *site;
    int code = lab_parser_word(p, "the site's name", &name);

    if (code < 0)
        return code;
    site = site_by_name(p->scenario, name);
    if (p->server != NULL && site != NULL) {
        p->server->site = site;
        return 0;
    }
    if (site != NULL)
        return lab_parser_fail(p, "site %.*s was defined before", SLICE_ARG(name));
    site = arena_alloc(&p->scenario->arena, sizeof(*site));
    if (site == NULL)
        return lab_parser_no_memory(p);
    site->name = name;
    while (lab_line_word(&p->line, &word)) {
        code = site_limit(p, site, word);
        if (code < 0)
            return code;
    }
    site->next = p->scenario->sites;
    p->scenario->sites = site;
    if (p->server != NULL) /* defined where it is used */
        p->server->site = site;
    return 0;
}

int lab_parse_set(struct lab_parser *p)
{
    struct lab_setting *setting = arena_alloc(&p->scenario->arena, sizeof(*setting));
    const char *fault;
    int code;

    if (setting == NULL)
        return lab_parser_no_memory(p);
    code = lab_parser_word(p, "the setting's name", &setting->name);
    if (code == 0)
        code = lab_parser_word(p, "the value", &setting->value);
    if (code < 0)
        return code;
    fault = lab_setting_fault(setting->name, setting->value);
    if (fault != NULL)
        return lab_parser_fail(p, "%.*s %.*s: %s", SLICE_ARG(setting->name),
                               SLICE_ARG(setting->value), fault);
    if (p->scenario->last_setting != NULL)
        p->scenario->last_setting->next = setting;
    else
        p->scenario->settings = setting;
    p->scenario->last_setting = setting;
    return 0;
}

int lab_parse_list(struct lab_parser *p)
{
    struct lab_list_entry *entry = arena_alloc(&p->scenario->arena, sizeof(*entry));
    enum lists_operator_kind kind;
    int code;

    if (entry == NULL)
        return lab_parser_no_memory(p);
    code = lab_parser_word(p, "the list's name", &entry->kind);
    if (code == 0)
        code = lab_parser_word(p, "the entry", &entry->entry);
    if (code < 0)
        return code;
    if (!lab_list_kind(entry->kind, &kind))
        return lab_parser_fail(
            p,
            "there is no list called %.*s (allow, opt-out, block, trap, complaint, listed, "
            "disposable, not-disposable)",
            SLICE_ARG(entry->kind));
    if (p->scenario->last_list != NULL)
        p->scenario->last_list->next = entry;
    else
        p->scenario->lists = entry;
    p->scenario->last_list = entry;
    return 0;
}

/* An expectation that names an address; NULL and the code when there is no memory, or no address.
 */
static struct lab_expectation *expectation_begin(struct lab_parser *p, int *ret_code)
{
    struct lab_scenario *s = p->scenario;
    struct lab_expectation_node *node = arena_alloc(&s->arena, sizeof(*node));

    *ret_code = node != NULL ? lab_parser_word(p, "the address", &node->expectation.address)
                             : lab_parser_no_memory(p);
    if (node == NULL || *ret_code < 0)
        return NULL;
    node->expectation.line = p->number;
    if (s->last_expectation != NULL)
        s->last_expectation->next = node;
    else
        s->expectations = node;
    s->last_expectation = node;
    s->expectation_count++;
    return &node->expectation;
}

int lab_parse_ask(struct lab_parser *p)
{
    int code;

    (void)expectation_begin(p, &code);
    return code;
}

int lab_parse_expect(struct lab_parser *p)
{
    struct slice word;
    int code;
    struct lab_expectation *e = expectation_begin(p, &code);

    if (e == NULL)
        return code;
    code = lab_parser_word(p, "the status", &e->status);
    if (code == 0)
        code = lab_parser_word(p, "the reason", &e->reason);
    if (code == 0 && lab_line_is_quoted(&p->line))
        code = lab_parser_word(p, "the explanation", &e->explanation);
    if (code == 0 && lab_line_word(&p->line, &word)) {
        if (!slice_equal(word, SLICE("suggests")))
            return lab_parser_fail(p, "%.*s is not understood here", SLICE_ARG(word));
        code = lab_parser_word(p, "the suggestion", &e->suggestion);
    }
    return code;
}
