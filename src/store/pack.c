#include "store/pack.h"

#include <limits.h>
#include <lz4.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "store/dictionary.h"

#define TEXT_MAX     (64U << 20)
#define HEAD_SIZE    5 /* kind, length (little endian) */
#define WINDOW_BITS  12
#define ACCELERATION 1 /* none */

enum kind {
    KIND_PLAIN = 0,
    KIND_DEFLATED_1 = 1, /* raw deflate (RFC 1951) with dictionary 1: read, not written any more */
    KIND_LZ4_2 = 2,      /* a block of LZ4 with dictionary 2 */
};

struct store_pack {
    /* Each text is packed with a copy of `ready`, a tenth of the work of reading the dictionary. */
    LZ4_stream_t ready, working;
    z_stream inflate;
    struct buffer out;
};

static void *take(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return memory_zalloc(count, size);
}

static void give_back(void *opaque, void *block)
{
    (void)opaque;
    memory_free(block);
}

struct store_pack *store_pack_new(void)
{
    struct store_pack *pack = memory_zalloc(1, sizeof(*pack));
    struct slice second = store_dictionary_2();

    if (pack == NULL)
        return NULL;
    buffer_init(&pack->out, 0);
    pack->inflate.zalloc = take;
    pack->inflate.zfree = give_back;
    (void)LZ4_initStream(&pack->ready, sizeof(pack->ready));
    (void)LZ4_loadDict(&pack->ready, second.ptr, (int)second.len);
    if (inflateInit2(&pack->inflate, -WINDOW_BITS) != Z_OK) {
        memory_free(pack);
        return NULL;
    }
    return pack;
}

void store_pack_free(struct store_pack *pack)
{
    if (pack == NULL)
        return;
    inflateEnd(&pack->inflate);
    buffer_done(&pack->out);
    memory_free(pack);
}

static void write_head(char *out, enum kind kind, size_t len)
{
    out[0] = (char)kind;
    for (unsigned i = 0; i < 4; i++)
        out[1 + i] = (char)(len >> (8 * i));
}

struct slice store_pack(struct store_pack *pack, struct slice text)
{
    enum kind kind = KIND_LZ4_2;
    size_t len;
    char *out;

    if (text.len == 0)
        return SLICE_EMPTY;
    buffer_clear(&pack->out);
    out = buffer_reserve(&pack->out, HEAD_SIZE + text.len);
    if (out == NULL || text.len > TEXT_MAX)
        return slice_from(NULL, 0);
    pack->working = pack->ready;
    /* 0: it would not be shorter. */
    len = (size_t)LZ4_compress_fast_continue(&pack->working, text.ptr, out + HEAD_SIZE,
                                             (int)text.len, (int)text.len, ACCELERATION);
    if (len == 0) {
        kind = KIND_PLAIN;
        memcpy(out + HEAD_SIZE, text.ptr, text.len);
        len = text.len;
    }
    write_head(out, kind, text.len);
    return slice_from(out, HEAD_SIZE + len);
}

static int unpack_block(struct slice body, char *out, size_t len)
{
    struct slice second = store_dictionary_2();
    int got;

    if (body.len > INT_MAX)
        return ERROR_FORMAT;
    got = LZ4_decompress_safe_usingDict(body.ptr, out, (int)body.len, (int)len, second.ptr,
                                        (int)second.len);
    return got >= 0 && (size_t)got == len ? 0 : ERROR_FORMAT;
}

static int inflate_text(struct store_pack *pack, struct slice body, char *out, size_t len)
{
    struct slice first = store_dictionary_1();
    z_stream *stream = &pack->inflate;

    if (inflateReset(stream) != Z_OK ||
        inflateSetDictionary(stream, (const Bytef *)first.ptr, (uInt)first.len) != Z_OK)
        return ERROR_NOMEM;
    stream->next_in = (Bytef *)(uintptr_t)body.ptr;
    stream->avail_in = (uInt)body.len;
    stream->next_out = (Bytef *)out;
    stream->avail_out = (uInt)len;
    return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_out == 0 ? 0 : ERROR_FORMAT;
}

int store_unpack(struct store_pack *pack, struct slice packed, struct arena *arena,
                 struct slice *ret_text)
{
    struct slice body = slice_from_offset(packed, HEAD_SIZE);
    size_t len = 0;
    char *out;
    int code = 0;

    if (packed.len == 0) {
        *ret_text = SLICE_EMPTY;
        return 0;
    }
    if (packed.len < HEAD_SIZE)
        return ERROR_FORMAT;
    for (unsigned i = 0; i < 4; i++)
        len |= (size_t)(unsigned char)packed.ptr[1 + i] << (8 * i);
    if (len > TEXT_MAX || (packed.ptr[0] == KIND_PLAIN && len != body.len))
        return ERROR_FORMAT;
    out = arena_alloc(arena, len + 1);
    if (out == NULL)
        return ERROR_NOMEM;
    switch (packed.ptr[0]) {
    case KIND_PLAIN:
        memcpy(out, body.ptr, len);
        break;
    case KIND_DEFLATED_1:
        code = inflate_text(pack, body, out, len);
        break;
    case KIND_LZ4_2:
        code = unpack_block(body, out, len);
        break;
    default:
        code = ERROR_FORMAT;
    }
    if (code == 0)
        *ret_text = slice_from(out, len);
    return code;
}
