/*
 * Many addresses inside an event loop of one's own, here poll(2): addresses come on standard input
 * while others are being verified, results go out as JSON lines as soon as they are known.
 *
 *     cc own_loop.c -o own_loop $(pkg-config --cflags --libs mailknock)
 *     ./own_loop helo=probe.example.net < addresses.txt
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mailknock/mailknock.h>

#define OPEN_MAX_HERE 1000 /* read no further while so many are under way */

/* What was read of the input and has no end of line yet. */
struct input {
    char bytes[65536];
    size_t len;
    int ended;
};

static void print_result(void *user, int code, mailknock_result *result)
{
    (void)user;
    if (code < 0)
        fprintf(stderr, "own_loop: %s\n", mailknock_code_name(code));
    else
        puts(mailknock_result_json(result, NULL));
    mailknock_result_free(result);
}

static int submit(mailknock_verifier *verifier, const char *line, size_t len)
{
    int code;

    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0)
        return 0;
    code = mailknock_verifier_submit(verifier, line, len, print_result, NULL);
    if (code < 0)
        fprintf(stderr, "own_loop: %s\n", mailknock_code_name(code));
    return code;
}

/* Submit the whole lines; at the end of the input what is left, too. */
static int take_lines(struct input *input, mailknock_verifier *verifier)
{
    size_t begin = 0;
    char *end;

    while ((end = memchr(input->bytes + begin, '\n', input->len - begin)) != NULL) {
        size_t next = (size_t)(end - input->bytes) + 1;

        if (submit(verifier, input->bytes + begin, next - 1 - begin) < 0)
            return -1;
        begin = next;
    }
    if ((input->ended || input->len == sizeof(input->bytes)) && begin < input->len) {
        if (submit(verifier, input->bytes + begin, input->len - begin) < 0)
            return -1;
        begin = input->len;
    }
    memmove(input->bytes, input->bytes + begin, input->len - begin);
    input->len -= begin;
    return 0;
}

static int read_more(struct input *input, mailknock_verifier *verifier)
{
    ssize_t got = read(STDIN_FILENO, input->bytes + input->len, sizeof(input->bytes) - input->len);

    if (got < 0)
        return errno == EINTR ? 0 : -1;
    input->len += (size_t)got;
    input->ended = got == 0;
    return take_lines(input, verifier);
}

static int loop(mailknock_verifier *verifier)
{
    static struct input input;

    while (!input.ended || mailknock_verifier_open(verifier) > 0) {
        struct pollfd watched[2];
        int wants_input = !input.ended && mailknock_verifier_open(verifier) < OPEN_MAX_HERE;

        watched[0].fd = mailknock_verifier_descriptor(verifier);
        watched[0].events = POLLIN;
        watched[1].fd = wants_input ? STDIN_FILENO : -1;
        watched[1].events = POLLIN;
        watched[1].revents = 0;
        if (poll(watched, 2, mailknock_verifier_wait(verifier)) < 0 && errno != EINTR)
            return -1;
        if (mailknock_verifier_run(verifier, 0) < 0)
            return -1;
        if (watched[1].revents != 0 && read_more(&input, verifier) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    mailknock_options *options = mailknock_options_new();
    mailknock_verifier *verifier = NULL;
    mailknock_error error;
    int i, status = 2;

    if (options == NULL)
        return 2;
    for (i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');

        if (equals != NULL)
            *equals = '\0';
        if (mailknock_options_set(options, argv[i], equals != NULL ? equals + 1 : "yes", &error) <
            0) {
            fprintf(stderr, "own_loop: %s\n", error.message);
            goto done;
        }
    }
    if (mailknock_verifier_new(options, &verifier, &error) < 0) {
        fprintf(stderr, "own_loop: %s\n", error.message);
        goto done;
    }
    status = loop(verifier) < 0 ? 2 : 0;
done:
    mailknock_verifier_free(verifier);
    mailknock_options_free(options);
    return status;
}
