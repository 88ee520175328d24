#include "service/source_watch.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "dns/answer.h"
#include "service/internal.h"

#define SOURCES_MAX 2

/* Outlives its watch while answers are to come: a transport can't be told to forget. */
struct source_round {
    struct service *service; /* NULL: gone */
    size_t pending;
    unsigned listings;
    char first[160]; /* "ADDRESS is in ZONE (meaning)" */
};

struct source_question {
    struct source_round *round;
    const struct dns_blocklist *list;
    struct ip source;
    char name[DNS_REVERSE_SIZE];
};

static void say(struct service *service, const struct source_round *round)
{
    struct service_source_watch *watch = &service->source_watch;

    watch->listings = round->listings;
    snprintf(watch->text, sizeof(watch->text),
             "The address that you probe from is on a block list: %s. Read there why, and mend the "
             "cause; until then many servers will refuse you.",
             round->first);
}

static void round_let_go(struct source_round *round)
{
    CHECK(round->pending > 0);
    if (--round->pending > 0)
        return;
    if (round->service != NULL) {
        say(round->service, round);
        round->service->source_watch.round = NULL;
    }
    memory_free(round);
}

/* Of ours, a listing for any reason is bad news; a refusal or a failure tells nothing. */
static void note_answer(struct source_question *question, const struct dns_answer *answer)
{
    struct source_round *round = question->round;

    for (size_t i = 0; i < answer->record_count; i++) {
        char ip[IP_TEXT_SIZE];
        const char *meaning;
        enum dns_listing listing =
            dns_blocklist_judge(question->list, &answer->records[i].ip, &meaning);

        if (listing == DNS_LISTING_ODD || listing == DNS_LISTING_REFUSED)
            continue;
        if (round->listings++ == 0)
            snprintf(round->first, sizeof(round->first), "%s is in %.80s%s%s",
                     ip_format(&question->source, ip), dns_blocklist_shown(question->list->zone),
                     meaning[0] != '\0' ? ", " : "", meaning);
        return;
    }
}

static void answer_came(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len)
{
    struct source_question *question = user;
    struct dns_answer answer;
    struct arena arena;

    arena_init(&arena);
    if (outcome == DNS_FOUND && question->round->service != NULL &&
        dns_answer_read(&arena, question->name, DNS_TYPE_A, message, len, &answer) == 0)
        note_answer(question, &answer);
    arena_done(&arena);
    round_let_go(question->round);
    memory_free(question);
}

static void ask(struct source_round *round, struct dns_transport *transport,
                const struct dns_blocklist *list, const struct ip *source)
{
    struct source_question *question = memory_zalloc(1, sizeof(*question));

    if (question == NULL)
        return; /* another time */
    question->round = round;
    question->list = list;
    question->source = *source;
    dns_reverse_name(source, list->zone, question->name);
    if (dns_transport_ask(transport, question->name, DNS_TYPE_A, answer_came, question) == 0)
        round->pending++;
    else
        memory_free(question);
}

static size_t find_sources(const struct service *service, struct ip out[SOURCES_MAX])
{
    size_t count = 0;

    if (service->config->source_ip != NULL)
        return ip_parse(slice_from_string(service->config->source_ip), &out[0]) ? 1 : 0;
    for (uint8_t family = 4; family <= 6; family += 2)
        if (prober_own_address(family, &out[count]) && ip_reserved_range(&out[count]) == NULL)
            count++;
    return count;
}

void service_source_watch_run(struct service *service)
{
    struct service_source_watch *watch = &service->source_watch;
    const struct prober *prober = service->prober;
    struct ip sources[SOURCES_MAX];
    size_t count;

    if (watch->round != NULL || service_now_ms(service) < watch->next_ms ||
        prober->transport == NULL || prober->blocklist_count == 0)
        return;
    watch->next_ms = service_now_ms(service) + HOUR_MS;
    count = find_sources(service, sources);
    watch->round = memory_zalloc(1, sizeof(*watch->round));
    if (watch->round == NULL)
        return;
    watch->round->service = service;
    watch->round->pending = 1; /* we, until everything is asked */
    for (size_t i = 0; i < prober->blocklist_count; i++)
        for (size_t k = 0; k < count && prober->blocklists[i].of_addresses; k++)
            ask(watch->round, prober->transport, &prober->blocklists[i], &sources[k]);
    round_let_go(watch->round);
}

void service_source_watch_close(struct service_source_watch *watch)
{
    if (watch->round != NULL)
        watch->round->service = NULL;
    watch->round = NULL;
}
