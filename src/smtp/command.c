#include "smtp/command.h"

#include <string.h>

#include "base/check.h"
#include "base/sixteen.h"
#include "base/utf8.h"

/* Offset behind the quoted string that starts at 0 (RFC 5321 4.1.2), or 0 when it does not end. */
static size_t skip_quoted(struct slice s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

/* All of it is visible ASCII or blanks, as nearly always, and longer than a short name. */
static bool is_long_and_visible(struct slice s)
{
    sixteen visible;

    if (s.len < 16)
        return false;
    visible = sixteen_between(sixteen_read(s.ptr + s.len - 16, 16), ' ', '~');
    for (size_t at = 0; at + 16 < s.len; at += 16)
        visible &= sixteen_between(sixteen_read(s.ptr + at, 16), ' ', '~');
    return sixteen_gather(visible) == 0xffff;
}

static bool has_control(struct slice s)
{
    if (is_long_and_visible(s))
        return false;
    for (size_t i = utf8_visible_len(s); i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return true;
    return false;
}

/* Most are plain ASCII, which one look tells. */
static bool is_clean(struct slice s)
{
    return utf8_visible_len(s) == s.len || (!has_control(s) && utf8_find_invalid(s) < 0);
}

static size_t skip_atom(struct slice s)
{
    static const bool ends_atom[256] = {
        ['\0'] = true, [' '] = true, ['"'] = true, ['\\'] = true,
        ['<'] = true,  ['>'] = true, ['@'] = true,
    };
    size_t len = 0;

    while (len < s.len && !ends_atom[(unsigned char)s.ptr[len]])
        len++;
    return len;
}

/* A bit a byte that has a meaning of its own outside a quoted string, or is no visible ASCII. */
static uint64_t find_special(sixteen bytes)
{
    return sixteen_gather((sixteen)(~sixteen_between(bytes, '!', '~') | (bytes == '"') |
                                    (bytes == '\\') | (bytes == '<') | (bytes == '>') |
                                    (bytes == '@')));
}

/*
 * Nearly all are short and plain, with nothing special in them but one "@", which is seen sixteen
 * bytes at a time. The offset of the domain, or 0.
 */
static size_t domain_of_plain(struct slice mailbox)
{
    uint64_t special = 0;
    size_t at;

    if (mailbox.len > 64)
        return 0;
    for (at = 0; at + 16 <= mailbox.len; at += 16)
        special |= find_special(sixteen_read(mailbox.ptr + at, 16)) << at;
    if (at == 0)
        special = find_special(sixteen_read(mailbox.ptr, mailbox.len)) &
                  ((UINT64_C(1) << mailbox.len) - 1);
    else if (at < mailbox.len) /* the last sixteen, of which some were seen */
        special |= find_special(sixteen_read(mailbox.ptr + mailbox.len - 16, 16))
                   << (mailbox.len - 16);
    if (special < 2 || (special & (special - 1)) != 0)
        return 0;
    at = (size_t)__builtin_ctzll(special);
    return mailbox.ptr[at] == '@' && at + 1 < mailbox.len ? at + 1 : 0;
}

bool smtp_mailbox_is_safe(struct slice mailbox, uint16_t *ret_domain_at, bool *ret_is_ascii)
{
    size_t at;

    at = mailbox.len <= SMTP_MAILBOX_MAX ? domain_of_plain(mailbox) : 0;
    if (at > 0) {
        *ret_domain_at = (uint16_t)at;
        *ret_is_ascii = true;
        return true;
    }
    if (mailbox.len == 0 || mailbox.len > SMTP_MAILBOX_MAX || !is_clean(mailbox))
        return false;
    at = mailbox.ptr[0] == '"' ? skip_quoted(mailbox) : skip_atom(mailbox);
    if (at == 0 || at >= mailbox.len || mailbox.ptr[at] != '@')
        return false;
    at++;
    if (at == mailbox.len || skip_atom(slice_from_offset(mailbox, at)) != mailbox.len - at)
        return false;
    *ret_domain_at = (uint16_t)at;
    *ret_is_ascii = utf8_is_ascii(mailbox);
    return true;
}

bool smtp_helo_name_is_safe(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f)
            return false;
    return name.len > 0 && name.len <= 255;
}

bool smtp_sender_is_safe(struct slice sender)
{
    uint16_t domain_at;
    bool is_ascii;

    return sender.len == 0 || smtp_mailbox_is_safe(sender, &domain_at, &is_ascii);
}

/* The one way out: a command is whole or not there, and ends where we say. */
static bool command(struct buffer *out, struct slice verb, struct slice argument,
                    struct slice ending)
{
    size_t len = verb.len + argument.len + ending.len + 2;
    char *to = buffer_room(out, len);

    if (to == NULL)
        return false;
    CHECK(!has_control(argument));
    eight_copy(to, verb.ptr, verb.len);
    to += verb.len;
    eight_copy(to, argument.ptr, argument.len);
    to += argument.len;
    eight_copy(to, ending.ptr, ending.len);
    to += ending.len;
    memcpy(to, "\r\n", 2);
    out->len += len;
    return true;
}

bool smtp_command_ehlo(struct buffer *out, struct slice helo_name)
{
    return command(out, SLICE("EHLO "), helo_name, SLICE_EMPTY);
}

bool smtp_command_helo(struct buffer *out, struct slice helo_name)
{
    return command(out, SLICE("HELO "), helo_name, SLICE_EMPTY);
}

bool smtp_command_starttls(struct buffer *out)
{
    return command(out, SLICE("STARTTLS"), SLICE_EMPTY, SLICE_EMPTY);
}

bool smtp_command_mail(struct buffer *out, struct slice sender, bool smtputf8)
{
    return command(out, SLICE("MAIL FROM:<"), sender, smtputf8 ? SLICE("> SMTPUTF8") : SLICE(">"));
}

bool smtp_command_rcpt(struct buffer *out, struct slice mailbox)
{
    return command(out, SLICE("RCPT TO:<"), mailbox, SLICE(">"));
}

bool smtp_command_rset(struct buffer *out)
{
    return command(out, SLICE("RSET"), SLICE_EMPTY, SLICE_EMPTY);
}

bool smtp_command_quit(struct buffer *out)
{
    return command(out, SLICE("QUIT"), SLICE_EMPTY, SLICE_EMPTY);
}
