/*
 * Characters of UTF-8 local parts that the grammar allows and mail systems rarely do.
 *
 * RFC 6531 3.3 takes every character above U+007F. RFC 6530 10.1 and RFC 8264 (PRECIS) advise
 * against controls, separators and the like, so they are flagged: most are left over from copying.
 */
#include <stdlib.h>
#include <uninorm.h>
#include <unictype.h>

#include "address/parse.h"
#include "base/utf8.h"

enum {
    ZERO_WIDTH_NON_JOINER = 0x200c,
    ZERO_WIDTH_JOINER = 0x200d,
};

static bool is_unsafe(uint32_t c)
{
    /* The joiners are letters' own business in Persian and Indic scripts (RFC 5892 A.1, A.2). */
    if (c == ZERO_WIDTH_JOINER || c == ZERO_WIDTH_NON_JOINER)
        return false;
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) ||
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
                                                   UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Zs |
                                                   UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
}

static bool is_symbol(uint32_t c)
{
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_S | UC_CATEGORY_MASK_P);
}

uint32_t address_local_unicode_flags(struct slice local)
{
    uint32_t flags = 0;

    for (size_t i = 0; i < local.len;) {
        uint32_t c = 0;
        size_t len = utf8_decode(local.ptr + i, local.len - i, &c);

        if (len > 1 && is_unsafe(c))
            flags |= ADDRESS_FLAG_LOCAL_UNSAFE_UNICODE;
        else if (len > 1 && is_symbol(c))
            flags |= ADDRESS_FLAG_LOCAL_SYMBOLS;
        i += len > 0 ? len : 1;
    }
    return flags;
}

bool address_symbol_is_sound(uint32_t c)
{
    uint32_t normal[16];
    size_t len = sizeof(normal) / sizeof(*normal);
    uint32_t *result;
    bool is_stable;

    /* Ideographic description characters and replacement characters: UTS 46 table, disallowed. */
    if ((c >= 0x2ff0 && c <= 0x2fff) || c == 0xfffc || c == 0xfffd)
        return false;
    if (!uc_is_general_category_withtable(c, UC_CATEGORY_MASK_So) &&
        !(c >= 0x1f3fb && c <= 0x1f3ff))
        return false;
    result = u32_normalize(UNINORM_NFKC, &c, 1, normal, &len);
    is_stable = result != NULL && len == 1 && result[0] == c;
    if (result != normal)
        free(result);
    return is_stable;
}
