#include "provider/classify_memo.h"

#include <string.h>

static bool is_same(const struct classify_memo_entry *entry, const struct classify_input *input)
{
    const struct smtp_reply *reply = &input->reply;

    return entry->classified.rule != NULL && entry->provider == input->provider &&
           entry->stage == input->stage && entry->code == reply->code &&
           entry->enhanced.status_class == reply->enhanced.status_class &&
           entry->enhanced.subject == reply->enhanced.subject &&
           entry->enhanced.detail == reply->enhanced.detail &&
           slice_equal(slice_from(entry->text, entry->text_len), reply->text);
}

/* Replies that are often heard in turns, of one host or of several, stand in different places. */
static struct classify_memo_entry *place_of(struct classify_memo *memo,
                                            const struct classify_input *input)
{
    size_t at = input->reply.code + input->reply.text.len + (unsigned)input->stage;

    return &memo->entries[at % CLASSIFY_MEMO_ENTRIES];
}

void classify_memo_reply(struct classify_memo *memo, const struct classify_input *input,
                         struct classification *ret)
{
    struct slice text = input->reply.text;
    struct classify_memo_entry *entry = place_of(memo, input);

    if (text.len > CLASSIFY_MEMO_TEXT) {
        classify_reply(input, ret);
        return;
    }
    if (!is_same(entry, input)) {
        classify_reply(input, &entry->classified);
        entry->provider = input->provider;
        entry->stage = input->stage;
        entry->code = input->reply.code;
        entry->enhanced = input->reply.enhanced;
        entry->text_len = (uint8_t)text.len;
        if (text.len > 0)
            memcpy(entry->text, text.ptr, text.len);
    }
    *ret = entry->classified;
}
