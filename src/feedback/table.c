#include "feedback/table.h"

#include <string.h>

#include "address/address.h"
#include "base/check.h"
#include "bulk/column.h"

/* In lower case, letters and digits alone. */
static const char *const outcome_names[] = {"outcome", "event",  "eventtype", "status",
                                            "result",  "action", "type",      "bouncetype"};
static const char *const date_names[] = {"date",      "time",     "timestamp", "at",
                                         "when",      "created",  "createdat", "eventtime",
                                         "bouncedat", "datetime", "occurredat"};
static const char *const detail_names[] = {
    "detail",       "details", "reason",  "diagnostic",  "diagnosticcode", "response",
    "smtpresponse", "error",   "message", "description", "bouncereason"};

static struct slice cell_text(struct slice cell, struct buffer *scratch)
{
    struct slice text;

    return bulk_csv_unquote(cell, scratch, &text) ? slice_trim(text) : SLICE_EMPTY;
}

static char delimiter_of(struct slice row)
{
    static const char delimiters[] = ",;\t|";
    char best = ',';
    size_t most = 0;

    for (const char *c = delimiters; *c != '\0'; c++) {
        size_t count = 0;

        for (size_t i = 0; i < row.len; i++)
            count += row.ptr[i] == *c;
        if (count > most) {
            most = count;
            best = *c;
        }
    }
    return best;
}

static bool is_named(struct slice name, const char *const *names, size_t count)
{
    char folded[32];
    size_t len = 0;

    for (size_t i = 0; i < name.len && len < sizeof(folded); i++)
        if (ascii_is_alnum(name.ptr[i]))
            folded[len++] = ascii_lower(name.ptr[i]);
    for (size_t i = 0; i < count; i++)
        if (slice_equal(slice_from(folded, len), slice_from_string(names[i])))
            return true;
    return false;
}

static bool is_address(struct slice text)
{
    struct address address;

    text = feedback_bare_address(text);
    return address_parse(text.ptr, text.len, &address);
}

static void take_first(size_t *column, bool fits, size_t at)
{
    if (fits && *column == FEEDBACK_COLUMN_NONE)
        *column = at;
}

static void by_name(struct feedback_table *table, struct slice name, size_t at,
                    enum column_hint *best)
{
    enum column_hint hint = column_name_hint(name);

    if (hint > *best) {
        *best = hint;
        table->address = at;
    }
    take_first(&table->outcome, is_named(name, outcome_names, ARRAY_LEN(outcome_names)), at);
    take_first(&table->date, is_named(name, date_names, ARRAY_LEN(date_names)), at);
    take_first(&table->detail, is_named(name, detail_names, ARRAY_LEN(detail_names)), at);
}

static void by_value(struct feedback_table *table, struct slice value, size_t at)
{
    enum feedback_outcome outcome;
    int64_t unix_ms;

    if (is_address(value))
        take_first(&table->address, true, at);
    else if (feedback_outcome_from_word(value, &outcome))
        take_first(&table->outcome, true, at);
    else if (feedback_parse_moment(value, &unix_ms))
        take_first(&table->date, true, at);
}

static bool has_address(struct feedback_table *table, struct slice row)
{
    struct slice cell;

    while (bulk_csv_next_cell(&table->shape, &row, &cell))
        if (is_address(cell_text(cell, &table->scratch[0])))
            return true;
    return false;
}

/* True unless a name was wanted that is not there. */
static bool by_wish(struct feedback_table *table, struct slice row, const char *wanted,
                    size_t *column)
{
    struct slice cell;
    size_t at = 0;

    if (wanted == NULL)
        return true;
    while (bulk_csv_next_cell(&table->shape, &row, &cell)) {
        if (slice_equal_nocase(cell_text(cell, &table->scratch[0]), slice_from_string(wanted))) {
            *column = at;
            return true;
        }
        at++;
    }
    return false;
}

bool feedback_table_open(struct feedback_table *table, struct slice first_row,
                         const struct feedback_columns *wanted, const char **ret_why)
{
    enum column_hint best = COLUMN_HINT_NONE;
    struct slice rest = first_row, cell;

    memset(table, 0, sizeof(*table));
    for (size_t i = 0; i < ARRAY_LEN(table->scratch); i++)
        buffer_init(&table->scratch[i], 0);
    table->shape = (struct bulk_csv_shape){
        .delimiter = delimiter_of(first_row), .line_end = '\n', .quotes = true};
    table->address = table->outcome = table->date = table->detail = FEEDBACK_COLUMN_NONE;
    table->has_header = !has_address(table, first_row);
    for (size_t at = 0; bulk_csv_next_cell(&table->shape, &rest, &cell); at++) {
        struct slice text = cell_text(cell, &table->scratch[0]);

        if (table->has_header)
            by_name(table, text, at, &best);
        else
            by_value(table, text, at);
    }
    *ret_why = NULL;
    if (!by_wish(table, first_row, wanted->address, &table->address) ||
        !by_wish(table, first_row, wanted->outcome, &table->outcome) ||
        !by_wish(table, first_row, wanted->date, &table->date) ||
        !by_wish(table, first_row, wanted->detail, &table->detail))
        *ret_why = "a column of that name is not in its first row";
    else if (table->address == FEEDBACK_COLUMN_NONE)
        *ret_why = "no column looks like addresses: name it with --address";
    else if (table->outcome == FEEDBACK_COLUMN_NONE)
        *ret_why = "no column looks like outcomes: name it with --outcome";
    return *ret_why == NULL;
}

void feedback_table_done(struct feedback_table *table)
{
    for (size_t i = 0; i < ARRAY_LEN(table->scratch); i++)
        buffer_done(&table->scratch[i]);
}

bool feedback_table_read(struct feedback_table *table, struct slice row,
                         struct feedback_event *ret_event, const char **ret_why)
{
    const size_t columns[] = {table->address, table->outcome, table->date, table->detail};
    struct slice texts[ARRAY_LEN(columns)] = {SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY};
    struct slice cell;

    for (size_t at = 0; bulk_csv_next_cell(&table->shape, &row, &cell); at++)
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
            if (columns[i] == at)
                texts[i] = cell_text(cell, &table->scratch[i]);
    *ret_event = (struct feedback_event){
        .address = feedback_bare_address(texts[0]),
        .words = texts[3],
    };
    *ret_why = "the outcome is not known: say bounce, delivery, complaint or soft_bounce";
    if (!feedback_outcome_from_word(texts[1], &ret_event->outcome))
        return false;
    *ret_why = "the date can't be read: say it as 2026-01-31 or 2026-01-31T12:00:00Z";
    if (texts[2].len > 0 && !feedback_parse_moment(texts[2], &ret_event->unix_ms))
        return false;
    if (ret_event->outcome == FEEDBACK_BOUNCE)
        ret_event->outcome = feedback_judge_bounce(texts[3], SLICE_EMPTY, FEEDBACK_BOUNCE);
    return true;
}
