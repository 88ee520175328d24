/*
 * `mailknock clean`: its own parts and how they hang together.
 *
 *   clean.c           options, and which way to go
 *   clean_files.c     names of files, readers and writers
 *   clean_job.c       by way of a job file; its parts: cli/clean_run.h
 *   clean_progress.c  what is seen meanwhile
 *   clean_write.c     what is known, laid beside the list
 *   clean_plan.c      --dry-run
 */
#ifndef MK_CLI_CLEAN_H
#define MK_CLI_CLEAN_H

#include "base/json.h"
#include "bulk/job.h"
#include "bulk/job_export.h"
#include "bulk/job_key.h"
#include "bulk/reader.h"
#include "bulk/writer.h"
#include "cli/command.h"
#include "io/loop.h"
#include "store/store.h"

/* What comes out: options that `mailknock jobs export` has too. */
struct clean_output_options {
    const char *output;
    unsigned format; /* auto, csv, ndjson, xlsx */
    const char *only;
    unsigned export;     /* enum clean_export */
    unsigned profile;    /* enum verdict_dialect */
    unsigned duplicates; /* enum bulk_duplicates */
    bool split;
    const char *prefix;
    const char *report; /* a page for people; NULL: none */
};

struct clean_options {
    struct clean_output_options out;
    /* The list. */
    const char *column, *field, *sheet;
    unsigned header; /* auto, yes, no */
    unsigned dedupe; /* enum bulk_dedupe */
    /* The job. */
    bool keep_evidence;
    bool dry_run, start_new, resume, keep_job;
    uint64_t max_time_ms;
    /* What is seen. */
    bool quiet, json_progress;
};

enum clean_export {
    CLEAN_EXPORT_ALL,
    CLEAN_EXPORT_SAFE,
    CLEAN_EXPORT_SAFE_AND_CATCH_ALL,
    CLEAN_EXPORT_NOT_INVALID,
    CLEAN_EXPORT_UNKNOWN,
    CLEAN_EXPORT_REMOVE,
};

/* A line or two of progress, redrawn on a terminal, now and then a line of its own elsewhere. */
struct clean_progress {
    struct cli_call *call;
    bool is_quiet, is_json;
    uint64_t next_ms;
    unsigned drawn_lines; /* that stand on the terminal, the cursor at their beginning */
};

struct clean {
    struct cli_call *call;
    const struct clean_options *options;
    const char *const *files;
    size_t file_count;
    const char *name;     /* of the list, for people; NULL: the first file's */
    const char *output;   /* "-": standard output */
    const char *job_path; /* NULL: none, as at depth syntax */
    bool job_is_temporary;
    struct bulk_format format; /* of the list, as found */
    uint64_t written;          /* rows that went into the output */
    const char *renamed;       /* the first column that was added, as its own name is taken */
    uint64_t cut;              /* cells that a workbook doesn't hold whole */
    unsigned sheets;           /* of the workbook that was written; 0: it is none */
    uint64_t doubts;           /* rows whose quotes leave one */
    uint64_t unreadable;       /* rows that are unknown because they can't be read */
    bool owes_rows;            /* what was read of the list is not said: an earlier run read it */
    uint64_t unasked;          /* rows for which no time was left: unknown, too */
    struct clean_progress progress;
};

#define CLEAN_CUT                                                                                  \
    "%" PRIu64 " cell%s cut: a workbook holds 32,767 characters of each, and 16,384 columns (CSV " \
    "holds all)"
#define CLEAN_CUT_ARG(clean) (clean)->cut, (clean)->cut == 1 ? " is" : "s are"

/* --- files ---------------------------------------------------------------------------------- */

/* Fill files, output, job_path; ERROR_USAGE when they can't be together. */
int clean_files(struct clean *clean, struct error *error);
/* Would the output or the report be written over the list or the job? Files are named already.
 * ERROR_USAGE, ERROR_IO where they can't be made. */
int clean_check_places(const struct clean *clean, struct error *error);
/*
 * Without a job: the first of several lists is read twice, for what it is like and for whether the
 * others are, too; one that can be read only once is put into a file without a name.
 */
int clean_keep_first(struct clean *clean, struct error *error);
/* Open the list; the first time its format is found and said, later it is the same. */
int clean_open_reader(struct clean *clean, struct bulk_reader **ret_reader, struct error *error);
/* The first rows that can't be read, of `faults`, and those whose quotes leave a doubt. */
void clean_say_faults(struct clean *clean, const struct bulk_reader *reader, uint64_t faults);
uint64_t clean_doubts(const struct bulk_reader *reader); /* how many these are */
/* What was read, and those; as an event for programs. */
void clean_say_rows(struct clean *clean, const struct bulk_reader *reader, uint64_t rows,
                    uint64_t duplicates, uint64_t faults);
int clean_open_writer(struct clean *clean, struct bulk_reader *reader,
                      struct bulk_writer **ret_writer, struct error *error);
/* Options that the writer has, checked early. ERROR_USAGE. */
int clean_writer_options(const struct clean_options *options, struct bulk_writer_options *ret,
                         struct error *error);

/*
 * Write the list with what the store knows, to clean->output. 1: interrupted, nothing was written.
 */
int clean_write(struct clean *clean, struct store *store, const struct store_job *job,
                enum bulk_export_rest rest, struct error *error);
/*
 * Of a job's options, whoever wrote them, what a report says: into `config`, where they stand
 * there.
 */
void clean_options_take(struct slice text, struct config *config);
/*
 * The page for people, where it is wanted, of what was counted; from and to: when it was done, 0:
 * not known.
 */
int clean_report(struct clean *clean, struct bulk_stats *stats, int64_t started_unix_ms,
                 int64_t finished_unix_ms, struct error *error);
/*
 * What became of own messages, for that page: of the history file or store that is named. The
 * caller closes it; NULL: no page or no place, or it can't be read (said on standard error).
 */
struct store *clean_open_outcomes(const struct clean *clean);

/* --- ways ----------------------------------------------------------------------------------- */

int clean_by_job(struct clean *clean);  /* an exit status */
int clean_offline(struct clean *clean); /* depth syntax */
int clean_plan(struct clean *clean);    /* --dry-run */
/* What the list is like now: counts as rows of output, and what to do next. */
void clean_summary(struct clean *clean, const uint64_t by_reason[VERDICT_REASON_COUNT],
                   uint64_t took_ms);

/* --- signals ---------------------------------------------------------------------------------- */

/*
 * SIGINT and SIGTERM are only counted from now on, and end the wait for a list's next bytes, or for
 * whoever reads the output.
 */
void clean_catch_signals(void);
bool clean_is_interrupted(void);
unsigned clean_interrupts(void);
/* Did work end by such a signal: between two steps (1), or while it waited (ERROR_STOPPED)? */
bool clean_was_stopped(int code);
/* SIGUSR1 came since the last call. */
bool clean_is_asked(void);

/* --- progress ------------------------------------------------------------------------------- */

void clean_progress_init(struct clean *clean);
/* A line for people, when it is time for one or `now` says so. */
void clean_progress_reading(struct clean_progress *progress, uint64_t rows, uint64_t offset,
                            uint64_t size, const char *doing);
void clean_progress_writing(struct clean_progress *progress, uint64_t rows, uint64_t all);
void clean_progress_job(struct clean_progress *progress, struct bulk_job *job,
                        struct probe_engine *engine, struct io_loop *loop, bool now);
/* Take the line away before something else is printed. */
void clean_progress_clear(struct clean_progress *progress);
/* A line beside the progress, not when quiet. */
void clean_say(struct clean *clean, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t clean_clock_ms(void);

/* The operators that are waited for, on demand, below the line about the job. */
void clean_progress_sites(struct clean_progress *progress, struct probe_engine *engine,
                          struct io_loop *loop);
/* "14:35", local time. */
void clean_add_clock(struct buffer *out, int64_t unix_ms);

/* --- cli/clean_sites.c ------------------------------------------------------------------------ */

void clean_sites_write(struct json *json, struct probe_engine *engine, struct io_loop *loop);
/* Lines that begin with a line end; nothing when nothing is waited for. */
void clean_sites_print(struct buffer *out, struct probe_engine *engine, struct io_loop *loop);

#endif
