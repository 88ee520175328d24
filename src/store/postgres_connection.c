/* Connections to PostgreSQL: made, waited for, lost, made again. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/postgres_internal.h"

#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS  5000
/* A worker that was suspended has to see on waking that its time is over. */
#ifdef CLOCK_BOOTTIME
#define CLOCK CLOCK_BOOTTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

uint64_t postgres_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- URLs ---------------------------------------------------------------------------------- */

static char *describe(const PQconninfoOption *options)
{
    const char *host = postgres_option(options, "host"), *port = postgres_option(options, "port");
    const char *name = postgres_option(options, "dbname"),
               *service = postgres_option(options, "service");
    struct buffer place;

    buffer_init(&place, 0);
    buffer_printf(&place, "postgresql://%s%s%s/%s", host != NULL ? host : "",
                  port != NULL ? ":" : "", port != NULL ? port : "", name != NULL ? name : "");
    if (service != NULL)
        buffer_printf(&place, "?service=%s", service);
    buffer_append_byte(&place, '\0');
    if (place.failed) {
        buffer_done(&place);
        return NULL;
    }
    return place.ptr;
}

int postgres_store_place(const char *url, char **ret_place, struct error *error)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    int code = 0;

    /* What libpq says of a bad URL repeats it, and with it whatever secret stands there. */
    PQfreemem(why);
    if (options == NULL)
        return error_set(error, ERROR_USAGE,
                         "the store's postgresql:// URL is not one: write "
                         "postgresql://USER@HOST:PORT/DATABASE");
    if (postgres_option(options, "password") != NULL ||
        postgres_option(options, "sslpassword") != NULL)
        code = error_set(error, ERROR_USAGE,
                         "the store's URL holds a password, which everybody on this machine "
                         "could read in the list of processes: leave it out and keep it in "
                         "~/.pgpass, in a file named by PGPASSFILE, in PGPASSWORD or in a "
                         "service file (?service=NAME)");
    else if ((*ret_place = describe(options)) == NULL)
        code = error_set(error, ERROR_NOMEM, "no memory for the store");
    PQconninfoFree(options);
    return code;
}

/* --- failures ------------------------------------------------------------------------------ */

/* The first line of what libpq says, without its end of line. */
static int first_line(const char *text)
{
    return (int)strcspn(text, "\n");
}

static int fail_lost(struct postgres_store *store, const char *what, const char *why,
                     struct error *error)
{
    error_set(error, ERROR_IO, "cannot %s in %s: %.*s", what, store->place, first_line(why), why);
    postgres_store_disconnect(store); /* and with it the words */
    return ERROR_IO;
}

/* What the server's refusal means for us. */
static int fail_answer(struct postgres_store *store, const PGresult *answer, const char *what,
                       struct error *error)
{
    const char *state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const char *why = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
    int code = ERROR_INTERNAL;

    if (why == NULL)
        why = PQresultErrorMessage(answer);
    if (state == NULL || strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0)
        return fail_lost(store, what, *why != '\0' ? why : "the connection was lost", error);
    if (strncmp(state, "40", 2) == 0 || strcmp(state, "55P03") == 0)
        code = ERROR_BUSY;
    else if (strncmp(state, "53", 2) == 0 || strncmp(state, "58", 2) == 0 ||
             strncmp(state, "42501", 5) == 0 || strcmp(state, "25006") == 0 ||
             strncmp(state, "57014", 5) == 0 || strncmp(state, "25P03", 5) == 0)
        code = ERROR_IO;
    return error_set(error, code, "cannot %s in %s: %.*s (%s)", what, store->place, first_line(why),
                     why, state);
}

/* --- connecting ---------------------------------------------------------------------------- */

void postgres_store_disconnect(struct postgres_store *store)
{
    PQfinish(store->connection);
    store->connection = NULL;
    store->in_transaction = false;
    store->prepared_count = 0;
}

/* The server may have gone away while nobody spoke to it. */
static bool is_alive(struct postgres_store *store)
{
    struct pollfd poll_fd;

    if (store->connection == NULL)
        return false;
    poll_fd = (struct pollfd){.fd = PQsocket(store->connection), .events = POLLIN};
    /* Its last words come before the end. */
    for (int i = 0; i < 100 && poll(&poll_fd, 1, 0) > 0; i++)
        if (PQconsumeInput(store->connection) == 0)
            return false;
    return PQstatus(store->connection) == CONNECTION_OK;
}

static int too_soon(struct postgres_store *store, struct error *error)
{
    return error_set(error, ERROR_IO, "%s can't be reached; it is tried again soon", store->place);
}

int postgres_store_connect(struct postgres_store *store, struct error *error)
{
    uint64_t now = postgres_clock_ms();
    int code;

    if (is_alive(store))
        return 0;
    if (store->in_transaction)
        return fail_lost(store, "go on", "the connection was lost", error);
    postgres_store_disconnect(store);
    if (store->backoff_ms > 0 && now < store->tried_ms + store->backoff_ms)
        return too_soon(store, error);
    if (store->over_ms != 0 && now + POSTGRES_HASTY_MS > store->over_ms)
        return too_soon(store, error);
    code = postgres_store_open_connection(store, &store->connection, error);
    store->tried_ms = postgres_clock_ms(); /* it may have taken longer than we wait for the next */
    if (code != 0) {
        store->backoff_ms = store->backoff_ms == 0 ? BACKOFF_LEAST_MS : store->backoff_ms * 2;
        if (store->backoff_ms > BACKOFF_MOST_MS)
            store->backoff_ms = BACKOFF_MOST_MS;
        return code;
    }
    store->backoff_ms = 0;
    store->connections++;
    postgres_hear_connection(store);
    if (store->greeting != NULL)
        code = postgres_store_run(store, store->greeting, "begin a session", error);
    return code;
}

/* --- waiting ------------------------------------------------------------------------------- */

/* Until what was said is sent and an answer can be had without waiting. */
static int await(struct postgres_store *store, bool only_sent, const char *what,
                 struct error *error)
{
    PGconn *connection = store->connection;
    uint64_t give_up = postgres_clock_ms() + store->deadline_ms;

    if (store->over_ms != 0 && store->over_ms < give_up)
        give_up = store->over_ms;
    for (;;) {
        struct pollfd poll_fd = {.fd = PQsocket(connection), .events = POLLIN};
        int unsent = PQflush(connection);
        uint64_t now = postgres_clock_ms();

        if (unsent < 0)
            return fail_lost(store, what, PQerrorMessage(connection), error);
        if (unsent == 0 && (only_sent || !PQisBusy(connection)))
            return 0;
        if (unsent > 0)
            poll_fd.events |= POLLOUT;
        if (now >= give_up)
            return fail_lost(store, what, "it does not answer", error);
        if (poll(&poll_fd, 1, (int)(give_up - now)) < 0 && errno != EINTR)
            return fail_lost(store, what, strerror(errno), error);
        if ((poll_fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0 &&
            PQconsumeInput(connection) == 0)
            return fail_lost(store, what, PQerrorMessage(connection), error);
    }
}

static bool is_fine(const PGresult *answer)
{
    ExecStatusType status = PQresultStatus(answer);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;
}

/* The last answer of what was said, or the first that is no success. */
static int collect(struct postgres_store *store, PGresult **ret_answer, const char *what,
                   struct error *error)
{
    PGresult *answer = NULL, *next;
    int code;

    for (;;) {
        code = await(store, false, what, error);
        if (code != 0)
            break;
        next = PQgetResult(store->connection);
        if (next == NULL)
            break;
        if (answer != NULL && !is_fine(answer)) {
            PQclear(next);
            continue;
        }
        PQclear(answer);
        answer = next;
        if (PQresultStatus(answer) == PGRES_COPY_IN)
            break;
    }
    if (code == 0 && (answer == NULL || !is_fine(answer)))
        code = answer == NULL ? fail_lost(store, what, "the connection was lost", error)
                              : fail_answer(store, answer, what, error);
    if (store->connection != NULL)
        postgres_hear_notes(store);
    if (code == 0)
        *ret_answer = answer;
    else
        PQclear(answer);
    return code;
}

/* --- statements ---------------------------------------------------------------------------- */

static const struct postgres_text texts[] = {
#define X(symbol, sql) {#symbol, sql, false},
    POSTGRES_STATEMENTS(X)
#undef X
};

static bool may_be_repeated(enum postgres_statement which)
{
    switch (which) {
    case POSTGRES_JOB_UPDATE:
    case POSTGRES_JOB_CHANGE:
    case POSTGRES_RESULTS_PUT:
    case POSTGRES_ROW_FAULT:
    case POSTGRES_ROW_ERASE:
    case POSTGRES_NOTE_PUT:
    case POSTGRES_NOTE_ADD:
    case POSTGRES_NOTE_CHANGE:
        return true;
    default:
        return strncmp(texts[which].sql, "SELECT", 6) == 0;
    }
}

static bool is_prepared(const struct postgres_store *store, const char *name)
{
    for (size_t i = 0; i < store->prepared_count; i++)
        if (store->prepared[i] == name)
            return true;
    return false;
}

static int prepare(struct postgres_store *store, const struct postgres_text *text, const char *what,
                   struct error *error)
{
    PGresult *answer;
    int code;

    if (is_prepared(store, text->name))
        return 0;
    if (store->prepared_count == store->prepared_room) {
        size_t room = store->prepared_room + 64;
        const char **grown = memory_resize(store->prepared, room, sizeof(*grown));

        if (grown == NULL)
            return error_set(error, ERROR_NOMEM, "no memory to %s", what);
        store->prepared = grown;
        store->prepared_room = room;
    }
    if (PQsendPrepare(store->connection, text->name, text->sql, 0, NULL) == 0)
        return fail_lost(store, what, PQerrorMessage(store->connection), error);
    code = collect(store, &answer, what, error);
    if (code != 0)
        return code;
    PQclear(answer);
    store->prepared[store->prepared_count++] = text->name;
    return 0;
}

static int send(struct postgres_store *store, const struct postgres_text *text,
                const struct postgres_params *params, const char *what, struct error *error)
{
    const char *values[POSTGRES_PARAMS_MAX];
    int formats[POSTGRES_PARAMS_MAX], count = params != NULL ? params->count : 0;

    for (int i = 0; i < count; i++) {
        values[i] = params->lengths[i] < 0      ? NULL
                    : params->bytes.ptr == NULL ? ""
                                                : params->bytes.ptr + params->offsets[i];
        formats[i] = 1;
    }
    if (PQsendQueryPrepared(store->connection, text->name, count, values,
                            params != NULL ? params->lengths : NULL, formats, 1) == 0)
        return fail_lost(store, what, PQerrorMessage(store->connection), error);
    return 0;
}

static int ask_once(struct postgres_store *store, const struct postgres_text *text,
                    const struct postgres_params *params, PGresult **ret_answer, const char *what,
                    struct error *error)
{
    int code = postgres_store_connect(store, error);

    if (code == 0)
        code = prepare(store, text, what, error);
    if (code == 0)
        code = send(store, text, params, what, error);
    return code == 0 ? collect(store, ret_answer, what, error) : code;
}

int postgres_store_ask(struct postgres_store *store, const struct postgres_text *text,
                       const struct postgres_params *params, PGresult **ret_answer,
                       const char *what, struct error *error)
{
    bool may_repeat = text->repeats && !store->in_transaction && !store->is_hasty;
    PGresult *answer = NULL;
    int code;

    if (params != NULL && params->bytes.failed)
        return error_set(error, ERROR_NOMEM, "no memory to %s", what);
    code = ask_once(store, text, params, &answer, what, error);
    if (code == ERROR_IO && may_repeat && store->connection == NULL)
        code = ask_once(store, text, params, &answer, what, error);
    if (code != 0)
        return code;
    if (ret_answer != NULL)
        *ret_answer = answer;
    else
        PQclear(answer);
    return 0;
}

int postgres_store_do(struct postgres_store *store, enum postgres_statement which,
                      const struct postgres_params *params, PGresult **ret_answer, const char *what,
                      struct error *error)
{
    struct postgres_text text = texts[which];

    text.repeats = may_be_repeated(which);
    return postgres_store_ask(store, &text, params, ret_answer, what, error);
}

int64_t postgres_store_change(struct postgres_store *store, enum postgres_statement which,
                              const struct postgres_params *params, const char *what,
                              struct error *error)
{
    PGresult *answer = NULL;
    uint64_t many = 0;
    int code = postgres_store_do(store, which, params, &answer, what, error);

    if (code != 0)
        return code;
    (void)slice_to_u64(slice_from_string(PQcmdTuples(answer)), INT64_MAX, &many);
    PQclear(answer);
    return (int64_t)many;
}

int postgres_store_run(struct postgres_store *store, const char *sql, const char *what,
                       struct error *error)
{
    PGresult *answer;
    int code = postgres_store_connect(store, error);

    if (code != 0)
        return code;
    if (PQsendQuery(store->connection, sql) == 0)
        return fail_lost(store, what, PQerrorMessage(store->connection), error);
    code = collect(store, &answer, what, error);
    if (code == 0)
        PQclear(answer);
    return code;
}

/* --- pipeline and COPY --------------------------------------------------------------------- */

static int collect_pipeline(struct postgres_store *store, size_t count, const char *what,
                            struct error *error)
{
    int code = 0;

    /* An answer and a NULL for each, then the end of all. */
    for (size_t i = 0; i < 2 * count + 1; i++) {
        PGresult *answer;

        if (await(store, false, what, code == 0 ? error : NULL) != 0)
            return code != 0 ? code : ERROR_IO;
        answer = PQgetResult(store->connection);
        if (answer == NULL)
            continue;
        if (PQresultStatus(answer) == PGRES_PIPELINE_SYNC) {
            PQclear(answer);
            break;
        }
        if (code == 0 && PQresultStatus(answer) == PGRES_FATAL_ERROR)
            code = fail_answer(store, answer, what, error);
        PQclear(answer);
        if (store->connection == NULL)
            return code;
    }
    return code;
}

int postgres_store_pipeline(struct postgres_store *store, enum postgres_statement which,
                            const struct postgres_params *params, size_t count, const char *what,
                            struct error *error)
{
    int code = postgres_store_connect(store, error);

    if (code == 0)
        code = prepare(store, &texts[which], what, error);
    if (code != 0)
        return code;
    if (PQenterPipelineMode(store->connection) == 0)
        return fail_lost(store, what, PQerrorMessage(store->connection), error);
    for (size_t i = 0; i < count && code == 0; i++)
        code = send(store, &texts[which], &params[i], what, error);
    if (code == 0 && PQpipelineSync(store->connection) == 0)
        code = fail_lost(store, what, PQerrorMessage(store->connection), error);
    if (code == 0)
        code = collect_pipeline(store, count, what, error);
    if (store->connection != NULL && PQexitPipelineMode(store->connection) == 0)
        code = fail_lost(store, what, PQerrorMessage(store->connection), code == 0 ? error : NULL);
    return code;
}

int postgres_store_copy_in(struct postgres_store *store, const char *sql, struct slice bytes,
                           const char *what, struct error *error)
{
    const size_t piece = 64 * 1024;
    PGresult *answer;
    int code = postgres_store_run(store, sql, what, error), put = 1;

    for (size_t at = 0; code == 0 && at < bytes.len;) {
        size_t len = bytes.len - at < piece ? bytes.len - at : piece;

        put = PQputCopyData(store->connection, bytes.ptr + at, (int)len);
        if (put < 0)
            code = fail_lost(store, what, PQerrorMessage(store->connection), error);
        else if (put == 0)
            code = await(store, true, what, error);
        else
            at += len;
    }
    if (code != 0)
        return code;
    while ((put = PQputCopyEnd(store->connection, NULL)) == 0 && code == 0)
        code = await(store, true, what, error);
    if (put < 0)
        return fail_lost(store, what, PQerrorMessage(store->connection), error);
    code = code == 0 ? collect(store, &answer, what, error) : code;
    if (code == 0)
        PQclear(answer);
    return code;
}

/* --- transactions -------------------------------------------------------------------------- */

int postgres_store_begin(struct postgres_store *store, const char *what, struct error *error)
{
    int code;

    CHECK(!store->in_transaction);
    code = postgres_store_do(store, POSTGRES_BEGIN, NULL, NULL, what, error);
    store->in_transaction = code == 0;
    return code;
}

int postgres_store_end(struct postgres_store *store, int code, const char *what,
                       struct error *error)
{
    bool is_open = store->in_transaction && store->connection != NULL;

    if (code == 0)
        code = is_open ? postgres_store_do(store, POSTGRES_COMMIT, NULL, NULL, what, error)
                       : fail_lost(store, what, "the connection was lost", error);
    else if (is_open && postgres_store_do(store, POSTGRES_ROLLBACK, NULL, NULL, what, NULL) != 0)
        postgres_store_disconnect(store);
    store->in_transaction = false;
    return code;
}
