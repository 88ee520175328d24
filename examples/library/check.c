/*
 * One address, waiting for it: the smallest use of the library.
 *
 *     cc check.c -o check $(pkg-config --cflags --libs mailknock)
 *     ./check someone@example.org helo=probe.example.net
 *
 * Options are those of mailknock(1), as name=value.
 */
#include <stdio.h>
#include <string.h>

#include <mailknock/mailknock.h>

static int set_options(mailknock_options *options, char **words)
{
    mailknock_error error;

    for (; *words != NULL; words++) {
        char *equals = strchr(*words, '=');

        if (equals == NULL) {
            fprintf(stderr, "check: '%s' is not name=value\n", *words);
            return -1;
        }
        *equals = '\0';
        if (mailknock_options_set(options, *words, equals + 1, &error) < 0) {
            fprintf(stderr, "check: %s\n", error.message);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    mailknock_options *options = mailknock_options_new();
    mailknock_verifier *verifier = NULL;
    mailknock_result *result = NULL;
    mailknock_error error;
    int code, status = 2;

    if (argc < 2) {
        fprintf(stderr, "usage: check ADDRESS [OPTION=VALUE]...\n");
        goto done;
    }
    if (options == NULL || set_options(options, argv + 2) < 0)
        goto done;
    if (mailknock_verifier_new(options, &verifier, &error) < 0) {
        fprintf(stderr, "check: %s\n", error.message);
        goto done;
    }
    code = mailknock_verifier_check(verifier, argv[1], strlen(argv[1]), &result);
    if (code < 0) {
        fprintf(stderr, "check: %s\n", mailknock_code_name(code));
        goto done;
    }
    printf("%s: %s (%s), score %d\n%s\n", argv[1],
           mailknock_status_name(mailknock_result_status(result)), mailknock_result_reason(result),
           mailknock_result_score(result), mailknock_result_explanation(result));
    if (mailknock_result_suggestion(result) != NULL)
        printf("Did you mean %s?\n", mailknock_result_suggestion(result));
    status = mailknock_result_status(result) == MAILKNOCK_VALID ? 0 : 1;
done:
    mailknock_result_free(result);
    mailknock_verifier_free(verifier);
    mailknock_options_free(options);
    return status;
}
