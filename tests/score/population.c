#include "population.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "lists/builtin.h"
#include "verdict/naming.h"
#include "verdict/verdict_rig.h"

#define NAMES_MAX  4096
#define PEOPLE_MAX 40
#define ROWS_MAX   12 /* of one domain in the list */
#define USUAL_LIVE 58
#define LOCAL_SIZE 128

#define OK_ "250 2.1.5 Ok"

struct world {
    struct random random;
    unsigned live_percent;
    struct slice given[NAMES_MAX], surnames[NAMES_MAX];
    size_t given_count, surname_count;
    population_visit *visit;
    void *user;
    struct rig rig;
};

struct person {
    struct slice given, surname;
};

/* How a domain makes addresses, and what can be seen of it. */
struct domain {
    char name[40];
    enum naming_pattern convention;
    unsigned discipline; /* per cent of the staff that follow it */
    unsigned live;       /* per cent of the list's people that are there */
    bool is_kept;        /* somebody looks after it */
    bool accepts_all;
    bool refuses_some; /* ... but those who left, mostly */
    bool has_spf, has_dmarc, is_implicit;
    const char *provider; /* or NULL */
    struct person people[PEOPLE_MAX];
    size_t people_count;
};

/* One mailbox somebody might write to. */
struct mailbox {
    char local[LOCAL_SIZE];
    bool is_role, is_alive, is_known_to_be_gone;
    const char *suggestion; /* or NULL */
};

static unsigned percent(struct world *world)
{
    return (unsigned)random_below(&world->random, 100);
}

static bool chance(struct world *world, unsigned of_100)
{
    return percent(world) < of_100;
}

/* --- names ------------------------------------------------------------------------------------ */

static void read_names(struct world *world, struct slice text)
{
    struct slice line, name;

    while (slice_split(&text, '\n', &line)) {
        if (line.len == 0 || line.ptr[0] == '#' || !slice_split(&line, '\t', &name))
            continue;
        CHECK(world->given_count < NAMES_MAX && world->surname_count < NAMES_MAX);
        if (slice_equal(line, SLICE("g")))
            world->given[world->given_count++] = name;
        else
            world->surnames[world->surname_count++] = name;
    }
    CHECK(world->given_count > 100 && world->surname_count > 100);
}

struct slice population_names(const char *source_root)
{
    const size_t room = (size_t)1 << 20;
    char path[4096], *bytes = memory_alloc(room);
    size_t len;
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/score/names.tsv", source_root);
    file = fopen(path, "rb");
    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "can't read %s\n", path);
        abort();
    }
    len = fread(bytes, 1, room, file);
    fclose(file);
    return slice_from(bytes, len);
}

/* --- local parts ------------------------------------------------------------------------------ */

static void write_local(enum naming_pattern pattern, const struct person *person, char *out)
{
    const struct slice f = person->given, l = person->surname;

    switch (pattern) {
    case NAMING_FIRST:
        snprintf(out, LOCAL_SIZE, "%.*s", SLICE_ARG(f));
        break;
    case NAMING_LAST:
        snprintf(out, LOCAL_SIZE, "%.*s", SLICE_ARG(l));
        break;
    case NAMING_FIRST_LAST:
        snprintf(out, LOCAL_SIZE, "%.*s%.*s", SLICE_ARG(f), SLICE_ARG(l));
        break;
    case NAMING_INITIAL_LAST:
        snprintf(out, LOCAL_SIZE, "%c%.*s", f.ptr[0], SLICE_ARG(l));
        break;
    case NAMING_FIRST_INITIAL:
        snprintf(out, LOCAL_SIZE, "%.*s%c", SLICE_ARG(f), l.ptr[0]);
        break;
    case NAMING_FIRST_LINE_LAST:
        snprintf(out, LOCAL_SIZE, "%.*s_%.*s", SLICE_ARG(f), SLICE_ARG(l));
        break;
    case NAMING_LAST_DOT_FIRST:
        snprintf(out, LOCAL_SIZE, "%.*s.%.*s", SLICE_ARG(l), SLICE_ARG(f));
        break;
    case NAMING_INITIAL_DOT_LAST:
        snprintf(out, LOCAL_SIZE, "%c.%.*s", f.ptr[0], SLICE_ARG(l));
        break;
    default:
        snprintf(out, LOCAL_SIZE, "%.*s.%.*s", SLICE_ARG(f), SLICE_ARG(l));
        break;
    }
}

/* Shares of conventions among organisations: an assumption (doc/SCORING.md). */
static enum naming_pattern draw_convention(struct world *world)
{
    static const struct {
        enum naming_pattern pattern;
        unsigned share;
    } conventions[] = {
        {NAMING_FIRST_DOT_LAST, 42},  {NAMING_INITIAL_LAST, 20}, {NAMING_FIRST, 14},
        {NAMING_INITIAL_DOT_LAST, 7}, {NAMING_FIRST_LAST, 5},    {NAMING_FIRST_LINE_LAST, 4},
        {NAMING_LAST_DOT_FIRST, 3},   {NAMING_FIRST_INITIAL, 3}, {NAMING_LAST, 2},
    };
    unsigned drawn = percent(world);

    for (size_t i = 0; i < ARRAY_LEN(conventions); i++) {
        if (drawn < conventions[i].share)
            return conventions[i].pattern;
        drawn -= conventions[i].share;
    }
    CHECK(!"shares sum to 100");
    return NAMING_FIRST;
}

static enum naming_pattern draw_other(struct world *world, enum naming_pattern than)
{
    enum naming_pattern drawn;

    do
        drawn = draw_convention(world);
    while (drawn == than);
    return drawn;
}

static struct person draw_person(struct world *world)
{
    return (struct person){
        world->given[random_below(&world->random, world->given_count)],
        world->surnames[random_below(&world->random, world->surname_count)],
    };
}

/* What spam traps, sign-up robots and broken exports leave behind. */
static void write_junk(struct world *world, char *out)
{
    static const char *const alphabets[] = {"abcdefghijklmnopqrstuvwxyz", "asdfghjklqwertyuiop",
                                            "abcdefghijklmnopqrstuvwxyz0123456789",
                                            "0123456789abcdef"};
    const char *alphabet = alphabets[random_below(&world->random, ARRAY_LEN(alphabets))];
    size_t len = 6 + random_below(&world->random, 9);

    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[random_below(&world->random, strlen(alphabet))];
    out[len] = '\0';
}

/* --- mailboxes of a domain -------------------------------------------------------------------- */

static void draw_role(struct world *world, const struct domain *domain, struct mailbox *mailbox)
{
    static const char *const roles[] = {"info",    "office",  "sales", "contact",
                                        "support", "billing", "jobs",  "hello"};
    size_t index = random_below(&world->random, ARRAY_LEN(roles));

    snprintf(mailbox->local, sizeof(mailbox->local), "%s", roles[index]);
    mailbox->is_role = true;
    mailbox->is_alive = chance(world, (domain->is_kept ? 78 : 45) - 4 * (unsigned)index);
}

/* Somebody who is not there under that name: left, guessed by the wrong rule, or never was. */
static void draw_dead(struct world *world, const struct domain *domain, struct mailbox *mailbox)
{
    struct person person = draw_person(world);
    unsigned kind = percent(world);

    if (kind < 30) {
        write_local(domain->convention, &person, mailbox->local);
        mailbox->is_known_to_be_gone = true;
    } else if (kind < 68) {
        write_local(draw_other(world, domain->convention), &person, mailbox->local);
    } else if (kind < 92) {
        write_junk(world, mailbox->local);
    } else {
        write_local(domain->convention, &person, mailbox->local);
        mailbox->suggestion = kind < 96 ? "somebody@example.org" : "else@example.com";
    }
}

static void draw_mailbox(struct world *world, const struct domain *domain, struct mailbox *mailbox)
{
    const struct person *person =
        &domain->people[random_below(&world->random, domain->people_count)];

    *mailbox = (struct mailbox){.is_alive = false};
    if (chance(world, 12)) {
        draw_role(world, domain, mailbox);
    } else if (chance(world, domain->live)) {
        mailbox->is_alive = true;
        if (chance(world, 4)) /* user ids, and names that the tables are blind to */
            write_junk(world, mailbox->local);
        else
            write_local(chance(world, domain->discipline) ? domain->convention
                                                          : draw_other(world, domain->convention),
                        person, mailbox->local);
        if (chance(world, 2)) /* a suggestion may be wrong */
            mailbox->suggestion = "else@example.com";
    } else {
        draw_dead(world, domain, mailbox);
    }
}

/* A mailbox that lives may bounce for other reasons, and a dead one may be read by somebody. */
static bool draw_outcome(struct world *world, const struct mailbox *mailbox)
{
    return chance(world, mailbox->is_alive ? 97 : 3);
}

static void draw_domain(struct world *world, size_t number, struct domain *domain)
{
    static const char *const providers[] = {NULL, NULL, NULL, "google", "microsoft365"};
    unsigned live = world->live_percent > 0 ? world->live_percent : USUAL_LIVE;
    int spread = (int)random_below(&world->random, 61) - 30;

    *domain = (struct domain){
        .convention = draw_convention(world),
        .discipline = 75 + (unsigned)random_below(&world->random, 26),
        .is_kept = chance(world, 82),
        .accepts_all = chance(world, 67),
        .people_count = 3 + random_below(&world->random, PEOPLE_MAX - 2),
    };
    snprintf(domain->name, sizeof(domain->name), "d%zu.example.com", number);
    spread += (int)live + (domain->is_kept ? 7 : -33);
    domain->live = (unsigned)(spread < 3 ? 3 : spread > 97 ? 97 : spread);
    domain->refuses_some = domain->accepts_all && chance(world, 12);
    domain->has_spf = chance(world, domain->is_kept ? 92 : 45);
    domain->has_dmarc = domain->has_spf && chance(world, domain->is_kept ? 65 : 20);
    domain->is_implicit = chance(world, domain->is_kept ? 2 : 12);
    domain->provider = domain->is_implicit || !domain->is_kept
                           ? NULL
                           : providers[random_below(&world->random, ARRAY_LEN(providers))];
    for (size_t i = 0; i < domain->people_count; i++)
        domain->people[i] = draw_person(world);
}

/* --- evidence --------------------------------------------------------------------------------- */

/*
 * What kept a server from telling, how often, and the per cent of its addresses that live when 55
 * of all do: judgements, as nobody has counted.
 */
static const struct {
    const char *attempts;
    unsigned weight, live;
} silences[] = {
    {"mx1 rcpt 450 4.2.0 Greylisted, come again later", 20, 62},
    {"mx1 rcpt 452 4.5.3 Too many recipients from you", 8, 57},
    {"mx1 rcpt 451 4.3.0 Temporary system problem", 14, 47},
    {"mx1 rcpt !timeout", 12, 37},
    {"mx1 connect !connect_failed", 14, 27},
    {"mx1 rcpt !disconnected", 6, 42},
    {"mx1 rcpt 554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", 16, 52},
    {"mx1 rcpt " OK_ "\n?mx1 rcpt 450 4.2.0 Greylisted, come again later", 10, 85},
};

static const char *draw_silence(struct world *world, bool is_alive)
{
    unsigned weights[ARRAY_LEN(silences)], sum = 0, drawn;

    for (size_t i = 0; i < ARRAY_LEN(silences); i++) {
        unsigned live = silences[i].live;

        weights[i] = silences[i].weight * (is_alive ? live * 45 : (100 - live) * 55);
        sum += weights[i];
    }
    drawn = (unsigned)random_below(&world->random, sum);
    for (size_t i = 0;; i++) {
        if (drawn < weights[i])
            return silences[i].attempts;
        drawn -= weights[i];
    }
}

/* What own messages and earlier probes have taught of the domain. */
static void draw_peers(struct world *world, const struct domain *domain,
                       struct naming_habits *habits, struct evidence_peers *peers)
{
    unsigned kind = percent(world);
    size_t met = kind < 25   ? 0
                 : kind < 60 ? 1 + random_below(&world->random, 3)
                             : 4 + random_below(&world->random, 17);
    bool by_mail = domain->accepts_all || chance(world, 50);

    *peers = (struct evidence_peers){.refused = domain->refuses_some ? 1 : 0};
    *habits = (struct naming_habits){{0}};
    for (size_t i = 0; i < met; i++) {
        struct mailbox mailbox;
        bool is_delivered;

        draw_mailbox(world, domain, &mailbox);
        is_delivered = draw_outcome(world, &mailbox);
        peers->delivered += by_mail && is_delivered;
        peers->bounced += by_mail && !is_delivered;
        peers->accepted += !domain->accepts_all && is_delivered;
        peers->absent += !domain->accepts_all && !is_delivered;
        if (is_delivered && !mailbox.is_role)
            naming_learn(habits, naming_pattern_of(slice_from_string(mailbox.local)));
    }
    peers->refused += peers->absent;
    peers->proven = naming_total(habits);
}

static void fill_domain(struct world *world, const struct domain *domain)
{
    struct rig *rig = &world->rig;

    rig_domain(rig, domain->is_implicit ? "implicit" : "mx1");
    rig->domain.spf_outcome = rig->domain.dmarc_outcome = DNS_NODATA;
    if (domain->has_spf)
        rig->domain.spf = SLICE("v=spf1 mx -all");
    if (domain->has_dmarc)
        rig->domain.dmarc = SLICE("v=DMARC1; p=none");
    if (domain->provider != NULL)
        rig_provider(rig, domain->provider);
}

static void visit_mailbox(struct world *world, const struct domain *domain,
                          const struct naming_habits *habits, const struct evidence_peers *peers,
                          const struct mailbox *mailbox)
{
    struct evidence *evidence = &world->rig.evidence;
    bool is_delivered = draw_outcome(world, mailbox);
    char address[LOCAL_SIZE + 48];

    snprintf(address, sizeof(address), "%s@%s", mailbox->local, domain->name);
    rig_init(&world->rig, address);
    fill_domain(world, domain);
    rig_attempts(&world->rig, domain->accepts_all ? "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_
                                                  : draw_silence(world, mailbox->is_alive));
    if (domain->accepts_all)
        evidence->catch_all = EVIDENCE_CATCH_ALL_ACCEPTS;
    evidence->builtin_classes = mailbox->is_role ? LISTS_ROLE : 0;
    evidence->suggestion =
        slice_from_string(mailbox->suggestion != NULL ? mailbox->suggestion : "");
    evidence->peers = *peers;
    evidence->peers.alike =
        mailbox->is_role ? 0 : naming_alike(habits, naming_pattern_of(evidence->address.local));
    if (mailbox->is_role)
        evidence->peers.proven = 0;
    if (is_delivered && chance(world, 4))
        evidence->history.delivered_unix_ms = evidence->checked_unix_ms - 1;
    else if (!is_delivered && random_chance(&world->random, 1, 300))
        evidence->history.delivered_unix_ms = evidence->checked_unix_ms - 1;
    world->visit(world->user, evidence, is_delivered);
}

void population_make(uint64_t seed, size_t domains, unsigned live_percent, struct slice names,
                     population_visit *visit, void *user)
{
    struct world *world = memory_zalloc(1, sizeof(*world));

    CHECK(world != NULL);
    world->visit = visit;
    world->user = user;
    world->live_percent = live_percent;
    random_init(&world->random, seed);
    read_names(world, names);
    for (size_t i = 0; i < domains; i++) {
        size_t rows = 1 + random_below(&world->random, ROWS_MAX);
        struct evidence_peers peers;
        struct naming_habits habits;
        struct mailbox mailbox;
        struct domain domain;

        draw_domain(world, i, &domain);
        draw_peers(world, &domain, &habits, &peers);
        for (size_t k = 0; k < rows; k++) {
            draw_mailbox(world, &domain, &mailbox);
            /* Who left and is refused for it is no riddle. */
            if (!(domain.refuses_some && mailbox.is_known_to_be_gone && chance(world, 60)))
                visit_mailbox(world, &domain, &habits, &peers, &mailbox);
        }
    }
    memory_free(world);
}
