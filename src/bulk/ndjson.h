/*
 * One JSON object of a line (RFC 8259), looked at without making a tree of it. Pure.
 *
 * Objects are handed back as they came, so all that is needed is where a member begins and ends and
 * what a string means. Depth is bounded; a line that is no well-formed object is told from one that
 * lacks the field.
 */
#ifndef MK_BULK_NDJSON_H
#define MK_BULK_NDJSON_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

#define NDJSON_DEPTH_MAX 64

struct ndjson_member {
    struct slice key;   /* between its quotes, escapes as they are */
    struct slice value; /* as it stands: "...", 1, {...} */
    const char *begin;  /* of the key's opening quote */
};

/*
 * The members of an object: start with *at NULL. 1 and a member; 0 after the last, with *at on the
 * closing brace; -1 when it is no well-formed object followed by nothing but blanks.
 */
int ndjson_next_member(struct slice object, const char **at, struct ndjson_member *ret_member);

bool ndjson_is_object(struct slice line);

/*
 * The value at `path`: a key, or keys joined by dots. A key with dots in it is tried first; of
 * equal keys the last counts, as JSON.parse has it. False: not there, or no object.
 */
bool ndjson_find(struct slice object, struct slice path, struct slice *ret_value);

/*
 * What a value says as text: a string without quotes and escapes (made in `scratch` where it has
 * any), other scalars as they stand, null, objects and arrays as "". False: no memory.
 */
bool ndjson_text(struct slice value, struct buffer *scratch, struct slice *ret_text);

#endif
