/* Replies classified per second of processor time on one core, over the labelled corpus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "provider/classify.h"
#include "provider/concepts.h"

#define ROWS_MAX 2000
#define RUN_MS   1500

static struct classify_input inputs[ROWS_MAX];
static size_t input_count, text_bytes;

/* Processor time, so that what else runs on the machine counts as little as possible. */
static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void corpus_load(FILE *file)
{
    static char line[16384];

    while (input_count < ROWS_MAX && fgets(line, sizeof(line), file) != NULL) {
        char *fields[8] = {NULL}, *rest = line;
        struct classify_input *input = &inputs[input_count];
        int count = 0;

        while (count < 8 && rest != NULL)
            fields[count++] = strsep(&rest, "\t");
        if (count < 8 || !smtp_stage_from_name(slice_from_string(fields[4]), &input->stage))
            continue;
        input->provider = strdup(fields[5]);
        input->reply.code = (uint16_t)atoi(fields[1]);
        input->reply.text = slice_from_string(strdup(fields[3]));
        smtp_enhanced_parse(slice_from_string(fields[2]), &input->reply.enhanced);
        text_bytes += input->reply.text.len;
        input_count++;
    }
}

static void run(const char *what, void (*step)(const struct classify_input *))
{
    uint64_t start = now_ns(), spent = 0;
    unsigned long done = 0;

    while (spent < RUN_MS * UINT64_C(1000000)) {
        for (size_t i = 0; i < input_count; i++)
            step(&inputs[i]);
        done += input_count;
        spent = now_ns() - start;
    }
    printf("%-10s %9.0f replies/s, %6.0f ns each\n", what, (double)done * 1e9 / (double)spent,
           (double)spent / (double)done);
}

static volatile unsigned sink;

static void step_whole(const struct classify_input *input)
{
    struct classification got;

    classify_reply(input, &got);
    sink += got.confidence;
}

static void step_wording(const struct classify_input *input)
{
    struct wording wording;

    wording_from_text(input->reply.text, &wording);
    sink += (unsigned)wording.len;
}

static void step_concepts(const struct classify_input *input)
{
    struct wording wording;
    struct reply_concepts heard;

    wording_from_text(input->reply.text, &wording);
    concepts_from_wording(&wording, &heard);
    sink += (unsigned)heard.bits[0];
}

int main(int argc, char **argv)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/corpora/replies.dev.tsv", root != NULL ? root : ".");
    file = fopen(argc > 1 ? argv[1] : path, "r");
    if (file == NULL) {
        perror(argc > 1 ? argv[1] : path);
        return 1;
    }
    corpus_load(file);
    fclose(file);
    printf("%zu replies, %zu octets each on average\n", input_count,
           input_count > 0 ? text_bytes / input_count : 0);
    run("wording", step_wording);
    run("+concepts", step_concepts);
    run("classify", step_whole);
    return 0;
}
