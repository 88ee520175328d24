/*
 * POST /v1/lists/{id}/recheck: ask again for what is unknown, or for the rows that are named.
 *
 * Results are taken away in bits and the list goes on as if they had never been. Killed in between,
 * it is a list with rows still to come, which may be started.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "service/errand.h"
#include "service/internal.h"

#define ROWS_AT_ONCE 500
#define ROWS_MAX     100000 /* that can be named in one request */

struct recheck {
    struct service_errand errand; /* first */
    uint64_t id, forgotten;
    uint64_t *rows; /* named ones, ascending; NULL: what is unknown */
    size_t count, at;
    struct store_page page;
};

static void recheck_ended(struct service_errand *errand)
{
    struct recheck *self = LIST_ELEMENT(errand, struct recheck, errand);

    store_page_done(&self->page);
    memory_free(self->rows);
    memory_free(self);
}

static int forget(struct recheck *self, const uint64_t *rows, size_t count, struct error *error)
{
    uint64_t forgotten = 0;
    int code = store_results_forget(self->errand.call->service->store, self->id, rows, count,
                                    &forgotten, error);

    self->forgotten += forgotten;
    return code;
}

static size_t rows_at_once(const struct recheck *self)
{
    return self->errand.amount < ROWS_AT_ONCE ? self->errand.amount : ROWS_AT_ONCE;
}

/* A duplicate's result is that of the row it repeats. */
static int forget_named(struct recheck *self, struct error *error)
{
    struct store *store = self->errand.call->service->store;
    size_t left = self->count - self->at;
    uint64_t rows[ROWS_AT_ONCE];
    size_t count = 0;
    int code = 0;

    for (; count < rows_at_once(self) && count < left && code == 0; count++) {
        code = store_line_read(store, self->id, self->rows[self->at + count], &self->page, error);
        if (code == 0)
            rows[count] = self->page.lines[0].row.first != 0 ? self->page.lines[0].row.first
                                                             : self->page.lines[0].row.number;
    }
    if (code == 0)
        code = forget(self, rows, count, error);
    self->at += count;
    return code != 0 ? code : self->at < self->count;
}

static int forget_unknown(struct recheck *self, struct error *error)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_MAILBOXES,
        .after = self->page.after,
        .limit = rows_at_once(self),
        .scan = rows_at_once(self),
        .filter = {.reasons = store_filter_status(VERDICT_UNKNOWN)},
    };
    uint64_t rows[ROWS_AT_ONCE];
    int code =
        store_page_read(self->errand.call->service->store, self->id, &query, &self->page, error);

    if (code != 0)
        return code;
    for (size_t i = 0; i < self->page.count; i++)
        rows[i] = self->page.lines[i].row.number;
    code = forget(self, rows, self->page.count, error);
    return code != 0 ? code : !self->page.at_end;
}

static int recheck_step(struct service_errand *errand, struct error *error)
{
    struct recheck *self = LIST_ELEMENT(errand, struct recheck, errand);

    /* Somebody else may have started it between two steps. */
    if (service_desk_find(&errand->call->service->desk, self->id) != NULL)
        return error_set(error, ERROR_BUSY, "the list is being worked on");
    return self->rows != NULL ? forget_named(self, error) : forget_unknown(self, error);
}

static void recheck_done(struct service_errand *errand)
{
    struct recheck *self = LIST_ELEMENT(errand, struct recheck, errand);
    struct service_desk *desk = &errand->call->service->desk;
    struct error error = {0};

    if (self->forgotten > 0 && service_desk_recheck(desk, self->id, &error) != 0)
        service_problem_of(errand->call, &error);
    else
        service_answer_list(errand->call, self->id, 200);
}

static int compare_rows(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

/* False: a problem was said. */
static bool read_rows(struct service_call *call, struct recheck *self)
{
    cJSON *object = NULL;
    const cJSON *array, *number;
    bool is_read = false;

    if (http_request_body(call->request).len == 0)
        return true;
    object = service_body(call, "rows");
    if (object == NULL)
        return false;
    array = cJSON_GetObjectItemCaseSensitive(object, "rows");
    if (array == NULL) {
        is_read = true;
        goto done;
    }
    if (cJSON_GetArraySize(array) > 0 && cJSON_GetArraySize(array) <= ROWS_MAX)
        self->rows = memory_zalloc((size_t)cJSON_GetArraySize(array), sizeof(uint64_t));
    is_read = self->rows != NULL;
    cJSON_ArrayForEach(number, array)
    {
        if (!is_read)
            break;
        is_read = cJSON_IsNumber(number) && number->valuedouble >= 1 &&
                  number->valuedouble <= 9007199254740992.0;
        if (is_read)
            self->rows[self->count++] = (uint64_t)number->valuedouble;
    }
    if (is_read)
        qsort(self->rows, self->count, sizeof(self->rows[0]), compare_rows);
    else
        service_problem(call, 422, "bad_rows",
                        "\"rows\" must be an array of 1 to %d numbers of rows", ROWS_MAX);
done:
    cJSON_Delete(object);
    return is_read;
}

void service_list_recheck(struct service_call *call)
{
    struct recheck *self;
    uint64_t id = service_list_id(call);

    if (!service_list_is_at_rest(call, id))
        return;
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL) {
        service_no_memory(call);
        return;
    }
    self->id = id;
    store_page_init(&self->page);
    self->errand.step = recheck_step;
    self->errand.done = recheck_done;
    self->errand.ended = recheck_ended;
    if (read_rows(call, self))
        service_errand_run(&self->errand, call);
    else
        recheck_ended(&self->errand);
}
