/*
 * Hearing what others tell (NOTIFY), beside statements and whatever becomes of the connection.
 *
 * A loop watches one descriptor for as long as it wants to hear: an epoll of the connection's
 * socket and of an eventfd. So it never watches a socket that is closed, or somebody else's that
 * has its number by now; and what came in with an answer to something else is made known by the
 * eventfd, since nothing is left to be read on the socket then. A connection that is new counts as
 * news: what was told meanwhile is lost.
 */
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif
#include <unistd.h>

#include "store/postgres_internal.h"

static void wake(struct postgres_store *store)
{
    const uint64_t one = 1;

    if (store->ear.is_on)
        (void)!write(store->ear.news, &one, sizeof(one));
}

void postgres_ear_close(struct postgres_store *store)
{
    struct postgres_ear *ear = &store->ear;

    if (!ear->is_on)
        return;
    if (ear->news >= 0)
        close(ear->news);
    if (ear->all >= 0)
        close(ear->all);
    *ear = (struct postgres_ear){.all = -1, .news = -1};
}

static void listen_at(struct postgres_store *store, int descriptor)
{
#ifdef __linux__
    struct epoll_event event = {.events = EPOLLIN};

    (void)epoll_ctl(store->ear.all, EPOLL_CTL_ADD, descriptor, &event);
#else
    (void)store;
    (void)descriptor;
#endif
}

void postgres_ear_open(struct postgres_store *store)
{
    struct postgres_ear *ear = &store->ear;

    *ear = (struct postgres_ear){.all = -1, .news = -1, .is_on = true};
#ifdef __linux__
    ear->all = epoll_create1(EPOLL_CLOEXEC);
    ear->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
#endif
    if (ear->all < 0 || ear->news < 0) {
        postgres_ear_close(store); /* beats alone wake then */
        return;
    }
    listen_at(store, ear->news);
    if (store->connection != NULL)
        listen_at(store, PQsocket(store->connection));
}

void postgres_hear_connection(struct postgres_store *store)
{
    if (!store->ear.is_on)
        return;
    listen_at(store, PQsocket(store->connection)); /* who is closed has gone from there by itself */
    wake(store);
}

static bool take_notes(PGconn *connection)
{
    PGnotify *note;
    bool any = false;

    while ((note = PQnotifies(connection)) != NULL) {
        any = true;
        PQfreemem(note);
    }
    return any;
}

void postgres_hear_notes(struct postgres_store *store)
{
    if (store->ear.is_on && take_notes(store->connection))
        wake(store);
}

bool postgres_heard(struct postgres_store *store)
{
    uint64_t count;
    bool heard = store->ear.is_on && read(store->ear.news, &count, sizeof(count)) > 0;

    if (store->connection == NULL)
        return heard;
    if (PQconsumeInput(store->connection) == 0) {
        postgres_store_disconnect(store);
        return heard;
    }
    return take_notes(store->connection) || heard;
}
