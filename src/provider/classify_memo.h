/*
 * What replies meant that were heard lately. A server has few ways to say yes and says the same
 * words to a thousand recipients; what they mean depends on nothing but the words, their stage and
 * the provider, so whoever reads many replies need not have each classified.
 *
 * It cannot be seen in any result: a reply is found again only when all of it is the same.
 */
#ifndef MK_PROVIDER_CLASSIFY_MEMO_H
#define MK_PROVIDER_CLASSIFY_MEMO_H

#include "provider/classify.h"

#define CLASSIFY_MEMO_ENTRIES 16 /* one server's replies, and those of some others */
#define CLASSIFY_MEMO_TEXT    96 /* longer replies mostly name the recipient: never the same again */

struct classify_memo_entry {
    struct classification classified; /* rule NULL: nothing here */
    const char *provider;             /* the very pointer */
    enum smtp_stage stage;
    uint16_t code;
    struct smtp_enhanced enhanced;
    uint8_t text_len;
    char text[CLASSIFY_MEMO_TEXT];
};

/* All zero: nothing was heard. */
struct classify_memo {
    struct classify_memo_entry entries[CLASSIFY_MEMO_ENTRIES];
};

/* As classify_reply. input->provider must stay what it is while the memo lives: a profile's name.
 */
void classify_memo_reply(struct classify_memo *memo, const struct classify_input *input,
                         struct classification *ret);

#endif
