/*
 * /v1/operator-lists/{kind}/entries: one of the operator's own lists, entry by entry.
 *
 * What is kept is still a text with comments, which PUT replaces as a whole. Here a few entries
 * join or go, and the rest stays as it is, however large it is and whoever else changes it.
 */
#include <string.h>

#include "base/table.h"
#include "lists/operator.h"
#include "service/internal.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX     1000
#define ENTRIES_MAX  1000 /* of one request */
#define ENTRY_MAX    400  /* bytes: longer ones are no addresses */

/* --- reading ---------------------------------------------------------------------------------- */

/* Entries of `text` from *at on that hold `wanted`; *at is where the next page begins, 0: nowhere.
 */
static void write_entries(struct json *json, struct slice text, struct slice wanted, uint64_t limit,
                          uint64_t *at)
{
    struct slice rest, line;
    uint64_t count = 0;

    /* In a line, when one ahead of it has gone since: that line may not have been shown. */
    while (*at > 0 && *at < text.len && text.ptr[*at - 1] != '\n')
        --*at;
    rest = slice_from_offset(text, (size_t)*at);
    *at = 0;
    while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
        struct slice entry = lists_operator_entry(line);

        if (entry.len == 0 || (wanted.len > 0 && slice_find_nocase(entry, wanted) < 0))
            continue;
        if (count++ == limit) {
            *at = (uint64_t)(line.ptr - text.ptr);
            return;
        }
        json_object_begin(json);
        json_name_string(json, "entry", entry);
        json_object_end(json);
    }
}

void service_operator_entries_get(struct service_call *call)
{
    struct slice wanted = service_query_text(call, "text");
    uint64_t limit = PAGE_DEFAULT, at = 0;
    enum lists_operator_kind kind;
    struct slice text;
    struct error error = {0};
    struct arena arena;
    struct buffer body;
    struct json json;

    if (!service_operator_kind(call, &kind) ||
        !service_query_number(call, "limit", 1, PAGE_MAX, &limit) ||
        !service_query_number(call, "cursor", 0, INT64_MAX, &at))
        return;
    arena_init(&arena);
    if (service_operator_list_read(call->service, kind, &arena, &text, &error) != 0) {
        service_problem_of(call, &error);
        arena_done(&arena);
        return;
    }
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    write_entries(&json, text, wanted, limit, &at);
    json_array_end(&json);
    if (at > 0)
        buffer_printf(&body, ",\"next\":\"%ju\"", (uintmax_t)at);
    else
        json_name_null(&json, "next");
    json_object_end(&json);
    arena_done(&arena);
    service_answer(call, 200, &body);
}

/* --- adding ----------------------------------------------------------------------------------- */

/* As it is compared: entries are the same in upper and in lower case. */
static struct slice fold(struct slice entry, char out[ENTRY_MAX])
{
    for (size_t i = 0; i < entry.len; i++)
        out[i] = ascii_lower(entry.ptr[i]);
    return slice_from(out, entry.len);
}

/* One text of the request. False: it can be no entry, and that was said. */
static bool check_entry(struct service_call *call, const cJSON *one, size_t number)
{
    struct slice entry = slice_trim(slice_from_string(cJSON_GetStringValue(one)));

    if (entry.len > 0 && entry.len <= ENTRY_MAX && slice_find_byte(entry, '\n') < 0 &&
        lists_operator_entry(entry).len == entry.len)
        return true;
    service_problem(call, 422, "bad_entries",
                    "entry %zu is no address and no domain, or holds what a list takes for a "
                    "comment",
                    number);
    return false;
}

/* All texts of the request. False: a problem was said. */
static bool check_entries(struct service_call *call, const cJSON *array)
{
    const cJSON *one;
    size_t number = 0;

    if (cJSON_GetArraySize(array) < 1 || cJSON_GetArraySize(array) > ENTRIES_MAX) {
        service_problem(call, 422, "bad_entries", "\"entries\" must be an array of 1 to %d texts",
                        ENTRIES_MAX);
        return false;
    }
    cJSON_ArrayForEach(one, array)
    {
        if (!check_entry(call, one, ++number))
            return false;
    }
    return true;
}

static bool fold_entries(const cJSON *array, struct table *fresh)
{
    const cJSON *one;
    char bytes[ENTRY_MAX];

    cJSON_ArrayForEach(one, array)
    {
        struct slice entry = slice_trim(slice_from_string(cJSON_GetStringValue(one)));

        if (table_put(fresh, fold(entry, bytes), fresh) != 0)
            return false;
    }
    return true;
}

/* What stands in `text` already is taken out of `fresh`. */
static void drop_known(struct slice text, struct table *fresh)
{
    struct slice line;
    char bytes[ENTRY_MAX];

    while (fresh->count > 0 && text.len > 0 && slice_split(&text, '\n', &line)) {
        struct slice entry = lists_operator_entry(line);

        if (entry.len > 0 && entry.len <= ENTRY_MAX)
            (void)table_take(fresh, fold(entry, bytes));
    }
}

/* The texts that are left in `fresh`, each once, in the order of the request. */
static size_t write_lines(const cJSON *array, struct table *fresh, struct buffer *lines)
{
    const cJSON *one;
    char bytes[ENTRY_MAX];
    size_t added = 0;

    cJSON_ArrayForEach(one, array)
    {
        struct slice entry = slice_trim(slice_from_string(cJSON_GetStringValue(one)));

        if (table_take(fresh, fold(entry, bytes)) == NULL)
            continue;
        buffer_append(lines, entry.ptr, entry.len);
        buffer_append_byte(lines, '\n');
        added++;
    }
    return added;
}

struct addition {
    enum lists_operator_kind kind;
    const cJSON *array;
    uint64_t seed;
    struct buffer lines; /* of it, what was not there yet */
    size_t added;
};

static int add(void *user, struct slice before, struct buffer *after, struct error *error)
{
    struct addition *self = user;
    struct table fresh;
    bool fine;
    int code;

    table_init(&fresh, self->seed);
    buffer_clear(&self->lines);
    fine = fold_entries(self->array, &fresh);
    drop_known(before, &fresh);
    self->added = write_lines(self->array, &fresh, &self->lines);
    table_done(&fresh);
    if (!fine || self->lines.failed)
        return error_set(error, ERROR_NOMEM, "out of memory");
    if (self->added == 0)
        return 0;
    code = service_operator_list_try(self->kind, buffer_slice(&self->lines), error);
    if (code != 0)
        return code;
    service_operator_join(after, before, buffer_slice(&self->lines));
    return 1;
}

static void answer_added(struct service_call *call, size_t added, size_t already)
{
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_int(&json, "added", (int64_t)added);
    json_name_int(&json, "already", (int64_t)already);
    json_object_end(&json);
    service_answer(call, 200, &body);
}

void service_operator_entries_post(struct service_call *call)
{
    struct service *service = call->service;
    struct addition addition = {.seed = service->prober->settings.seed};
    struct error error = {0};
    cJSON *object;
    int code;

    if (!service_operator_kind(call, &addition.kind) ||
        (object = service_body(call, "entries")) == NULL)
        return;
    addition.array = cJSON_GetObjectItemCaseSensitive(object, "entries");
    buffer_init(&addition.lines, STORE_NOTE_MAX);
    if (!check_entries(call, addition.array))
        goto done;
    code = service_operator_list_change(service, addition.kind, add, &addition, &error);
    if (code == 0 && addition.added > 0) {
        code = service_operator_list_joined(service, addition.kind, buffer_slice(&addition.lines),
                                            &error);
        service_audit(call, "operator_list_changed", "%s, %zu added",
                      lists_operator_kind_name(addition.kind), addition.added);
    }
    if (code != 0)
        service_problem_of(call, &error);
    else
        answer_added(call, addition.added,
                     (size_t)cJSON_GetArraySize(addition.array) - addition.added);
done:
    buffer_done(&addition.lines);
    cJSON_Delete(object);
}

/* --- removing --------------------------------------------------------------------------------- */

/* `text` without the lines of this entry; returns how many there were. */
static size_t leave_out(struct slice text, struct slice wanted, struct buffer *rest)
{
    struct slice line;
    size_t count = 0;

    while (text.len > 0 && slice_split(&text, '\n', &line)) {
        if (slice_equal_nocase(lists_operator_entry(line), wanted)) {
            count++;
            continue;
        }
        buffer_append(rest, line.ptr, line.len);
        buffer_append_byte(rest, '\n');
    }
    return count;
}

struct removal {
    struct slice wanted;
    size_t count;
};

static int leave_out_of(void *user, struct slice before, struct buffer *after, struct error *error)
{
    struct removal *self = user;

    (void)error;
    self->count = leave_out(before, self->wanted, after);
    return self->count > 0;
}

void service_operator_entries_delete(struct service_call *call)
{
    struct service *service = call->service;
    struct removal removal = {lists_operator_entry(service_query_text(call, "entry")), 0};
    enum lists_operator_kind kind;
    struct error error = {0};
    int code;

    if (!service_operator_kind(call, &kind))
        return;
    if (removal.wanted.len == 0) {
        service_problem(call, 422, "no_entry", "\"entry\" must say which");
        return;
    }
    code = service_operator_list_change(service, kind, leave_out_of, &removal, &error);
    if (code == 0 && removal.count > 0)
        code = service_reload(service, &error);
    if (code != 0) {
        service_problem_of(call, &error);
    } else if (removal.count == 0) {
        service_problem(call, 404, "not_found", "the list has no such entry of its own");
    } else {
        service_audit(call, "operator_list_changed", "%s, 1 removed",
                      lists_operator_kind_name(kind));
        service_answer_nothing(call);
    }
}
