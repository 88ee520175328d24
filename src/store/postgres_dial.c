/*
 * Dialling PostgreSQL: a session that is ours, or an error, before a time that the caller says.
 *
 * libpq's own way waits for as long as a server, or a pooler before it, says nothing. So a session
 * is made step by step, waiting for its socket no longer than there is time. Of several hosts in a
 * URL each has its own time, so that one that is silent does not use up that of the next one. What
 * is not bounded here is the system's look-up of a name: write addresses (or hostaddr=) where the
 * name servers may stand still.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/postgres_internal.h"

#define CONNECT_MS  5000
#define OPTIONS_MAX 64

/*
 * What every session of ours wants. A session whose client is gone must not hold its locks for
 * long, and the server must notice that it is gone. What was answered must not be forgotten by a
 * server that crashes: where the database or the role says so, we say otherwise.
 */
static const char settings[] =
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit')='off';"
    "SET search_path TO mailknock, pg_catalog; SET jit TO off; SET lock_timeout TO '10s';"
    " SET idle_in_transaction_session_timeout TO '30s'; SET client_min_messages TO warning;"
    " SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 5;"
    " SET tcp_keepalives_count TO 3; SET tcp_user_timeout TO 20000";

const char *postgres_option(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, name) == 0 && options->val != NULL && *options->val != '\0')
            return options->val;
    return NULL;
}

/* --- waiting for a socket ------------------------------------------------------------------- */

/* 1: ready; 0: the time is over; negative: errno says why. */
static int wait_for(const PGconn *connection, short events, uint64_t until_ms)
{
    struct pollfd poll_fd = {.fd = PQsocket(connection), .events = events};
    int code;

    do {
        uint64_t now = postgres_clock_ms();

        code = now < until_ms ? poll(&poll_fd, 1, (int)(until_ms - now)) : 0;
    } while (code < 0 && errno == EINTR);
    return code;
}

static int be_connected(PGconn *connection, uint64_t until_ms)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        int code =
            wait_for(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms);

        if (code <= 0)
            return code;
        status = PQconnectPoll(connection);
    }
    return status == PGRES_POLLING_OK ? 1 : -1;
}

PGresult *postgres_say_until(PGconn *connection, const char *sql, int binary, uint64_t until_ms)
{
    PGresult *answer = NULL, *next;
    int unsent;

    if ((binary != 0 ? PQsendQueryParams(connection, sql, 0, NULL, NULL, NULL, NULL, 1)
                     : PQsendQuery(connection, sql)) == 0)
        return NULL;
    for (;;) {
        while ((unsent = PQflush(connection)) > 0 || PQisBusy(connection)) {
            short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;

            if (unsent < 0 || wait_for(connection, events, until_ms) <= 0 ||
                PQconsumeInput(connection) == 0) {
                PQclear(answer);
                return NULL;
            }
        }
        next = PQgetResult(connection);
        if (next == NULL)
            return answer;
        if (answer != NULL && PQresultStatus(answer) != PGRES_COMMAND_OK &&
            PQresultStatus(answer) != PGRES_TUPLES_OK) {
            PQclear(next); /* the first that failed says why */
            continue;
        }
        PQclear(answer);
        answer = next;
    }
}

/* --- dialling ------------------------------------------------------------------------------ */

struct dial {
    const char *names[OPTIONS_MAX], *values[OPTIONS_MAX];
    size_t count;
    /* Of the host that is tried now; "": as the URL has it. */
    char host[512], port[16], hostaddr[64];
};

static void add(struct dial *dial, const char *name, const char *value)
{
    if (dial->count == OPTIONS_MAX - 1)
        return;
    dial->names[dial->count] = name;
    dial->values[dial->count++] = value;
}

static size_t items_of(const char *list)
{
    size_t count = 1;

    for (; list != NULL && *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* One of a list; a list of one counts for all. False: it does not fit. */
static bool item(const char *list, size_t at, char *out, size_t size)
{
    size_t len;

    *out = '\0';
    if (list == NULL)
        return true;
    for (; at > 0 && strchr(list, ',') != NULL; at--)
        list = strchr(list, ',') + 1;
    len = strcspn(list, ",");
    if (len >= size)
        return false;
    memcpy(out, list, len);
    out[len] = '\0';
    return true;
}

/* Everything that is said to libpq of the host number `at` of a URL. */
static bool describe(struct dial *dial, const PQconninfoOption *options, enum store_mode mode,
                     size_t at, size_t hosts)
{
    static const char *const defaults[][2] = {
        {"application_name", "mailknock"}, {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},      {"keepalives_count", "3"},
        {"tcp_user_timeout", "20000"},
    };
    bool is_one = hosts > 1;

    dial->count = 0;
    if (!item(postgres_option(options, "host"), at, dial->host, sizeof(dial->host)) ||
        !item(postgres_option(options, "port"), at, dial->port, sizeof(dial->port)) ||
        !item(postgres_option(options, "hostaddr"), at, dial->hostaddr, sizeof(dial->hostaddr)))
        return false;
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        const char *value = o->val;

        if (value != NULL && is_one && strcmp(o->keyword, "host") == 0)
            value = dial->host;
        if (value != NULL && is_one && strcmp(o->keyword, "port") == 0)
            value = dial->port;
        if (value != NULL && is_one && strcmp(o->keyword, "hostaddr") == 0)
            value = dial->hostaddr;
        if (value != NULL)
            add(dial, o->keyword, value);
    }
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (postgres_option(options, defaults[i][0]) == NULL)
            add(dial, defaults[i][0], defaults[i][1]);
    /* After a failover: the new primary. */
    if (postgres_option(options, "target_session_attrs") == NULL && store_mode_writes(mode))
        add(dial, "target_session_attrs", "read-write");
    dial->names[dial->count] = dial->values[dial->count] = NULL;
    return true;
}

static void be_quiet(void *user, const PGresult *notice)
{
    (void)user;
    (void)notice;
}

static int set_up(struct postgres_store *store, PGconn *connection, uint64_t until_ms,
                  struct error *error)
{
    char sql[sizeof(settings) + 128];
    PGresult *answer;
    ExecStatusType status;

    PQsetNoticeReceiver(connection, be_quiet, NULL);
    if (PQsetnonblocking(connection, 1) != 0)
        return error_set(error, ERROR_NOMEM, "no memory for a connection to %s", store->place);
    snprintf(sql, sizeof(sql), "%s; SET statement_timeout TO %llu%s", settings,
             (unsigned long long)store->statement_ms,
             store_mode_writes(store->mode) ? "" : "; SET default_transaction_read_only TO on");
    answer = postgres_say_until(connection, sql, 0, until_ms);
    status = PQresultStatus(answer);
    PQclear(answer);
    if (status == PGRES_COMMAND_OK)
        return 0;
    return error_set(error, ERROR_IO, "cannot begin a session at %s: %.*s", store->place,
                     (int)strcspn(PQerrorMessage(connection), "\n"), PQerrorMessage(connection));
}

/* How long one host may take. */
static uint64_t time_of(const struct postgres_store *store, const PQconninfoOption *options)
{
    const char *said = postgres_option(options, "connect_timeout");
    uint64_t ms = said != NULL ? strtoull(said, NULL, 10) * 1000 : 0;

    if (ms == 0 || ms > 3600 * 1000)
        ms = CONNECT_MS;
    if (store->is_hasty && (said == NULL || ms > store->deadline_ms))
        ms = said == NULL && store->deadline_ms > POSTGRES_HASTY_MS ? POSTGRES_HASTY_MS
                                                                    : store->deadline_ms;
    return ms;
}

static int dial_one(struct postgres_store *store, const struct dial *dial, uint64_t until_ms,
                    PGconn **ret_connection, struct error *error)
{
    PGconn *connection = PQconnectStartParams(dial->names, dial->values, 0);
    int code = 0, connected;

    if (connection == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a connection to %s", store->place);
    connected = PQstatus(connection) != CONNECTION_BAD ? be_connected(connection, until_ms) : -1;
    if (connected == 0)
        code = error_set(error, ERROR_IO,
                         "cannot reach %s: it does not answer (is it a PostgreSQL, and what stands "
                         "before it?)",
                         store->place);
    else if (connected < 0)
        code =
            error_set(error, ERROR_IO, "cannot reach %s: %.*s", store->place,
                      (int)strcspn(PQerrorMessage(connection), "\n"), PQerrorMessage(connection));
    else
        code = set_up(store, connection, until_ms, error);
    if (code != 0)
        PQfinish(connection);
    else
        *ret_connection = connection;
    return code;
}

int postgres_store_open_connection(struct postgres_store *store, PGconn **ret_connection,
                                   struct error *error)
{
    PQconninfoOption *options = PQconninfoParse(store->url, NULL);
    struct dial *dial = memory_zalloc(1, sizeof(*dial));
    int code = ERROR_NOMEM;
    uint64_t ms;
    size_t hosts;

    if (options == NULL || dial == NULL) {
        error_set(error, ERROR_NOMEM, "no memory for a connection to %s", store->place);
        goto done;
    }
    ms = time_of(store, options);
    hosts = items_of(postgres_option(options, "host"));
    if (items_of(postgres_option(options, "hostaddr")) > hosts)
        hosts = items_of(postgres_option(options, "hostaddr"));
    for (size_t at = 0; at < hosts && code != 0; at++) {
        uint64_t until = postgres_clock_ms() + ms;

        if (store->over_ms != 0 && store->over_ms < until)
            until = store->over_ms;
        code = describe(dial, options, store->mode, at, hosts)
                   ? dial_one(store, dial, until, ret_connection, error)
                   : error_set(error, ERROR_USAGE, "a host in %s is too long", store->place);
    }
done:
    memory_free(dial);
    PQconninfoFree(options);
    return code;
}
