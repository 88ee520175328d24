/* Names of files, and readers and writers on them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "bulk/output.h"
#include "bulk/source.h"
#include "bulk/spool.h"
#include "cli/clean.h"
#include "cli/event.h"

static bool is_stdin(const char *file)
{
    return strcmp(file, "-") == 0;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_ino == second.st_ino &&
           first.st_dev == second.st_dev;
}

/* customers.csv.gz becomes customers.cleaned.csv; the ending follows the format asked for. */
static const char *default_output(struct clean *clean, const char *file)
{
    static const char *const endings[] = {NULL, ".csv", ".ndjson", ".xlsx"};
    struct slice name = slice_from_string(file), ending;
    ptrdiff_t slash, dot;

    if (bulk_source_is_once(file))
        return "-";
    if (slice_ends_with_nocase(name, SLICE(".gz")))
        name.len -= 3;
    slash = slice_rfind_byte(name, '/');
    dot = slice_rfind_byte(name, '.');
    if (dot <= slash + 1)
        dot = (ptrdiff_t)name.len;
    ending = slice_from_offset(name, (size_t)dot);
    if (endings[clean->options->out.format] != NULL)
        ending = slice_from_string(endings[clean->options->out.format]);
    return arena_printf(clean->call->arena, "%.*s.cleaned%.*s",
                        SLICE_ARG(slice_prefix(name, (size_t)dot)), SLICE_ARG(ending));
}

static int choose_temporary_job(struct clean *clean, struct error *error)
{
    const char *named = getenv("TMPDIR"),
               *folder = named != NULL && *named != '\0' ? named : "/tmp";
    char *path = arena_printf(clean->call->arena, "%s/mailknock-XXXXXX", folder);
    int fd = path != NULL ? mkstemp(path) : -1;

    if (path == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    if (fd < 0)
        return error_set(error, ERROR_IO,
                         "%s: no temporary file can be made: %s; TMPDIR names another folder",
                         folder, strerror(errno));
    close(fd);
    clean->job_is_temporary = true;
    clean->job_path = path;
    return 0;
}

/* Always a file of its own: --store is the service's, and holds others' jobs. */
static int choose_job(struct clean *clean, struct error *error)
{
    if (clean->call->config->depth == EVIDENCE_DEPTH_SYNTAX)
        return 0;
    if (is_stdin(clean->output))
        return choose_temporary_job(clean, error);
    clean->job_path = arena_printf(clean->call->arena, "%s.mkjob", clean->output);
    return clean->job_path != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
}

/* NULL: no memory. */
static const char *folder_of(const struct clean *clean, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    return len > 0 ? arena_printf(clean->call->arena, "%.*s", (int)len, path) : ".";
}

/* A file is made beside the old one, whose place it then takes. Told now, not after a night of
 * work. "-" and devices are fine. */
static int check_place(const struct clean *clean, const char *path, const char *what,
                       struct error *error)
{
    struct stat about;
    char room[BULK_OUTPUT_PLACE_SIZE];
    const char *folder, *place;

    if (is_stdin(path))
        return 0;
    for (size_t i = 0; i < clean->file_count; i++)
        if (is_same_file(path, clean->files[i]))
            return error_set(error, ERROR_USAGE,
                             "the %s %.200s is the list itself: give it another name", what, path);
    if (clean->job_path != NULL && is_same_file(path, clean->job_path))
        return error_set(error, ERROR_USAGE,
                         "the %s %.200s is the job file itself: give it another name", what, path);
    if (stat(path, &about) != 0)
        about.st_mode = S_IFREG; /* it will be */
    if (S_ISDIR(about.st_mode))
        return error_set(error, ERROR_USAGE, "%.200s: is a folder; name a file in it", path);
    place = bulk_output_place(path, room);
    if (place == NULL)
        return error_set(error, ERROR_USAGE, "%.200s: is a link that leads nowhere but to itself",
                         path);
    folder = folder_of(clean, place);
    if (folder == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    if (S_ISREG(about.st_mode) && access(folder, W_OK | X_OK) != 0)
        return error_set(error, ERROR_IO,
                         "the %s %.200s can't be written: %s; choose another folder", what, path,
                         strerror(errno));
    return 0;
}

/* All files of the output. */
static int check_output(const struct clean *clean, struct error *error)
{
    int code = 0;

    if (!clean->options->out.split || is_stdin(clean->output))
        return check_place(clean, clean->output, "output", error);
    for (unsigned i = 0; code == 0 && i < VERDICT_STATUS_COUNT; i++) {
        const char *path = bulk_writer_split_path(
            clean->output, verdict_status_name((enum verdict_status)i), clean->call->arena);

        code = path != NULL ? check_place(clean, path, "output", error)
                            : error_set(error, ERROR_NOMEM, "out of memory");
    }
    return code;
}

/* A terminal, a pipe: what is said there twice stands one behind the other. */
static bool is_no_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* Do two names mean one file, which need not be there yet? */
static bool is_same_place(const struct clean *clean, const char *a, const char *b)
{
    char rooms[2][BULK_OUTPUT_PLACE_SIZE];
    const char *names[2] = {a, b}, *folders[2];

    if (is_no_file(a))
        return false;
    if (strcmp(a, b) == 0)
        return true;
    for (size_t i = 0; i < 2; i++) {
        const char *place = bulk_output_place(names[i], rooms[i]);

        if (place == NULL || is_stdin(place))
            return false;
        folders[i] = folder_of(clean, place);
        if (folders[i] == NULL)
            return false;
        names[i] = strrchr(place, '/') != NULL ? strrchr(place, '/') + 1 : place;
    }
    return strcmp(names[0], names[1]) == 0 && is_same_file(folders[0], folders[1]);
}

/* It is written last, over whatever has its name. */
static int check_report(const struct clean *clean, const char *report, struct error *error)
{
    bool is_split = clean->options->out.split && !is_stdin(clean->output);

    for (unsigned i = 0; !is_stdin(report) && i <= VERDICT_STATUS_COUNT; i++) {
        const char *word =
            i < VERDICT_STATUS_COUNT ? verdict_status_name((enum verdict_status)i) : "pending";
        const char *path = is_split
                               ? bulk_writer_split_path(clean->output, word, clean->call->arena)
                               : clean->output;

        if (path == NULL)
            return error_set(error, ERROR_NOMEM, "out of memory");
        if (is_same_place(clean, report, path))
            return error_set(error, ERROR_USAGE,
                             "the report %.200s is an output, too: give it another name", report);
    }
    return 0;
}

/* As "$NAME" of a script that did not set it. */
static int check_names(const struct clean *clean, struct error *error)
{
    const char *report = clean->options->out.report;
    const char *what = clean->output[0] == '\0'              ? "output"
                       : report != NULL && report[0] == '\0' ? "report"
                                                             : NULL;

    return what == NULL
               ? 0
               : error_set(error, ERROR_USAGE, "the %s has an empty name: give it one", what);
}

int clean_check_places(const struct clean *clean, struct error *error)
{
    const char *report = clean->options->out.report;
    int code = check_names(clean, error);

    if (code == 0)
        code = check_output(clean, error);
    if (code == 0 && report != NULL)
        code = check_place(clean, report, "report", error);
    return code == 0 && report != NULL ? check_report(clean, report, error) : code;
}

int clean_files(struct clean *clean, struct error *error)
{
    const char *report = clean->options->out.report;
    int code;

    clean->files = (const char *const *)clean->call->arguments;
    clean->file_count = clean->call->argument_count;
    clean->name = is_stdin(clean->files[0]) ? "standard input" : clean->files[0];
    clean->output = clean->options->out.output;
    if (clean->output == NULL)
        clean->output = default_output(clean, clean->files[0]);
    if (clean->output == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    if (clean->options->dry_run)
        return 0;
    code = clean_check_places(clean, error);
    if (code == 0)
        code = choose_job(clean, error);
    if (code == 0 && report != NULL && clean->job_path != NULL && !clean->job_is_temporary &&
        is_same_place(clean, report, clean->job_path))
        code = error_set(error, ERROR_USAGE,
                         "the report %.200s is the job file itself: give it another name", report);
    return code;
}

static int writer_options(const struct clean *clean, struct bulk_writer_options *ret_options,
                          struct error *error)
{
    int code = clean_writer_options(clean->options, ret_options, error);

    /* As it comes, a line a result. */
    if (code == 0 && is_stdin(clean->output) && ret_options->kind == BULK_KIND_UNKNOWN)
        ret_options->kind = BULK_KIND_NDJSON;
    return code;
}

/* --- reading -------------------------------------------------------------------------------- */

static int wanted_format(const struct clean_options *options, struct bulk_format *wanted,
                         struct error *error)
{
    uint64_t number;

    *wanted = (struct bulk_format){
        .has_header = options->header == 0 ? -1 : options->header == 1,
        .column = SIZE_MAX,
        .sheet = options->sheet,
    };
    if (options->column != NULL && options->field != NULL)
        return error_set(error, ERROR_USAGE,
                         "--column is for tables and --field for NDJSON: give one of them");
    wanted->column_name = options->field != NULL ? options->field : options->column;
    if (options->column != NULL &&
        slice_to_u64(slice_from_string(options->column), 1000000, &number)) {
        if (number == 0)
            return error_set(error, ERROR_USAGE, "columns are counted from 1");
        wanted->column = (size_t)number - 1;
        wanted->column_name = NULL;
    }
    if (options->field != NULL)
        wanted->kind = BULK_KIND_NDJSON;
    return 0;
}

int clean_keep_first(struct clean *clean, struct error *error)
{
    struct arena *arena = clean->call->arena;
    char path[BULK_SPOOL_PATH_SIZE];
    const char **files;
    int code;

    if (clean->file_count == 1 || !bulk_source_is_once(clean->files[0]))
        return 0;
    for (size_t i = 1; i < clean->file_count; i++)
        if (is_stdin(clean->files[0]) && is_stdin(clean->files[i]))
            return error_set(error, ERROR_USAGE, "standard input can be read only once");
    code = bulk_spool_input_unnamed(clean->files[0], clean_is_interrupted, path, error);
    if (code != 0)
        return code;
    files = arena_array(arena, clean->file_count, sizeof(*files));
    if (files == NULL || (files[0] = arena_string(arena, slice_from_string(path))) == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    for (size_t i = 1; i < clean->file_count; i++)
        files[i] = clean->files[i];
    clean->files = files;
    return 0;
}

/* What was found, kept beyond the reader that found it: its strings live as long as that does. */
static int keep_format(struct clean *clean, const struct bulk_format *found, struct error *error)
{
    struct bulk_format kept = *found;
    struct arena *arena = clean->call->arena;

    if (found->column_name != NULL)
        kept.column_name = arena_string(arena, slice_from_string(found->column_name));
    if (found->sheet != NULL)
        kept.sheet = arena_string(arena, slice_from_string(found->sheet));
    if ((found->column_name != NULL && kept.column_name == NULL) ||
        (found->sheet != NULL && kept.sheet == NULL))
        return error_set(error, ERROR_NOMEM, "out of memory");
    clean->format = kept;
    return 0;
}

/* What the list's format forbids: told now, not when all mailboxes have been asked. */
static int check_format(const struct clean *clean, const struct bulk_reader *reader,
                        struct error *error)
{
    struct bulk_writer_options options;
    int code;

    if (clean->options->sheet != NULL && clean->format.kind != BULK_KIND_XLSX)
        return error_set(error, ERROR_USAGE, "%s is no workbook: --sheet is for XLSX", clean->name);
    if (clean->options->dry_run)
        return 0;
    code = writer_options(clean, &options, error);
    options.input = &clean->format;
    options.header = bulk_reader_header(reader);
    options.lead = bulk_reader_lead(reader);
    return code == 0 ? bulk_writer_check(clean->output, &options, error) : code;
}

int clean_open_reader(struct clean *clean, struct bulk_reader **ret_reader, struct error *error)
{
    bool is_first = clean->format.kind == BULK_KIND_UNKNOWN;
    struct bulk_format wanted = clean->format;
    int code = is_first ? wanted_format(clean->options, &wanted, error) : 0;

    if (code == 0)
        code = bulk_reader_open(clean->files, clean->file_count, &wanted, ret_reader, error);
    if (code == 0 && is_first) {
        code = keep_format(clean, bulk_reader_format(*ret_reader), error);
        if (code == 0)
            code = check_format(clean, *ret_reader, error);
        if (code != 0) {
            bulk_reader_close(*ret_reader);
            *ret_reader = NULL;
            return code;
        }
        clean_say(clean, "%s%s: %s", clean->name,
                  clean->file_count > 1 ? " and those after it" : "", clean->format.note);
    }
    return code;
}

/* As the user named it, where we read a copy. */
static const char *given_name(const struct clean *clean, const char *file)
{
    for (size_t i = 0; i < clean->file_count; i++)
        if (strcmp(clean->files[i], file) == 0)
            return clean->call->arguments[i];
    return file;
}

/* The first lines, of `all`. */
static void say_lines(struct clean *clean, const struct bulk_fault *kept, size_t count,
                      uint64_t all, const char *what)
{
    for (size_t i = 0; i < count; i++)
        clean_say(clean, "  %s%sline %" PRIu64 "%s: %s",
                  clean->file_count > 1 ? given_name(clean, kept[i].file) : "",
                  clean->file_count > 1 ? ", " : "", kept[i].line, what, kept[i].why);
    if (all > count)
        clean_say(clean, "  and %" PRIu64 " more", all - count);
}

uint64_t clean_doubts(const struct bulk_reader *reader)
{
    const struct bulk_fault *kept;
    uint64_t all;

    (void)bulk_reader_doubts(reader, &kept, &all);
    return all;
}

void clean_say_faults(struct clean *clean, const struct bulk_reader *reader, uint64_t faults)
{
    const struct bulk_fault *kept;
    size_t count = bulk_reader_faults(reader, &kept);

    say_lines(clean, kept, count, faults, " can't be read");
    count = bulk_reader_doubts(reader, &kept, &clean->doubts);
    if (count > 0)
        clean_say(clean, "%" PRIu64 " row%s quotes that leave a doubt", clean->doubts,
                  clean->doubts == 1 ? " has" : "s have");
    say_lines(clean, kept, count, clean->doubts, "");
}

/* The same for programs. */
static void write_rows(struct clean *clean, uint64_t rows, uint64_t duplicates, uint64_t faults)
{
    struct event event;
    struct json *json = event_begin(&event, "read");

    json_name_int(json, "rows", (int64_t)rows);
    json_name_int(json, "duplicates", (int64_t)duplicates);
    json_name_int(json, "unreadable", (int64_t)faults);
    json_name_int(json, "doubtful", (int64_t)clean->doubts);
    event_end(&event, clean->call->err);
}

void clean_say_rows(struct clean *clean, const struct bulk_reader *reader, uint64_t rows,
                    uint64_t duplicates, uint64_t faults)
{
    if (rows == 0 && !clean->options->json_progress) {
        clean_say(clean, "%s has no rows: there is nothing to check", clean->name);
        return;
    }
    clean_say(clean, "%" PRIu64 " row%s, %" PRIu64 " duplicate%s, %" PRIu64 " can't be read", rows,
              rows == 1 ? "" : "s", duplicates, duplicates == 1 ? "" : "s", faults);
    clean_say_faults(clean, reader, faults);
    if (clean->options->json_progress)
        write_rows(clean, rows, duplicates, faults);
}

/* --- writing -------------------------------------------------------------------------------- */

static int add_only(struct slice word, struct bulk_writer_options *options, struct error *error)
{
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        if (slice_equal(word, slice_from_string(verdict_status_name((enum verdict_status)i)))) {
            options->only[i] = true;
            return 0;
        }
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        if (slice_equal(word, slice_from_string(verdict_reason_name((enum verdict_reason)i)))) {
            options->want_reason[i] = true;
            return 0;
        }
    return error_set(error, ERROR_USAGE, "--only: '%.*s' is neither a status nor a reason",
                     SLICE_ARG(slice_prefix(word, 60)));
}

/* A reason alone, beside statuses, is one more to keep. */
static void join_reasons(struct bulk_writer_options *options)
{
    bool any_reason = false, any_status = false;

    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        any_reason |= options->want_reason[i];
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        any_status |= options->only[i];
    if (!any_reason || !any_status)
        return;
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        options->want_reason[i] |= options->only[verdict_reason_status((enum verdict_reason)i)];
    memset(options->only, 0, sizeof(options->only));
}

int clean_writer_options(const struct clean_options *options, struct bulk_writer_options *ret,
                         struct error *error)
{
    static const enum bulk_kind kinds[] = {BULK_KIND_UNKNOWN, BULK_KIND_CSV, BULK_KIND_NDJSON,
                                           BULK_KIND_XLSX};
    static const unsigned presets[] = {
        [CLEAN_EXPORT_ALL] = 0,
        [CLEAN_EXPORT_SAFE] = 1 << VERDICT_VALID,
        [CLEAN_EXPORT_SAFE_AND_CATCH_ALL] = 1 << VERDICT_VALID | 1 << VERDICT_CATCH_ALL,
        [CLEAN_EXPORT_NOT_INVALID] = ((1 << VERDICT_STATUS_COUNT) - 1) & ~(1 << VERDICT_INVALID),
        [CLEAN_EXPORT_UNKNOWN] = 1 << VERDICT_UNKNOWN,
        [CLEAN_EXPORT_REMOVE] = 1 << VERDICT_INVALID | 1 << VERDICT_DO_NOT_MAIL,
    };
    struct slice rest = slice_from_string(options->out.only), word;

    *ret = (struct bulk_writer_options){
        .kind = kinds[options->out.format],
        .prefix = options->out.prefix,
        .dialect = (enum verdict_dialect)options->out.profile,
        .duplicates = (enum bulk_duplicates)options->out.duplicates,
        .split = options->out.split,
    };
    if (options->out.only != NULL && options->out.export != CLEAN_EXPORT_ALL)
        return error_set(error, ERROR_USAGE, "--only and --export say the same: give one of them");
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        ret->only[i] = (presets[options->out.export] & (1U << i)) != 0;
    while (options->out.only != NULL && slice_split(&rest, ',', &word)) {
        int code = add_only(slice_trim(word), ret, error);

        if (code != 0)
            return code;
    }
    join_reasons(ret);
    return 0;
}

int clean_open_writer(struct clean *clean, struct bulk_reader *reader,
                      struct bulk_writer **ret_writer, struct error *error)
{
    struct bulk_writer_options options;
    int code = writer_options(clean, &options, error);

    if (code != 0)
        return code;
    options.input = bulk_reader_format(reader);
    options.header = bulk_reader_header(reader);
    options.lead = bulk_reader_lead(reader);
    options.stops = clean_interrupts;
    code = bulk_writer_open(clean->output, &options, ret_writer, error);
    if (code == 0 && bulk_writer_renamed(*ret_writer) != NULL)
        clean->renamed =
            arena_string(clean->call->arena, slice_from_string(bulk_writer_renamed(*ret_writer)));
    return code;
}
