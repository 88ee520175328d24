/*
 * Rows as objects: an input object keeps its bytes and gains the result as its last member; rows of
 * other lists stand under "input", by the names of their columns, or as an array where they have
 * none.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/sixteen.h"
#include "bulk/format.h"
#include "bulk/ndjson.h"
#include "bulk/writer_internal.h"

static const struct slice result_key = {"mailknock", 9};

static void write_text(struct json *json, const char *name, struct slice value)
{
    if (value.len == 0)
        json_name_null(json, name);
    else
        json_name_string(json, name, value);
}

/* The result from what stands alone of it, where its whole was not kept. */
static void write_result(struct json *json, const struct bulk_outcome *outcome)
{
    json_object_begin(json);
    json_name_cstring(json, "status", verdict_status_name(outcome->status));
    json_name_cstring(json, "reason", verdict_reason_name(outcome->reason));
    json_name_int(json, "score", outcome->score);
    json_name_cstring(json, "action", verdict_action_name(outcome->action));
    if (outcome->retry_after_s > 0)
        json_name_int(json, "retry_after", outcome->retry_after_s);
    else
        json_name_null(json, "retry_after");
    json_name(json, "flags");
    json_array_begin(json);
    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++)
        if (outcome->flags & (UINT32_C(1) << i))
            json_cstring(json, verdict_flag_name((enum verdict_flag_index)i));
    json_array_end(json);
    write_text(json, "suggestion", outcome->suggestion);
    write_text(json, "domain", outcome->domain);
    write_text(json, "provider", outcome->provider);
    write_text(json, "explanation", outcome->explanation);
    json_object_end(json);
}

/* The value of "mailknock", where it is not the kept JSON as it stands, into context->extra. */
static struct slice make_result(struct writer_context *context, const struct bulk_outcome *outcome)
{
    struct buffer *out = &context->extra;
    struct json json;

    if (outcome != NULL && outcome->json.len >= 2 && !outcome->duplicate)
        return outcome->json;
    buffer_clear(out);
    json_init(&json, out);
    if (outcome == NULL)
        json_null(&json);
    else if (outcome->json.len >= 2)
        json_raw(&json, outcome->json);
    else
        write_result(&json, outcome);
    if (outcome != NULL && outcome->duplicate && out->len > 0 && out->ptr[out->len - 1] == '}') {
        out->len--;
        buffer_printf(out, "%s\"duplicate_of\":%llu}", out->ptr[out->len - 1] == '{' ? "" : ",",
                      (unsigned long long)outcome->duplicate_of);
    }
    if (out->failed)
        context->line->failed = true;
    return buffer_slice(out);
}

static void append_words(struct writer_context *context, const struct bulk_outcome *outcome)
{
    const char *status, *detail;
    struct dialect_words words;
    struct json json;

    buffer_printf(context->line, "\"%s\":", dialect_name(context->dialect));
    json_init(&json, context->line);
    if (outcome == NULL) {
        json_null(&json);
    } else {
        words = dialect_words(context->dialect, outcome->status, outcome->reason, outcome->flags);
        dialect_fields(context->dialect, &status, &detail);
        json_object_begin(&json);
        json_name_cstring(&json, status, words.status);
        if (detail != NULL)
            json_name_cstring(&json, detail, words.detail);
        json_object_end(&json);
    }
    buffer_append_byte(context->line, ',');
}

/* The last members and the closing brace. */
static void append_result(struct writer_context *context, const struct bulk_outcome *outcome)
{
    static const struct slice name = {"\"mailknock\":", 12};
    struct slice result = make_result(context, outcome);
    char *to;

    if (context->dialect != DIALECT_MAILKNOCK)
        append_words(context, outcome);
    to = buffer_room(context->line, name.len + result.len + 1);
    if (to == NULL)
        return;
    memcpy(to, name.ptr, name.len);
    memcpy(to + name.len, result.ptr, result.len);
    to[name.len + result.len] = '}';
    context->line->len += name.len + result.len + 1;
}

static bool is_ours(const struct writer_context *context, struct slice key)
{
    return slice_equal(key, result_key) ||
           (context->dialect != DIALECT_MAILKNOCK &&
            slice_equal(key, slice_from_string(dialect_name(context->dialect))));
}

/*
 * The object up to where a member can be added. Members of our name are left out, so that a list
 * which was cleaned before has one result an object, the newer one.
 */
static bool append_object(struct writer_context *context, struct slice object)
{
    struct ndjson_member member;
    const char *at = NULL, *from = object.ptr; /* what is to be copied begins here */
    bool has_member = false, was_ours = false;
    int more;

    for (;;) {
        const char *before = at; /* at the comma after the last member; NULL: there was none */

        more = ndjson_next_member(object, &at, &member);
        if (more <= 0)
            break;
        if (is_ours(context, member.key)) {
            if (!was_ours) { /* up to the comma before it, or to the brace */
                const char *to = before != NULL ? before : member.begin;

                buffer_append(context->line, from, (size_t)(to - from));
            }
            was_ours = true;
            continue;
        }
        if (was_ours)
            from = has_member ? before : member.begin;
        was_ours = false;
        has_member = true;
    }
    if (more < 0)
        return false;
    if (!was_ours) {
        while (at > from && ascii_is_space(at[-1]))
            at--;
        buffer_append(context->line, from, (size_t)(at - from));
    }
    if (has_member)
        buffer_append_byte(context->line, ',');
    return true;
}

static struct slice as_text(struct writer_context *context, struct slice cell)
{
    struct slice text = SLICE_EMPTY;

    if (!bulk_format_text(&context->input, cell, context->scratch, &text))
        context->line->failed = true;
    return text;
}

/* Comma, name and cell. name: a JSON string and its colon, or "". */
static void put_cell(struct writer_context *context, bool is_first, struct slice name,
                     struct slice cell)
{
    /* Of ASCII and without a quote it is its own text in every encoding. */
    bool is_plain = json_is_plain(cell);
    char *to = buffer_room(context->line, 1 + name.len + 2 + cell.len);
    struct json json;

    if (to == NULL)
        return;
    *to = ',';
    to += !is_first;
    memcpy(to, name.ptr, name.len);
    to += name.len;
    if (is_plain) {
        *to++ = '"';
        memcpy(to, cell.ptr, cell.len);
        to += cell.len;
        *to++ = '"';
    }
    context->line->len = (size_t)(to - context->line->ptr);
    if (!is_plain) {
        json_init(&json, context->line);
        json_string(&json, as_text(context, cell));
    }
}

/* What stands before cell number `index`: its name as a JSON string and a colon, or "". */
static struct slice name_before(const struct writer_context *context, size_t index,
                                char made_up[40])
{
    if (context->names_before == NULL)
        return SLICE_EMPTY;
    if (index < context->column_count)
        return context->names_before[index];
    snprintf(made_up, 40, "\"column_%zu\":", index + 1);
    return slice_from_string(made_up);
}

/* With what stands before it, between quotes. Returns where it ends. */
static inline char *put_plain_cell(char *to, char before, struct slice name, struct slice cell)
{
    *to++ = before;
    eight_copy(to, name.ptr, name.len);
    to += name.len;
    *to++ = '"';
    eight_copy(to, cell.ptr, cell.len);
    to += cell.len;
    *to++ = '"';
    return to;
}

/*
 * Cells of a row that is JSON's text as it stands: delimiters alone part them, and they are copied
 * within their names. False: they need another look, and nothing was written.
 */
static bool put_plain_cells(struct writer_context *context, struct slice raw)
{
    const char delimiter = context->shape.delimiter, *from = raw.ptr;
    bool has_names = context->names_before != NULL;
    size_t most = has_names ? context->column_count : SIZE_MAX, index = 0;
    char before = has_names ? '{' : '[', *to;

    if (raw.len == 0)
        return false;
    /* Each cell has a comma or bracket before it and two quotes; each but the first a delimiter. */
    to = buffer_room(context->line, context->names_len + 3 * (raw.len + 1) + raw.len + 1);
    if (to == NULL)
        return true; /* the buffer remembers it */
    for (size_t at = 0; at < raw.len; at += 16) {
        size_t len = raw.len - at < 16 ? raw.len - at : 16;
        sixteen bytes = sixteen_read(raw.ptr + at, len);
        uint64_t strange = sixteen_gather(
            (sixteen)((bytes < 0x20) | (bytes == '"') | (bytes == '\\') | (bytes == 0x7f)));
        uint64_t stops = sixteen_gather((sixteen)(bytes == delimiter));

        /* cppcheck-suppress shiftTooManyBits ; len is not 0 */
        if (strange << (64 - len) != 0)
            return false;
        for (stops &= (UINT64_C(1) << len) - 1; stops != 0; stops &= stops - 1) {
            const char *stop = raw.ptr + at + __builtin_ctzll(stops);

            if (index + 1 >= most)
                return false;
            to = put_plain_cell(to, before, has_names ? context->names_before[index] : SLICE_EMPTY,
                                slice_from(from, (size_t)(stop - from)));
            before = ',';
            index++;
            from = stop + 1;
        }
    }
    if (index >= most)
        return false;
    to = put_plain_cell(to, before, has_names ? context->names_before[index] : SLICE_EMPTY,
                        slice_from(from, (size_t)(raw.ptr + raw.len - from)));
    *to++ = has_names ? '}' : ']';
    context->line->len = (size_t)(to - context->line->ptr);
    return true;
}

/* The cells of a table's row: an object by names, where there are any, or an array. */
static void write_cells(struct writer_context *context, struct slice raw)
{
    bool has_names = context->names_before != NULL;
    struct slice cell;
    char made_up[40];

    if (put_plain_cells(context, raw))
        return;
    buffer_append_byte(context->line, has_names ? '{' : '[');
    if (raw.len == 0) /* a blank row has none */
        raw.ptr = NULL;
    for (size_t index = 0; bulk_csv_next_cell(&context->shape, &raw, &cell); index++)
        put_cell(context, index == 0, name_before(context, index, made_up), cell);
    buffer_append_byte(context->line, has_names ? '}' : ']');
}

/* What needs no escaping. */
static inline void put_text(struct buffer *out, struct slice text)
{
    char *to = buffer_room(out, text.len);

    if (to == NULL)
        return;
    memcpy(to, text.ptr, text.len);
    out->len += text.len;
}

/* Up to the place of the result, which closes the object. */
static void write_row(struct writer_context *context, const struct bulk_row *row)
{
    struct json json;

    json_init(&json, context->line);
    put_text(context->line, SLICE("{\"row\":"));
    json_int(&json, (int64_t)row->number);
    put_text(context->line, SLICE(",\"input\":"));
    if (context->input.kind == BULK_KIND_NDJSON)
        json_string(&json, row->raw);
    else if (context->input.kind == BULK_KIND_TEXT)
        json_string(&json, row->address);
    else
        write_cells(context, row->raw);
    if (row->fault != NULL) {
        put_text(context->line, SLICE(",\"fault\":"));
        json_cstring(&json, row->fault);
    }
    put_text(context->line, SLICE(","));
}

bool writer_ndjson_row(struct writer_context *context, const struct bulk_row *row,
                       const struct bulk_outcome *outcome)
{
    size_t before = context->line->len;

    if (context->input.kind != BULK_KIND_NDJSON || !append_object(context, row->raw)) {
        context->line->len = before;
        write_row(context, row);
    }
    append_result(context, outcome);
    return !context->line->failed;
}

bool writer_ndjson_prepare(struct writer_context *context)
{
    struct buffer *out = &context->extra;
    struct json json;

    if (context->header.len == 0)
        return true;
    context->names_before =
        arena_array(&context->arena, context->column_count + 1, sizeof(*context->names_before));
    if (context->names_before == NULL)
        return false;
    for (size_t i = 0; i < context->column_count; i++) {
        buffer_clear(out);
        json_init(&json, out);
        json_string(&json, context->columns[i]);
        buffer_append_byte(out, ':');
        context->names_before[i] = arena_slice(&context->arena, buffer_slice(out));
        if (out->failed || context->names_before[i].ptr == NULL)
            return false;
        context->names_len += context->names_before[i].len;
    }
    return true;
}
