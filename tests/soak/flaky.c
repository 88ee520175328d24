#include "flaky.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "dns/writer.h"

#define LIE_SIZE 16384

struct flaky {
    struct dns_transport base;
    struct dns_transport *inner;
    struct flaky_plan plan;
    struct random random;
};

struct asked {
    struct flaky *flaky;
    dns_transport_done *done;
    void *user;
    struct dns_question question;
};

/* --- lies: each writes a message in the place of the true one, and says how long it is ----------
 */

typedef size_t lie(struct random *random, const struct dns_question *question, uint8_t *out,
                   size_t true_len);

static void begin(struct dns_writer *writer, const struct dns_question *question, uint8_t *out,
                  uint8_t rcode)
{
    const struct dns_header query = {.id = 1, .recursion_desired = true};

    dns_writer_begin_answer(writer, out, LIE_SIZE, &query, question, rcode);
    dns_writer_section(writer, DNS_SECTION_ANSWER);
}

static size_t lie_nobody(struct random *random, const struct dns_question *question, uint8_t *out,
                         size_t true_len)
{
    struct dns_writer writer;

    begin(&writer, question, out,
          random_chance(random, 1, 2) ? DNS_RCODE_NXDOMAIN : DNS_RCODE_NOERROR);
    return dns_writer_end(&writer);
}

/* 0.0.0.8 for its network: a listener at 0.0.0.0 itself would hear everybody who finds nobody. */
const struct ip flaky_inside[FLAKY_INSIDE_COUNT] = {
    {4, {127, 0, 0, 1}},
    {4, {10, 0, 0, 1}},
    {4, {169, 254, 169, 254}},
    {4, {0, 0, 0, 8}},
    {6, {[15] = 1}},
    {6, {[10] = 0xff, 0xff, 127, 0, 0, 1}},
    {6, {0, 0x64, 0xff, 0x9b, [12] = 10, 0, 0, 1}},
};

static size_t lie_inside(struct random *random, const struct dns_question *question, uint8_t *out,
                         size_t true_len)
{
    struct dns_writer writer;

    begin(&writer, question, out, DNS_RCODE_NOERROR);
    if (question->type == DNS_TYPE_MX)
        (void)dns_writer_mx(&writer, question->name, 60, 0, question->name);
    for (int i = 0; i < 2; i++)
        (void)dns_writer_ip(&writer, question->name, 60,
                            &flaky_inside[random_below(random, FLAKY_INSIDE_COUNT)]);
    return dns_writer_end(&writer);
}

static size_t lie_loop(struct random *random, const struct dns_question *question, uint8_t *out,
                       size_t true_len)
{
    struct dns_writer writer;

    begin(&writer, question, out, DNS_RCODE_NOERROR);
    (void)dns_writer_name(&writer, question->name, 60, DNS_TYPE_CNAME, "loop.example");
    (void)dns_writer_name(&writer, "loop.example", 60, DNS_TYPE_CNAME, question->name);
    return dns_writer_end(&writer);
}

static size_t lie_of_another(struct random *random, const struct dns_question *question,
                             uint8_t *out, size_t true_len)
{
    struct dns_writer writer;

    begin(&writer, question, out, DNS_RCODE_NOERROR);
    (void)dns_writer_mx(&writer, "another.example", 60, 10, "mx.another.example");
    (void)dns_writer_txt(&writer, "another.example", 60, SLICE("v=spf1 -all"));
    return dns_writer_end(&writer);
}

/* More mail servers than anybody has, until no more fit. */
static size_t lie_crowd(struct random *random, const struct dns_question *question, uint8_t *out,
                        size_t true_len)
{
    struct dns_writer writer;
    char host[64];

    begin(&writer, question, out, DNS_RCODE_NOERROR);
    for (unsigned i = 0; i < 600; i++) {
        (void)snprintf(host, sizeof(host), "mx%u.%.40s", i, question->name);
        (void)dns_writer_mx(&writer, question->name, 60, (uint16_t)i, host);
    }
    return dns_writer_end(&writer);
}

static size_t lie_noise(struct random *random, const struct dns_question *question, uint8_t *out,
                        size_t true_len)
{
    size_t len = random_below(random, 300);

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)random_next(random);
    return len;
}

/* Octets of the true answer changed, compression pointers among them. */
static size_t lie_changed(struct random *random, const struct dns_question *question, uint8_t *out,
                          size_t true_len)
{
    for (int i = 0; i < 4 && true_len > 0; i++)
        out[random_below(random, true_len)] = random_chance(random, 1, 3)
                                                  ? (uint8_t)(0xc0 | random_below(random, 2))
                                                  : (uint8_t)random_next(random);
    return true_len;
}

static size_t lie_cut(struct random *random, const struct dns_question *question, uint8_t *out,
                      size_t true_len)
{
    return random_below(random, true_len + 1);
}

static lie *const lies[] = {lie_nobody, lie_inside, lie_loop,    lie_of_another,
                            lie_crowd,  lie_noise,  lie_changed, lie_cut};

/* --- between the two ------------------------------------------------------------------------ */

static void tell_lie(const struct asked *asked, const uint8_t *message, size_t len)
{
    static uint8_t out[LIE_SIZE];
    struct flaky *flaky = asked->flaky;

    CHECK(len <= sizeof(out));
    if (len > 0)
        memcpy(out, message, len);
    flaky->plan.lied(flaky->plan.user, asked->question.name);
    len = lies[random_below(&flaky->random, ARRAY_LEN(lies))](&flaky->random, &asked->question, out,
                                                              len);
    asked->done(asked->user, DNS_FOUND, out, len);
}

static void answered(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len)
{
    static const enum dns_outcome ways[] = {DNS_TIMEOUT, DNS_UNREACHABLE, DNS_BOGUS};
    struct asked asked = *(struct asked *)user;
    struct flaky *flaky = asked.flaky;

    memory_free(user);
    if (random_chance(&flaky->random, flaky->plan.loss_permille, 1000))
        asked.done(asked.user, ways[random_below(&flaky->random, 3)], NULL, 0);
    else if (outcome == DNS_FOUND && random_chance(&flaky->random, flaky->plan.lie_permille, 1000))
        tell_lie(&asked, message, len);
    else
        asked.done(asked.user, outcome, message, len);
}

static int ask(struct dns_transport *base, const char *name, uint16_t type,
               dns_transport_done *done, void *user)
{
    struct flaky *flaky = (struct flaky *)base;
    struct asked *asked = memory_zalloc(1, sizeof(*asked));
    int code;

    if (asked == NULL)
        return ERROR_NOMEM;
    *asked = (struct asked){flaky, done, user, {.type = type, .dns_class = DNS_CLASS_IN}};
    (void)snprintf(asked->question.name, sizeof(asked->question.name), "%s", name);
    code = dns_transport_ask(flaky->inner, name, type, answered, asked);
    if (code != 0)
        memory_free(asked);
    return code;
}

static void flaky_free(struct dns_transport *base)
{
    memory_free(base);
}

static const struct dns_transport_ops flaky_ops = {ask, flaky_free};

struct dns_transport *flaky_transport_new(struct dns_transport *inner,
                                          const struct flaky_plan *plan)
{
    struct flaky *flaky = memory_zalloc(1, sizeof(*flaky));

    if (flaky == NULL)
        return NULL;
    flaky->base.ops = &flaky_ops;
    flaky->inner = inner;
    flaky->plan = *plan;
    random_init(&flaky->random, plan->seed);
    return &flaky->base;
}
