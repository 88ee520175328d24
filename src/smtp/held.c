#include "smtp/held.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define KEPT (16 * 1024) /* octets, until the next batch */

/* In front of its text. */
struct record {
    uint16_t code;
    struct smtp_enhanced enhanced;
    unsigned count; /* recipients to whom it was said, one after the other */
    size_t text_len;
};

struct smtp_held *smtp_held_new(void)
{
    struct smtp_held *held = memory_zalloc(1, sizeof(*held));

    if (held != NULL)
        buffer_init(&held->replies, 0);
    return held;
}

static bool keep_reply(struct smtp_held *held, const struct smtp_reply *reply, unsigned count)
{
    const struct record record = {reply->code, reply->enhanced, count, reply->text.len};
    struct buffer *replies = &held->replies;
    char *to = buffer_room(replies, sizeof(record) + record.text_len);

    if (to == NULL)
        return false;
    memcpy(to, &record, sizeof(record));
    if (record.text_len > 0)
        memcpy(to + sizeof(record), reply->text.ptr, record.text_len);
    held->newest = replies->len;
    replies->len += sizeof(record) + record.text_len;
    return true;
}

/* Count those to whom the newest was said as well. False: it is another. */
static bool count_more(struct smtp_held *held, const struct smtp_reply *reply, unsigned count)
{
    struct slice newest = slice_from_offset(buffer_slice(&held->replies), held->newest);
    struct record record;

    if (newest.len < sizeof(record)) /* there is none */
        return false;
    memcpy(&record, newest.ptr, sizeof(record));
    if (record.code != reply->code ||
        record.enhanced.status_class != reply->enhanced.status_class ||
        record.enhanced.subject != reply->enhanced.subject ||
        record.enhanced.detail != reply->enhanced.detail ||
        !slice_equal(slice_from_offset(newest, sizeof(record)), reply->text))
        return false;
    record.count += count;
    memcpy(held->replies.ptr + held->newest, &record, sizeof(record));
    return true;
}

bool smtp_held_push(struct smtp_held *held, unsigned count, const struct smtp_reply *reply)
{
    CHECK(held->at == 0); /* none is told before all are there */
    if (!count_more(held, reply, count) && !keep_reply(held, reply, count))
        return false;
    held->owed += count;
    return true;
}

void smtp_held_collect(struct smtp_held *held, struct smtp_queue *from)
{
    if (held->owed > 0)
        smtp_queue_move(&held->recipients, from, held->owed);
    held->owed = 0;
}

static void begin_telling(struct smtp_held *held)
{
    struct slice rest = slice_from_offset(buffer_slice(&held->replies), held->at);
    struct record record;

    CHECK(rest.len >= sizeof(record));
    memcpy(&record, rest.ptr, sizeof(record));
    held->at += sizeof(record) + record.text_len;
    held->telling_count = record.count;
    held->telling = (struct smtp_reply){
        .code = record.code,
        .enhanced = record.enhanced,
        .text = slice_from(rest.ptr + sizeof(record), record.text_len),
    };
}

struct smtp_recipient *smtp_held_pop(struct smtp_held *held, struct smtp_reply *ret_reply)
{
    struct smtp_recipient *recipient = smtp_queue_pop(&held->recipients);

    if (recipient == NULL)
        return NULL;
    recipient->is_sent = false;
    if (held->telling_count == 0)
        begin_telling(held);
    held->telling_count--;
    *ret_reply = held->telling;
    return recipient;
}

void smtp_held_clear(struct smtp_held *held)
{
    CHECK(held->recipients.count == 0 && held->owed == 0);
    if (held->replies.capacity > KEPT)
        buffer_done(&held->replies);
    else
        buffer_clear(&held->replies);
    held->at = held->newest = 0;
    held->telling_count = 0; /* of those that were settled otherwise */
}

void smtp_held_free(struct smtp_held *held)
{
    if (held == NULL)
        return;
    buffer_done(&held->replies);
    memory_free(held);
}
