#include "verdict/telling.h"

#include <string.h>

#include "verdict/explain.h"

#define DETAIL_MAX 90

/* Those in the source; plain ASCII. */
void say_words(struct telling *telling, const char *words)
{
    sentence_add_plain(&telling->sentence, words, strlen(words));
}

void say_host(struct telling *telling)
{
    char ip[IP_TEXT_SIZE];

    if (telling->attempt == NULL)
        say(telling, "The mail server");
    else if (telling->attempt->host.len > 0)
        sentence_add_foreign(&telling->sentence, telling->attempt->host, TELLING_NAME_MAX);
    else
        say_words(telling, telling->attempt->ip.family != 0 ? ip_format(&telling->attempt->ip, ip)
                                                            : "The mail server");
}

void say_domain(struct telling *telling)
{
    const struct evidence *evidence = telling->evidence;
    struct slice name = evidence->address.domain;

    if (evidence->domain != NULL && evidence->domain->name.len > 0)
        name = evidence->domain->name;
    else if (evidence->address.domain_ascii[0] != '\0')
        name = slice_from_string(evidence->address.domain_ascii);
    if (name.len == 0)
        say(telling, "the domain");
    else
        sentence_add_foreign(&telling->sentence, name, TELLING_NAME_MAX);
}

void say_provider(struct telling *telling)
{
    const struct provider_profile *provider = telling->evidence->provider;

    sentence_add(&telling->sentence,
                 provider != NULL && provider->title != NULL ? provider->title : "the operator");
}

void say_quote_of(struct telling *telling, const struct evidence_attempt *attempt, size_t max)
{
    if (attempt != NULL && attempt->outcome == SMTP_OUTCOME_REPLY)
        sentence_add_reply(&telling->sentence, &attempt->reply, max);
    else
        say(telling, "no reply");
}

/* "HOST words: "550 ..."." */
void say_quoting(struct telling *telling, const char *words)
{
    say_host(telling);
    say_words(telling, words);
    if (telling->attempt != NULL && telling->attempt->outcome == SMTP_OUTCOME_REPLY) {
        say(telling, ": ");
        say_quote_of(telling, telling->attempt, TELLING_REPLY_MAX);
    }
    say(telling, ".");
}

void say_detail(struct telling *telling, struct slice detail)
{
    if (detail.len == 0)
        return;
    say(telling, " (");
    sentence_add_foreign(&telling->sentence, detail, DETAIL_MAX);
    say(telling, ")");
}

/* Our own full sentences become parts of one. */
void say_without_stop(struct telling *telling, const char *words)
{
    struct slice part = slice_from_string(words);

    while (part.len > 0 && part.ptr[part.len - 1] == '.')
        part.len--;
    sentence_add_foreign(&telling->sentence, part, 200);
}

void say_accepted_so_far(struct telling *telling)
{
    say_host(telling);
    say(telling, " accepted the address (");
    say_quote_of(telling, telling->attempt, TELLING_SECOND_REPLY_MAX);
    say(telling, ")");
}

void say_where(struct telling *telling)
{
    if (telling->attempt != NULL)
        sentence_printf(&telling->sentence, " at %s", explain_stage(telling->attempt->stage));
}
