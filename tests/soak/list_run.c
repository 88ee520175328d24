#include "list_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/habits.h"
#include "bulk/job.h"
#include "bulk/job_export.h"
#include "bulk/job_file.h"
#include "bulk/job_load.h"
#include "flaky_store.h"
#include "probe/gate.h"
#include "probe/ledger.h"

#define LIVES_MAX   60
#define FAULTS_LAST 10 /* lives; the later ones meet no more trouble with the disk */
#define RESTS_MAX   64

static char folder[64], ledger_path[96];

/* A site that refused us in a life, which the next ones have to know. */
struct rest {
    char key[PROVIDER_SITE_KEY_SIZE];
    uint64_t until_ms;
};

/* What lasts from life to life. */
struct list {
    const struct soak_plan *plan;
    const struct soak_faults *faults;
    const struct soak_report *clean;
    struct soak_report *report;
    struct buffer text;
    char path[96]; /* of the store's file; "": in memory */
    struct store *store;
    struct soak_outcome kept[SOAK_ADDRESSES_MAX]; /* what the store says of each row */
    bool is_finished, memory_was_short;
    unsigned lied_sites;
    struct soak_dawn dawn; /* of the next life */
    struct buffer visits;  /* of lives before it */
    struct rest rests[RESTS_MAX];
    unsigned rest_count;
};

struct life {
    struct soak_stage stage;
    struct list *list;
    unsigned number;
    struct bulk_reader *reader;
    struct bulk_load *load;
    struct bulk_habits *habits;
    struct bulk_job *job;
    uint64_t id;
    struct io_timer step, stop;
    uint64_t events; /* after which it is killed; 0: it is not */
    struct probe_ledger *ledger;
    bool is_dead, has_failed, has_ended;
    enum bulk_job_end end;
    bool told[SOAK_ADDRESSES_MAX]; /* by `kept`, in this life */
};

/* --- the store ------------------------------------------------------------------------------- */

static void open_store(struct list *list)
{
    struct error error = {0};

    if (list->store != NULL)
        return;
    if (store_open(list->path[0] != '\0' ? list->path : "memory:", STORE_MODE_CREATE, &list->store,
                   &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
}

/* The end of a process is the end of its handle; memory is the disk of the simulated world. */
static void leave_store(struct list *list)
{
    if (list->path[0] == '\0')
        return;
    store_close(list->store);
    list->store = NULL;
}

static uint64_t find_job(struct list *list, enum store_job_state *ret_state)
{
    struct store_job job = {.state = STORE_JOB_LOADING, .name = SLICE("list")};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_job_next(list->store, 0, &arena, &job, NULL);
    CHECK(code >= 0);
    if (code == 0)
        CHECK(store_job_add(list->store, &job, &job.id, NULL) == 0);
    *ret_state = job.state;
    arena_done(&arena);
    return job.id;
}

/* --- one life: loading ----------------------------------------------------------------------- */

static void die(void *user)
{
    struct life *life = user;

    life->is_dead = true;
    io_loop_stop(life->stage.loop);
}

static void life_failed(struct life *life, const struct error *error)
{
    bool is_excused =
        life->is_dead || life->stage.memory_is_short || flaky_store_counts().failures > 0;

    life->has_failed = true;
    if (!is_excused)
        soak_fail(&life->stage, "failed without a reason: %s", error->message);
}

static void kept(void *user, const struct store_result *results, size_t count)
{
    struct life *life = user;

    for (size_t i = 0; i < count; i++) {
        uint64_t row = results[i].row;

        CHECK(row >= 1 && row <= life->list->plan->address_count);
        if (life->told[row - 1] || life->list->kept[row - 1].done > 0)
            soak_fail(&life->stage, "row %" PRIu64 " was kept twice", row);
        life->told[row - 1] = true;
    }
}

static void ended(void *user, enum bulk_job_end end)
{
    struct life *life = user;

    if (life->has_ended)
        soak_fail(&life->stage, "the job ended twice");
    life->has_ended = true;
    life->end = end;
    if (end == BULK_JOB_FAILED)
        life_failed(life, bulk_job_error(life->job));
}

static int start_job(struct life *life, struct error *error)
{
    const struct soak_plan *plan = life->list->plan;
    const struct bulk_job_events events = {kept, ended};
    const struct bulk_job_options options = {
        .window = plan->window,
        .depth = EVIDENCE_DEPTH_SMTP,
        .patience = plan->patience,
        .with_evidence = plan->transcripts,
        .habits = life->habits,
    };
    int code = bulk_job_open(life->stage.loop, life->stage.engine, life->list->store, life->id,
                             &options, &events, life, &life->job, error);

    return code == 0 ? bulk_job_start(life->job, error) : code;
}

static int end_load(struct life *life, struct error *error)
{
    struct store_job job;
    struct arena arena;
    int code;

    bulk_load_close(life->load);
    life->load = NULL;
    arena_init(&arena);
    code = store_job_get(life->list->store, life->id, &arena, &job, error);
    if (code == 0) {
        job.state = STORE_JOB_READY;
        code = store_job_update(life->list->store, &job, error);
    }
    arena_done(&arena);
    return code == 0 ? start_job(life, error) : code;
}

static void step(struct io_timer *timer)
{
    struct life *life = timer->user;
    struct error error = {0};
    int code = bulk_load_step(life->load, &error);

    if (code == 1)
        code = io_timer_start(timer, io_now_ms(life->stage.loop) + 1);
    else if (code == 0)
        code = end_load(life, &error);
    if (code < 0)
        life_failed(life, &error);
}

static int start_load(struct life *life, struct error *error)
{
    static const struct bulk_format format = {
        .kind = BULK_KIND_CSV, .delimiter = ',', .has_header = 1, .column = 1};
    const struct bulk_load_options options = {.dedupe = BULK_DEDUPE_MAILBOX};
    const struct list *list = life->list;
    int code = bulk_reader_open_bytes("list.csv", buffer_slice(&list->text), list->plan->piece,
                                      &format, &life->reader, error);

    if (code == 0)
        code = bulk_load_open(list->store, life->id, life->reader, &options, &life->load, error);
    return code == 0 ? io_timer_start(&life->step, 0) : code;
}

/* --- one life: as a whole -------------------------------------------------------------------- */

static void stop(struct io_timer *timer)
{
    struct life *life = timer->user;

    if (life->job != NULL && !life->has_ended)
        bulk_job_stop(life->job, 5 * SECOND_MS);
}

static void look_at_rests(struct life *life)
{
    const struct list *list = life->list;
    uint64_t now = io_now_ms(life->stage.loop);
    struct probe_site_state state;

    for (unsigned i = 0; i < list->rest_count; i++)
        if (now < list->rests[i].until_ms &&
            probe_engine_find_site(life->stage.engine, list->rests[i].key, &state) &&
            state.sessions > 0)
            soak_fail(&life->stage, "%s refused an earlier life, and is asked while it rests",
                      list->rests[i].key);
}

static void look(void *user)
{
    struct life *life = user;
    struct bulk_job_progress progress;

    look_at_rests(life);
    if (life->job == NULL)
        return;
    bulk_job_progress(life->job, &progress);
    if (progress.done + progress.left + progress.duplicates != progress.rows)
        soak_fail(&life->stage,
                  "of %" PRIu64 " rows %" PRIu64 " are done, %" PRIu64 " left, %" PRIu64
                  " duplicates",
                  progress.rows, progress.done, progress.left, progress.duplicates);
    /* Whoever waited for a greylist comes back beside those that were fed meanwhile. */
    if (progress.in_flight + progress.waiting > 4 * life->list->plan->window)
        soak_fail(&life->stage, "%" PRIu64 " addresses are in flight, %" PRIu64 " wait",
                  progress.in_flight, progress.waiting);
}

/* Which life dies, and when: at an event, or in a call of the store. */
static void plan_death(struct life *life, struct flaky_store_plan *store_plan)
{
    const struct list *list = life->list;
    const struct soak_plan *plan = list->plan;
    struct random random;

    if (life->number >= list->faults->deaths)
        return;
    random_init(&random, plan->seed * 31 + life->number);
    if (plan->dies_at > 0 && plan->dies_in_store)
        store_plan->dies_at = plan->dies_at;
    else if (plan->dies_at > 0)
        life->events = plan->dies_at;
    else if (random_chance(&random, 1, 2))
        life->events = 1 + random_below(&random, list->clean->events);
    else
        store_plan->dies_at = 1 + random_below(&random, list->clean->store_calls);
    store_plan->dies_after =
        plan->dies_at > 0 ? plan->dies_after_call : random_chance(&random, 1, 2);
}

/* The same limits for all lives together: a small ledger, or one in which there is room for all. */
static void keep_ledger(struct life *life)
{
    const struct list *list = life->list;
    size_t slots = list->plan->seed % 4 == 0 ? 4 : 256;
    char boot[16];
    struct error error = {0};

    (void)snprintf(boot, sizeof(boot), "boot %u", list->dawn.boot);
    if (probe_ledger_open(ledger_path, slots, boot, io_now_ms(life->stage.loop), &life->ledger,
                          &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    probe_engine_set_ledger(life->stage.engine, life->ledger);
}

static void remember_rests(struct list *list, const struct life *life)
{
    struct probe_site_state state;
    size_t cursor = 0;

    while (probe_engine_next_site(life->stage.engine, &cursor, &state)) {
        unsigned i = 0;

        while (i < list->rest_count && strcmp(list->rests[i].key, state.key) != 0)
            i++;
        if (state.breaker_until_ms == 0 || i == RESTS_MAX)
            continue;
        (void)snprintf(list->rests[i].key, sizeof(list->rests[i].key), "%s", state.key);
        list->rests[i].until_ms = state.breaker_until_ms;
        list->rest_count += i == list->rest_count;
    }
}

/* When the next one begins: at once or later, or with the machine. */
static void plan_dawn(struct list *list, const struct life *life)
{
    struct soak_dawn *dawn = &list->dawn;
    struct random random;

    random_init(&random, list->plan->seed * 37 + life->number);
    remember_rests(list, life);
    buffer_clear(&list->visits);
    lab_world_save_visits(life->stage.world, &list->visits);
    CHECK(!list->visits.failed);
    dawn->visits = buffer_slice(&list->visits);
    dawn->passed_ms = random_below(&random, random_chance(&random, 1, 2) ? 100 : 90 * SECOND_MS);
    dawn->start_unix_ms = io_unix_ms(life->stage.loop) + (int64_t)dawn->passed_ms;
    dawn->start_ms = io_now_ms(life->stage.loop) + dawn->passed_ms;
    if (random_chance(&random, 1, 5)) {
        dawn->boot++;
        list->rest_count = 0; /* nothing is known of that */
        dawn->start_ms = dawn->passed_ms;
    }
}

static void life_build(struct life *life, struct list *list, unsigned number)
{
    struct soak_faults faults = *list->faults;
    struct flaky_store_plan store_plan = {
        .seed = list->plan->seed + number,
        .fail_permille = number < FAULTS_LAST ? faults.store_permille : 0,
        .died = die,
        .user = life,
    };
    struct probe_memory memory;

    *life = (struct life){.list = list, .number = number};
    if (number > 0)
        faults.stop_ms = 0;
    if (number >= FAULTS_LAST)
        faults.memory_after = 0;
    plan_death(life, &store_plan);
    list->dawn.life = number;
    list->dawn.stop_events = life->events;
    soak_stage_build(&life->stage, list->plan, &faults, &list->dawn);
    keep_ledger(life);
    life->stage.lied_sites = list->lied_sites;
    io_timer_init(life->stage.loop, &life->step, step, life);
    io_timer_init(life->stage.loop, &life->stop, stop, life);
    life->habits = bulk_habits_new(life->stage.loop, list->store, list->store);
    CHECK(life->habits != NULL);
    memory = bulk_habits_memory(life->habits);
    probe_engine_set_memory(life->stage.engine, &memory);
    flaky_store_begin(list->store, &store_plan);
}

static void life_live(struct life *life, enum store_job_state state)
{
    struct error error = {0};
    int code = state == STORE_JOB_LOADING ? start_load(life, &error) : start_job(life, &error);

    if (code != 0) {
        life_failed(life, &error);
        return;
    }
    if (life->stage.faults.stop_ms > 0)
        CHECK(io_timer_start(&life->stop,
                             io_now_ms(life->stage.loop) + life->stage.faults.stop_ms) == 0);
    if (!life->is_dead)
        soak_stage_run(&life->stage, look, life);
}

static bool was_killed(const struct life *life)
{
    return life->is_dead || (life->events > 0 && soak_stage_events(&life->stage) >= life->events);
}

/* A loop that stopped with its work not done was killed, or something stands still. */
static void life_check(struct life *life)
{
    if (was_killed(life))
        return;
    if (!life->has_ended && !life->has_failed && !life->stage.memory_is_short)
        soak_fail(&life->stage, "it stands still, and the job has not ended");
    if (life->has_ended && life->end == BULK_JOB_STOPPED && life->stage.faults.stop_ms == 0)
        soak_fail(&life->stage, "the job was stopped by nobody");
    if (life->has_ended && life->end == BULK_JOB_OUT_OF_TIME)
        soak_fail(&life->stage, "the job ran out of time that has no end");
    if (life->has_ended && life->end != BULK_JOB_FAILED)
        soak_stage_check_end(&life->stage);
}

/* What was known before is not asked for again. */
static void check_questions(struct life *life)
{
    const struct soak_plan *plan = life->list->plan;
    char text[SOAK_ADDRESS_SIZE];

    for (unsigned i = 0; i < plan->address_count; i++) {
        if (life->list->kept[i].done == 0 || plan->addresses[i].kind != SOAK_MAILBOX)
            continue;
        (void)soak_address_text(&plan->addresses[i], text);
        if (lab_world_rcpt_count(life->stage.world, slice_from_string(text)) > 0)
            soak_fail(&life->stage, "%s had its result, and was asked again", text);
    }
}

static void life_end(struct life *life)
{
    flaky_store_die(); /* nothing that is torn down now may still be kept */
    bulk_job_free(life->job);
    bulk_load_close(life->load);
    bulk_reader_close(life->reader);
    probe_engine_set_memory(life->stage.engine, NULL);
    bulk_habits_free(life->habits);
    io_timer_stop(&life->step);
    io_timer_stop(&life->stop);
    flaky_store_end();
}

/* --- between lives --------------------------------------------------------------------------- */

static void read_line(struct life *life, const struct store_line *line, uint64_t counts[])
{
    struct soak_outcome *before = &life->list->kept[line->row.number - 1], now = {0};

    if (line->has_result) {
        now.done = 1;
        now.status = line->result.status;
        now.reason = line->result.reason;
        (void)snprintf(now.explanation, sizeof(now.explanation), "%.*s",
                       SLICE_ARG(line->result.explanation));
        counts[now.reason]++;
        if (line->result.json.len == 0)
            soak_fail(&life->stage, "row %" PRIu64 " has no evidence", line->row.number);
    }
    if (before->done > now.done ||
        (before->done > 0 &&
         (before->reason != now.reason || strcmp(before->explanation, now.explanation) != 0)))
        soak_fail(&life->stage, "row %" PRIu64 " was %s and is %s", line->row.number,
                  verdict_reason_name(before->reason),
                  now.done > 0 ? verdict_reason_name(now.reason) : "nothing");
    *before = now;
}

/* The store as it is after a life: nothing was taken back, nothing is counted wrongly. */
static void read_results(struct life *life)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_ROWS, .limit = SOAK_ADDRESSES_MAX + 1, .with_json = true};
    struct list *list = life->list;
    uint64_t counts[VERDICT_REASON_COUNT] = {0};
    struct store_counts stored;
    struct store_page page;
    enum store_job_state state;

    (void)find_job(list, &state);
    store_page_init(&page);
    CHECK(store_page_read(list->store, life->id, &query, &page, NULL) == 0);
    CHECK(store_counts(list->store, life->id, &stored, NULL) == 0);
    if (state != STORE_JOB_LOADING && page.count != list->plan->address_count)
        soak_fail(&life->stage, "of %u rows %zu are there", list->plan->address_count, page.count);
    for (size_t i = 0; i < page.count; i++)
        read_line(life, &page.lines[i], counts);
    if (memcmp(counts, stored.rows, sizeof(counts)) != 0)
        soak_fail(&life->stage, "the store counts otherwise than it keeps");
    for (unsigned i = 0; i < list->plan->address_count; i++)
        if (life->told[i] && list->kept[i].done == 0)
            soak_fail(&life->stage, "row %u was said to be kept, and is not", i + 1);
    store_page_done(&page);
    list->is_finished = state == STORE_JOB_FINISHED;
    if (life->has_ended && life->end == BULK_JOB_FINISHED && !list->is_finished)
        soak_fail(&life->stage, "a job that is finished is not in the store");
}

static void life_whole(struct list *list, unsigned number)
{
    struct life life;
    enum store_job_state state;
    uint64_t id;

    open_store(list);
    id = find_job(list, &state);
    life_build(&life, list, number);
    life.id = id;
    life_live(&life, state);
    life_check(&life);
    check_questions(&life);
    if (number == 0) {
        list->report->events = soak_stage_events(&life.stage);
        list->report->store_calls = flaky_store_counts().calls;
    }
    list->report->deaths += was_killed(&life);
    list->report->digest ^= life.stage.digest * (2 * number + 1);
    list->lied_sites = life.stage.lied_sites;
    list->memory_was_short = list->memory_was_short || life.stage.memory_is_short;
    plan_dawn(list, &life);
    life_end(&life);
    read_results(&life);
    memcpy(list->report->failure, life.stage.failure, sizeof(list->report->failure));
    soak_stage_done(&life.stage);
    probe_ledger_close(life.ledger);
    leave_store(list);
}

/* --- the cleaned list ------------------------------------------------------------------------ */

static void export_list(struct list *list, const char *path)
{
    static const struct bulk_format format = {
        .kind = BULK_KIND_CSV, .delimiter = ',', .has_header = 1, .column = 1};
    const struct bulk_export_options options = {.unix_ms = list->dawn.start_unix_ms};
    struct bulk_writer_options writing = {.kind = BULK_KIND_CSV, .is_passing = true};
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_export *export;
    struct error error = {0};
    enum store_job_state state;
    int code;

    CHECK(bulk_reader_open_bytes("list.csv", buffer_slice(&list->text), list->plan->piece, &format,
                                 &reader, &error) == 0);
    writing.input = bulk_reader_format(reader);
    writing.header = bulk_reader_header(reader);
    CHECK(bulk_writer_open(path, &writing, &writer, &error) == 0);
    CHECK(bulk_export_open(list->store, find_job(list, &state), reader, writer, &options, &export,
                           &error) == 0);
    while ((code = bulk_export_step(export, &error)) == 1)
        ;
    CHECK(code == 0);
    bulk_export_close(export);
    CHECK(bulk_writer_finish(writer, &error) == 0);
    bulk_reader_close(reader);
}

static int read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    char bytes[4096];
    size_t len;

    if (file == NULL)
        return ERROR_IO;
    while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
        (void)buffer_append(out, bytes, len);
    (void)fclose(file);
    return out->failed ? ERROR_NOMEM : 0;
}

/* Every line is one of the list's, whole, with the row's own reason behind it. */
static void compare_lists(struct list *list, struct slice cleaned, char *failure)
{
    struct slice given = buffer_slice(&list->text), line, back;
    unsigned number = 0;

    while (slice_split(&given, '\n', &line)) {
        const char *reason = number > 0 && number <= list->plan->address_count
                                 ? verdict_reason_name(list->kept[number - 1].reason)
                                 : "reason";

        if (line.len == 0)
            break;
        line.len--; /* CR */
        if (!slice_split(&cleaned, '\n', &back) || !slice_starts_with(back, line) ||
            slice_find(slice_from_offset(back, line.len), slice_from_string(reason)) < 0) {
            (void)snprintf(failure, SOAK_FAILURE_SIZE, "line %u came back as \"%.*s\" (%s)", number,
                           SLICE_ARG(back), reason);
            return;
        }
        number++;
    }
    if (cleaned.len > 0)
        (void)snprintf(failure, SOAK_FAILURE_SIZE, "the cleaned list has more lines");
}

static void check_export(struct list *list)
{
    char path[96];
    struct buffer cleaned;

    (void)snprintf(path, sizeof(path), "%s/cleaned.csv", folder);
    export_list(list, path);
    buffer_init(&cleaned, 0);
    CHECK(read_file(path, &cleaned) == 0);
    compare_lists(list, buffer_slice(&cleaned), list->report->failure);
    buffer_done(&cleaned);
    (void)unlink(path);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void check_all(struct list *list)
{
    struct soak_stage stage = {.plan = list->plan,
                               .faults = *list->faults,
                               .lied_sites = list->lied_sites,
                               .memory_is_short = list->memory_was_short};

    for (unsigned i = 0; i < list->plan->address_count; i++) {
        const struct soak_address *address = &list->plan->addresses[i];

        soak_check_outcome(&stage, address, &list->kept[i]);
        if (list->clean != NULL)
            soak_check_against(&stage, address, &list->kept[i], &list->clean->outcomes[i]);
        if (list->kept[i].reason == REASON_CANCELLED)
            soak_fail(&stage, "row %u was cancelled for good", i + 1);
        /* Memory is short for half a minute. */
        if (list->kept[i].reason == REASON_INTERNAL_ERROR)
            soak_fail(&stage, "row %u was failed for good: %s", i + 1, list->kept[i].explanation);
    }
    memcpy(list->report->failure, stage.failure, sizeof(list->report->failure));
}

void soak_list_run(const struct soak_plan *plan, const struct soak_faults *faults,
                   const struct soak_report *clean, struct soak_report *ret_report)
{
    struct list list = {.plan = plan, .faults = faults, .clean = clean, .report = ret_report};
    unsigned lives = 0;

    *ret_report = (struct soak_report){0};
    buffer_init(&list.text, 0);
    buffer_init(&list.visits, 0);
    (void)unlink(ledger_path);
    soak_plan_list(plan, &list.text);
    if (plan->on_disk)
        (void)snprintf(list.path, sizeof(list.path), "%s/list.mkjob", folder);
    while (!list.is_finished && ret_report->failure[0] == '\0' && lives < LIVES_MAX)
        life_whole(&list, lives++);
    open_store(&list);
    if (ret_report->failure[0] == '\0' && !list.is_finished)
        (void)snprintf(ret_report->failure, SOAK_FAILURE_SIZE, "not finished after %u lives",
                       lives);
    if (ret_report->failure[0] == '\0')
        check_all(&list);
    if (ret_report->failure[0] == '\0')
        check_export(&list);
    memcpy(ret_report->outcomes, list.kept, sizeof(ret_report->outcomes));
    store_close(list.store);
    if (plan->on_disk)
        bulk_job_file_remove(list.path);
    buffer_done(&list.text);
    buffer_done(&list.visits);
}

void soak_list_folder_make(void)
{
    (void)snprintf(folder, sizeof(folder), "%s/mk-soak-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(ledger_path, sizeof(ledger_path), "%s/ledger", folder);
}

void soak_list_folder_remove(void)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/list.mkjob", folder);
    bulk_job_file_remove(path);
    (void)snprintf(path, sizeof(path), "%s/cleaned.csv", folder);
    (void)unlink(path);
    (void)unlink(ledger_path);
    (void)rmdir(folder);
}
