/* `mailknock jobs pause` and `resume`: what is wanted of the process that works on a job. */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "base/instant.h"
#include "bulk/job_request.h"
#include "bulk/job_source.h"
#include "cli/jobs.h"

#define WAIT_MS (15 * SECOND_MS) /* for it to be heard, and for answers under way */
#define LOOK_US 100000

bool jobs_is_of_clean(struct jobs *jobs, const struct store_job *job)
{
    struct bulk_job_source source;

    return bulk_job_source_read(job->sources, &jobs->arena, &source, NULL) == 0 &&
           source.file_count > 0;
}

/* Why not even to ask; 0 when there is sense in it. */
static int check_pause(struct jobs *jobs, const struct store_job *job, struct error *error)
{
    if (job->state == STORE_JOB_RUNNING &&
        (!jobs_is_of_clean(jobs, job) || jobs_is_worked_on(jobs)))
        return 0;
    if (job->state == STORE_JOB_LOADING)
        return error_set(error, ERROR_USAGE,
                         "the list is still being read: there is nothing to pause yet");
    return error_set(error, ERROR_USAGE, "nobody works on job %" PRIu64 " (it is %s)", job->id,
                     job->state == STORE_JOB_RUNNING ? "interrupted"
                                                     : store_job_state_name(job->state));
}

static int check_resume(struct jobs *jobs, const struct store_job *job, struct error *error)
{
    if (job->state == STORE_JOB_FINISHED)
        return error_set(error, ERROR_USAGE, "job %" PRIu64 " is finished", job->id);
    if (jobs_is_of_clean(jobs, job))
        return jobs_is_worked_on(jobs)
                   ? error_set(error, ERROR_USAGE, "job %" PRIu64 " is being worked on", job->id)
                   : error_set(error, ERROR_USAGE,
                               "a list of `mailknock clean` goes on with the same command that "
                               "began it (its list: %.*s)",
                               SLICE_ARG(job->name));
    if (job->state == STORE_JOB_RUNNING || job->state == STORE_JOB_LOADING)
        return error_set(error, ERROR_USAGE, "job %" PRIu64 " is %s", job->id,
                         store_job_state_name(job->state));
    return 0;
}

/* 1 when the job has left the state, and the process the file; 0 when it took too long. */
static int await(struct jobs *jobs, struct store_job *job, struct error *error)
{
    enum store_job_state before = job->state;
    bool is_clean = jobs_is_of_clean(jobs, job);

    for (uint64_t waited_us = 0; waited_us < WAIT_MS * 1000; waited_us += LOOK_US) {
        int code;

        usleep(LOOK_US);
        /* A job file goes away when its list has been cleaned meanwhile. */
        if (is_clean && access(store_url_path(jobs->url), F_OK) != 0)
            return error_set(error, ERROR_NOT_FOUND, "the list has been cleaned meanwhile");
        code = store_job_get(jobs->store, job->id, &jobs->arena, job, error);
        if (code != 0)
            return code;
        if (job->state != before && !(is_clean && jobs_is_worked_on(jobs)))
            return 1;
    }
    return 0;
}

static int not_heard(struct jobs *jobs, const struct store_job *job, struct error *error)
{
    int code = bulk_job_request_remove(jobs->store, job->id, error);

    if (code < 0)
        return code;
    return code == 1 ? error_set(error, ERROR_BUSY,
                                 "nobody heard it: is `mailknock serve` running with this store?")
                     : error_set(error, ERROR_BUSY,
                                 "it was heard, but job %" PRIu64 " is still %s: look again later",
                                 job->id, store_job_state_name(job->state));
}

static int ask(struct jobs *jobs, enum bulk_job_request request,
               int (*check)(struct jobs *jobs, const struct store_job *job, struct error *error))
{
    struct error error = {0};
    struct store_job job = {0};
    int code = store_open(jobs->url, STORE_MODE_EXISTING, &jobs->store, &error);

    if (code == 0)
        code = jobs_find(jobs, &job, &error);
    if (code == 0)
        code = check(jobs, &job, &error);
    if (code == 0)
        code =
            bulk_job_request_put(jobs->store, job.id, request, (int64_t)time(NULL) * 1000, &error);
    if (code == 0)
        code = await(jobs, &job, &error);
    if (code == 0)
        code = not_heard(jobs, &job, &error);
    if (code < 0)
        return jobs_fail(jobs, &error);
    fprintf(jobs->call->out, "job %" PRIu64 " is %s: %" PRIu64 " of %" PRIu64 " results are kept\n",
            job.id, store_job_state_name(job.state), job.done, job.done + store_job_left(&job));
    return CLI_EXIT_OK;
}

int jobs_pause(struct jobs *jobs)
{
    return ask(jobs, BULK_JOB_REQUEST_PAUSE, check_pause);
}

int jobs_resume(struct jobs *jobs)
{
    return ask(jobs, BULK_JOB_REQUEST_RESUME, check_resume);
}
