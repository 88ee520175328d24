/*
 * What a row of a list costs, however long the list: CPU a row and memory at most.
 *
 * bench-rows [MOST [offline]]: lists of ten thousand, a hundred thousand and so on to MOST rows (a
 * million) go two ways, or only the first: from reader to writer where nothing is asked
 * (bulk/job_offline.h), CSV to NDJSON; and through the job machinery with an SQLite store at the
 * same depth: loaded, duplicates marked, fed by turn, kept, exported to CSV. 60% of the rows are at
 * seven free providers, 1% have a typing error, the others are spread over one domain for every ten
 * rows by Zipf's law.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/random.h"
#include "bulk/job.h"
#include "bulk/job_export.h"
#include "bulk/job_load.h"
#include "bulk/job_offline.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "parts.h"

#define NOBODY "/dev/null" /* keeps the output */

#define MEMORY_TARGET 300  /* MB, resident */
#define SHARE_TARGET  0.50 /* of the rate that the parts add up to (bench/parts.h) */
#define RATE_TARGET   1.2  /* M rows a second: the same where the targets were set */
#define ROUNDS        5
#define COMPARED_ROWS 1000000
#define SMALLEST      10000

static char folder[] = "/tmp/mk-rows-bench-XXXXXX";
static char list_path[96], out_path[96], job_path[96];
static uint64_t out_octets; /* of the list that was cleaned last */

static double cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* What of it the system took, for reading, writing and keeping the file. */
static double system_us(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)usage.ru_stime.tv_sec * 1e6 + (double)usage.ru_stime.tv_usec;
}

/* Resident memory at most since it was last asked, in MB. */
static double memory_peak(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    unsigned long kib = 0;
    char line[256];
    int fd;

    CHECK(status != NULL);
    while (fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoul(line + 6, NULL, 10);
    fclose(status);
    fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        CHECK(write(fd, "5", 1) == 1);
        close(fd);
    }
    return (double)kib / 1024;
}

static void write_list(uint64_t rows)
{
    static const char *const names[] = {"anna.berg", "jsmith",   "li.wei",  "m.rossi",
                                        "info",      "o.farouk", "tanaka7", "post+shop"};
    static const char *const providers[] = {"gmail.com", "outlook.com", "yahoo.com",  "gmx.de",
                                            "web.de",    "icloud.com",  "hotmail.com"};
    FILE *list = fopen(list_path, "we");
    double spread = log((double)rows / 10);
    struct random random;

    CHECK(list != NULL);
    random_init(&random, 1);
    fputs("id,name,email,city\n", list);
    for (uint64_t i = 0; i < rows; i++) {
        const char *name = names[random_below(&random, ARRAY_LEN(names))];
        unsigned number = (unsigned)random_below(&random, 10000000);
        unsigned kind = (unsigned)random_below(&random, 100);

        fprintf(list, "%llu,Customer %llu,%s%u@", (unsigned long long)i, (unsigned long long)i,
                name, number);
        if (kind < 1)
            fputs("gmial.com", list);
        else if (kind < 61)
            fputs(providers[random_below(&random, ARRAY_LEN(providers))], list);
        else
            fprintf(list, "company%.0f.com",
                    exp(spread * (double)random_below(&random, 1000000) / 1e6));
        fputs(",Berlin\n", list);
    }
    CHECK(fclose(list) == 0);
}

static struct bulk_reader *open_reader(void)
{
    const char *const files[] = {list_path};
    const struct bulk_format wanted = {.has_header = -1, .column = SIZE_MAX};
    struct bulk_reader *reader;

    CHECK(bulk_reader_open(files, 1, &wanted, &reader, NULL) == 0);
    return reader;
}

static struct bulk_writer *open_writer(const char *path, struct bulk_reader *reader,
                                       enum bulk_kind kind)
{
    const struct bulk_writer_options options = {
        .kind = kind,
        .input = bulk_reader_format(reader),
        .header = bulk_reader_header(reader),
    };
    struct bulk_writer *writer;

    CHECK(bulk_writer_open(path, &options, &writer, NULL) == 0);
    return writer;
}

/* --- from reader to writer ------------------------------------------------------------------- */

/* path: out_path, or NOBODY. */
static double clean_offline(const char *path, uint64_t rows, double *ret_system)
{
    const struct bulk_offline_options options = {
        .dedupe = BULK_DEDUPE_MAILBOX, .unix_ms = 1, .with_json = true};
    struct bulk_reader *reader = open_reader();
    struct bulk_writer *writer = open_writer(path, reader, BULK_KIND_NDJSON);
    struct bulk_offline *offline;
    double began = cpu_us(), system_began = system_us(), each;
    struct stat about;

    CHECK(bulk_offline_open(reader, writer, &options, &offline, NULL) == 0);
    while (bulk_offline_step(offline, NULL) == 1)
        ;
    CHECK(bulk_offline_progress(offline)->rows == rows);
    CHECK(bulk_writer_finish(writer, NULL) == 0);
    bulk_offline_close(offline);
    bulk_reader_close(reader);
    each = (cpu_us() - began) / (double)rows;
    *ret_system = (system_us() - system_began) / (double)rows;
    if (path == out_path) {
        CHECK(stat(out_path, &about) == 0);
        out_octets = (uint64_t)about.st_size;
        unlink(out_path);
    }
    return each;
}

/* --- through store and engine ---------------------------------------------------------------- */

struct rig {
    struct store *store;
    uint64_t id;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct bulk_job *job;
};

static void load(struct rig *rig)
{
    const struct bulk_load_options options = {.dedupe = BULK_DEDUPE_MAILBOX};
    struct store_job job = {.state = STORE_JOB_LOADING, .name = SLICE("list")};
    struct bulk_reader *reader = open_reader();
    struct bulk_load *loading;
    struct arena arena;

    arena_init(&arena);
    CHECK(store_open(job_path, STORE_MODE_CREATE, &rig->store, NULL) == 0);
    CHECK(store_job_add(rig->store, &job, &rig->id, NULL) == 0);
    CHECK(bulk_load_open(rig->store, rig->id, reader, &options, &loading, NULL) == 0);
    while (bulk_load_step(loading, NULL) == 1)
        ;
    bulk_load_close(loading);
    bulk_reader_close(reader);
    CHECK(store_job_get(rig->store, rig->id, &arena, &job, NULL) == 0);
    job.state = STORE_JOB_READY;
    CHECK(store_job_update(rig->store, &job, NULL) == 0);
    arena_done(&arena);
}

static void ended(void *user, enum bulk_job_end end)
{
    CHECK(end == BULK_JOB_FINISHED);
}

/* The longest that the loop was held by a commit, in ms. */
static uint64_t run(struct rig *rig)
{
    const struct bulk_job_options options = {
        .window = 2000, .depth = EVIDENCE_DEPTH_SYNTAX, .without_json = true};
    const struct bulk_job_events events = {.ended = ended};
    const struct lab_sim_plan plan = {.seed = 1};
    const struct dns_resolver_options resolving = {.use_ipv4 = true, .seed = 1};
    struct bulk_job_progress progress;
    struct probe_settings settings;

    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.example");
    rig->scenario = lab_scenario_parse(SLICE("domain a.example\n  mx null\n"), NULL);
    rig->loop = lab_sim_loop_new(&plan);
    rig->world = lab_world_new(rig->loop, rig->scenario, 25, 1, NULL);
    rig->resolver = dns_resolver_new(rig->loop, lab_world_transport(rig->world), &resolving);
    rig->engine = probe_engine_new(rig->loop, rig->resolver, NULL, &settings);
    CHECK(rig->engine != NULL);
    CHECK(bulk_job_open(rig->loop, rig->engine, rig->store, rig->id, &options, &events, rig,
                        &rig->job, NULL) == 0);
    CHECK(bulk_job_start(rig->job, NULL) == 0);
    io_loop_run(rig->loop);
    bulk_job_progress(rig->job, &progress);
    CHECK(progress.left == 0);
    bulk_job_free(rig->job);
    probe_engine_free(rig->engine);
    dns_resolver_free(rig->resolver);
    lab_world_free(rig->world);
    io_loop_free(rig->loop);
    lab_scenario_free(rig->scenario);
    return progress.longest_commit_ms;
}

static void export(struct rig *rig, uint64_t rows)
{
    const struct bulk_export_options options = {.rest = BULK_EXPORT_REST_EMPTY};
    struct bulk_reader *reader = open_reader();
    struct bulk_writer *writer = open_writer(out_path, reader, BULK_KIND_CSV);
    struct bulk_export *exporting;

    CHECK(bulk_export_open(rig->store, rig->id, reader, writer, &options, &exporting, NULL) == 0);
    while (bulk_export_step(exporting, NULL) == 1)
        ;
    CHECK(bulk_export_rows(exporting) == rows);
    CHECK(bulk_writer_finish(writer, NULL) == 0);
    bulk_export_close(exporting);
    bulk_reader_close(reader);
    store_close(rig->store);
    unlink(out_path);
    unlink(job_path);
}

/* --- both, for a size ------------------------------------------------------------------------ */

/* Of the smallest list: what a row may cost, half of it again for caches. */
struct first {
    double offline, job;
};

static bool measure_offline(uint64_t rows, struct first *first)
{
    double system, each = clean_offline(out_path, rows, &system), memory = memory_peak();
    bool ok;

    first->offline = first->offline > 0 ? first->offline : each;
    ok = each <= first->offline * 1.5 && memory < MEMORY_TARGET;
    printf("%8llu rows, nothing asked: %5.2f us CPU a row (%.2f the system's), %4.0f MB at most, "
           "target %.2f and %d  %s\n",
           (unsigned long long)rows, each, system, memory, first->offline * 1.5, MEMORY_TARGET,
           ok ? "ok" : "MISSED");
    fflush(stdout);
    return ok;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

/*
 * Ours and the parts in turns. Parts are summed up as they are in memory, so that ours is held to
 * them where its output, which is all written, is kept by nobody; what a file adds is told beside.
 */
static bool compare_with_parts(uint64_t rows)
{
    struct parts *parts = parts_new(list_path);
    double each[PARTS_COUNT][ROUNDS], ours[ROUNDS], in_file[ROUNDS], kept[ROUNDS], system;
    double sum = 0, share, rate;
    bool ok;

    for (size_t round = 0; round < ROUNDS; round++) {
        ours[round] = clean_offline(NOBODY, rows, &system);
        for (size_t part = 0; part < PARTS_COUNT; part++)
            each[part][round] = parts_run(parts, (enum parts_part)part);
        in_file[round] = clean_offline(out_path, rows, &system);
        kept[round] = parts_keep(parts, out_path);
    }
    for (size_t part = 0; part < PARTS_COUNT; part++)
        sum += median(each[part]) / 1e3;
    share = sum / median(ours);
    rate = 1 / median(ours);
    ok = share >= SHARE_TARGET;
    printf("CSV to NDJSON, medians of %d in turns: the parts %.3f us a row (fields %.0f ns, lists "
           "%.0f, object of %.0f octets %.0f)\n",
           ROUNDS, sum, median(each[PARTS_FIELDS]), median(each[PARTS_LISTS]),
           parts_object_len(parts), median(each[PARTS_OBJECT]));
    printf("  ours into a file %.3f us a row, %llu octets; as many by write and fsync alone %.3f\n",
           median(in_file), (unsigned long long)(out_octets / rows), median(kept) / 1e3);
    printf("  ours to nobody %.3f us a row, %.0f%% of the parts' rate, target %.0f%%  %s\n",
           median(ours), share * 100, SHARE_TARGET * 100, ok ? "ok" : "MISSED");
    printf("  %.2f M rows/s of CPU; where the targets were set the parts' half is %.1f  %s\n", rate,
           RATE_TARGET, rate >= RATE_TARGET ? "reached" : "not reached");
    fflush(stdout);
    parts_free(parts);
    return ok;
}

static bool measure_job(uint64_t rows, struct first *first)
{
    double began = cpu_us(), loaded, ran, each, memory;
    uint64_t commit_ms;
    struct rig rig;
    bool ok;

    load(&rig);
    loaded = cpu_us();
    commit_ms = run(&rig);
    ran = cpu_us();
    export(&rig, rows);
    each = (cpu_us() - began) / (double)rows;
    memory = memory_peak();
    first->job = first->job > 0 ? first->job : each;
    ok = each <= first->job * 1.5 && memory < MEMORY_TARGET;
    printf("%8llu rows, as a job: %5.2f us CPU a row (loaded %.2f, judged and kept %.2f, exported "
           "%.2f), longest commit %llu ms, %4.0f MB at most, target %.2f and %d  %s\n",
           (unsigned long long)rows, each, (loaded - began) / (double)rows,
           (ran - loaded) / (double)rows, each - (ran - began) / (double)rows,
           (unsigned long long)commit_ms, memory, first->job * 1.5, MEMORY_TARGET,
           ok ? "ok" : "MISSED");
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv)
{
    uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    bool without_job = argc > 2 && strcmp(argv[2], "offline") == 0, ok = true;
    struct first first = {0, 0};

    CHECK(mkdtemp(folder) != NULL);
    snprintf(list_path, sizeof(list_path), "%s/list.csv", folder);
    snprintf(out_path, sizeof(out_path), "%s/out", folder);
    snprintf(job_path, sizeof(job_path), "%s/list.mkjob", folder);
    for (uint64_t rows = SMALLEST; rows <= most; rows *= 10) {
        write_list(rows);
        (void)memory_peak();
        ok &= measure_offline(rows, &first);
        if (rows == COMPARED_ROWS)
            ok &= compare_with_parts(rows);
        if (!without_job)
            ok &= measure_job(rows, &first);
        unlink(list_path);
    }
    rmdir(folder);
    return ok ? 0 : 1;
}
