#include "bulk/html.h"

#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "verdict/sentence.h"

void html_text(struct buffer *out, struct slice text)
{
    while (text.len > 0) {
        char safe[4];
        size_t len, used = sentence_safe_character(text, safe, &len);

        text = slice_from_offset(text, used);
        if (len != 1 || memchr("<>&\"'", safe[0], 5) == NULL) {
            buffer_append(out, safe, len);
            continue;
        }
        buffer_append_string(out, safe[0] == '<'   ? "&lt;"
                                  : safe[0] == '>' ? "&gt;"
                                  : safe[0] == '&' ? "&amp;"
                                  : safe[0] == '"' ? "&quot;"
                                                   : "&#39;");
    }
}

void html_string(struct buffer *out, const char *text)
{
    html_text(out, slice_from_string(text));
}

void html_count(struct buffer *out, uint64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buffer_append_byte(out, ',');
        buffer_append_byte(out, digits[i]);
    }
}

void html_share(struct buffer *out, uint64_t part, uint64_t whole)
{
    double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

    if (part == 0 || part == whole)
        buffer_append_string(out, part == 0 ? "0 %" : "100 %");
    else if (percent < 0.1)
        buffer_append_string(out, "&lt;0.1 %");
    else
        buffer_printf(out, "%.1f %%", percent > 99.9 ? 99.9 : percent);
}

void html_moment(struct buffer *out, int64_t unix_ms)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[INSTANT_TEXT_SIZE];
    int month;

    instant_format(unix_ms, text); /* 2026-11-24T03:04:05.678Z */
    month = (text[5] - '0') * 10 + text[6] - '0';
    buffer_printf(out, "%d %s %.4s, %.5s UTC", (text[8] - '0') * 10 + text[9] - '0',
                  months[month - 1], text, text + 11);
}
