/*
 * A list from standard input, an address a line, many under way at once: a line of JSON for each as
 * it is known.
 *
 *     cc list.c -o list $(pkg-config --cflags --libs mailknock)
 *     ./list helo=probe.example.net < addresses.txt > results.ndjson
 *
 * Options are those of mailknock(1), as name=value. "open-cases" bounds how many are under way; the
 * library asks each mail operator within its own limits, all of them side by side.
 */
#include <stdio.h>
#include <string.h>

#include <mailknock/mailknock.h>

static void print_result(void *user, int code, mailknock_result *result)
{
    int *ret_status = user;

    if (code < 0) {
        fprintf(stderr, "list: %s\n", mailknock_code_name(code));
        *ret_status = 1;
    } else {
        puts(mailknock_result_json(result, NULL));
    }
    mailknock_result_free(result);
}

/* Take one more; where too many are open, work until there is room. */
static int submit(mailknock_verifier *verifier, const char *address, size_t len, int *ret_status)
{
    int code;

    while ((code = mailknock_verifier_submit(verifier, address, len, print_result, ret_status)) ==
           MAILKNOCK_BUSY)
        if (mailknock_verifier_run(verifier, 1000) < 0)
            break;
    return code;
}

static int set_options(mailknock_options *options, char **words, mailknock_error *error)
{
    for (; *words != NULL; words++) {
        char *equals = strchr(*words, '=');

        if (equals == NULL) {
            snprintf(error->message, sizeof(error->message), "'%s' is not name=value", *words);
            return MAILKNOCK_USAGE;
        }
        *equals = '\0';
        if (mailknock_options_set(options, *words, equals + 1, error) < 0)
            return MAILKNOCK_USAGE;
    }
    return 0;
}

int main(int argc, char **argv)
{
    mailknock_options *options = mailknock_options_new();
    mailknock_verifier *verifier = NULL;
    mailknock_error error = {0, "no memory"};
    char line[1024];
    int status = 0;

    (void)argc;
    if (options == NULL || set_options(options, argv + 1, &error) < 0 ||
        mailknock_verifier_new(options, &verifier, &error) < 0) {
        fprintf(stderr, "list: %s\n", error.message);
        mailknock_options_free(options);
        return 2;
    }
    mailknock_options_free(options);
    while (status == 0 && fgets(line, sizeof(line), stdin) != NULL) {
        size_t len = strcspn(line, "\r\n");

        if (len == 0)
            continue;
        if (submit(verifier, line, len, &status) < 0)
            status = 1;
        mailknock_verifier_run(verifier, 0); /* what is due, between two lines */
    }
    mailknock_verifier_run(verifier, -1); /* until every address is finished */
    mailknock_verifier_free(verifier);
    return status;
}
