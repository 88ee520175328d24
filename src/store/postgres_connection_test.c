/* Connections to a real PostgreSQL, and to what is none: how long they take, what they hear. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <libpq-fe.h>

#include "base/check.h"
#include "store/fleet.h"
#include "store/postgres_rig.h"

#define TTL_MS 10000 /* so that a statement has 2 s */

static const char *url;

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct store *open_store(void)
{
    struct error error = {0};
    struct store *store;

    if (store_open(url, STORE_MODE_CREATE, &store, &error) != 0)
        fail_msg("%s", error.message);
    return store;
}

/* Accepts, as the system does for who listens, and says nothing. Returns its port. */
static int listen_silently(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(descriptor, 8), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return descriptor;
}

static void who_says_nothing_is_not_waited_for(void **state)
{
    struct error error = {0};
    struct store *store;
    char silent[200];
    uint64_t began;
    int port, descriptor = listen_silently(&port);

    (void)state;
    snprintf(silent, sizeof(silent), "postgresql://me@127.0.0.1:%d/db?connect_timeout=1", port);
    began = now_ms();
    assert_int_equal(store_open(silent, STORE_MODE_CREATE, &store, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "does not answer"));
    assert_in_range(now_ms() - began, 900, 4000);
    close(descriptor);
}

/* The socket's folder of the server's URL. */
static const char *folder_of(const char *text)
{
    static char folder[128];
    const char *host = strstr(text, "host=");

    assert_non_null(host);
    snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(host + 5, "&"), host + 5);
    return folder;
}

static void the_next_host_has_its_own_time(void **state)
{
    char both[400];
    struct error error = {0};
    struct store *store;
    int port, descriptor = listen_silently(&port);

    (void)state;
    snprintf(both, sizeof(both),
             "postgresql://mailknock@/postgres?host=127.0.0.1,%s&port=%d,5432&connect_timeout=3",
             folder_of(url), port);
    if (store_open(both, STORE_MODE_CREATE, &store, &error) != 0)
        fail_msg("%s", error.message);
    store_close(store);
    close(descriptor);
}

/* --- what must not be forgotten ----------------------------------------------------------------
 */

static void expect_commits(const char *kept, const char *refused)
{
    struct error error = {0};
    struct store *store;
    char sql[512];

    snprintf(sql, sizeof(sql),
             "CREATE OR REPLACE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS"
             " $$ BEGIN IF current_setting('synchronous_commit')<>'%s' THEN RAISE 'it is %%',"
             " current_setting('synchronous_commit'); END IF; RETURN NEW; END $$;"
             "ALTER ROLE mailknock SET synchronous_commit TO %s",
             kept, refused);
    postgres_rig_run(sql);
    store = open_store();
    if (store_note_put(store, "test", "a", SLICE("x"), 0, &error) != 0)
        fail_msg("%s", error.message);
    store_close(store);
}

static void commits_are_waited_for(void **state)
{
    (void)state;
    store_close(open_store());
    postgres_rig_run("CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS"
                     " $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER look BEFORE INSERT OR UPDATE ON"
                     " mailknock.note FOR EACH ROW EXECUTE FUNCTION public.look()");
    expect_commits("on", "off");
    expect_commits("remote_apply", "remote_apply"); /* that is more */
    postgres_rig_run("ALTER ROLE mailknock RESET synchronous_commit;"
                     "DROP TRIGGER look ON mailknock.note; DROP FUNCTION public.look()");
}

/* --- a worker -----------------------------------------------------------------------------------
 */

struct bench {
    struct store *store;
    struct store_fleet *fleet;
    PGconn *beside;
};

static int set_up(void **state)
{
    const struct store_fleet_terms terms = {.name = SLICE("w"), .ttl_ms = TTL_MS};
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->store = open_store();
    assert_int_equal(store_fleet_join(bench->store, &terms, &bench->fleet, NULL), 0);
    bench->beside = PQconnectdb(url);
    assert_int_equal(PQstatus(bench->beside), CONNECTION_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    store_fleet_leave(bench->fleet);
    store_close(bench->store);
    PQfinish(bench->beside);
    free(bench);
    return 0;
}

static long ask(struct bench *bench, const char *sql)
{
    PGresult *answer = PQexec(bench->beside, sql);
    long number = -1;

    if (PQresultStatus(answer) == PGRES_TUPLES_OK)
        number = PQntuples(answer) > 0 ? atol(PQgetvalue(answer, 0, 0)) : -1;
    else if (PQresultStatus(answer) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(bench->beside));
    PQclear(answer);
    return number;
}

static long session_of(struct bench *bench)
{
    return ask(bench, "SELECT max(pid) FROM pg_stat_activity WHERE application_name='mailknock'");
}

static int beat(struct bench *bench)
{
    const struct store_fleet_state nothing = {0};
    struct store_fleet_view view;

    return store_fleet_beat(bench->fleet, &nothing, &view, NULL);
}

static bool is_readable(struct bench *bench)
{
    struct pollfd poll_fd = {.fd = store_fleet_descriptor(bench->fleet), .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

static bool becomes_readable(struct bench *bench)
{
    struct pollfd poll_fd = {.fd = store_fleet_descriptor(bench->fleet), .events = POLLIN};

    return poll(&poll_fd, 1, 20000) == 1;
}

static void a_session_that_stands_still_is_given_up(void **state)
{
    struct bench *bench = *state;
    pid_t pid = (pid_t)session_of(bench);
    uint64_t began;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    began = now_ms();
    assert_int_equal(beat(bench), ERROR_IO);
    assert_in_range(now_ms() - began, 1000, 6000);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(beat(bench), 0);
}

static void a_statement_given_up_is_ended_by_the_server(void **state)
{
    struct bench *bench = *state;
    long left = 1;

    (void)ask(bench, "BEGIN");
    (void)ask(bench, "LOCK TABLE mailknock.worker IN ACCESS EXCLUSIVE MODE");
    assert_int_equal(beat(bench), ERROR_IO);
    for (int i = 0; i < 100 && left != 0; i++) {
        usleep(50000);
        left = ask(bench, "SELECT count(*) FROM pg_stat_activity WHERE"
                          " application_name='mailknock' AND state='active'");
    }
    assert_int_equal(left, 0);
    (void)ask(bench, "ROLLBACK");
    assert_int_equal(beat(bench), 0);
}

static void what_is_told_beside_a_statement_is_heard(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(beat(bench), 0);
    (void)store_fleet_heard(bench->fleet);
    assert_false(is_readable(bench));
    assert_false(store_fleet_heard(bench->fleet));
    (void)ask(bench, "NOTIFY mailknock");
    assert_true(becomes_readable(bench));
    assert_int_equal(beat(bench), 0); /* with its answer all is read that was sent before */
    assert_true(is_readable(bench));
    assert_true(store_fleet_heard(bench->fleet));
    assert_false(is_readable(bench));
}

static void one_descriptor_outlives_connections(void **state)
{
    struct bench *bench = *state;
    int descriptor = store_fleet_descriptor(bench->fleet), code;
    char sql[100];

    assert_true(descriptor >= 0);
    (void)store_fleet_heard(bench->fleet);
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%ld)", session_of(bench));
        (void)ask(bench, sql);
        assert_true(becomes_readable(bench)); /* its end */
        (void)store_fleet_heard(bench->fleet);
        /* Its last words may come before its end. */
        for (int tries = 0; (code = beat(bench)) != 0 && tries < 50; tries++)
            usleep(100000);
        assert_int_equal(code, 0);
        assert_int_equal(store_fleet_descriptor(bench->fleet), descriptor);
        /* What was told meanwhile nobody knows. */
        assert_true(store_fleet_heard(bench->fleet));
        assert_false(is_readable(bench));
        (void)ask(bench, "NOTIFY mailknock");
        assert_true(becomes_readable(bench));
        assert_true(store_fleet_heard(bench->fleet));
    }
}

int main(void)
{
#define WORKER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_nothing_is_not_waited_for),
        cmocka_unit_test(the_next_host_has_its_own_time),
        cmocka_unit_test(commits_are_waited_for),
        WORKER(a_session_that_stands_still_is_given_up),
        WORKER(a_statement_given_up_is_ended_by_the_server),
        WORKER(what_is_told_beside_a_statement_is_heard),
        WORKER(one_descriptor_outlives_connections),
    };

    return postgres_rig_tests("connection", tests, ARRAY_LEN(tests), &url);
}
