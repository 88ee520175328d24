/* Any bytes as one JSON object, and a path in it: what is found lies within and is a value again.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "bulk/ndjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice whole, struct slice part)
{
    CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice object = slice_from((const char *)data, size), path, value, text;
    struct ndjson_member member;
    struct buffer scratch;
    const char *at = NULL;
    bool is_object;
    int more;

    if (!slice_split(&object, '\n', &path) || object.ptr == NULL)
        return 0;
    buffer_init(&scratch, 0);
    is_object = ndjson_is_object(object);
    while ((more = ndjson_next_member(object, &at, &member)) > 0) {
        check_within(object, member.key);
        check_within(object, member.value);
        CHECK(member.value.len > 0);
        CHECK(ndjson_text(member.value, &scratch, &text));
    }
    CHECK((more == 0) == is_object);
    CHECK(more != 0 || *at == '}');
    if (ndjson_find(object, path, &value)) {
        CHECK(is_object);
        check_within(object, value);
        CHECK(ndjson_text(value, &scratch, &text));
    }
    buffer_done(&scratch);
    return 0;
}
