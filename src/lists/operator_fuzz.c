/* Any bytes as an operator's list: loads or names a line, and what it loaded answers. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "lists/operator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lists_operator *lists = lists_operator_new();
    struct slice text = slice_from((const char *)data, size), line;
    struct error error;
    int code;

    CHECK(lists != NULL);
    code = lists_operator_load(lists, LISTS_OPERATOR_BLOCK, text, &error);
    CHECK(code == 0 || code == ERROR_FORMAT);
    CHECK(code == 0 || strncmp(error.message, "line ", 5) == 0);
    while (slice_split(&text, '\n', &line)) {
        ptrdiff_t at = slice_rfind_byte(line, '@');

        lists_operator_match_mx(lists, line);
        lists_operator_match(lists, slice_prefix(line, at > 0 ? (size_t)at : 0),
                             slice_from_offset(line, (size_t)(at + 1)));
    }
    lists_operator_free(lists);
    return 0;
}
