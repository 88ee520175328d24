/*
 * How well replies are understood: reads a labelled corpus and prints figures.
 *
 *   classify-report CORPUS.tsv [--fold N] [--not-fold N] [--wrong] [--unused] [--trace]
 *
 * A fold is a fifth of the corpus, chosen by a hash of the row's id: rules are written looking at
 * the other four and measured on it (doc/replies.md). --unused lists rules that no row uses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "provider/classify.h"
#include "provider/concepts.h"
#include "provider/nested.h"
#include "provider/reply_tables.h"

#define FOLDS 5

struct options {
    int fold, not_fold;
    bool wrong, unused, trace;
};

static unsigned confusion[SMTP_CLASS_COUNT][SMTP_CLASS_COUNT];
static unsigned rule_uses[64 * REPLY_RULE_WORDS];
static unsigned rows, exact, right_status, refusals_read_invalid, not_found, not_found_read_valid;
static unsigned ambiguous_decided;

/* CRC-32 of the id, modulo 5: stable, and nobody chose it. */
static int fold_of(const char *id)
{
    uint32_t crc = UINT32_MAX;

    for (; *id != '\0'; id++) {
        crc ^= (unsigned char)*id;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ UINT32_C(0xedb88320) : crc >> 1;
    }
    return (int)(~crc % FOLDS);
}

static const char *status_of(enum smtp_class reply_class, enum smtp_stage stage)
{
    bool is_about_mailbox = stage == SMTP_STAGE_ANY || stage == SMTP_STAGE_RCPT;

    switch (reply_class) {
    case SMTP_CLASS_ACCEPTED:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
        return is_about_mailbox ? "valid" : "unknown";
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
        return is_about_mailbox ? "invalid" : "unknown";
    case SMTP_CLASS_MAILBOX_FULL:
        return "do_not_mail";
    default:
        return "unknown";
    }
}

static bool refuses_us(enum smtp_class reply_class)
{
    return reply_class == SMTP_CLASS_SENDER_BLOCKED || reply_class == SMTP_CLASS_SENDER_REJECTED ||
           reply_class == SMTP_CLASS_RATE_LIMITED || reply_class == SMTP_CLASS_GREYLISTED ||
           reply_class == SMTP_CLASS_POLICY_REJECTED;
}

static void trace(const struct classify_input *input)
{
    struct wording wording;
    struct reply_concepts heard;
    struct smtp_reply reply = input->reply;
    enum smtp_stage stage = input->stage;

    nested_reply_peel(&reply, &stage);
    wording_from_text(reply.text, &wording);
    concepts_from_wording(&wording, &heard);
    for (size_t i = 0; i < wording.len; i++)
        putchar(wording.bytes[i] == '\n' ? '/' : wording.bytes[i]);
    putchar('\n');
    for (unsigned i = 0; i < reply_concept_count; i++) {
        if ((heard.bits[i / 64] >> (i % 64) & 1) != 0)
            printf(" %s", reply_concept_names[i]);
    }
    printf("\n\n");
}

static void row_judge(const struct options *options, const struct classify_input *input,
                      enum smtp_class wanted, const char *id)
{
    struct classification got;
    const char *want_status, *got_status;

    classify_reply(input, &got);
    want_status = status_of(wanted, input->stage);
    got_status = status_of(got.reply_class, input->stage);
    rows++;
    confusion[wanted][got.reply_class]++;
    exact += wanted == got.reply_class;
    right_status += want_status == got_status || strcmp(want_status, got_status) == 0;
    not_found += wanted == SMTP_CLASS_MAILBOX_NOT_FOUND;
    not_found_read_valid +=
        wanted == SMTP_CLASS_MAILBOX_NOT_FOUND && strcmp(got_status, "valid") == 0;
    refusals_read_invalid += refuses_us(wanted) && strcmp(got_status, "invalid") == 0;
    ambiguous_decided += wanted == SMTP_CLASS_AMBIGUOUS &&
                         (strcmp(got_status, "invalid") == 0 || strcmp(got_status, "valid") == 0);
    for (unsigned i = 0; i < reply_rule_count; i++)
        rule_uses[i] += strcmp(reply_rules[i].name, got.rule) == 0;
    if (options->trace || (options->wrong && wanted != got.reply_class)) {
        char enhanced[16];

        printf("%s%s %s -> %s (%s) | %s [%s] %u %s %.*s\n",
               strcmp(want_status, got_status) == 0 ? "" : "!! ", id, smtp_class_name(wanted),
               smtp_class_name(got.reply_class), got.rule, smtp_stage_name(input->stage),
               input->provider, input->reply.code,
               smtp_enhanced_format(input->reply.enhanced, enhanced), SLICE_ARG(input->reply.text));
        trace(input);
    }
}

static void row_take(const struct options *options, char *line)
{
    char *fields[8] = {NULL};
    struct classify_input input = {0};
    enum smtp_class wanted;
    int count = 0;

    for (char *field = line; field != NULL && count < 8;)
        fields[count++] = strsep(&field, "\t");
    if (count < 8 || strcmp(fields[0], "id") == 0)
        return;
    if ((options->fold >= 0 && fold_of(fields[0]) != options->fold) ||
        (options->not_fold >= 0 && fold_of(fields[0]) == options->not_fold))
        return;
    CHECK(smtp_stage_from_name(slice_from_string(fields[4]), &input.stage));
    CHECK(smtp_class_from_name(slice_from_string(fields[6]), &wanted));
    input.provider = fields[5];
    input.reply.code = (uint16_t)atoi(fields[1]);
    input.reply.text = slice_from_string(fields[3]);
    smtp_enhanced_parse(slice_from_string(fields[2]), &input.reply.enhanced);
    row_judge(options, &input, wanted, fields[0]);
}

static void figures_print(const struct options *options)
{
    for (int wanted = 0; wanted < SMTP_CLASS_COUNT; wanted++) {
        unsigned total = 0;

        for (int got = 0; got < SMTP_CLASS_COUNT; got++)
            total += confusion[wanted][got];
        if (total == 0)
            continue;
        printf("%-26s %3u/%3u", smtp_class_name(wanted), confusion[wanted][wanted], total);
        for (int got = 0; got < SMTP_CLASS_COUNT; got++) {
            if (got != wanted && confusion[wanted][got] > 0)
                printf("  %s %u", smtp_class_name(got), confusion[wanted][got]);
        }
        putchar('\n');
    }
    printf(
        "rows %u, exact %.1f%%, status %.1f%%, refusals of us read as invalid %u, not found read "
        "as valid %u of %u, ambiguous decided %u\n",
        rows, 100.0 * exact / rows, 100.0 * right_status / rows, refusals_read_invalid,
        not_found_read_valid, not_found, ambiguous_decided);
    if (options->unused) {
        for (unsigned i = 0; i < reply_rule_count; i++) {
            if (rule_uses[i] == 0)
                printf("no row uses %s (%s)\n", reply_rules[i].name, reply_rules[i].source);
        }
    }
}

int main(int argc, char **argv)
{
    struct options options = {.fold = -1, .not_fold = -1};
    char line[65536];
    FILE *file;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--fold") == 0 && i + 1 < argc)
            options.fold = atoi(argv[++i]);
        else if (strcmp(argv[i], "--not-fold") == 0 && i + 1 < argc)
            options.not_fold = atoi(argv[++i]);
        options.wrong |= strcmp(argv[i], "--wrong") == 0;
        options.unused |= strcmp(argv[i], "--unused") == 0;
        options.trace |= strcmp(argv[i], "--trace") == 0;
    }
    file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: classify-report CORPUS.tsv [--fold N] [--not-fold N] [--wrong] "
                        "[--unused] [--trace]\n");
        return 2;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        row_take(&options, line);
    }
    fclose(file);
    if (rows > 0)
        figures_print(&options);
    return 0;
}
