/*
 * Parts: where rows and results of lists lie, so that a list can go without its rows being touched.
 *
 * `line` and `result` are partitioned by ranges of list numbers, POSTGRES_PART_LISTS to a part.
 * Lists come into the newest part until it is full; a list that is large of itself has one alone:
 * the sequence of numbers is put forward to where the next part begins. A list that is alone in its
 * part is removed by TRUNCATE, others row by row; parts in which no list is left are dropped when a
 * new one is made. So there are as many parts as there is much in them, not as many as lists.
 *
 * What has no part of its own lies in the default one ("rest"): lists that older programs added,
 * who know nothing of all this. It is empty otherwise, so that making a part, which has the rest
 * looked through, costs nothing and locks nobody out for longer than that. Statements say the list
 * by a number of their own ($1), not only by a join: then the server looks at one part alone.
 *
 * Nobody else waits for us: where a lock is not had at once, it is tried again another time.
 */
#include <stdio.h>

#include "store/postgres_internal.h"

#define LISTS        UINT64_C(1000) /* numbers of a part */
#define FULL_ROWS    UINT64_C(100000)
#define PARTS_MANY   256 /* from here on a part is full when it has a good share of all */
#define SHARE        64
#define SMALL_BYTES  (64 * 1024 * 1024) /* looked through while others wait */
#define DROP_AT_ONCE 8
#define ROW_BYTES    256 /* of a row and its result, at least */
#define VALIDATE_MS  (UINT64_C(6) * 60 * 60 * 1000)
#define BRIEFLY      "SET LOCAL lock_timeout TO '200ms'"

/* Where the next list would come to lie. No row: lists have not been parted yet. */
static const struct postgres_text look_text = {
    "PART_LOOK",
    "SELECT n.id::int8, coalesce(p.until, 0), coalesce((SELECT count(*) FROM job WHERE id>=p.first"
    " AND id<p.until), 0)::int8, coalesce((SELECT sum(rows) FROM job WHERE id>=p.first AND"
    " id<p.until), 0)::int8, m.many, CASE WHEN m.many<$1::int8 THEN 0 ELSE (SELECT"
    " coalesce(sum(rows), 0) FROM job) END::int8 FROM (SELECT count(*) AS many FROM part"
    " WHERE first>=0) AS m, (SELECT last_value+CASE WHEN is_called THEN 1 ELSE 0 END AS id FROM"
    " job_id_seq) AS n LEFT JOIN part p ON p.first<=n.id AND p.until>n.id WHERE m.many>0",
    true,
};
static const struct postgres_text rest_text = {
    "PART_REST",
    "SELECT greatest((SELECT max(job) FROM line_rest), (SELECT max(job) FROM result_rest), 0),"
    " (pg_relation_size('line_rest')+pg_relation_size('result_rest'))::int8",
    true,
};
static const struct postgres_text forward_text = {
    "PART_FORWARD",
    "SELECT setval('job_id_seq', $1::int8) FROM job_id_seq WHERE last_value<$1::int8",
    true,
};
static const struct postgres_text empty_text = {
    "PART_EMPTY",
    "SELECT first FROM part p WHERE first>=0 AND until<=$1::int8 AND NOT EXISTS (SELECT 1 FROM job"
    " WHERE id>=p.first AND id<p.until) ORDER BY first LIMIT $2::int8",
    true,
};
static const struct postgres_text unlist_text = {
    "PART_UNLIST",
    "DELETE FROM part p WHERE first=$1::int8 AND NOT EXISTS (SELECT 1 FROM job WHERE id>=p.first"
    " AND id<p.until) RETURNING first",
    false,
};
/*
 * Few rows are deleted sooner than files are made and synchronised. A list of which some have been
 * deleted says that it has none: then the files say how many there may be.
 */
static const struct postgres_text alone_text = {
    "PART_ALONE",
    "SELECT first FROM part p WHERE first>=0 AND first<=$1::int8 AND until>$1::int8 AND NOT EXISTS"
    " (SELECT 1 FROM job WHERE id>=p.first AND id<p.until AND id<>$1::int8) AND EXISTS (SELECT 1"
    " FROM job WHERE id=$1::int8 AND (rows>$2::int8 OR"
    " pg_relation_size(to_regclass('line_'||p.first))+"
    "pg_relation_size(to_regclass('result_'||p.first))>$2::int8*$3::int8))",
    true,
};
static const struct postgres_text settled_text = {
    "PART_SETTLED",
    "SELECT (SELECT count(*) FROM part WHERE first>=0), coalesce((SELECT max(until) FROM part WHERE"
    " first<0), 0), (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM job_id_seq),"
    " (SELECT coalesce(sum(pg_relation_size(c.oid)), 0)::int8 FROM pg_class c JOIN pg_namespace n"
    " ON n.oid=c.relnamespace WHERE n.nspname='mailknock' AND c.relname IN ('line_0',"
    " 'result_0')), (SELECT count(*) FROM pg_constraint WHERE convalidated AND conrelid IN"
    " (to_regclass('line_0'), to_regclass('result_0')) AND conname IN ('line_0_until',"
    " 'result_0_until'))",
    true,
};

/* Numbers of an answer's only row; 0: there is none, 1. */
static int numbers_of(struct postgres_store *store, const struct postgres_text *text,
                      const int64_t *params, size_t count, int64_t *ret_numbers, size_t columns,
                      const char *what, struct error *error)
{
    struct postgres_params bound;
    PGresult *answer;
    int code;

    postgres_params_init(&bound);
    for (size_t i = 0; i < count; i++)
        postgres_bind_int(&bound, params[i]);
    code = postgres_store_ask(store, text, &bound, &answer, what, error);
    postgres_params_done(&bound);
    if (code != 0)
        return code;
    code = PQntuples(answer) > 0;
    for (size_t i = 0; i < columns && code == 1; i++)
        ret_numbers[i] = postgres_int(answer, 0, (int)i);
    PQclear(answer);
    return code;
}

static int begin_briefly(struct postgres_store *store, const char *what, struct error *error)
{
    int code = postgres_store_begin(store, what, error);

    if (code != 0)
        return code;
    code = postgres_store_run(store, POSTGRES_LOCK_TABLES ";" BRIEFLY, what, error);
    return code == 0 ? 0 : postgres_store_end(store, code, what, error);
}

static int forward(struct postgres_store *store, uint64_t number, struct error *error)
{
    const int64_t last = (int64_t)number - 1;
    int64_t unused;
    int code = numbers_of(store, &forward_text, &last, 1, &unused, 1, "add a list", error);

    return code < 0 ? code : 0;
}

/* --- what was there before there were parts ------------------------------------------------------
 */

/* Lists beyond `until` are refused from here on until all is done. */
static int announce(struct postgres_store *store, uint64_t until, struct error *error)
{
    char sql[384];
    int code = begin_briefly(store, "part the tables", error);

    if (code != 0)
        return code;
    snprintf(sql, sizeof(sql),
             "INSERT INTO part (first, until) VALUES (-1, %llu);"
             "ALTER TABLE line_0 ADD CONSTRAINT line_0_until CHECK (job<%llu) NOT VALID;"
             "ALTER TABLE result_0 ADD CONSTRAINT result_0_until CHECK (job<%llu) NOT VALID",
             (unsigned long long)until, (unsigned long long)until, (unsigned long long)until);
    code = postgres_store_run(store, sql, "part the tables", error);
    return postgres_store_end(store, code, "part the tables", error);
}

/* Reads all there is, beside others who read and write it. */
static int validate(struct postgres_store *store, struct error *error)
{
    uint64_t before = store->deadline_ms;
    int code;

    store->deadline_ms = VALIDATE_MS;
    code = postgres_store_run(store, "ALTER TABLE line_0 VALIDATE CONSTRAINT line_0_until",
                              "part the tables", error);
    if (code == 0)
        code = postgres_store_run(store, "ALTER TABLE result_0 VALIDATE CONSTRAINT result_0_until",
                                  "part the tables", error);
    store->deadline_ms = before;
    return code;
}

static int part_tables(struct postgres_store *store, uint64_t until, struct error *error)
{
    char sql[1024];
    unsigned long long to = until;

#define PART(table, with)                                                                          \
    "ALTER TABLE " table " DETACH PARTITION " table "_0;"                                          \
    "ALTER TABLE " table " ATTACH PARTITION " table "_0 FOR VALUES FROM (MINVALUE) TO (%llu);"     \
    "CREATE TABLE " table "_rest PARTITION OF " table " DEFAULT" with ";"
    snprintf(sql, sizeof(sql),
             PART("line", " WITH (fillfactor=90)") PART(
                 "result", "") "DELETE FROM part; INSERT INTO part (first, until) VALUES (0, %llu)",
             to, to, to);
#undef PART
    return postgres_store_run(store, sql, "part the tables", error);
}

struct before {
    int64_t parts, announced, last, bytes, looked_through;
};

static int read_before(struct postgres_store *store, struct before *ret_before, struct error *error)
{
    int64_t numbers[5] = {0};
    int code = numbers_of(store, &settled_text, NULL, 0, numbers, 5, "part the tables", error);

    *ret_before = code == 1
                      ? (struct before){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]}
                      : (struct before){0};
    return code < 0 ? code : 0;
}

/* Nothing large is looked through while others wait. */
static bool is_soon_done(const struct before *before)
{
    return before->bytes <= SMALL_BYTES || (before->announced > 0 && before->looked_through == 2);
}

/* All lists below a border that is not reached yet become the first part. */
static int settle(struct postgres_store *store, struct error *error)
{
    struct before before;
    uint64_t until;
    int code = postgres_store_run(store, "LOCK TABLE line, result IN ACCESS EXCLUSIVE MODE",
                                  "part the tables", error);

    if (code == 0)
        code = read_before(store, &before, error);
    if (code != 0 || before.parts > 0)
        return code;
    if (!is_soon_done(&before)) /* somebody took it back */
        return error_set(error, ERROR_BUSY, "the tables would be looked through meanwhile");
    until = before.announced > 0 ? (uint64_t)before.announced
                                 : ((uint64_t)before.last / LISTS + 1) * LISTS;
    code = part_tables(store, until, error);
    if (code == 0 && before.announced > 0)
        code = forward(store, until, error); /* the first part is large: it is full */
    return code;
}

static int settle_briefly(struct postgres_store *store, struct error *error)
{
    int code = begin_briefly(store, "part the tables", error);

    if (code != 0)
        return code;
    code = settle(store, error);
    return postgres_store_end(store, code, "part the tables", error);
}

int postgres_part_settle(struct postgres_store *store, struct error *error)
{
    struct before before;
    int code = read_before(store, &before, error);

    if (code != 0 || before.parts > 0)
        return code;
    if (before.announced == 0 && before.bytes > SMALL_BYTES)
        code = announce(store, ((uint64_t)before.last / LISTS + 2) * LISTS, error);
    if (code == 0 && (before.announced > 0 || before.bytes > SMALL_BYTES))
        code = validate(store, error);
    if (code == 0)
        code = settle_briefly(store, error);
    return store->connection != NULL ? 0 : code; /* who works there now lets it go another time */
}

/* No list is refused any more; it is announced anew when a program starts. */
static int take_back(struct postgres_store *store, struct error *error)
{
    int code = begin_briefly(store, "part the tables", error);

    if (code != 0)
        return code;
    code = postgres_store_run(store,
                              "DELETE FROM part WHERE first<0;"
                              "ALTER TABLE line_0 DROP CONSTRAINT IF EXISTS line_0_until;"
                              "ALTER TABLE result_0 DROP CONSTRAINT IF EXISTS result_0_until",
                              "part the tables", error);
    return postgres_store_end(store, code, "part the tables", error);
}

/*
 * When a list comes and there are no parts: locks that were not had when the program started may be
 * had now, while to look through much would keep the caller.
 */
static int settle_at_last(struct postgres_store *store, struct error *error)
{
    struct before before;
    int code = read_before(store, &before, error);

    if (code != 0 || before.parts > 0)
        return code;
    if (is_soon_done(&before))
        code = settle_briefly(store, error);
    else if (before.announced > 0 && before.last + 1 >= before.announced)
        code = take_back(store, error);
    return store->connection != NULL ? 0 : code;
}

/* --- a new list --------------------------------------------------------------------------------
 */

struct plan {
    uint64_t next;  /* the number that comes */
    uint64_t begin; /* the number that is wanted */
    bool is_made;   /* there is a part for it */
    bool is_alone;  /* nobody comes after it into its part */
};

/* 1: something is to be done before (or after) the list is added; 0: it is just added. */
static int look(struct postgres_store *store, uint64_t expected, struct plan *ret_plan,
                struct error *error)
{
    const int64_t many = PARTS_MANY;
    int64_t numbers[6];
    uint64_t until, full = FULL_ROWS;
    int code = numbers_of(store, &look_text, &many, 1, numbers, 6, "add a list", error);

    if (code != 1)
        return code;
    until = (uint64_t)numbers[1];
    if (numbers[4] >= PARTS_MANY && (uint64_t)numbers[5] / SHARE > full)
        full = (uint64_t)numbers[5] / SHARE;
    *ret_plan = (struct plan){
        .next = (uint64_t)numbers[0],
        .begin = (uint64_t)numbers[0],
        .is_made = until != 0,
        .is_alone = expected >= full,
    };
    if (until != 0 && numbers[2] > 0 && ((uint64_t)numbers[3] >= full || ret_plan->is_alone)) {
        ret_plan->begin = until;
        ret_plan->is_made = false;
    }
    return !ret_plan->is_made || ret_plan->is_alone;
}

static int make(struct postgres_store *store, uint64_t first, struct error *error)
{
    char sql[1024];

#define MAKE(table, with)                                                                          \
    "CREATE TABLE " table "_%llu (LIKE " table " INCLUDING DEFAULTS INCLUDING STORAGE)" with ";"   \
    "ALTER TABLE " table " ATTACH PARTITION " table "_%llu FOR VALUES FROM (%llu) TO (%llu);"
    unsigned long long from = first, to = first + LISTS;

    snprintf(sql, sizeof(sql),
             MAKE("line", " WITH (fillfactor=90)")
                 MAKE("result", "") "INSERT INTO part (first, until) VALUES (%llu, %llu)",
             from, from, from, to, from, from, from, to, from, to);
#undef MAKE
    return postgres_store_run(store, sql, "make a part", error);
}

/* The part of plan->begin, or of the next number that nothing of the rest lies behind. */
static int make_for(struct postgres_store *store, struct plan *plan, struct error *error)
{
    int64_t rest[2];
    int code = numbers_of(store, &rest_text, NULL, 0, rest, 2, "make a part", error);

    if (code < 0)
        return code;
    if (rest[1] > SMALL_BYTES)
        return error_set(error, ERROR_BUSY, "too much lies outside of parts");
    if ((uint64_t)rest[0] >= plan->begin / LISTS * LISTS)
        plan->begin = ((uint64_t)rest[0] / LISTS + 1) * LISTS;
    return make(store, plan->begin / LISTS * LISTS, error);
}

static int add_parted(struct postgres_store *store, const struct postgres_params *job,
                      uint64_t expected, PGresult **ret_answer, struct error *error)
{
    struct plan plan = {0};
    int code = look(store, expected, &plan, error); /* again: others may have been first */

    if (code < 0)
        return code;
    code = plan.next != 0 && !plan.is_made ? make_for(store, &plan, error) : 0;
    if (code == 0 && plan.begin != plan.next)
        code = forward(store, plan.begin, error);
    if (code == 0)
        code = postgres_store_do(store, POSTGRES_JOB_ADD, job, ret_answer, "add a list", error);
    if (code == 0 && plan.is_alone) {
        code =
            forward(store, ((uint64_t)postgres_int(*ret_answer, 0, 0) / LISTS + 1) * LISTS, error);
        if (code != 0)
            PQclear(*ret_answer);
    }
    return code;
}

/* Nobody puts rows anywhere while we look: whose list is not there by then has none there yet. */
static void drop(struct postgres_store *store, int64_t first)
{
    char sql[96];
    int code = begin_briefly(store, "drop a part", NULL);

    if (code != 0)
        return;
    code = postgres_store_run(store, "LOCK TABLE ONLY line, ONLY result IN ACCESS EXCLUSIVE MODE",
                              "drop a part", NULL);
    if (code == 0)
        code = numbers_of(store, &unlist_text, &first, 1, &first, 1, "drop a part", NULL);
    snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS line_%lld, result_%lld", (long long)first,
             (long long)first);
    if (code == 1)
        code = postgres_store_run(store, sql, "drop a part", NULL);
    (void)postgres_store_end(store, code, "drop a part", NULL);
}

/* Of lists below this number. A list that is being added there still would come into the rest. */
static void drop_empty(struct postgres_store *store, uint64_t below)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)below);
    postgres_bind_int(&params, DROP_AT_ONCE);
    code = postgres_store_ask(store, &empty_text, &params, &answer, "drop parts", NULL);
    postgres_params_done(&params);
    if (code != 0)
        return;
    for (int i = 0; i < PQntuples(answer); i++)
        drop(store, postgres_int(answer, i, 0));
    PQclear(answer);
}

int postgres_part_add(struct postgres_store *store, const struct postgres_params *job,
                      uint64_t expected, PGresult **ret_answer, struct error *error)
{
    struct plan plan = {0};
    int code = look(store, expected, &plan, error);

    if (code == 0 && plan.next == 0) {
        code = settle_at_last(store, error);
        if (code == 0)
            code = look(store, expected, &plan, error);
    }
    if (code < 0)
        return code;
    if (code == 1) {
        code = begin_briefly(store, "add a list", error);
        if (code == 0) {
            code = add_parted(store, job, expected, ret_answer, error);
            code = postgres_store_end(store, code, "add a list", error);
        }
        if (code == 0 && !plan.is_made)
            drop_empty(store, plan.next);
        if (code == 0 || store->connection == NULL)
            return code;
    }
    /* Without a part it is as good a list; only to remove it costs more. */
    return postgres_store_do(store, POSTGRES_JOB_ADD, job, ret_answer, "add a list", error);
}

/* --- a list that goes ---------------------------------------------------------------------------
 */

/* Nobody comes into the part while we hold it, and whose list was added before is seen. */
static int empty(struct postgres_store *store, const int64_t *list, int64_t first,
                 struct error *error)
{
    int64_t again;
    char sql[256];
    int code;

    snprintf(sql, sizeof(sql), "LOCK TABLE line_%lld, result_%lld IN ACCESS EXCLUSIVE MODE NOWAIT",
             (long long)first, (long long)first);
    code = postgres_store_run(store, sql, "remove a list", error);
    if (code == 0)
        code = numbers_of(store, &alone_text, list, 3, &again, 1, "remove a list", error);
    if (code != 1)
        return code;
    /* With the counts, which would not be true any more. */
    snprintf(sql, sizeof(sql),
             "TRUNCATE line_%lld, result_%lld; DELETE FROM tally WHERE job=%lld;"
             "UPDATE job SET rows=0, faults=0, doubts=0, duplicates=0, dealt=0 WHERE id=%lld",
             (long long)first, (long long)first, (long long)list[0], (long long)list[0]);
    code = postgres_store_run(store, sql, "remove a list", error);
    return code == 0 ? 1 : code;
}

int postgres_part_empty(struct postgres_store *store, uint64_t job, size_t beyond,
                        struct error *error)
{
    const int64_t list[] = {(int64_t)job, (int64_t)beyond, ROW_BYTES};
    int64_t first;
    int code = numbers_of(store, &alone_text, list, 3, &first, 1, "remove a list", error), done;

    if (code != 1)
        return code;
    code = begin_briefly(store, "remove a list", error);
    if (code != 0)
        return code;
    done = empty(store, list, first, error);
    code = postgres_store_end(store, done < 0 ? done : 0, "remove a list", error);
    return code == 0 ? done : code;
}

int postgres_part_advise(struct store *base, struct error *error)
{
    struct postgres_store *store = postgres_store_of(base);
    struct before before;
    int64_t rest[2] = {0};
    int code = read_before(store, &before, error);

    if (code == 0 && before.parts == 0) {
        error_set(
            error, ERROR_BUSY,
            "lists in %s do not lie in parts yet: that is done when a list comes, or a program "
            "starts, and nobody else is at their tables in that moment",
            store->place);
        return 1;
    }
    if (code == 0)
        code = numbers_of(store, &rest_text, NULL, 0, rest, 2, "look at the parts", error);
    if (code < 0 || rest[1] <= SMALL_BYTES)
        return code < 0 ? code : 0;
    error_set(
        error, ERROR_BUSY,
        "%llu MB in %s lie outside of parts (list %llu is the last there), so that no part is "
        "made any more, and lists are removed row by row: remove those in line_rest and "
        "result_rest, then let VACUUM run on both",
        (unsigned long long)rest[1] / 1000000, store->place, (unsigned long long)rest[0]);
    return 1;
}
