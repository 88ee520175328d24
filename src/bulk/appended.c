#include "bulk/appended.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "bulk/names.h"

static const char *const own_names[APPENDED_COLUMN_COUNT] = {
    [APPENDED_STATUS] = "status",     [APPENDED_REASON] = "reason",
    [APPENDED_SCORE] = "score",       [APPENDED_ACTION] = "action",
    [APPENDED_FLAGS] = "flags",       [APPENDED_SUGGESTION] = "suggestion",
    [APPENDED_PROVIDER] = "provider", [APPENDED_EXPLANATION] = "explanation",
    [APPENDED_SEND_TO] = "send_to",
};

/* prefix + name, with a number in the prefix from 2 on: "mk_", "mk2_". */
static const char *numbered(const char *prefix, unsigned number, const char *name,
                            struct arena *arena)
{
    size_t len = strlen(prefix);
    bool has_line = len > 0 && prefix[len - 1] == '_';

    if (number == 1)
        return arena_printf(arena, "%s%s", prefix, name);
    return arena_printf(arena, "%.*s%u_%s", (int)(has_line ? len - 1 : len), prefix, number, name);
}

/* All with this number, up to one that the list has: 1, or 0 there, or ERROR_NOMEM. */
static int name_all(const char *prefix, unsigned number, struct arena *arena,
                    const char *const wanted[APPENDED_COLUMN_COUNT],
                    const bool bare[APPENDED_COLUMN_COUNT], struct bulk_names *taken,
                    struct appended_names *names)
{
    int code = 0;

    for (size_t i = 0; i < APPENDED_COLUMN_COUNT && code == 0; i++) {
        names->names[i] = NULL;
        if (wanted[i] == NULL)
            continue;
        names->names[i] = bare[i] ? wanted[i] : numbered(prefix, number, wanted[i], arena);
        code = names->names[i] != NULL ? bulk_names_has(taken, slice_from_string(names->names[i]))
                                       : ERROR_NOMEM;
    }
    return code < 0 ? code : code == 0;
}

/* False: no memory. */
static bool name_with(enum verdict_dialect dialect, const char *prefix, struct bulk_names *taken,
                      struct arena *arena, struct appended_names *ret_names)
{
    const char *wanted[APPENDED_COLUMN_COUNT];
    bool bare[APPENDED_COLUMN_COUNT] = {false};
    int code = 0;

    memcpy(wanted, own_names, sizeof(wanted));
    if (dialect != DIALECT_MAILKNOCK) {
        dialect_fields(dialect, &wanted[APPENDED_STATUS], &wanted[APPENDED_REASON]);
        for (size_t i = APPENDED_STATUS; i <= APPENDED_REASON && code >= 0; i++) {
            if (prefix != NULL || wanted[i] == NULL)
                continue;
            code = bulk_names_has(taken, slice_from_string(wanted[i]));
            bare[i] = code == 0;
        }
    }
    if (code < 0)
        return false;
    if (prefix == NULL)
        prefix = "mk_";
    ret_names->number = 0;
    do
        code = name_all(prefix, ++ret_names->number, arena, wanted, bare, taken, ret_names);
    while (code == 0);
    if (code < 0)
        return false;
    /* "flags" of a vendor beside "mk_flags" is no clash, two of one name would be. */
    for (size_t i = APPENDED_SCORE; i < APPENDED_COLUMN_COUNT; i++)
        for (size_t k = APPENDED_STATUS; k <= APPENDED_REASON; k++)
            if (ret_names->names[k] != NULL &&
                strcmp(ret_names->names[i], ret_names->names[k]) == 0)
                ret_names->names[k] =
                    arena_printf(arena, "%s_%s", dialect_name(dialect), wanted[k]);
    return ret_names->names[APPENDED_STATUS] != NULL;
}

bool appended_name(enum verdict_dialect dialect, const char *prefix, const struct slice *own,
                   size_t own_count, struct arena *arena, struct appended_names *ret_names)
{
    struct bulk_names taken;
    bool is_done = true;

    bulk_names_init(&taken);
    for (size_t i = 0; i < own_count && is_done; i++)
        is_done = bulk_names_add(&taken, own[i]) == 0;
    if (is_done)
        is_done = name_with(dialect, prefix, &taken, arena, ret_names);
    bulk_names_done(&taken);
    return is_done;
}

void appended_init(struct appended_cells *cells)
{
    for (size_t i = 0; i < ARRAY_LEN(cells->defused); i++)
        buffer_init(&cells->defused[i], 0);
}

void appended_done(struct appended_cells *cells)
{
    for (size_t i = 0; i < ARRAY_LEN(cells->defused); i++)
        buffer_done(&cells->defused[i]);
}

/* What makes a formula at the start of a cell, full-width forms too: bytes of it, or 0. */
static size_t trigger_len(struct slice text)
{
    static const struct slice wide[] = {
        {"\xef\xbc\x9d", 3}, /* = */
        {"\xef\xbc\x8b", 3}, /* + */
        {"\xef\xbc\x8d", 3}, /* - */
        {"\xef\xbc\xa0", 3}, /* @ */
    };

    if (text.len > 0 && memchr("=+-@", text.ptr[0], 4) != NULL)
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        if (slice_starts_with(text, wide[i]))
            return wide[i].len;
    return 0;
}

void appended_defuse(struct slice text, struct buffer *out)
{
    bool may_begin = true; /* a cell may begin here, blanks aside */

    for (size_t at = 0; at < text.len;) {
        size_t trigger = may_begin ? trigger_len(slice_from_offset(text, at)) : 0;
        char c = text.ptr[at];

        if (trigger > 0) {
            buffer_append_byte(out, '\'');
            buffer_append(out, text.ptr + at, trigger);
            at += trigger;
            may_begin = false;
            continue;
        }
        if ((unsigned char)c < 0x20)
            c = ' ';
        buffer_append_byte(out, c);
        if (c != ' ')
            may_begin = c == ',' || c == ';' || c == '|';
        else if (text.ptr[at] != ' ')
            may_begin = true; /* a tab or a line end parts cells too */
        at++;
    }
}

static struct slice defuse_into(struct buffer *buffer, struct slice text)
{
    buffer_clear(buffer);
    appended_defuse(text, buffer);
    return buffer_slice(buffer);
}

static struct slice join_flags(const struct bulk_outcome *outcome, char *out, size_t size)
{
    size_t len = 0;

    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++)
        if (outcome->flags & (UINT32_C(1) << i))
            len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? " " : "",
                                    verdict_flag_name((enum verdict_flag_index)i));
    if (outcome->duplicate)
        len += (size_t)snprintf(out + len, size - len, "%sduplicate", len > 0 ? " " : "");
    CHECK(len < size);
    return slice_from(out, len);
}

bool appended_fill(struct appended_cells *cells, enum verdict_dialect dialect,
                   const struct bulk_row *row, const struct bulk_outcome *outcome)
{
    struct slice explanation = SLICE_EMPTY, send_to = slice_trim(row->address);
    struct dialect_words words;

    for (size_t i = 0; i < APPENDED_COLUMN_COUNT; i++)
        cells->cells[i] = SLICE_EMPTY;
    if (outcome != NULL) {
        words = dialect_words(dialect, outcome->status, outcome->reason, outcome->flags);
        cells->cells[APPENDED_STATUS] = slice_from_string(words.status);
        cells->cells[APPENDED_REASON] = slice_from_string(words.detail);
        snprintf(cells->score, sizeof(cells->score), "%u", outcome->score);
        cells->cells[APPENDED_SCORE] = slice_from_string(cells->score);
        cells->cells[APPENDED_ACTION] = slice_from_string(verdict_action_name(outcome->action));
        cells->cells[APPENDED_FLAGS] = join_flags(outcome, cells->flags, sizeof(cells->flags));
        cells->cells[APPENDED_SUGGESTION] = defuse_into(&cells->defused[0], outcome->suggestion);
        cells->cells[APPENDED_PROVIDER] = defuse_into(&cells->defused[1], outcome->provider);
        explanation = outcome->explanation;
        /* Of a slip only: whoever is not to be mailed is not found under another address. */
        if (outcome->suggestion.len > 0 && !outcome->is_suggestion_unwelcome &&
            (outcome->status == VERDICT_INVALID || outcome->reason == REASON_DISPOSABLE))
            send_to = outcome->suggestion;
    }
    cells->cells[APPENDED_SEND_TO] = defuse_into(&cells->defused[3], send_to);
    if (explanation.len == 0 && row->fault != NULL)
        explanation = slice_from_string(row->fault);
    cells->cells[APPENDED_EXPLANATION] = defuse_into(&cells->defused[2], explanation);
    for (size_t i = 0; i < ARRAY_LEN(cells->defused); i++)
        if (cells->defused[i].failed)
            return false;
    return true;
}
