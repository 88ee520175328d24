#include "smtp/transcript.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* How it began is kept up to here, when lines must be dropped. */
#define HEAD_MAX 4096
/* How much is dropped at once, so that it need not be done for every line. */
#define DROP_AT_ONCE 2048
/* Room for the longest note of drop_lines. */
#define NOTE_MAX 64

static const struct slice cut_mark = {" [cut]", 6};

void smtp_transcript_init(struct smtp_transcript *transcript)
{
    *transcript = (struct smtp_transcript){0};
    buffer_init(&transcript->text, 0);
}

void smtp_transcript_done(struct smtp_transcript *transcript)
{
    buffer_done(&transcript->text);
    smtp_transcript_init(transcript);
}

void smtp_transcript_start(struct smtp_transcript *transcript, uint64_t now_ms)
{
    transcript->start_ms = now_ms;
}

struct slice smtp_transcript_text(const struct smtp_transcript *transcript)
{
    return buffer_slice(&transcript->text);
}

/* The offset behind the line that starts at `from`. */
static size_t line_end(const struct buffer *text, size_t from)
{
    ptrdiff_t at = slice_find_byte((struct slice){text->ptr + from, text->len - from}, '\n');

    return at < 0 ? text->len : from + (size_t)at + 1;
}

static void remove_bytes(struct buffer *text, size_t from, size_t to)
{
    memmove(text->ptr + from, text->ptr + to, text->len - to);
    text->len -= to - from;
}

static void insert_bytes(struct buffer *text, size_t at, struct slice bytes)
{
    if (buffer_reserve(text, bytes.len) == NULL)
        return;
    memmove(text->ptr + at + bytes.len, text->ptr + at, text->len - at);
    memcpy(text->ptr + at, bytes.ptr, bytes.len);
    text->len += bytes.len;
}

/* Drop the oldest lines behind the head until there is room for one more line. */
static void drop_lines(struct smtp_transcript *t)
{
    size_t room = SMTP_TRANSCRIPT_MAX - SMTP_TRANSCRIPT_LINE_MAX - NOTE_MAX - DROP_AT_ONCE, to;
    char note[NOTE_MAX];
    int len;

    if (t->dropped > 0)
        remove_bytes(&t->text, t->head_end, t->head_end + t->note_len);
    for (to = 0; t->dropped == 0 && to <= HEAD_MAX; to = line_end(&t->text, to))
        t->head_end = to;
    for (to = t->head_end; to < t->text.len && t->text.len - (to - t->head_end) > room;
         t->dropped++)
        to = line_end(&t->text, to);
    remove_bytes(&t->text, t->head_end, to);
    len = snprintf(note, sizeof(note), "         * %u lines left out here\n", t->dropped);
    t->note_len = t->text.len;
    insert_bytes(&t->text, t->head_end, (struct slice){note, (size_t)len});
    t->note_len = t->text.len - t->note_len;
}

/* How much more the unfinished line may hold, and still be marked as cut. */
static size_t line_room(const struct smtp_transcript *t)
{
    size_t used = t->text.len - t->line_start, most = SMTP_TRANSCRIPT_LINE_MAX - cut_mark.len - 1;

    return t->is_cut || used > most ? 0 : most - used;
}

static void cut_line(struct smtp_transcript *t)
{
    if (!t->is_cut)
        buffer_append_slice(&t->text, cut_mark);
    t->is_cut = true;
}

/* One character, or its escape: whole or not at all. */
static void put_raw(struct smtp_transcript *t, struct slice bytes)
{
    if (bytes.len <= line_room(t))
        buffer_append_slice(&t->text, bytes);
    else
        cut_line(t);
}

static void put_escaped(struct smtp_transcript *t, char c)
{
    char escaped[8];

    snprintf(escaped, sizeof(escaped), "\\x%02X", (unsigned char)c);
    put_raw(t, slice_from_string(escaped));
}

/* How many bytes a character that begins so has; 0: none begins so. */
static size_t character_len(char first)
{
    unsigned char c = (unsigned char)first;

    return c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

static void escape_held(struct smtp_transcript *t)
{
    for (size_t i = 0; i < t->held_len; i++)
        put_escaped(t, t->held[i]);
    t->held_len = 0;
}

static void put_byte(struct smtp_transcript *t, char c)
{
    unsigned char byte = (unsigned char)c;
    uint32_t code_point;

    if (byte < 0x80 || character_len(c) > 0)
        escape_held(t); /* no character goes on with this byte */
    if (byte < 0x80 || (t->held_len == 0 && character_len(c) == 0)) {
        put_escaped(t, c);
    } else {
        t->held[t->held_len++] = c;
        if (t->held_len < character_len(t->held[0]))
            return;
        /* The control characters U+0080 to U+009F would act on a terminal. */
        if (utf8_decode(t->held, t->held_len, &code_point) == t->held_len && code_point > 0x9f)
            put_raw(t, (struct slice){t->held, t->held_len});
        else
            escape_held(t);
        t->held_len = 0;
    }
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '\\';
}

/* Take the bytes of one line; most are plain ASCII and go in one piece. */
static void put_bytes(struct smtp_transcript *t, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t run = 0, room;

        while (run < bytes.len && is_plain(bytes.ptr[run]))
            run++;
        if (run == 0) {
            put_byte(t, bytes.ptr[run++]);
        } else {
            escape_held(t); /* no character goes on with these */
            room = line_room(t);
            buffer_append_slice(&t->text, slice_prefix(bytes, run < room ? run : room));
            if (run > room)
                cut_line(t);
        }
        bytes = slice_from_offset(bytes, run);
    }
}

static void end_line(struct smtp_transcript *t)
{
    escape_held(t);
    buffer_append_byte(&t->text, '\n');
    t->is_open = false;
}

static void begin_line(struct smtp_transcript *t, const char *who, uint64_t now_ms)
{
    uint64_t since_ms = now_ms > t->start_ms ? now_ms - t->start_ms : 0;

    if (t->is_open || (t->text.len > 0 && t->text.ptr[t->text.len - 1] != '\n'))
        end_line(t);
    if (t->text.len + SMTP_TRANSCRIPT_LINE_MAX > SMTP_TRANSCRIPT_MAX - NOTE_MAX)
        drop_lines(t);
    if (t->text.failed) {
        t->text.failed = false;
        buffer_append_string(&t->text, "         * words are missing here: no memory\n");
    }
    t->line_start = t->text.len;
    t->is_cut = false;
    buffer_printf(&t->text, "%8" PRIu64 " %s ", since_ms, who);
}

void smtp_transcript_received(struct smtp_transcript *transcript, struct slice bytes,
                              uint64_t now_ms)
{
    while (bytes.len > 0) {
        ptrdiff_t end = slice_find_byte(bytes, '\n');
        struct slice part = slice_prefix(bytes, end < 0 ? bytes.len : (size_t)end);

        bytes = slice_from_offset(bytes, part.len + (end >= 0));
        if (!transcript->is_open) {
            begin_line(transcript, "S:", now_ms);
            transcript->is_open = true;
        }
        if (part.len > 0 && part.ptr[part.len - 1] == '\r')
            part.len--;
        put_bytes(transcript, part);
        if (end >= 0)
            end_line(transcript);
    }
}

void smtp_transcript_sent(struct smtp_transcript *transcript, struct slice bytes, uint64_t now_ms)
{
    struct slice line;

    while (bytes.len > 0 && slice_split(&bytes, '\n', &line)) {
        begin_line(transcript, "C:", now_ms);
        line = slice_trim(line);
        put_bytes(transcript, line);
        end_line(transcript);
    }
}

void smtp_transcript_note(struct smtp_transcript *transcript, struct slice words, uint64_t now_ms)
{
    begin_line(transcript, "*", now_ms);
    put_bytes(transcript, words);
    end_line(transcript);
}
