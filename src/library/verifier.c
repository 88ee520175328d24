/* A prober behind the public interface: one address at a time, many, or inside a foreign loop. */
#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "config/prober.h"
#include "io/uv_loop.h"
#include "library/options.h"
#include "library/result.h"
#include "mailknock/mailknock.h"

struct mailknock_verifier {
    struct prober prober;
    struct io_timer timer; /* ends a run */
    size_t open;
    bool with_evidence;
    bool running; /* callbacks are being made: no second run, no free */
    bool closing; /* nothing more is taken */
    bool timed_out;
    bool restless; /* something was started since the last run */
};

/* An address under way. */
struct library_case {
    mailknock_verifier *verifier;
    mailknock_done *done;
    void *user;
};

static void run_timed_out(struct io_timer *timer)
{
    mailknock_verifier *verifier = timer->user;

    verifier->timed_out = true;
    io_loop_stop(verifier->prober.loop);
}

int mailknock_verifier_new(const mailknock_options *options, mailknock_verifier **ret_verifier,
                           mailknock_error *error)
{
    mailknock_verifier *verifier = memory_zalloc(1, sizeof(*verifier));
    mailknock_options *defaults = NULL;
    struct error inner = {0};
    struct config config;
    int code = MAILKNOCK_NO_MEMORY;

    if (options == NULL)
        options = defaults = mailknock_options_new();
    if (verifier == NULL || options == NULL) {
        error_set(&inner, ERROR_NOMEM, "out of memory");
        goto done;
    }
    config = options->common;
    config.transcripts = options->own.evidence;
    code = prober_open(&verifier->prober, NULL, &config, &inner);
    if (code < 0)
        goto done;
    verifier->with_evidence = options->own.evidence;
    io_timer_init(verifier->prober.loop, &verifier->timer, run_timed_out, verifier);
    *ret_verifier = verifier;
    verifier = NULL;
done:
    if (code < 0 && error != NULL) {
        error->code = code;
        memcpy(error->message, inner.message, sizeof(error->message));
    }
    memory_free(verifier);
    mailknock_options_free(defaults);
    return code;
}

void mailknock_verifier_free(mailknock_verifier *verifier)
{
    if (verifier == NULL)
        return;
    CHECK(!verifier->running); /* a callback must not free its verifier */
    verifier->closing = verifier->running = true;
    prober_close(&verifier->prober);
    CHECK(verifier->open == 0);
    memory_free(verifier);
}

static void case_done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct library_case *one = user;
    mailknock_verifier *verifier = one->verifier;
    mailknock_result *result = library_result_new(evidence, verdict, verifier->with_evidence);

    verifier->open--;
    if (verifier->open == 0 && !verifier->closing)
        io_loop_stop(verifier->prober.loop);
    one->done(one->user, result != NULL ? 0 : MAILKNOCK_NO_MEMORY, result);
    memory_free(one);
}

int mailknock_verifier_submit(mailknock_verifier *verifier, const char *text, size_t len,
                              mailknock_done *done, void *user)
{
    struct library_case *one;
    int code;

    if (verifier->closing)
        return MAILKNOCK_BUSY;
    one = memory_alloc(sizeof(*one));
    if (one == NULL)
        return MAILKNOCK_NO_MEMORY;
    *one = (struct library_case){verifier, done, user};
    if (!verifier->running)
        io_uv_loop_update_time(verifier->prober.loop);
    code = probe_engine_submit(verifier->prober.engine, slice_from(len > 0 ? text : "", len),
                               case_done, one);
    if (code < 0) {
        memory_free(one);
        return code;
    }
    verifier->open++;
    verifier->restless = true;
    return 0;
}

/* Until the time is over or `*until_done` (NULL: every address) is finished. */
static void run_loop(mailknock_verifier *verifier, const bool *until_done)
{
    verifier->running = true;
    verifier->restless = false;
    while (!verifier->timed_out && (until_done != NULL ? !*until_done : verifier->open > 0))
        io_loop_run(verifier->prober.loop);
    verifier->running = false;
}

static int open_count(const mailknock_verifier *verifier)
{
    return verifier->open < INT_MAX ? (int)verifier->open : INT_MAX;
}

int mailknock_verifier_run(mailknock_verifier *verifier, int timeout_ms)
{
    struct io_loop *loop = verifier->prober.loop;

    if (verifier->running)
        return MAILKNOCK_BUSY;
    io_uv_loop_update_time(loop);
    verifier->timed_out = false;
    if (timeout_ms == 0) {
        verifier->running = true;
        verifier->restless = false;
        io_uv_loop_turn(loop);
        verifier->running = false;
        return open_count(verifier);
    }
    if (timeout_ms > 0 &&
        io_timer_start(&verifier->timer, io_now_ms(loop) + (uint64_t)timeout_ms) < 0)
        return MAILKNOCK_NO_MEMORY;
    run_loop(verifier, NULL);
    io_timer_stop(&verifier->timer);
    return open_count(verifier);
}

struct waiting {
    struct io_loop *loop;
    bool done;
    int code;
    mailknock_result *result;
};

static void waited(void *user, int code, mailknock_result *result)
{
    struct waiting *waiting = user;

    waiting->done = true;
    waiting->code = code;
    waiting->result = result;
    io_loop_stop(waiting->loop);
}

int mailknock_verifier_check(mailknock_verifier *verifier, const char *text, size_t len,
                             mailknock_result **ret_result)
{
    struct waiting waiting = {.loop = verifier->prober.loop};
    int code;

    if (verifier->running)
        return MAILKNOCK_BUSY;
    code = mailknock_verifier_submit(verifier, text, len, waited, &waiting);
    if (code < 0)
        return code;
    verifier->timed_out = false;
    run_loop(verifier, &waiting.done);
    if (waiting.code == 0)
        *ret_result = waiting.result;
    return waiting.code;
}

size_t mailknock_verifier_open(const mailknock_verifier *verifier)
{
    return verifier->open;
}

int mailknock_verifier_descriptor(const mailknock_verifier *verifier)
{
    return io_uv_loop_descriptor(verifier->prober.loop);
}

int mailknock_verifier_wait(const mailknock_verifier *verifier)
{
    return verifier->restless ? 0 : io_uv_loop_wait_ms(verifier->prober.loop);
}
