/*
 * A made-up population as tools/train-score reads it: one result object a line, with "outcome".
 *
 *   score-rows SOURCE_ROOT SEED DOMAINS [LIVE_PERCENT]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "population.h"
#include "verdict/score.h"
#include "verdict/verdict.h"

static void write_row(void *user, const struct evidence *evidence, bool is_delivered)
{
    struct buffer *out = user;
    struct verdict verdict;
    struct score score;
    struct json json;

    verdict_judge(evidence, &verdict);
    verdict_score(evidence, &score);
    buffer_clear(out);
    json_init(&json, out);
    json_object_begin(&json);
    json_name_string(&json, "address", evidence->input);
    json_name_cstring(&json, "outcome", is_delivered ? "delivered" : "bounced");
    json_name_cstring(&json, "status", verdict_status_name(verdict.status));
    json_name_cstring(&json, "reason", verdict_reason_name(verdict.reason));
    json_name_int(&json, "score", verdict.score);
    json_name(&json, "evidence");
    json_object_begin(&json);
    json_name(&json, "score");
    json_object_begin(&json);
    json_name_cstring(&json, "basis", score.basis->name);
    json_name(&json, "features");
    json_array_begin(&json);
    for (size_t i = 0; i < score.term_count; i++) {
        json_object_begin(&json);
        json_name_cstring(&json, "name", score.terms[i].weight->name);
        json_name(&json, "value");
        json_double(&json, score.terms[i].value_milli / 1000.0, 3);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    json_object_end(&json);
    json_object_end(&json);
    buffer_append_byte(out, '\n');
    fwrite(out->ptr, 1, out->len, stdout);
}

int main(int argc, char **argv)
{
    struct buffer out;
    struct slice names;

    if (argc < 4) {
        fprintf(stderr, "usage: score-rows SOURCE_ROOT SEED DOMAINS [LIVE_PERCENT]\n");
        return 2;
    }
    buffer_init(&out, 0);
    names = population_names(argv[1]);
    population_make(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                    argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0, names, write_row, &out);
    memory_free((void *)(uintptr_t)names.ptr);
    buffer_done(&out);
    return fflush(stdout) == 0 ? 0 : 1;
}
