/*
 * `mailknock jobs rejudge`: the kept evidence of a list, judged by the rules and lists of today.
 *
 * Nobody is asked. What comes out otherwise takes the place of the old result, or with --dry-run is
 * only told: one JSON object a row with --json, and how many of what kind. Rows that were kept
 * without evidence stay as they are.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>

#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "bulk/job_file.h"
#include "bulk/job_rejudge.h"
#include "cli/jobs.h"
#include "config/kept_lists.h"
#include "config/prober.h"

struct telling {
    FILE *out;
    struct buffer line;
};

static void say_change(void *user, const struct store_line *was, const struct verdict *verdict)
{
    struct telling *telling = user;
    struct json json;

    buffer_clear(&telling->line);
    json_init(&json, &telling->line);
    json_object_begin(&json);
    json_name_int(&json, "row", (int64_t)was->row.number);
    json_name_string(&json, "address", was->row.address);
    json_name_cstring(&json, "status_was", verdict_status_name(was->result.status));
    json_name_cstring(&json, "reason_was", verdict_reason_name(was->result.reason));
    json_name_int(&json, "score_was", was->result.score);
    json_name_cstring(&json, "status", verdict_status_name(verdict->status));
    json_name_cstring(&json, "reason", verdict_reason_name(verdict->reason));
    json_name_int(&json, "score", verdict->score);
    json_name_cstring(&json, "action", verdict_action_name(verdict->action));
    json_name_cstring(&json, "explanation", verdict->explanation);
    json_object_end(&json);
    buffer_append_byte(&telling->line, '\n');
    fwrite(telling->line.ptr, 1, telling->line.len, telling->out);
}

static void summary(const struct jobs *jobs, const struct bulk_rejudge *rejudge)
{
    const struct bulk_rejudge_counts *counts = &rejudge->counts;
    FILE *out = jobs->options->json ? jobs->call->err : jobs->call->out;

    for (unsigned from = 0; from < VERDICT_REASON_COUNT; from++)
        for (unsigned to = 0; to < VERDICT_REASON_COUNT; to++)
            if (counts->moves[from][to] > 0)
                fprintf(out, "%8" PRIu64 "  %s -> %s\n", counts->moves[from][to],
                        verdict_reason_name((enum verdict_reason)from),
                        from == to ? "another score, action or flags"
                                   : verdict_reason_name((enum verdict_reason)to));
    fprintf(out, "%" PRIu64 " of %" PRIu64 " judged again %s",
            rejudge->is_dry_run ? counts->changed : counts->replaced, counts->judged,
            rejudge->is_dry_run ? "would change" : "changed");
    if (!rejudge->is_dry_run && counts->replaced < counts->changed)
        fprintf(out, "; %" PRIu64 " were asked again meanwhile",
                counts->changed - counts->replaced);
    if (counts->without_evidence > 0)
        fprintf(out, "; %" PRIu64 " were kept without evidence (clean --keep-evidence keeps it)",
                counts->without_evidence);
    fprintf(out, "\n");
}

/* Whoever works on a list counts its results in memory too. */
static int check_rest(struct jobs *jobs, const struct store_job *job, struct error *error)
{
    if (jobs->options->dry_run)
        return 0;
    if (job->state == STORE_JOB_RUNNING && !jobs_is_of_clean(jobs, job))
        return error_set(error, ERROR_BUSY,
                         "a service works on list %" PRIu64 ": pause it first "
                         "(mailknock jobs pause), or look only (--dry-run)",
                         job->id);
    return 0;
}

/*
 * A list that the job was checked with, and that is not given now, would lift what it suppressed:
 * that is refused, or only said where nothing is written.
 */
static int check_lists(struct jobs *jobs, const struct store_job *job, struct error *error)
{
    const struct config *config = jobs->call->config;
    cJSON *options = cJSON_ParseWithLength(job->options.ptr, job->options.len);
    int code = 0;

    for (unsigned kind = 0; kind < LISTS_OPERATOR_KIND_COUNT && code == 0; kind++) {
        char name[64];

        snprintf(name, sizeof(name), "%s",
                 lists_operator_kind_name((enum lists_operator_kind)kind));
        for (char *at = name; *at != '\0'; at++)
            *at = *at == '_' ? '-' : *at;
        if (config->lists[kind].count > 0 ||
            cJSON_GetObjectItemCaseSensitive(options, name) == NULL)
            continue;
        if (jobs->options->dry_run)
            cli_fail(jobs->call, CLI_EXIT_OK,
                     "the list was checked with --%s, which is not given now", name);
        else
            code =
                error_set(error, ERROR_USAGE,
                          "the list was checked with --%s, and what it suppressed would come back: "
                          "give it again, or an empty one if that is meant",
                          name);
    }
    cJSON_Delete(options);
    return code;
}

static int judge_job(struct jobs *jobs, const struct lists_operator *lists, struct error *error)
{
    struct telling telling = {.out = jobs->call->out};
    struct bulk_rejudge *rejudge;
    struct store_job job;
    int code = jobs_find(jobs, &job, error);

    if (code == 0)
        code = check_rest(jobs, &job, error);
    if (code == 0)
        code = check_lists(jobs, &job, error);
    if (code != 0)
        return code;
    rejudge = memory_zalloc(1, sizeof(*rejudge));
    if (rejudge == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    bulk_rejudge_init(rejudge, jobs->store, job.id, lists);
    buffer_init(&telling.line, 0);
    rejudge->is_dry_run = jobs->options->dry_run;
    rejudge->bounce_days = (uint32_t)(jobs->call->config->bounce_ms / DAY_MS);
    rejudge->user = &telling;
    rejudge->changed = jobs->options->json ? say_change : NULL;
    do {
        code = bulk_rejudge_step(rejudge, error);
    } while (code == 1);
    if (code == 0)
        summary(jobs, rejudge);
    buffer_done(&telling.line);
    bulk_rejudge_done(rejudge);
    memory_free(rejudge);
    return code;
}

int jobs_rejudge(struct jobs *jobs)
{
    bool looks_only = jobs->options->dry_run;
    struct lists_operator *lists = NULL;
    struct error error = {0};
    int lock = -1, code = prober_load_lists(jobs->call->config, &lists, &error);

    if (code == 0 && !looks_only && !jobs_is_shared(jobs))
        code = bulk_job_lock(store_url_path(jobs->url), &lock, NULL, &error);
    if (code == 0)
        code = store_open(jobs->url, looks_only ? STORE_MODE_READ_ONLY : STORE_MODE_EXISTING,
                          &jobs->store, &error);
    /* A service keeps lists in its store, and judges by them too. */
    if (code == 0)
        code = kept_lists_add(jobs->store, lists, &error);
    if (code == 0)
        code = judge_job(jobs, lists, &error);
    store_close(jobs->store);
    jobs->store = NULL;
    bulk_job_unlock(lock);
    lists_operator_free(lists);
    return code == 0 ? CLI_EXIT_OK : jobs_fail(jobs, &error);
}
