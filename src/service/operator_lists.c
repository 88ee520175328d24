/* /v1/operator-lists/{kind}: the operator's own lists, as kept by the service. */
#include <inttypes.h>
#include <string.h>

#include "base/table.h"
#include "config/kept_lists.h"
#include "lists/operator.h"
#include "service/internal.h"

#define TAG_SIZE 19 /* sixteen digits in quotes */

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

/* Can it be read? ERROR_FORMAT names the line. */
static int try_text(enum lists_operator_kind kind, struct slice text, struct error *error)
{
    struct lists_operator *trial = lists_operator_new();
    int code = trial != NULL ? lists_operator_load(trial, kind, text, error)
                             : error_set(error, ERROR_NOMEM, "out of memory");

    lists_operator_free(trial);
    return code;
}

int service_operator_list_keep(struct service *service, enum lists_operator_kind kind,
                               struct slice text, struct error *error)
{
    int code = try_text(kind, text, error);

    if (code == 0)
        code = store_note_put(service->store, KEPT_LISTS_NOTE, lists_operator_kind_name(kind), text,
                              0, error);
    return code == 0 ? service_reload(service, error) : code;
}

int service_operator_list_append(struct service *service, enum lists_operator_kind kind,
                                 struct slice lines, struct error *error)
{
    struct slice before;
    struct buffer text;
    struct arena arena;
    int code = try_text(kind, lines, error);

    arena_init(&arena);
    buffer_init(&text, SERVICE_OPERATOR_LIST_BYTES);
    if (code == 0)
        code = service_operator_list_read(service, kind, &arena, &before, error);
    if (code != 0)
        goto done;
    buffer_append(&text, before.ptr, before.len);
    if (before.len > 0 && before.ptr[before.len - 1] != '\n')
        buffer_append_byte(&text, '\n');
    buffer_append(&text, lines.ptr, lines.len);
    code = text.failed
               ? error_set(error, ERROR_LIMIT,
                           "the list would be larger than the service keeps; put it into a "
                           "file and name that in the configuration")
               : store_note_put(service->store, KEPT_LISTS_NOTE, lists_operator_kind_name(kind),
                                buffer_slice(&text), 0, error);
    if (code != 0)
        goto done;
    /* Entries only join: what is in effect need not be read again. */
    code = lists_operator_load(service->prober->lists, kind, lines, error);
    service_verifier_forget_all(&service->verifier);
done:
    buffer_done(&text);
    arena_done(&arena);
    return code;
}

/* If-Match: somebody else may have changed it since it was read. False: so it is, and was said. */
static bool is_meant(struct service_call *call, enum lists_operator_kind kind)
{
    const char *wanted = http_request_header(call->request, "If-Match");
    struct slice text;
    struct error error = {0};
    struct arena arena;
    char tag[TAG_SIZE] = "";
    int code;

    if (wanted == NULL || strcmp(wanted, "*") == 0)
        return true;
    arena_init(&arena);
    code = service_operator_list_read(call->service, kind, &arena, &text, &error);
    if (code == 0)
        make_tag(text, tag);
    arena_done(&arena);
    if (code != 0)
        service_problem_of(call, &error);
    else if (strstr(wanted, tag) == NULL)
        service_problem(call, 412, "changed_meanwhile",
                        "the list was changed since you read it; read it again, and change that");
    return code == 0 && strstr(wanted, tag) != NULL;
}

void service_operator_list_put(struct service_call *call)
{
    struct service *service = call->service;
    struct slice text = http_request_body(call->request);
    enum lists_operator_kind kind;
    struct error error = {0};

    if (!service_operator_kind(call, &kind) || !is_meant(call, kind))
        return;
    if (service_operator_list_keep(service, kind, text, &error) != 0) {
        service_problem_of(call, &error);
        return;
    }
    service_audit(call, "operator_list_changed", "%s", lists_operator_kind_name(kind));
    service_answer_nothing(call);
}
