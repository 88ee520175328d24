#include "smtp/held.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define KEPT (16 * 1024) /* octets, until the next batch */

/* In front of its text. */
struct record {
    uint16_t code;
    struct smtp_enhanced enhanced;
    size_t text_len;
};

struct smtp_held *smtp_held_new(void)
{
    struct smtp_held *held = memory_zalloc(1, sizeof(*held));

    if (held != NULL)
        buffer_init(&held->replies, 0);
    return held;
}

static bool keep_reply(struct buffer *replies, const struct smtp_reply *reply)
{
    const struct record record = {reply->code, reply->enhanced, reply->text.len};
    char *to = buffer_room(replies, sizeof(record) + record.text_len);

    if (to == NULL)
        return false;
    memcpy(to, &record, sizeof(record));
    if (record.text_len > 0)
        memcpy(to + sizeof(record), reply->text.ptr, record.text_len);
    replies->len += sizeof(record) + record.text_len;
    return true;
}

bool smtp_held_push(struct smtp_held *held, struct smtp_recipient *recipient,
                    const struct smtp_reply *reply)
{
    if (!keep_reply(&held->replies, reply))
        return false;
    smtp_queue_push(&held->recipients, recipient);
    return true;
}

struct smtp_recipient *smtp_held_pop(struct smtp_held *held, struct smtp_reply *ret_reply)
{
    struct smtp_recipient *recipient = smtp_queue_pop(&held->recipients);
    struct slice rest = slice_from_offset(buffer_slice(&held->replies), held->at);
    struct record record;

    if (recipient == NULL)
        return NULL;
    CHECK(rest.len >= sizeof(record));
    memcpy(&record, rest.ptr, sizeof(record));
    held->at += sizeof(record) + record.text_len;
    *ret_reply = (struct smtp_reply){
        .code = record.code,
        .enhanced = record.enhanced,
        .text = slice_from(rest.ptr + sizeof(record), record.text_len),
    };
    return recipient;
}

void smtp_held_clear(struct smtp_held *held)
{
    CHECK(held->recipients.count == 0);
    if (held->replies.capacity > KEPT)
        buffer_done(&held->replies);
    else
        buffer_clear(&held->replies);
    held->at = 0;
}

void smtp_held_free(struct smtp_held *held)
{
    if (held == NULL)
        return;
    buffer_done(&held->replies);
    memory_free(held);
}
