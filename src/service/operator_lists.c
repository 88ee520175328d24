/* /v1/operator-lists/{kind}: the operator's own lists, as kept by the service. */
#include <inttypes.h>
#include <string.h>

#include "base/table.h"
#include "config/kept_lists.h"
#include "lists/operator.h"
#include "service/internal.h"

#define TAG_SIZE 19 /* sixteen digits in quotes */
#define TRIES    20 /* of a change, while others change the same list */

bool service_operator_kind(struct service_call *call, enum lists_operator_kind *ret_kind)
{
    for (unsigned i = 0; i < LISTS_OPERATOR_KIND_COUNT; i++) {
        const char *name = lists_operator_kind_name((enum lists_operator_kind)i);

        if (slice_equal(call->match.parts[0], slice_from_string(name))) {
            *ret_kind = (enum lists_operator_kind)i;
            return true;
        }
    }
    service_problem(call, 404, "no_such_kind",
                    "lists are allow, opt_out, block, trap, complaint, listed, disposable and "
                    "not_disposable");
    return false;
}

/* Entries that are kept here, not in a file. */
static int count_own(struct service *service, enum lists_operator_kind kind, size_t *ret_count,
                     struct error *error)
{
    struct lists_operator *own = lists_operator_new();
    struct slice text;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = own != NULL ? store_note_get(service->store, KEPT_LISTS_NOTE,
                                        lists_operator_kind_name(kind), &arena, &text, error)
                       : error_set(error, ERROR_NOMEM, "out of memory");
    if (code == 0)
        code = lists_operator_load(own, kind, text, error);
    if (code == ERROR_NOT_FOUND)
        code = 0;
    if (code == 0)
        *ret_count = lists_operator_count(own, kind);
    lists_operator_free(own);
    arena_done(&arena);
    return code;
}

/* GET /v1/operator-lists: every kind, what is in effect and where it comes from. */
void service_operator_lists_get(struct service_call *call)
{
    const struct service *service = call->service;
    struct error error = {0};
    struct buffer body;
    struct json json;
    int code = 0;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    for (unsigned i = 0; i < LISTS_OPERATOR_KIND_COUNT && code == 0; i++) {
        enum lists_operator_kind kind = (enum lists_operator_kind)i;
        const struct config_list *files = &service->config->lists[kind];
        size_t own = 0;

        code = count_own(call->service, kind, &own, &error);
        json_object_begin(&json);
        json_name_cstring(&json, "kind", lists_operator_kind_name(kind));
        json_name_int(&json, "in_effect",
                      (int64_t)lists_operator_count(service->prober->lists, kind));
        json_name_int(&json, "own", (int64_t)own);
        json_name(&json, "files");
        json_array_begin(&json);
        for (size_t k = 0; k < files->count; k++)
            json_cstring(&json, files->values[k]);
        json_array_end(&json);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_name_null(&json, "next");
    json_object_end(&json);
    if (code != 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, 200, &body);
    }
}

int service_operator_list_read(struct service *service, enum lists_operator_kind kind,
                               struct arena *arena, struct slice *ret_text, struct error *error)
{
    return kept_lists_read(service->store, kind, arena, ret_text, error);
}

/* Which text it is: who changes it can say which one was meant. */
static void make_tag(struct slice text, char out[TAG_SIZE])
{
    snprintf(out, TAG_SIZE, "\"%016jx\"", (uintmax_t)hash_bytes(text.ptr, text.len, text.len));
}

void service_operator_list_get(struct service_call *call)
{
    enum lists_operator_kind kind;
    struct slice text;
    struct error error = {0};
    struct arena arena;
    char tag[TAG_SIZE];

    if (!service_operator_kind(call, &kind))
        return;
    arena_init(&arena);
    if (service_operator_list_read(call->service, kind, &arena, &text, &error) != 0) {
        service_problem_of(call, &error);
    } else {
        make_tag(text, tag);
        http_response_header(call->request, "ETag", tag);
        http_respond(call->request, 200, "text/plain; charset=utf-8", text);
    }
    arena_done(&arena);
}

/* --- changing --------------------------------------------------------------------------------- */

int service_operator_list_try(enum lists_operator_kind kind, struct slice text, struct error *error)
{
    struct lists_operator *trial = lists_operator_new();
    int code = trial != NULL ? lists_operator_load(trial, kind, text, error)
                             : error_set(error, ERROR_NOMEM, "out of memory");

    lists_operator_free(trial);
    return code;
}

int service_operator_list_change(struct service *service, enum lists_operator_kind kind,
                                 service_operator_edit *edit, void *user, struct error *error)
{
    const char *name = lists_operator_kind_name(kind);
    struct slice kept;
    struct buffer after;
    struct arena arena;
    int code = 0, changed = 0;

    arena_init(&arena);
    buffer_init(&after, STORE_NOTE_MAX);
    for (unsigned i = 0; i < TRIES && code == 0 && changed == 0; i++) {
        arena_reset(&arena);
        buffer_clear(&after);
        kept = SLICE_EMPTY;
        code = store_note_get(service->store, KEPT_LISTS_NOTE, name, &arena, &kept, error);
        if (code != 0 && code != ERROR_NOT_FOUND)
            break;
        code = edit(user, kept_lists_text(kept), &after, error);
        if (code <= 0)
            goto done;
        code = after.failed ? error_set(error, ERROR_LIMIT,
                                        "the list would be larger than the service keeps (%d KiB); "
                                        "put it into a file and name that in the configuration",
                                        STORE_NOTE_MAX / 1024)
                            : 0;
        if (code == 0)
            changed = store_note_change(service->store, KEPT_LISTS_NOTE, name, kept,
                                        buffer_slice(&after), error);
    }
    if (code == 0)
        code = changed > 0    ? 0
               : changed == 0 ? error_set(error, ERROR_BUSY,
                                          "others change the list at the same time; try again")
                              : changed;
done:
    buffer_done(&after);
    arena_done(&arena);
    return code;
}

void service_operator_join(struct buffer *after, struct slice before, struct slice lines)
{
    buffer_append(after, before.ptr, before.len);
    if (before.len > 0 && before.ptr[before.len - 1] != '\n')
        buffer_append_byte(after, '\n');
    buffer_append(after, lines.ptr, lines.len);
}

int service_operator_list_joined(struct service *service, enum lists_operator_kind kind,
                                 struct slice lines, struct error *error)
{
    /* Entries only join: what is in effect need not be read again. */
    int code = lists_operator_load(service->prober->lists, kind, lines, error);

    service_verifier_forget_all(&service->verifier);
    return code;
}

static int append(void *user, struct slice before, struct buffer *after, struct error *error)
{
    (void)error;
    service_operator_join(after, before, *(struct slice *)user);
    return 1;
}

int service_operator_list_append(struct service *service, enum lists_operator_kind kind,
                                 struct slice lines, struct error *error)
{
    int code = service_operator_list_try(kind, lines, error);

    if (code == 0)
        code = service_operator_list_change(service, kind, append, &lines, error);
    return code == 0 ? service_operator_list_joined(service, kind, lines, error) : code;
}

/* --- as a whole ------------------------------------------------------------------------------- */

struct replacement {
    const char *wanted; /* If-Match; NULL: whatever it is */
    struct slice text;
    bool is_another; /* somebody else changed it since it was read */
};

static int replace(void *user, struct slice before, struct buffer *after, struct error *error)
{
    struct replacement *self = user;
    char tag[TAG_SIZE];

    (void)error;
    make_tag(before, tag);
    self->is_another =
        self->wanted != NULL && strcmp(self->wanted, "*") != 0 && strstr(self->wanted, tag) == NULL;
    if (self->is_another)
        return 0;
    buffer_append(after, self->text.ptr, self->text.len);
    return 1;
}

void service_operator_list_put(struct service_call *call)
{
    struct service *service = call->service;
    struct replacement change = {
        .wanted = http_request_header(call->request, "If-Match"),
        .text = kept_lists_text(http_request_body(call->request)),
    };
    enum lists_operator_kind kind;
    struct error error = {0};
    int code;

    if (!service_operator_kind(call, &kind))
        return;
    code = service_operator_list_try(kind, change.text, &error);
    if (code == 0)
        code = service_operator_list_change(service, kind, replace, &change, &error);
    if (code == 0 && change.is_another) {
        service_problem(call, 412, "changed_meanwhile",
                        "the list was changed since you read it; read it again, and change that");
        return;
    }
    if (code == 0)
        code = service_reload(service, &error);
    if (code != 0) {
        service_problem_of(call, &error);
        return;
    }
    service_audit(call, "operator_list_changed", "%s", lists_operator_kind_name(kind));
    service_answer_nothing(call);
}
