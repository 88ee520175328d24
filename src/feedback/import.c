#include "feedback/import.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "feedback/event.h"
#include "feedback/report.h"

#define LINE_MAX_IN ((size_t)1 << 20) /* longer ones come in pieces */

static void fault(struct feedback_import *import, const char *why)
{
    import->faults++;
    import->fault(import->user, import->file, import->line, why);
}

static void heard(void *user, const struct feedback_event *event)
{
    struct feedback_import *import = user;
    char why[120];
    int code;

    if (import->code != 0)
        return;
    code = feedback_keep(import->keeper, event, import->error);
    if (code == ERROR_RANGE) {
        snprintf(why, sizeof(why), "'%.*s' is no address",
                 SLICE_ARG(slice_prefix(event->address, 80)));
        fault(import, why);
    } else {
        import->code = code;
    }
}

static void event_fault(void *user, const char *why)
{
    fault(user, why);
}

/* --- lines --------------------------------------------------------------------------------------
 */

/* 1; 0 at the end; negative. The line stays in the window: use it up by its size. */
static int next_line(struct bulk_source *source, struct slice *ret_line, size_t *ret_size,
                     struct error *error)
{
    for (;;) {
        struct slice window = bulk_source_window(source);
        ptrdiff_t end = slice_find_byte(slice_prefix(window, LINE_MAX_IN), '\n');
        int code;

        if (end >= 0 || window.len >= LINE_MAX_IN ||
            (bulk_source_at_end(source) && window.len > 0)) {
            size_t len = end >= 0                   ? (size_t)end
                         : window.len < LINE_MAX_IN ? window.len
                                                    : LINE_MAX_IN;

            *ret_line = slice_prefix(window, len);
            *ret_size = len + (end >= 0);
            return 1;
        }
        if (bulk_source_at_end(source))
            return 0;
        code = bulk_source_more(source, error);
        if (code < 0)
            return code;
    }
}

/* --- messages -----------------------------------------------------------------------------------
 */

static void end_message(struct feedback_import *import, struct feedback_report *report,
                        uint64_t begin)
{
    uint64_t line = import->line;

    import->line = begin;
    if (!feedback_report_end(report)) {
        if (report->body.failed && report->body.len == 0)
            import->code = error_set(import->error, ERROR_NOMEM, "out of memory");
        else
            fault(import, "the message is no delivery report");
    }
    import->line = line;
}

static int import_messages(struct feedback_import *import, struct bulk_source *source, bool is_mbox)
{
    struct feedback_report report;
    uint64_t begin = 0;
    bool was_empty = true;
    struct slice line;
    size_t size;
    int code;

    feedback_report_init(&report, heard, import);
    while (import->code == 0 && (code = next_line(source, &line, &size, import->error)) != 0) {
        if (code < 0) {
            import->code = code;
            break;
        }
        import->line++;
        if (is_mbox && was_empty && slice_starts_with(line, SLICE("From "))) {
            if (begin > 0)
                end_message(import, &report, begin);
            feedback_report_begin(&report);
            begin = import->line;
        } else {
            if (begin == 0)
                begin = import->line;
            feedback_report_line(&report, line);
        }
        was_empty = line.len == 0 || (line.len == 1 && line.ptr[0] == '\r');
        bulk_source_use(source, size);
    }
    if (import->code == 0 && begin > 0)
        end_message(import, &report, begin);
    feedback_report_done(&report);
    return import->code;
}

/* --- events -------------------------------------------------------------------------------------
 */

/* All of it into the window. */
static int read_whole(struct feedback_import *import, struct bulk_source *source)
{
    int code = 0;

    while (code == 0 && !bulk_source_at_end(source) &&
           bulk_source_window(source).len <= FEEDBACK_JSON_MAX)
        code = bulk_source_more(source, import->error);
    if (code == 0 && bulk_source_window(source).len > FEEDBACK_JSON_MAX)
        code = error_set(import->error, ERROR_LIMIT,
                         "%.200s is larger than 64 MiB: give it as one event a line", import->file);
    return code;
}

static int import_events(struct feedback_import *import, struct bulk_source *source)
{
    const struct feedback_listener listener = {heard, event_fault, import};
    struct slice line;
    size_t size;
    int code;

    while (import->code == 0 && (code = next_line(source, &line, &size, import->error)) != 0) {
        if (code < 0)
            return code;
        import->line++;
        line = slice_trim(line);
        if (line.len > 0 && feedback_events_read(line, &listener) != 0) {
            if (import->line > 1) {
                fault(import, "the line is no JSON");
            } else {
                /* One value over many lines. */
                code = read_whole(import, source);
                if (code != 0)
                    return code;
                line = bulk_source_window(source);
                size = line.len;
                if (feedback_events_read(line, &listener) != 0)
                    fault(import, "the file is no JSON");
            }
        }
        bulk_source_use(source, size);
    }
    return import->code;
}

/* --- tables -------------------------------------------------------------------------------------
 */

static void read_row(struct feedback_import *import, struct feedback_table *table, struct slice row)
{
    struct feedback_event event;
    const char *why;

    if (slice_trim(row).len == 0)
        return;
    if (feedback_table_read(table, row, &event, &why))
        heard(import, &event);
    else
        fault(import, why);
}

/* The next row into *ret: 1, 0, negative. */
static int next_row(struct feedback_import *import, struct bulk_source *source,
                    const struct bulk_csv_shape *shape, struct bulk_csv_row *ret_row)
{
    size_t quiet = 0;

    for (;;) {
        struct slice window = bulk_source_window(source);
        bool at_end = bulk_source_at_end(source);
        int code;

        if (window.len == 0 && at_end)
            return 0;
        if (window.len > 0 &&
            bulk_csv_scan(shape, window.ptr, window.len, at_end, 0, &quiet, ret_row))
            return 1;
        code = bulk_source_more(source, import->error);
        if (code < 0)
            return code;
        quiet = 0;
    }
}

static int import_table(struct feedback_import *import, struct bulk_source *source)
{
    struct feedback_table table = {.shape = {.delimiter = ',', .line_end = '\n', .quotes = true}};
    struct bulk_csv_row row;
    bool is_open = false;
    const char *why;
    int code = 0;

    import->line = 1;
    while (import->code == 0 && (code = next_row(import, source, &table.shape, &row)) == 1) {
        struct slice raw = slice_prefix(bulk_source_window(source), row.raw_len);

        if (!is_open && slice_trim(raw).len > 0) {
            is_open = true;
            if (!feedback_table_open(&table, raw, &import->columns, &why)) {
                import->code =
                    error_set(import->error, ERROR_FORMAT, "%.200s: %s", import->file, why);
                break;
            }
            if (!table.has_header)
                read_row(import, &table, raw);
        } else if (row.fault != NULL) {
            fault(import, row.fault);
        } else {
            read_row(import, &table, raw);
        }
        import->line += row.line_count;
        bulk_source_use(source, row.next);
    }
    if (is_open)
        feedback_table_done(&table);
    return code < 0 ? code : import->code;
}

/* --- files --------------------------------------------------------------------------------------
 */

/* A header's name and a colon: the first line of a message. */
static bool is_header(struct slice start)
{
    size_t len = 0;

    while (len < start.len && (ascii_is_alnum(start.ptr[len]) || start.ptr[len] == '-'))
        len++;
    return len > 0 && len + 1 < start.len && start.ptr[len] == ':' &&
           ascii_is_space(start.ptr[len + 1]);
}

static int import_source(struct feedback_import *import, struct bulk_source *source,
                         bool is_message)
{
    struct slice start = bulk_source_window(source);

    import->line = 0;
    if (is_message)
        return import_messages(import, source, false);
    if (slice_starts_with(start, SLICE("From ")))
        return import_messages(import, source, true);
    while (start.len > 0 && ascii_is_space(start.ptr[0]))
        start = slice_from_offset(start, 1);
    if (start.len > 0 && (start.ptr[0] == '{' || start.ptr[0] == '['))
        return import_events(import, source);
    if (is_header(start))
        return import_messages(import, source, false);
    return import_table(import, source);
}

static int import_file(struct feedback_import *import, const char *path, bool is_message)
{
    struct bulk_source *source;
    int code = bulk_source_open(path, &source, import->error);

    if (code < 0)
        return code;
    import->file = path;
    import->code = 0;
    code = import_source(import, source, is_message);
    bulk_source_close(source);
    return code;
}

static int import_folder(struct feedback_import *import, const char *path, bool is_maildir)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char name[4096];
    struct stat facts;
    int code = 0;

    if (folder == NULL)
        return is_maildir && errno == ENOENT
                   ? 0
                   : error_set(import->error, ERROR_IO, "can't read the folder %.200s: %s", path,
                               strerror(errno));
    while (code == 0 && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' ||
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name) ||
            stat(name, &facts) != 0 || !S_ISREG(facts.st_mode))
            continue;
        code = import_file(import, name, true);
    }
    closedir(folder);
    return code;
}

static int import_maildir(struct feedback_import *import, const char *path)
{
    static const char *const parts[] = {"new", "cur"};
    char name[4096];
    struct stat facts;
    int code = 0;

    snprintf(name, sizeof(name), "%s/cur", path);
    if (stat(name, &facts) != 0)
        return import_folder(import, path, false);
    for (size_t i = 0; code == 0 && i < ARRAY_LEN(parts); i++) {
        snprintf(name, sizeof(name), "%s/%s", path, parts[i]);
        code = import_folder(import, name, true);
    }
    return code;
}

int feedback_import_path(struct feedback_import *import, const char *path, struct error *error)
{
    struct stat facts;

    import->error = error;
    if (strcmp(path, "-") != 0 && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return import_maildir(import, path);
    return import_file(import, path, false);
}

int feedback_import_bytes(struct feedback_import *import, const char *name, struct slice bytes,
                          struct error *error)
{
    struct bulk_source *source;
    int code;

    import->error = error;
    code = bulk_source_open_bytes(name, bytes, 0, &source, error);
    if (code < 0)
        return code;
    import->file = name;
    import->code = 0;
    code = import_source(import, source, false);
    bulk_source_close(source);
    return code;
}
