/* Tests of the writer: the list's own bytes come back, ours are where and what they should be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "bulk/ndjson.h"
#include "bulk/writer.h"

static char folder[] = "/tmp/mk-writer-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    return mkdtemp(folder) == NULL;
}

/* Everything that a test left, for the next one; how many files there were. */
static size_t empty_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        assert_int_equal(unlink(in_folder(entry->d_name)), 0);
        count++;
    }
    closedir(dir);
    return count;
}

static int remove_folder(void **state)
{
    empty_folder();
    return rmdir(folder);
}

/* Contents of a file; gzread reads plain ones too. */
static const char *contents(const char *path)
{
    static char text[1 << 19];
    gzFile file = gzopen(path, "rb");
    int len;

    if (file == NULL)
        return "(no such file)";
    len = gzread(file, text, sizeof(text) - 1);
    assert_true(len >= 0);
    gzclose(file);
    text[len] = '\0';
    return text;
}

/* By the address's first letter: what is found out about it. */
static const struct bulk_outcome *outcome_of(const struct bulk_row *row, struct bulk_outcome *out)
{
    char c = row->address.len > 0 ? row->address.ptr[0] : '\0';

    *out = (struct bulk_outcome){.status = VERDICT_INVALID,
                                 .reason = REASON_BAD_SYNTAX,
                                 .action = ACTION_SUPPRESS,
                                 .score = 1,
                                 .suggestion = SLICE_EMPTY,
                                 .provider = SLICE_EMPTY,
                                 .domain = SLICE_EMPTY,
                                 .explanation = SLICE_EMPTY,
                                 .json = SLICE_EMPTY};
    if (c == 'v' || c == 'd') {
        out->status = VERDICT_VALID;
        out->reason = REASON_ACCEPTED;
        out->action = ACTION_SEND;
        out->score = 97;
        out->flags = VERDICT_FLAG_ROLE | VERDICT_FLAG_FREE;
        out->provider = SLICE("Gmail");
        out->explanation = SLICE("Accepted, \"really\".");
        out->json = SLICE("{\"status\":\"valid\"}");
    }
    if (c == 'd') {
        out->duplicate = true;
        out->duplicate_of = 1;
    }
    if (c == 'e') { /* a hostile server */
        out->suggestion = SLICE("=cmd@x.example");
        out->explanation = SLICE("@SUM(1);\t-2");
    }
    return c == 'p' ? NULL : out;
}

struct job {
    const char *in_name, *text;
    const char *out_name;
    struct bulk_writer_options options;
};

static int try_clean(const struct job *job, struct error *error)
{
    struct bulk_writer_options options = job->options;
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_outcome outcome;
    struct bulk_row row;
    int code =
        bulk_reader_open_bytes(job->in_name, slice_from_string(job->text), 0, NULL, &reader, error);

    if (code != 0)
        return code;
    options.input = bulk_reader_format(reader);
    options.header = bulk_reader_header(reader);
    options.lead = bulk_reader_lead(reader);
    code = bulk_writer_open(in_folder(job->out_name), &options, &writer, error);
    while (code == 0 && (code = bulk_reader_next(reader, &row, error)) == 1) {
        code = row.address.len > 0 && row.address.ptr[0] == 'q'
                   ? bulk_writer_put_pending(writer, &row, 1, error)
                   : bulk_writer_put(writer, &row, outcome_of(&row, &outcome), error);
        if (code != 0)
            bulk_writer_abandon(writer);
    }
    bulk_reader_close(reader);
    if (code == 0)
        code = bulk_writer_finish(writer, error);
    return code;
}

static void clean(const struct job *job)
{
    struct error error = {0};
    int code = try_clean(job, &error);

    if (code != 0)
        print_error("%s\n", error.message);
    assert_int_equal(code, 0);
}

#define NAMES                                                                                      \
    "mk_status,mk_reason,mk_score,mk_action,mk_flags,mk_suggestion,mk_provider,mk_explanation"
#define NAMES_SEMICOLON                                                                            \
    "mk_status;mk_reason;mk_score;mk_action;mk_flags;mk_suggestion;mk_provider;mk_explanation"
#define GOOD           "valid,accepted,97,send,role free,,Gmail,\"Accepted, \"\"really\"\".\""
#define GOOD_SEMICOLON "valid;accepted;97;send;role free;;Gmail;\"Accepted, \"\"really\"\".\""
#define BAD            "invalid,bad_syntax,1,suppress,,,,"

static void tables_keep_their_bytes(void **state)
{
    static const struct {
        struct job job;
        const char *result;
    } rows[] = {
        {{"a.csv", "id,email\n1,v@a.example\n2,x\n", "o.csv", {0}},
         "id,email," NAMES "\n1,v@a.example," GOOD "\n2,x," BAD "\n"},
        /* no header: none in the result; the last line had no end */
        {{"a.csv", "1,v@a.example\n2,x@", "o.csv", {0}}, "1,v@a.example," GOOD "\n2,x@," BAD "\n"},
        /* what stands before the first row stays there without one, too */
        {{"a.csv", "\xef\xbb\xbfsep=;\n1;v@a.example\n", "o.csv", {0}},
         "\xef\xbb\xbfsep=;\n1;v@a.example;" GOOD_SEMICOLON "\n"},
        /* Excel's: mark, semicolons, CR LF; a quoted line break */
        {{"a.csv",
          "\xef\xbb\xbf\"Name\";Mail\r\n\"M\xc3\xbcller; \"\"Jo\"\"\r\nB\";v@a.example\r\n",
          "o.csv",
          {0}},
         "\xef\xbb\xbf\"Name\";Mail;" NAMES_SEMICOLON
         "\r\n\"M\xc3\xbcller; \"\"Jo\"\"\r\nB\";v@a.example;" GOOD_SEMICOLON "\r\n"},
        {{"a.csv", "email;x\rv@a.example;y\r", "o.csv", {0}},
         "email;x;" NAMES_SEMICOLON "\rv@a.example;y;" GOOD_SEMICOLON "\r"},
        /* ragged rows, blank rows, and one with an unbalanced quote */
        {{"a.csv",
          "id,email,city\n1,v@a.example\n\n2,v@a.example,\"X\n3,v@a.example,Y\n",
          "o.csv",
          {0}},
         "id,email,city," NAMES "\n1,v@a.example,," GOOD "\n,,," BAD
         "\n2,v@a.example,\"\"\"X\"," GOOD "\n3,v@a.example,Y," GOOD "\n"},
        /* an open quote before the address, one in a cell of its own, and a closed one */
        {{"a.csv",
          "id,name,email,city\n1,\"Ann,v@a.example,X\n2,\"B, b\",v@a.example,Y\n"
          "3,\"C, c\",v@a.example,\"Z\n",
          "o.csv",
          {0}},
         "id,name,email,city," NAMES "\n1,\"\"\"Ann\",v@a.example,X," GOOD
         "\n2,\"B, b\",v@a.example,Y," GOOD "\n3,\"C, c\",v@a.example,\"\"\"Z\"," GOOD "\n"},
        /* and where it makes the row one that can't be read; not all of those have one */
        {{"a.csv", "id,email,city\n1,\"x@a.example\n2\n3,v@a.example,Y\n", "o.csv", {0}},
         "id,email,city," NAMES "\n1,\"\"\"x@a.example\",," BAD
         "unbalanced quote: read up to the end of the line\n2,,," BAD
         "too few columns: there is none for the address\n3,v@a.example,Y," GOOD "\n"},
        /* between tabs quotes are letters */
        {{"a.tsv", "email\tsize\nv@a.example\t\"3\n", "o.tsv", {0}},
         "email\tsize\tmk_status\tmk_reason\tmk_score\tmk_action\tmk_flags\tmk_suggestion\t"
         "mk_provider\tmk_explanation\nv@a.example\t\"3\tvalid\taccepted\t97\tsend\trole "
         "free\t\tGmail\t"
         "\"Accepted, \"\"really\"\".\"\n"},
        /* the rows are longer than the header */
        {{"a.csv", "id,email\n1,v@a.example,\n2,v@a.example,\n", "o.csv", {0}},
         "id,email,," NAMES "\n1,v@a.example,," GOOD "\n2,v@a.example,," GOOD "\n"},
        /* a row is longer than others: ours stand under their names, the rest behind them */
        {{"a.csv", "id,email\n1,v@a.example,\"X, Y\",\n2,v@a.example\n", "o.csv", {0}},
         "id,email," NAMES "\n1,v@a.example," GOOD ",\"X, Y\",\n2,v@a.example," GOOD "\n"},
        {{"a.csv", "id,email\n1,v@a.example,\"X\n2,v@a.example\n3,v@a.example\n", "o.csv", {0}},
         "id,email," NAMES "\n1,v@a.example," GOOD ",\"\"\"X\"\n2,v@a.example," GOOD
         "\n3,v@a.example," GOOD "\n"},
        /* cleaned before */
        {{"a.csv", "email,mk_status\nv@a.example,unknown\n", "o.csv", {0}},
         "email,mk_status,mk2_status,mk2_reason,mk2_score,mk2_action,mk2_flags,mk2_suggestion,"
         "mk2_provider,mk2_explanation\nv@a.example,unknown," GOOD "\n"},
        {{"a.csv", "email,x\ne@a.example,=1+1\n", "o.csv", {.prefix = "q."}},
         "email,x,q.status,q.reason,q.score,q.action,q.flags,q.suggestion,q.provider,q."
         "explanation\n"
         "e@a.example,=1+1,invalid,bad_syntax,1,suppress,,'=cmd@x.example,,'@SUM(1); '-2\n"},
        {{"a.txt", "v@a.example\nx, y\np@a.example\n", "o.csv", {0}},
         "address," NAMES "\nv@a.example," GOOD "\n\"x, y\"," BAD "\np@a.example,,,,,,,,\n"},
        {{"a.ndjson", "{\"email\":\"v@a.example\"}\n[\n", "o.csv", {0}},
         "address,input," NAMES "\nv@a.example,\"{\"\"email\"\":\"\"v@a.example\"\"}\"," GOOD
         "\n,[,invalid,bad_syntax,1,suppress,,,,not a JSON object\n"},
        /* vendors' words, with their column names where they are free */
        {{"a.csv", "id,email\n1,v@a.example\n", "o.csv", {.dialect = DIALECT_ZEROBOUNCE}},
         "id,email,status,sub_status,mk_score,mk_action,mk_flags,mk_suggestion,mk_provider,"
         "mk_explanation\n1,v@a.example,do_not_mail,role_based,97,send,role "
         "free,,Gmail,\"Accepted, "
         "\"\"really\"\".\"\n"},
        {{"a.csv", "status,email\n1,v@a.example\n", "o.csv", {.dialect = DIALECT_REACHER}},
         "status,email,is_reachable,mk_score,mk_action,mk_flags,mk_suggestion,mk_provider,"
         "mk_explanation\n1,v@a.example,risky,97,send,role free,,Gmail,\"Accepted, "
         "\"\"really\"\".\"\n"},
        {{"a.csv", "status,email\n1,x\n", "o.csv", {.dialect = DIALECT_NEVERBOUNCE, .prefix = ""}},
         "status,email,result,neverbounce_flags,score,action,flags,suggestion,provider,"
         "explanation\n1,x,invalid,bad_syntax,1,suppress,,,,\n"},
        /* what to mail: mended where there is something to mend, defused like all else */
        {{"a.csv",
          "email\nv@a.example\ne@a.example\nx\np@a.example\n",
          "o.csv",
          {.columns = 1U << APPENDED_SEND_TO | 1U << APPENDED_STATUS}},
         "email,mk_status,mk_send_to\nv@a.example,valid,v@a.example\n"
         "e@a.example,invalid,'=cmd@x.example\nx,invalid,x\np@a.example,,p@a.example\n"},
        /* duplicates */
        {{"a.txt", "v@a.example\nd@a.example\n", "o.csv", {.duplicates = BULK_DUPLICATES_SKIP}},
         "address," NAMES "\nv@a.example," GOOD
         "\nd@a.example,skipped,duplicate,97,suppress,role free duplicate,,Gmail,The same mailbox "
         "stands in row 1.\n"},
        {{"a.txt", "v@a.example\nd@a.example\n", "o.csv", {.duplicates = BULK_DUPLICATES_DROP}},
         "address," NAMES "\nv@a.example," GOOD "\n"},
        /* what stands above a header stays there */
        {{"a.csv",
          "sep=;\r\n\"M\xfcller; May\";\r\n\r\nName;mail\r\nA;v@a.example\r\n",
          "o.csv",
          {0}},
         "sep=;\r\n\"M\xfcller; May\";\r\n\r\nName;mail;mk_status;mk_reason;mk_score;mk_action;"
         "mk_flags;mk_suggestion;mk_provider;mk_explanation\r\n"
         "A;v@a.example;valid;accepted;97;send;role free;;Gmail;\"Accepted, \"\"really\"\".\"\r\n"},
        /* one whose first is not determined yet; alone, it waits for that */
        {{"a.txt", "p\nq\n", "o.csv", {.duplicates = BULK_DUPLICATES_SKIP}},
         "address," NAMES
         "\np,,,,,,,,\nq,skipped,duplicate,0,suppress,duplicate,,,The same mailbox "
         "stands in row 1.\n"},
        {{"a.txt", "p\nq\n", "o.csv", {.duplicates = BULK_DUPLICATES_DROP}},
         "address," NAMES "\np,,,,,,,,\n"},
        {{"a.txt", "p\nq\n", "o.csv", {.duplicates = BULK_DUPLICATES_ANSWER}},
         "address," NAMES "\np,,,,,,,,\nq,,,,,,,,\n"},
        {{"a.txt", "v@a.example\nx\np\n", "o.csv", {.only = {[VERDICT_INVALID] = true}}},
         "address," NAMES "\nx," BAD "\n"},
        {{"a.txt", "v@a.example\nx\np\n", "o.csv", {.want_reason = {[REASON_ACCEPTED] = true}}},
         "address," NAMES "\nv@a.example," GOOD "\n"},
        {{"a.txt", "v@a.example\n", "o.csv.gz", {0}}, "address," NAMES "\nv@a.example," GOOD "\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        clean(&rows[i].job);
        if (strcmp(contents(in_folder(rows[i].job.out_name)), rows[i].result) != 0)
            print_error("row %zu\n", i);
        assert_string_equal(contents(in_folder(rows[i].job.out_name)), rows[i].result);
        assert_int_equal(empty_folder(), 1);
    }
}

static void latin1_stays_latin1(void **state)
{
    struct job job = {"a.csv", "Name,mail\nM\xfcller,v@a.example\nM\xfcller,x\n", "o.csv", {0}};
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_outcome outcome;
    struct error error = {0};
    struct bulk_row row;

    assert_int_equal(
        bulk_reader_open_bytes("a.csv", slice_from_string(job.text), 0, NULL, &reader, &error), 0);
    job.options.input = bulk_reader_format(reader);
    job.options.header = bulk_reader_header(reader);
    assert_int_equal(bulk_writer_open(in_folder("o.csv"), &job.options, &writer, &error), 0);
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    outcome_of(&row, &outcome);
    outcome.explanation = SLICE("\xc3\xbc \xe2\x82\xac \xe4\xb8\xad");
    assert_int_equal(bulk_writer_put(writer, &row, &outcome, &error), 0);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    bulk_reader_close(reader);
    assert_non_null(strstr(contents(in_folder("o.csv")), "\nM\xfcller,v@a.example,"));
    assert_non_null(strstr(contents(in_folder("o.csv")), ",Gmail,\xfc \x80 ?\n"));
    empty_folder();
}

static void objects_keep_their_bytes(void **state)
{
    static const struct {
        const char *in_name, *text, *result;
        enum verdict_dialect dialect;
    } rows[] = {
        {"a.ndjson", "{\"email\":\"v@a.example\", \"n\": 1.50 }\n",
         "{\"email\":\"v@a.example\", \"n\": 1.50,\"mailknock\":{\"status\":\"valid\"}}\n", 0},
        {"a.ndjson",
         "{\"mailknock\":{\"a\":[1]}, \"email\":\"v@a.example\"}\n"
         "{\"email\":\"v@a.example\" , \"mailknock\":null}\n"
         "{\"x\":1,\"mailknock\":null, \"mailknock\":2,\"email\":\"v@a.example\"}\n",
         "{\"email\":\"v@a.example\",\"mailknock\":{\"status\":\"valid\"}}\n"
         "{\"email\":\"v@a.example\",\"mailknock\":{\"status\":\"valid\"}}\n"
         "{\"x\":1,\"email\":\"v@a.example\",\"mailknock\":{\"status\":\"valid\"}}\n",
         0},
        {"a.ndjson", "{\"email\":\"p@a.example\"}\n{}\nnonsense\n{\"email\":\"d@a.example\"}\n",
         "{\"email\":\"p@a.example\",\"mailknock\":null}\n"
         "{\"mailknock\":{\"status\":\"invalid\",\"reason\":\"bad_syntax\",\"score\":1,\"action\":"
         "\"suppress\",\"retry_after\":null,\"flags\":[],\"suggestion\":null,\"domain\":null,"
         "\"provider\":null,\"explanation\":null}}\n"
         "{\"row\":3,\"input\":\"nonsense\",\"fault\":\"not a JSON "
         "object\",\"mailknock\":{\"status\":"
         "\"invalid\",\"reason\":\"bad_syntax\",\"score\":1,\"action\":\"suppress\",\"retry_"
         "after\":"
         "null,\"flags\":[],\"suggestion\":null,\"domain\":null,\"provider\":null,\"explanation\":"
         "null}}\n"
         "{\"email\":\"d@a.example\",\"mailknock\":{\"status\":\"valid\",\"duplicate_of\":1}}\n",
         0},
        {"a.csv", "id,email,id,\"a \"\"b\"\"\"\n01,v@a.example,2,M\xfc,5\n",
         "{\"row\":1,\"input\":{\"id\":\"01\",\"email\":\"v@a.example\",\"id_2\":\"2\",\"a "
         "\\\"b\\\"\":"
         "\"M\xc3\xbc\",\"column_5\":\"5\"},\"mailknock\":{\"status\":\"valid\"}}\n",
         0},
        {"a.csv", "email,note\nv@a.example,\n\nv@a.example,x\n",
         "{\"row\":1,\"input\":{\"email\":\"v@a.example\",\"note\":\"\"},"
         "\"mailknock\":{\"status\":\"valid\"}}\n"
         "{\"row\":2,\"input\":{},\"mailknock\":{\"status\":\"invalid\",\"reason\":"
         "\"bad_syntax\",\"score\":1,\"action\":\"suppress\",\"retry_after\":null,\"flags\":[],"
         "\"suggestion\":null,\"domain\":null,\"provider\":null,\"explanation\":null}}\n"
         "{\"row\":3,\"input\":{\"email\":\"v@a.example\",\"note\":\"x\"},"
         "\"mailknock\":{\"status\":\"valid\"}}\n",
         0},
        {"a.csv", "1,v@a.example\n",
         "{\"row\":1,\"input\":[\"1\",\"v@a.example\"],\"mailknock\":"
         "{\"status\":\"valid\"}}\n",
         0},
        {"a.txt", "v@a.example\n",
         "{\"row\":1,\"input\":\"v@a.example\",\"mailknock\":{\"status\":"
         "\"valid\"}}\n",
         0},
        {"a.txt", "v@a.example\n",
         "{\"row\":1,\"input\":\"v@a.example\",\"kickbox\":{\"result\":"
         "\"risky\",\"reason\":\"low_quality\"},\"mailknock\":{\"status\":\"valid\"}}\n",
         DIALECT_KICKBOX},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct job job = {rows[i].in_name, rows[i].text, "o.ndjson", {.dialect = rows[i].dialect}};
        struct slice rest, line;

        clean(&job);
        assert_string_equal(contents(in_folder("o.ndjson")), rows[i].result);
        rest = slice_from_string(rows[i].result);
        while (slice_split(&rest, '\n', &line))
            assert_true(line.len == 0 || ndjson_is_object(line));
        empty_folder();
    }
}

/* As many columns of one name as one likes, or of ours: what naming them takes grows with their
   number, and not with its cube (hours, then). */
static void columns_of_one_name_are_many(void **state)
{
    enum {
        COLUMNS = 20000
    };
    static const struct {
        const char *name, *numbered_end; /* "mk", "mk2_status" */
        const char *out_name, *result;
    } rows[] = {
        {"x", "", "o.ndjson", ",\"x_6\":\"\",\"x_7\":\"\",\"x_8\":"},
        {"x", "", "o.ndjson", ",\"x_20000\":\"\",\"x_7_2\":\"\"},"},
        {"", "", "o.ndjson", ",\"_20000\":\"\",\"x_7\":\"\"},"},
        {"mk", "_status", "o.csv", "mk20000_status,x_7,mk20001_status,mk20001_reason,"},
    };

    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct job job = {"a.csv", NULL, rows[k].out_name, {0}};
        struct buffer list;

        buffer_init(&list, 0);
        buffer_printf(&list, "email,%s%s", rows[k].name, rows[k].numbered_end);
        for (unsigned i = 2; i <= COLUMNS; i++)
            if (rows[k].numbered_end[0] != '\0')
                buffer_printf(&list, ",%s%u%s", rows[k].name, i, rows[k].numbered_end);
            else
                buffer_printf(&list, ",%s", rows[k].name);
        buffer_append_string(&list, ",x_7\nv@a.example");
        for (unsigned i = 0; i <= COLUMNS; i++)
            buffer_append_byte(&list, ',');
        buffer_append(&list, "\n", 2);
        assert_false(list.failed);
        job.text = list.ptr;
        clean(&job);
        assert_non_null(strstr(contents(in_folder(rows[k].out_name)), rows[k].result));
        buffer_done(&list);
    }
    empty_folder();
}

static void one_file_a_status(void **state)
{
    struct job job = {"a.txt", "v@a.example\nx\nv2@a.example\np\n", "my.list.csv", {.split = true}};

    clean(&job);
    assert_string_equal(contents(in_folder("my.list.valid.csv")),
                        "address," NAMES "\nv@a.example," GOOD "\nv2@a.example," GOOD "\n");
    assert_string_equal(contents(in_folder("my.list.invalid.csv")),
                        "address," NAMES "\nx," BAD "\n");
    assert_string_equal(contents(in_folder("my.list.unknown.csv")), "address," NAMES "\n");
    assert_string_equal(contents(in_folder("my.list.pending.csv")),
                        "address," NAMES "\np,,,,,,,,\n");
    assert_int_equal(empty_folder(), VERDICT_STATUS_COUNT + 1);
    job.options.only[VERDICT_VALID] = true;
    job.out_name = "plain";
    clean(&job);
    assert_string_equal(contents(in_folder("plain.valid")),
                        "address," NAMES "\nv@a.example," GOOD "\nv2@a.example," GOOD "\n");
    assert_int_equal(empty_folder(), 1);
    job.options.only[VERDICT_VALID] = false;
    job.options.with_all = job.options.is_passing = true;
    job.out_name = "l.csv";
    clean(&job);
    assert_string_equal(contents(in_folder("l.all.csv")),
                        "address," NAMES "\nv@a.example," GOOD "\nx," BAD "\nv2@a.example," GOOD
                        "\np,,,,,,,,\n");
    assert_string_equal(contents(in_folder("l.invalid.csv")), "address," NAMES "\nx," BAD "\n");
    assert_int_equal(empty_folder(), VERDICT_STATUS_COUNT + 2);
}

/* The old file stays until the new one is complete, and nothing is left of what was given up. */
static void files_appear_when_complete(void **state)
{
    struct bulk_format format = {.kind = BULK_KIND_TEXT, .line_end = "\n"};
    struct bulk_writer_options options = {.input = &format, .header = SLICE_EMPTY};
    struct bulk_writer *writer;
    struct error error = {0};
    struct stat about;
    FILE *file = fopen(in_folder("o.csv"), "w");

    assert_non_null(file);
    fputs("old", file);
    fclose(file);
    assert_int_equal(chmod(in_folder("o.csv"), 0640), 0);
    assert_int_equal(symlink("o.csv", in_folder("link.csv")), 0);
    assert_int_equal(bulk_writer_open(in_folder("link.csv"), &options, &writer, &error), 0);
    assert_string_equal(contents(in_folder("o.csv")), "old");
    bulk_writer_abandon(writer);
    assert_string_equal(contents(in_folder("o.csv")), "old");
    assert_int_equal(bulk_writer_open(in_folder("link.csv"), &options, &writer, &error), 0);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    assert_string_equal(contents(in_folder("o.csv")), "address," NAMES "\n");
    assert_int_equal(stat(in_folder("o.csv"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    assert_int_equal(lstat(in_folder("link.csv"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    /* Where the link leads to nothing yet, too. */
    assert_int_equal(unlink(in_folder("o.csv")), 0);
    assert_int_equal(bulk_writer_open(in_folder("link.csv"), &options, &writer, &error), 0);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    assert_string_equal(contents(in_folder("o.csv")), "address," NAMES "\n");
    assert_int_equal(lstat(in_folder("link.csv"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    /* Links that go round lead to no place for it, and stay. */
    assert_int_equal(symlink("round2.csv", in_folder("round.csv")), 0);
    assert_int_equal(symlink("round.csv", in_folder("round2.csv")), 0);
    assert_int_equal(bulk_writer_open(in_folder("round.csv"), &options, &writer, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "opening failed"));
    assert_int_equal(lstat(in_folder("round.csv"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(empty_folder(), 4);
}

static void failures_are_said(void **state)
{
    struct bulk_format format = {.kind = BULK_KIND_TEXT, .line_end = "\n"};
    struct bulk_writer_options options = {.input = &format, .header = SLICE_EMPTY};
    struct bulk_row row = {.number = 1, .raw = SLICE("x"), .address = SLICE("x")};
    struct bulk_writer *writer;
    struct error error = {0};
    int code = 0;

    assert_int_equal(bulk_writer_open("/nowhere/o.csv", &options, &writer, &error), ERROR_IO);
    assert_string_equal(error.message, "/nowhere/o.csv: writing failed: No such file or directory");
    assert_int_equal(bulk_writer_open(folder, &options, &writer, &error), ERROR_IO);
    options.split = true;
    assert_int_equal(bulk_writer_open("-", &options, &writer, &error), ERROR_USAGE);
    options.split = false;
    assert_int_equal(bulk_writer_open("/x.xlsx.gz", &options, &writer, &error), ERROR_USAGE);
    /* a disk that is full at once */
    assert_int_equal(bulk_writer_open("/dev/full", &options, &writer, &error), 0);
    for (int i = 0; i < 100000 && code == 0; i++)
        code = bulk_writer_put(writer, &row, NULL, &error);
    assert_int_equal(code, ERROR_IO);
    assert_non_null(strstr(error.message, "No space left on device; make room"));
    bulk_writer_abandon(writer);
    assert_int_equal(empty_folder(), 0);
}

static void memory_runs_out(void **state)
{
    struct job job = {
        "a.csv", "id,email,id\n1,v@a.example,\"a\"\"b\"\n2,e@a.example,M\xfc\n", "o.csv", {0}};
    static const char *const names[] = {"o.csv", "o.ndjson", "o.xlsx"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool done = false;

        job.out_name = names[i];
        for (int64_t n = 0; n < 2000 && !done; n++) {
            struct error error = {0};
            int code;

            memory_fail_after(n);
            code = try_clean(&job, &error);
            memory_fail_after(-1);
            assert_true(code == 0 || code == ERROR_NOMEM);
            assert_int_equal(empty_folder(), code == 0);
            done = code == 0;
        }
        assert_true(done);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_keep_their_bytes),  cmocka_unit_test(latin1_stays_latin1),
        cmocka_unit_test(objects_keep_their_bytes), cmocka_unit_test(columns_of_one_name_are_many),
        cmocka_unit_test(one_file_a_status),        cmocka_unit_test(files_appear_when_complete),
        cmocka_unit_test(failures_are_said),        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
