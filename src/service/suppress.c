/*
 * POST /v1/lists/{id}/suppress: what a filter matches joins one of the operator's own lists.
 *
 * Gathered in steps, then added in one: the operator's list as it is at that moment, and the new
 * entries behind it. Addresses that the list has already are not written twice.
 */
#include <string.h>

#include "address/address.h"
#include "base/check.h"
#include "base/memory.h"
#include "lists/operator.h"
#include "service/errand.h"
#include "service/internal.h"

struct suppress {
    struct service_errand errand; /* first */
    uint64_t id;
    enum lists_operator_kind kind;
    struct store_query query; /* its texts are the request's */
    struct store_page page;
    struct lists_operator *fresh; /* what was gathered */
    struct buffer text;           /* the same, as lines */
    uint64_t matched, added, already, unusable;
};

static void suppress_ended(struct service_errand *errand)
{
    struct suppress *self = LIST_ELEMENT(errand, struct suppress, errand);

    store_page_done(&self->page);
    lists_operator_free(self->fresh);
    buffer_done(&self->text);
    memory_free(self);
}

/* The line is tried as the list will read it: an address with " #" in it would be cut short. */
static int gather(struct suppress *self, struct slice line, struct error *error)
{
    struct service *service = self->errand.call->service;
    unsigned bit = 1U << self->kind;
    struct address address;
    struct slice domain;
    int code;

    self->matched++;
    if (!address_parse(line.ptr, line.len, &address)) {
        self->unusable++;
        return 0;
    }
    domain = address.is_literal ? address.domain
                                : slice_from(address.domain_ascii, address.domain_ascii_len);
    if (((lists_operator_match(service->prober->lists, address.local, domain) |
          lists_operator_match(self->fresh, address.local, domain)) &
         bit) != 0) {
        self->already++;
        return 0;
    }
    code = lists_operator_load(self->fresh, self->kind, line, error);
    if (code == ERROR_FORMAT) {
        self->unusable++;
        return 0;
    }
    if (code != 0)
        return code;
    self->added++;
    return buffer_append(&self->text, line.ptr, line.len) && buffer_append_byte(&self->text, '\n')
               ? 0
               : error_set(error, ERROR_LIMIT,
                           "that is more than the service keeps; export the rows into a file and "
                           "name it in the configuration");
}

static int suppress_step(struct service_errand *errand, struct error *error)
{
    struct suppress *self = LIST_ELEMENT(errand, struct suppress, errand);
    int code;

    self->query.limit = self->query.scan = errand->amount;
    code =
        store_page_read(errand->call->service->store, self->id, &self->query, &self->page, error);

    for (size_t i = 0; i < self->page.count && code == 0; i++)
        code = gather(self, self->page.lines[i].row.address, error);
    self->query.after = self->page.after;
    return code != 0 ? code : !self->page.at_end;
}

static void suppress_done(struct service_errand *errand)
{
    struct suppress *self = LIST_ELEMENT(errand, struct suppress, errand);
    struct service_call *call = errand->call;
    const char *kind = lists_operator_kind_name(self->kind);
    struct error error = {0};
    struct buffer body;
    struct json json;

    if (self->added > 0) {
        if (service_operator_list_append(call->service, self->kind, buffer_slice(&self->text),
                                         &error) != 0) {
            service_problem_of(call, &error);
            return;
        }
        service_audit(call, "operator_list_changed", "%s, %ju of list %ju", kind,
                      (uintmax_t)self->added, (uintmax_t)self->id);
    }
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "kind", kind);
    json_name_int(&json, "matched", (int64_t)self->matched);
    json_name_int(&json, "added", (int64_t)self->added);
    json_name_int(&json, "already", (int64_t)self->already);
    json_name_int(&json, "unusable", (int64_t)self->unusable);
    json_object_end(&json);
    service_answer(call, 200, &body);
}

/* Lists of people; the others are of domains. */
static bool read_kind(struct service_call *call, enum lists_operator_kind *ret_kind)
{
    static const enum lists_operator_kind kinds[] = {
        LISTS_OPERATOR_OPT_OUT,
        LISTS_OPERATOR_BLOCK,
        LISTS_OPERATOR_TRAP,
        LISTS_OPERATOR_COMPLAINT,
    };
    struct slice wanted = service_query_text(call, "kind");

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!slice_equal(wanted, slice_from_string(lists_operator_kind_name(kinds[i]))))
            continue;
        *ret_kind = kinds[i];
        return true;
    }
    service_problem(call, 422, "bad_kind", "\"kind\" must be opt_out, block, trap or complaint");
    return false;
}

void service_list_suppress(struct service_call *call)
{
    uint64_t id = service_list_id(call);
    enum lists_operator_kind kind;
    struct store_filter filter;
    struct suppress *self;

    if (!service_list_exists(call, id) || !read_kind(call, &kind) ||
        !service_read_filter(call, &filter))
        return;
    if (store_filter_is_empty(&filter)) {
        service_problem(call, 422, "no_filter",
                        "say which rows, by the filters of results: without one it would be all");
        return;
    }
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL || (self->fresh = lists_operator_new()) == NULL) {
        memory_free(self);
        service_no_memory(call);
        return;
    }
    self->id = id;
    self->kind = kind;
    self->query = (struct store_query){
        .scope = STORE_SCOPE_MAILBOXES,
        .filter = filter,
    };
    store_page_init(&self->page);
    buffer_init(&self->text, STORE_NOTE_MAX);
    self->errand.step = suppress_step;
    self->errand.done = suppress_done;
    self->errand.ended = suppress_ended;
    service_errand_run(&self->errand, call);
}
