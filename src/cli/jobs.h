/* The parts of `mailknock jobs`. Only src/cli/jobs*.c include this. */
#ifndef MK_CLI_JOBS_H
#define MK_CLI_JOBS_H

#include "cli/clean.h"
#include "store/store.h"

struct jobs_options {
    struct clean_output_options out;
    uint64_t job;
    bool json, dry_run;
};

struct jobs {
    struct cli_call *call;
    const struct jobs_options *options;
    const char *url;
    struct store *store;
    struct arena arena;
};

/* Say the error; the exit status. */
int jobs_fail(const struct jobs *jobs, const struct error *error);
/* Does somebody hold the job file? (The service's store is never held.) */
bool jobs_is_worked_on(const struct jobs *jobs);
/* Is it a database that several machines work on? Nobody holds that. */
bool jobs_is_shared(const struct jobs *jobs);
/* Lists of `clean` have a file of their own, and nobody but a clean goes on with them. */
bool jobs_is_of_clean(struct jobs *jobs, const struct store_job *job);
/* The one with --job N, or the only one. */
int jobs_find(struct jobs *jobs, struct store_job *ret_job, struct error *error);

/* Judge what is kept by the rules of today. Opens the store itself. */
int jobs_rejudge(struct jobs *jobs);

/* Who works on a store that is shared. */
int jobs_workers(struct jobs *jobs);

/* Ask whoever works on it, and see that it was done. They open the store themselves. */
int jobs_pause(struct jobs *jobs);
int jobs_resume(struct jobs *jobs);

#endif
