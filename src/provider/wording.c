#include "provider/wording.h"

#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "provider/reply_tables.h"
#include "provider/wording_kind.h"

#define RESERVE     64  /* always free at the end, so that marks and separators fit */
#define WORD_MAX    40  /* octets kept of one word */
#define LABELS_MAX  24  /* words kept of one URL or host name */
#define BRACKET_MAX 320 /* octets looked at for the end of "<...>" and of a quoted string */

struct writer {
    struct wording *to;
    size_t word_start; /* of the word being written */
    char mark;         /* put before each word, or 0 */
    bool is_cjk;       /* what the word's last character was */
    unsigned words_left;
};

static bool is_high(char c)
{
    return (unsigned char)c >= 0x80;
}

/* What a byte is, as bits. */
enum {
    IN_RUN = 1,  /* may stand in a run that is looked at as a whole: an address, a host, words */
    IN_WORD = 2, /* a letter or a digit, or part of a character above ASCII */
    IS_SIGN = 4, /* "@" */
    IS_MARK = 8, /* makes a run more than words: one of ":", "=", "/", "#" */
    IS_DIGIT = 16,
    IS_DOT = 32,
};

static const uint8_t byte_kinds[256] = {
    ['!'] = IN_RUN,
    ['#'] = IN_RUN | IS_MARK,
    ['$' ... '\''] = IN_RUN, /* $ % & ' */
    ['*' ... '+'] = IN_RUN,
    ['-'] = IN_RUN,
    ['.'] = IN_RUN | IS_DOT,
    ['/'] = IN_RUN | IS_MARK,
    ['0' ... '9'] = IN_RUN | IN_WORD | IS_DIGIT,
    [':'] = IN_RUN | IS_MARK,
    ['='] = IN_RUN | IS_MARK,
    ['?'] = IN_RUN,
    ['@'] = IN_RUN | IS_SIGN,
    ['A' ... 'Z'] = IN_RUN | IN_WORD,
    ['\\'] = IN_RUN,
    ['^' ... '`'] = IN_RUN, /* ^ _ ` */
    ['a' ... 'z'] = IN_RUN | IN_WORD,
    ['{'] = IN_RUN,
    ['}' ... '~'] = IN_RUN,
    [0x80 ... 0xff] = IN_RUN | IN_WORD,
};

static unsigned byte_kind(char c)
{
    return byte_kinds[(unsigned char)c];
}

static bool is_run_byte(char c)
{
    return (byte_kind(c) & IN_RUN) != 0;
}

static bool is_word_byte(char c)
{
    return (byte_kind(c) & IN_WORD) != 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool has_room(const struct writer *w)
{
    return w->to->len + RESERVE < WORDING_MAX;
}

static void put(struct writer *w, char c)
{
    w->to->bytes[w->to->len++] = c;
}

static void clause_end(struct writer *w)
{
    struct wording *to = w->to;

    if (has_room(w) && to->len >= 2 && to->bytes[to->len - 2] != '\n') {
        put(w, '\n');
        put(w, ' ');
    }
}

/* "please" and its like begin advice, which is another clause. */
static bool begins_advice(struct slice word)
{
    switch (word.ptr[0]) {
    case 'b':
        return slice_equal(word, SLICE("bitte"));
    case 'i':
        return slice_equal(word, SLICE("if"));
    case 'l':
        return slice_equal(word, SLICE("learn"));
    case 'p':
        return slice_equal(word, SLICE("please"));
    case 'v':
        return slice_equal(word, SLICE("veuillez")) || slice_equal(word, SLICE("visit"));
    default:
        return false;
    }
}

static void word_start(struct writer *w)
{
    if (w->mark != '\0')
        put(w, w->mark);
    w->word_start = w->to->len;
}

static size_t word_len(const struct writer *w)
{
    return w->to->len - w->word_start;
}

static void word_end(struct writer *w)
{
    struct wording *to = w->to;
    struct slice word = {to->bytes + w->word_start, word_len(w)};

    if (word.len == 0) {
        to->len = w->word_start - (w->mark != '\0');
        return;
    }
    if (slice_starts_with(word, SLICE("mail")) && w->word_start >= 3 && w->mark == '\0' &&
        memcmp(to->bytes + w->word_start - 3, " e ", 3) == 0) { /* "e-mail", "E-Mail-Adresse" */
        memmove(to->bytes + w->word_start - 1, word.ptr, word.len);
        to->len--;
    } else if (w->mark == '\0' && begins_advice(word) && w->word_start >= 2 &&
               to->bytes[w->word_start - 2] != '\n') {
        memmove(to->bytes + w->word_start + 2, word.ptr, word.len);
        memcpy(to->bytes + w->word_start, "\n ", 2);
        to->len += 2;
    }
    put(w, ' ');
}

static void put_token(struct writer *w, const char *token)
{
    size_t len = strlen(token);

    if (!has_room(w))
        return;
    memcpy(w->to->bytes + w->to->len, token, len);
    w->to->len += len;
    put(w, ' ');
}

/* --- letters ---------------------------------------------------------------------------------- */

static bool is_cjk(uint32_t c)
{
    return (c >= 0x2e80 && c <= 0x9fff && !(c >= 0x3000 && c <= 0x303f)) ||
           (c >= 0xac00 && c <= 0xd7af) || (c >= 0xf900 && c <= 0xfaff) || c >= 0x20000;
}

/* Fold one character above ASCII. False: it separates words. */
static bool put_character(struct writer *w, uint32_t c, struct slice raw)
{
    const char *fold;

    if (c == 0x2bc || c == 0xad || (c >= 0x300 && c <= 0x36f) || c == 0x200b)
        return true; /* soft hyphen, combining accent and the like: as if it were not there */
    if (c >= 0xc0 && c < 0xc0 + WORDING_LATIN_COUNT) {
        fold = wording_latin_folds[c - 0xc0];
        if (fold[0] == '\0')
            return false;
        while (*fold != '\0')
            put(w, *fold++);
        return true;
    }
    if (c >= 0x410 && c <= 0x42f) /* Cyrillic А to Я */
        c += 0x20;
    else if (c == 0x401 || c == 0x451) /* Ё is often written Е */
        c = 0x435;
    else if (c >= 0x400 && c <= 0x40f)
        c += 0x50;
    else if (c >= 0x391 && c <= 0x3a9)
        c += 0x20;
    else if (!(c >= 0x370 && c <= 0x1fff) && !is_cjk(c))
        return false;
    else {
        memcpy(w->to->bytes + w->to->len, raw.ptr, raw.len);
        w->to->len += raw.len;
        return true;
    }
    put(w, (char)(0xc0 | (c >> 6)));
    put(w, (char)(0x80 | (c & 0x3f)));
    return true;
}

/* The bytes at s are not UTF-8. Returns how many to skip; a lone one is taken for Latin-1. */
static size_t put_foreign(struct writer *w, struct slice s, bool *ret_separates)
{
    size_t len = 1;
    unsigned char byte = (unsigned char)s.ptr[0];

    while (len < s.len && is_high(s.ptr[len]))
        len++;
    *ret_separates = true;
    if (len <= 2 && byte >= 0xc0) {
        *ret_separates = !put_character(w, byte, s);
        len = 1;
    }
    return len;
}

/* --- words ------------------------------------------------------------------------------------ */

static bool is_sentence_end(char c)
{
    return c == '.' || c == '!' || c == '?';
}

/* A run of ASCII letters, perhaps with a full stop or the like behind it. False: it is more. */
static bool put_simple_word(struct writer *w, struct slice run)
{
    char *to = w->to->bytes + w->to->len;

    if (run.len > WORD_MAX || !has_room(w))
        return false;
    if (is_sentence_end(run.ptr[run.len - 1]))
        run.len--;
    for (size_t i = 0; i < run.len; i++) {
        char lower = (char)(run.ptr[i] | 0x20);

        if (lower < 'a' || lower > 'z')
            return false;
        to[i] = lower;
    }
    w->word_start = w->to->len;
    w->to->len += run.len;
    word_end(w);
    return true;
}

/* The octets of an apostrophe that s begins with, or 0: "'", "`", U+2019, Windows-1252's. */
static size_t apostrophe_length(struct slice s)
{
    if (s.ptr[0] == '\'' || s.ptr[0] == '`')
        return 1;
    if (slice_starts_with(s, SLICE("\xe2\x80\x99")))
        return 3;
    return s.ptr[0] == '\x92' && (s.len == 1 || !is_high(s.ptr[1])) ? 1 : 0;
}

/* "doesn't" and "user's" are one word; "dell'utente", "n'existe" and "I'm" are two. */
static bool is_contraction(struct slice after)
{
    size_t len = 0;

    while (len < after.len && is_word_byte(after.ptr[len]))
        len++;
    return (len == 1 && strchr("stdSTD", after.ptr[0]) != NULL) ||
           (len == 2 && (slice_starts_with_nocase(after, SLICE("nt")) || /* "do'nt" */
                         slice_starts_with_nocase(after, SLICE("re")) ||
                         slice_starts_with_nocase(after, SLICE("ve")) ||
                         slice_starts_with_nocase(after, SLICE("ll"))));
}

/* Where Chinese or Japanese meets Latin or digits, a word ends: "请使用STARTTLS". */
static void script_change(struct writer *w, bool is_cjk_now)
{
    if (is_cjk_now != w->is_cjk && w->mark == '\0' && word_len(w) > 0) {
        word_end(w);
        word_start(w);
    }
    w->is_cjk = is_cjk_now;
}

/* Letters and digits of `run`; anything else separates, but apostrophes vanish. */
static void put_words(struct writer *w, struct slice run)
{
    size_t at = 0;

    word_start(w);
    while (at < run.len && has_room(w) && w->words_left > 0) {
        struct slice rest = {run.ptr + at, run.len - at};
        bool separates = false;
        uint32_t c = 0;
        size_t len = apostrophe_length(rest);

        if (len > 0) {
            separates = word_len(w) <= 1 || !is_contraction(slice_from_offset(rest, len));
        } else if (!is_high(rest.ptr[0])) {
            len = 1;
            separates = !is_word_byte(rest.ptr[0]);
            if (!separates) {
                script_change(w, false);
                put(w, ascii_lower(rest.ptr[0]));
            }
        } else if ((len = utf8_decode(rest.ptr, rest.len, &c)) > 0) {
            script_change(w, is_cjk(c));
            separates = !put_character(w, c, slice_prefix(rest, len));
            if (separates && (c == 0x3002 || c == 0xff0e || c == 0xff1b || c == 0xff01)) {
                word_end(w);
                clause_end(w);
                word_start(w);
                separates = false;
            }
        } else {
            len = put_foreign(w, rest, &separates);
        }
        at += len;
        /* An overlong word is cut, but not Chinese, which has no blanks. */
        if (separates || (word_len(w) > WORD_MAX && !is_high(rest.ptr[0]))) {
            word_end(w);
            word_start(w);
            if (w->mark != '\0')
                w->words_left--;
        }
    }
    word_end(w);
}

static void put_marked(struct writer *w, const char *token, struct slice run)
{
    put_token(w, token);
    w->mark = '~';
    w->words_left = LABELS_MAX;
    put_words(w, run);
    w->mark = '\0';
    w->words_left = 1;
}

static bool take_enhanced(struct writer *w, struct slice s)
{
    struct smtp_enhanced enhanced;

    if (s.len > 0 && s.ptr[0] == '#')
        s = slice_from_offset(s, 1);
    if (s.len < 5 || smtp_enhanced_parse(s, &enhanced) != s.len)
        return false;
    if (w->to->enhanced.status_class == 0)
        w->to->enhanced = enhanced;
    return true;
}

/* --- runs ------------------------------------------------------------------------------------- */

static struct slice strip_punctuation(struct slice s)
{
    while (s.len > 0 && !is_word_byte(s.ptr[0]) && s.ptr[0] != '#' && s.ptr[0] != ':')
        s = slice_from_offset(s, 1);
    while (s.len > 0 && !is_word_byte(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* What has neither "@" nor a scheme nor "=" nor ":" within. */
static void put_part(struct writer *w, struct slice part)
{
    struct slice core = strip_punctuation(part);

    if (core.len == 0)
        return;
    if (wording_is_ip(core))
        put_token(w, "@ip");
    else if (take_enhanced(w, core))
        return;
    else if (wording_is_host(core))
        put_marked(w, "@host", core);
    else if (wording_is_id(core))
        put_token(w, "@id");
    else
        put_words(w, core);
}

/*
 * What Postfix's smtpd_reject_footer appends for the postmaster's use: "client=192.0.2.1,
 * server=mx.example.com". It says nothing of what was refused: a clause of its own.
 */
static bool begins_footer(struct slice run)
{
    static const char *const keys[] = {"client=", "server=", "servertime=", "localtime="};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (slice_starts_with_nocase(run, slice_from_string(keys[i])))
            return true;
    }
    return false;
}

/* A run without "@" and without a scheme. "IP=192.0.2.1", "TO:user": each side for itself. */
static void put_plain(struct writer *w, struct slice run)
{
    struct slice core = strip_punctuation(run);
    size_t start = 0;

    if (wording_is_ip(core)) { /* may hold colons */
        put_token(w, "@ip");
        return;
    }
    if (begins_footer(core))
        clause_end(w);
    for (size_t i = 0; i <= core.len; i++) {
        if (i < core.len && core.ptr[i] != '=' && core.ptr[i] != ':')
            continue;
        put_part(w, (struct slice){core.ptr + start, i - start});
        start = i + 1;
    }
}

/* A run with "@": everything that can belong to the address is masked. */
static void put_address(struct writer *w, struct slice run, size_t sign)
{
    struct slice head = slice_prefix(run, sign);
    ptrdiff_t colon = slice_rfind_byte(head, ':');
    size_t end = sign;

    /* "rcpt:user@example.com" */
    if (colon > 0)
        put_words(w, slice_prefix(head, (size_t)colon));
    while (end < run.len && (is_word_byte(run.ptr[end]) || strchr("@.-_%", run.ptr[end]) != NULL))
        end++;
    if (end == 1) /* a lone "@" */
        return;
    put_token(w, sign == 0 ? "@host" : "@addr");
    while (end > 0 && (run.ptr[end - 1] == '.' || run.ptr[end - 1] == '-'))
        end--; /* "user@example.com...User unknown" has its own end */
    if (end < run.len)
        put_plain(w, slice_from_offset(run, end));
}

/*
 * The length of the run at s, and in *ret_kinds all that its bytes are. Three dots end it: what
 * stands before may be an address, "u@example.com...User unknown".
 */
static size_t run_length(struct slice s, unsigned *ret_kinds)
{
    unsigned kinds = 0;
    size_t len = 0;

    while (len < s.len) {
        unsigned kind = byte_kind(s.ptr[len]);

        if ((kind & IN_RUN) == 0)
            break;
        if ((kind & IS_DOT) != 0 && len + 2 < s.len && s.ptr[len + 1] == '.' &&
            s.ptr[len + 2] == '.')
            break;
        kinds |= kind;
        len++;
    }
    *ret_kinds = kinds;
    return len;
}

/* Where a URL that starts at s ends: it may hold brackets and commas, but not at its end. */
static size_t url_length(struct slice s)
{
    size_t len = 0;

    while (len < s.len && (unsigned char)s.ptr[len] > ' ' && s.ptr[len] != '<' &&
           s.ptr[len] != '>' && s.ptr[len] != '"' && s.ptr[len] != '|')
        len++;
    while (len > 0 && strchr(".,;:)]'!", s.ptr[len - 1]) != NULL)
        len--;
    return len;
}

/* Offset of "://" or "www." in a run where a URL can begin, or -1. */
static ptrdiff_t url_find(struct slice run)
{
    ptrdiff_t scheme, start;

    if (slice_starts_with_nocase(run, SLICE("www.")))
        return 0;
    scheme = slice_find(run, SLICE("://"));
    if (scheme <= 0)
        return -1;
    start = scheme;
    while (start > 0 && ascii_is_alpha(run.ptr[start - 1]))
        start--;
    return start;
}

/* "<...>" in one piece. Returns its length, or 0 when it is to be read as words. */
static size_t put_bracketed(struct writer *w, struct slice s)
{
    size_t end = 1;
    bool has_blank = false, has_square = false;
    struct slice inside;

    while (end < s.len && end < BRACKET_MAX && s.ptr[end] != '>' && s.ptr[end] != '<') {
        has_blank |= ascii_is_space(s.ptr[end]);
        has_square |= s.ptr[end] == '[';
        end++;
    }
    if (end >= s.len || s.ptr[end] != '>')
        return 0;
    inside = slice_trim((struct slice){s.ptr + 1, end - 1});
    if (inside.len == 0)
        put_token(w, "@null");
    else if (slice_find(inside, SLICE("://")) >= 0 ||
             (has_square && slice_find_byte(inside, '@') < 0))
        return 0;
    else if (wording_is_ip(inside))
        put_token(w, "@ip");
    else if (!has_blank || slice_find_byte(inside, '@') > 0)
        put_token(w, "@addr");
    else
        return 0;
    return end + 1;
}

/*
 * A quoted local part, "a b"@example.com, or one quoted word: a name that is cited, 'user "full"
 * unknown'. Returns its length, or 0 when it is none.
 */
static size_t put_quoted(struct writer *w, struct slice s)
{
    size_t end = 1;
    bool has_blank = false;

    while (end < s.len && end < BRACKET_MAX && s.ptr[end] != '"') {
        has_blank |= !is_run_byte(s.ptr[end]);
        end += s.ptr[end] == '\\' ? 2 : 1;
    }
    if (end >= s.len || s.ptr[end] != '"')
        return 0;
    if (end + 1 >= s.len || s.ptr[end + 1] != '@') {
        if (has_blank || memchr(s.ptr, '@', end) != NULL || memchr(s.ptr, ':', end) != NULL)
            return 0;
        put_token(w, "@quoted");
        return end + 1;
    }
    end += 2;
    while (end < s.len && is_run_byte(s.ptr[end]))
        end++;
    put_token(w, "@addr");
    return end;
}

static size_t put_run(struct writer *w, struct slice s)
{
    unsigned kinds;
    struct slice run = {s.ptr, run_length(s, &kinds)};
    ptrdiff_t url, sign;
    size_t len = run.len;

    if (run.len == 0) {
        /* Three dots: the end of a clause. */
        clause_end(w);
        return 3;
    }
    /* Most runs are a word, with at most a full stop behind it. */
    if ((kinds & (IS_SIGN | IS_MARK | IS_DIGIT)) == 0 &&
        ((kinds & IS_DOT) == 0 || memchr(run.ptr, '.', run.len - 1) == NULL)) {
        if (!put_simple_word(w, run))
            put_words(w, run);
        return len;
    }
    url = url_find(run);
    if (url >= 0) {
        size_t url_len = url_length(slice_from_offset(s, (size_t)url));

        if (url > 0)
            put_plain(w, slice_prefix(run, (size_t)url));
        put_marked(w, "@url", slice_prefix(slice_from_offset(s, (size_t)url), url_len));
        return (size_t)url + (url_len > 0 ? url_len : 1);
    }
    sign = slice_find_byte(run, '@');
    if (sign >= 0)
        put_address(w, run, (size_t)sign);
    else
        put_plain(w, run);
    return len;
}

/* Whether what ends at `at` (exclusive) ends a sentence. */
static bool ends_clause(struct slice text, size_t start, size_t at)
{
    char last = text.ptr[at - 1];
    bool is_end = at >= text.len || !is_run_byte(text.ptr[at]);

    if (!is_end)
        return false;
    if (is_sentence_end(last))
        return true;
    return at - start == 1 && last == '-'; /* " - " */
}

/* A line break of the reply ends a clause, unless the next line plainly runs on. */
static bool line_runs_on(struct slice text, size_t bar)
{
    size_t next = bar + 1, before = bar;

    while (next < text.len && text.ptr[next] == ' ')
        next++;
    while (before > 0 && text.ptr[before - 1] == ' ')
        before--;
    return before > 0 && next < text.len && text.ptr[next] >= 'a' && text.ptr[next] <= 'z' &&
           (ascii_is_alnum(text.ptr[before - 1]) || text.ptr[before - 1] == ',');
}

void wording_from_text(struct slice text, struct wording *ret_wording)
{
    struct writer w = {.to = ret_wording, .words_left = 1};
    size_t at = 0;

    ret_wording->enhanced = (struct smtp_enhanced){0};
    ret_wording->len = 0;
    put(&w, ' ');
    while (at < text.len && has_room(&w)) {
        struct slice rest = {text.ptr + at, text.len - at};
        size_t len = 0;

        switch (rest.ptr[0]) {
        case '<':
            len = put_bracketed(&w, rest);
            break;
        case '"':
            len = put_quoted(&w, rest);
            break;
        case ';':
            clause_end(&w);
            break;
        case '|':
            if (!line_runs_on(text, at))
                clause_end(&w);
            break;
        default:
            if (is_run_byte(rest.ptr[0])) {
                len = put_run(&w, rest);
                if (ends_clause(text, at, at + len > text.len ? text.len : at + len))
                    clause_end(&w);
            }
        }
        at += len > 0 ? len : 1;
    }
    clause_end(&w);
}
