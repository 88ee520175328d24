#include "store/postgres_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#ifdef MK_WITH_POSTGRES
#include <libpq-fe.h>
#endif

#include "store/store.h"

static char postgres_url[512]; /* "": there is none */
static int postgres_stdin = -1;
static pid_t postgres_pid;

const char *postgres_rig_start(void)
{
    char script[512], answer[512] = "";
    int in[2], out[2];
    ssize_t len = 0, got;

    snprintf(script, sizeof(script), "%s/tests/postgres/server.py", getenv("MK_SOURCE_ROOT"));
    if (!store_has_postgres() || pipe(in) != 0 || pipe(out) != 0)
        return "";
    postgres_pid = fork();
    if (postgres_pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp("python3", "python3", script, (char *)NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    postgres_stdin = in[1];
    while (strchr(answer, '\n') == NULL && len < (ssize_t)sizeof(answer) - 1 &&
           (got = read(out[0], answer + len, sizeof(answer) - 1 - (size_t)len)) > 0)
        len += got;
    close(out[0]);
    answer[strcspn(answer, "\n")] = '\0';
    if (strncmp(answer, "postgresql:", 11) == 0)
        snprintf(postgres_url, sizeof(postgres_url), "%.400s&connect_timeout=60", answer);
    else
        printf("PostgreSQL is not tested: %s\n", answer);
    return postgres_url;
}

void postgres_rig_stop(void)
{
    if (postgres_stdin < 0)
        return;
    close(postgres_stdin);
    (void)waitpid(postgres_pid, NULL, 0);
}

int postgres_rig_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                       const char **ret_url)
{
    int failed;

    *ret_url = postgres_rig_start();
    if (postgres_url[0] == '\0')
        return 77;
    failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    postgres_rig_stop();
    return failed;
}

#ifdef MK_WITH_POSTGRES
struct postgres_rig_session {
    PGconn *connection;
};

static void expect_fine(PGconn *connection, PGresult *answer, const char *sql)
{
    if (PQresultStatus(answer) != PGRES_COMMAND_OK && PQresultStatus(answer) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    PQclear(answer);
}

void postgres_rig_run(const char *sql)
{
    PGconn *connection = PQconnectdb(postgres_url);

    expect_fine(connection, PQexec(connection, sql), sql);
    PQfinish(connection);
}

struct postgres_rig_session *postgres_rig_begin(const char *first, const char *then)
{
    struct postgres_rig_session *session = malloc(sizeof(*session));

    assert_non_null(session);
    session->connection = PQconnectdb(postgres_url);
    expect_fine(session->connection, PQexec(session->connection, first), first);
    assert_int_equal(PQsendQuery(session->connection, then), 1);
    return session;
}

void postgres_rig_end(struct postgres_rig_session *session)
{
    PGresult *answer;

    while ((answer = PQgetResult(session->connection)) != NULL)
        expect_fine(session->connection, answer, "what was begun");
    PQfinish(session->connection);
    free(session);
}
#else
void postgres_rig_run(const char *sql)
{
    (void)sql;
}

struct postgres_rig_session *postgres_rig_begin(const char *first, const char *then)
{
    (void)first;
    (void)then;
    return NULL;
}

void postgres_rig_end(struct postgres_rig_session *session)
{
    (void)session;
}
#endif

void postgres_rig_expect(const char *condition)
{
    char sql[512];

    snprintf(sql, sizeof(sql), "SELECT 1/(CASE WHEN %s THEN 1 ELSE 0 END)", condition);
    postgres_rig_run(sql);
}
