/* Reply texts: defaults, and expansion to what goes on the wire. */
#include "lab/text.h"

#include "base/check.h"

static const struct {
    const char *name, *text;
} texts[LAB_TEXT_COUNT] = {
#define X(symbol, name, text) {name, text},
    LAB_TEXTS(X)
#undef X
};

bool lab_text_by_name(struct slice name, enum lab_text *ret_text)
{
    for (size_t i = 0; i < LAB_TEXT_COUNT; i++)
        if (slice_equal(name, slice_from_string(texts[i].name))) {
            *ret_text = (enum lab_text)i;
            return true;
        }
    return false;
}

const char *lab_text_name(enum lab_text text)
{
    CHECK(text < LAB_TEXT_COUNT);
    return texts[text].name;
}

const char *lab_text_default(enum lab_text text)
{
    CHECK(text < LAB_TEXT_COUNT);
    return texts[text].text;
}

/* "550", "550 text" or "550-text" */
static bool has_code(struct slice line)
{
    return line.len >= 3 && ascii_is_digit(line.ptr[0]) && ascii_is_digit(line.ptr[1]) &&
           ascii_is_digit(line.ptr[2]) &&
           (line.len == 3 || line.ptr[3] == ' ' || line.ptr[3] == '-');
}

const char *lab_text_check(struct slice text)
{
    if (!has_code(slice_trim(text)))
        return "a reply must begin with its three-digit code";
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%')
            continue;
        if (i + 1 == text.len || slice_find_byte(SLICE("rldshic%"), text.ptr[i + 1]) < 0)
            return "unknown placeholder (known: %r %l %d %s %h %i %c %%)";
        i++;
    }
    return NULL;
}

static struct slice placeholder(char letter, const struct lab_text_facts *facts)
{
    ptrdiff_t at = slice_rfind_byte(facts->recipient, '@');

    switch (letter) {
    case 'r':
        return facts->recipient;
    case 'l':
        return at < 0 ? facts->recipient : slice_prefix(facts->recipient, (size_t)at);
    case 'd':
        return at < 0 ? SLICE_EMPTY : slice_from_offset(facts->recipient, (size_t)at + 1);
    case 's':
        return facts->sender;
    case 'h':
        return facts->host;
    case 'i':
        return facts->client;
    case 'c':
        return facts->helo;
    default:
        return SLICE("%");
    }
}

static void line_expand(struct slice line, const struct lab_text_facts *facts, struct buffer *out)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '%' && i + 1 < line.len)
            (void)buffer_append_slice(out, placeholder(line.ptr[++i], facts));
        else
            (void)buffer_append_byte(out, line.ptr[i]);
    }
}

void lab_text_expand(struct slice text, const struct lab_text_facts *facts, struct buffer *out)
{
    struct slice rest = slice_trim(text), line;
    struct slice code = slice_prefix(rest, 3);

    while (slice_split(&rest, '|', &line)) {
        bool last = rest.ptr == NULL;

        line = slice_trim(line);
        if (has_code(line)) {
            code = slice_prefix(line, 3);
            line = slice_from_offset(line, 4);
        }
        (void)buffer_append_slice(out, code);
        (void)buffer_append_byte(out, last ? ' ' : '-');
        line_expand(line, facts, out);
        (void)buffer_append(out, "\r\n", 2);
    }
}
