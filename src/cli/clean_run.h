/*
 * One run of `mailknock clean` on a job file, in the order of its parts: the file is found or made
 * (clean_find.c), the list loaded (clean_load.c) or what an earlier version made of it put right
 * (clean_mend.c), probed (clean_probe.c), written out
 * (clean_write.c); clean_job.c goes from one to the next.
 */
#ifndef MK_CLI_CLEAN_RUN_H
#define MK_CLI_CLEAN_RUN_H

#include "cli/clean.h"
#include "config/health.h"

/* How a part of the work went. */
enum went {
    WENT_WELL,
    WENT_WRONG,   /* said already */
    WENT_PARTWAY, /* stopped, with work left */
};

struct clean_run {
    struct clean *clean;
    int lock;
    bool is_new;             /* the job file was not there before */
    size_t spool_count;      /* of files with names that standard input and pipes were put into */
    const char *const *kept; /* clean->files, by the names under which the job keeps them */
    bool is_loaded;          /* the job was, in this run */
    bool is_read_anew;       /* the list, once */
    bool is_written;         /* the output is: what is known, where the time was over */
    struct store *store;
    struct arena arena;
    struct store_job job;
    uint64_t begun_ms;
    /* Probing. */
    struct prober prober;
    struct bulk_habits *habits;
    struct bulk_job *work;
    struct io_timer look;
    uint64_t heeded_ms; /* when requests of others were looked for */
    bool said_what_holds;
    enum bulk_job_end end;
    unsigned signals; /* heeded */
    unsigned alarms;  /* what only the operator can mend: bits of enum health_alarm */
    /* Output as it comes; NULL: at the end. */
    struct bulk_reader *reader;
    struct bulk_writer *stream;
    struct buffer scratch[2], rest;
    struct store_page page;
    struct error error; /* of the stream */
};

/* Say the error: WENT_WRONG, or WENT_PARTWAY where it is that a signal ended a wait. */
enum went clean_run_fail(struct clean_run *run, const struct error *error);
/* Are results written as they come? */
bool clean_run_streams(const struct clean_run *run);

/* The options that change results, as JSON on the call's arena. ERROR_IO: a list can't be read. */
int clean_options_text(const struct clean *clean, struct slice *ret_text, struct error *error);
/* What differs, in words for people; nothing is added when nothing does. */
void clean_options_compare(struct slice before, struct slice now, struct buffer *out);

/* Lock and open the job file; the job of this list in run->job, made if need be. */
enum went clean_run_find(struct clean_run *run);
/*
 * The same list as a new job, to be loaded: an earlier version of ours read other rows in it. What
 * is known of its mailboxes is taken over when it is.
 */
int clean_run_read_anew(struct clean_run *run, struct error *error);
/* Take away what was read only once and is not kept by the job. */
void clean_run_drop_input(struct clean_run *run);
/* Take away all jobs of the file but one (0: all). */
int clean_run_remove_others(struct clean_run *run, uint64_t but, struct error *error);
/* The list's rows, and what other jobs of the file know of them. */
enum went clean_run_load(struct clean_run *run);
/* What an earlier version was wrong about, put right: once for each job. */
enum went clean_run_mend(struct clean_run *run);
/* Results for all rows that have none; run->end says how far it came. */
enum went clean_run_probe(struct clean_run *run);

/* Output as results come: what is there at the start; what is left at the end. */
enum went clean_run_stream_open(struct clean_run *run);
enum went clean_run_stream_finish(struct clean_run *run);

#endif
