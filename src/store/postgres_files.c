/* What libpq reads of this machine for a connection, so that who confines himself leaves it open.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/store.h"

/* "sslrootcert=system" names none, and is passed over as a path that is not there. */
static const char *const of_files[] = {"passfile",    "sslcert", "sslkey",
                                       "sslrootcert", "sslcrl",  "sslcrldir"};

static const char *value_of(const PQconninfoOption *options, const char *name)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, name) == 0 && options->val != NULL && *options->val != '\0')
            return options->val;
    return NULL;
}

/*
 * What holds where the URL says nothing: environment and service file, for which libpq wants the
 * service in the environment. NULL: no such service, which is told when the store is opened.
 */
static int defaults_of(const char *service, PQconninfoOption **ret_defaults)
{
    const char *before = getenv("PGSERVICE");
    char *kept;

    if (service == NULL) {
        *ret_defaults = PQconndefaults();
        return 0;
    }
    kept = before != NULL ? memory_copy_string(before, strlen(before)) : NULL;
    if ((before != NULL && kept == NULL) || setenv("PGSERVICE", service, 1) != 0) {
        memory_free(kept);
        return ERROR_NOMEM;
    }
    *ret_defaults = PQconndefaults();
    if (kept != NULL)
        (void)setenv("PGSERVICE", kept, 1);
    else
        (void)unsetenv("PGSERVICE");
    memory_free(kept);
    return 0;
}

/* Hosts, some of which may be folders of sockets: "/run/postgresql,db.internal". */
static int tell_folders(const char *hosts, int (*each)(void *user, const char *path), void *user)
{
    char *copy = memory_copy_string(hosts, strlen(hosts)), *rest = NULL;
    int code = copy != NULL ? 0 : ERROR_NOMEM;

    for (char *host = copy != NULL ? strtok_r(copy, ",", &rest) : NULL; host != NULL && code == 0;
         host = strtok_r(NULL, ",", &rest))
        if (*host == '/')
            code = each(user, host);
    memory_free(copy);
    return code;
}

int store_postgres_files(const char *url, int (*each)(void *user, const char *path), void *user)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL), *defaults = NULL;
    const char *value;
    int code;

    if (options == NULL) /* no URL, or no memory: store_open says which */
        return 0;
    code = defaults_of(value_of(options, "service"), &defaults);
    for (size_t i = 0; i < ARRAY_LEN(of_files) && code == 0; i++) {
        value = value_of(options, of_files[i]);
        if (value == NULL)
            value = value_of(defaults, of_files[i]);
        if (value != NULL)
            code = each(user, value);
    }
    value = value_of(options, "host");
    if (value == NULL)
        value = value_of(defaults, "host");
    if (value != NULL && code == 0)
        code = tell_folders(value, each, user);
    PQconninfoFree(options);
    PQconninfoFree(defaults);
    return code;
}
