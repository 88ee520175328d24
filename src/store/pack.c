#include "store/pack.h"

#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "store/dictionary.h"
#include "store/lz.h"

#define TEXT_MAX     (64U << 20)
#define HEAD_SIZE    5 /* kind, length (little endian) */
#define WINDOW_BITS  12
#define MEMORY_LEVEL 5
#define LEVEL        1

enum kind {
    KIND_PLAIN = 0,
    KIND_DEFLATED_1 = 1, /* with dictionary 1: what is long, and what was kept before there was */
    KIND_LZ_2 = 2,       /* with dictionary 2 */
};

#define COPY_SIZE 65536 /* zlib takes 38 KiB of it */

struct store_pack {
    struct lz *lz;
    z_stream deflate; /* has read the dictionary, and nothing else */
    z_stream inflate;
    /*
     * Each text is packed with a copy of `deflate`, which costs a third of reading the dictionary
     * again. It lies here, where nothing has to be found and set to zero.
     */
    char *copy;
    size_t copy_used; /* COPY_SIZE: no copy is being made */
    struct buffer out;
};

static void *take(void *opaque, unsigned count, unsigned size)
{
    struct store_pack *pack = opaque;
    size_t wanted = ((size_t)count * size + 15) & ~(size_t)15;
    char *block = pack->copy + pack->copy_used;

    if (wanted > COPY_SIZE - pack->copy_used)
        return memory_zalloc(count, size);
    pack->copy_used += wanted;
    return block;
}

static void give_back(void *opaque, void *block)
{
    struct store_pack *pack = opaque;
    uintptr_t at = (uintptr_t)block, from = (uintptr_t)pack->copy;

    if (at < from || at >= from + COPY_SIZE)
        memory_free(block);
}

struct store_pack *store_pack_new(void)
{
    struct store_pack *pack = memory_zalloc(1, sizeof(*pack));
    struct slice first = store_dictionary_1();

    if (pack == NULL)
        return NULL;
    pack->deflate.zalloc = pack->inflate.zalloc = take;
    pack->deflate.zfree = pack->inflate.zfree = give_back;
    pack->deflate.opaque = pack->inflate.opaque = pack;
    pack->copy_used = COPY_SIZE;
    buffer_init(&pack->out, 0);
    pack->copy = memory_zalloc(COPY_SIZE, 1);
    pack->lz = lz_new(store_dictionary_2());
    if (pack->copy == NULL || pack->lz == NULL ||
        deflateInit2(&pack->deflate, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK ||
        deflateSetDictionary(&pack->deflate, (const Bytef *)first.ptr, (uInt)first.len) != Z_OK ||
        inflateInit2(&pack->inflate, -WINDOW_BITS) != Z_OK) {
        store_pack_free(pack);
        return NULL;
    }
    return pack;
}

void store_pack_free(struct store_pack *pack)
{
    if (pack == NULL)
        return;
    deflateEnd(&pack->deflate);
    inflateEnd(&pack->inflate);
    buffer_done(&pack->out);
    lz_free(pack->lz);
    memory_free(pack->copy);
    memory_free(pack);
}

static void write_head(char *out, enum kind kind, size_t len)
{
    out[0] = (char)kind;
    for (unsigned i = 0; i < 4; i++)
        out[1 + i] = (char)(len >> (8 * i));
}

/* Bytes written behind the head, or 0 when it is not worth it. */
static size_t deflate_text(struct store_pack *pack, struct slice text, char *out, size_t room)
{
    z_stream stream;
    size_t len = 0;

    pack->copy_used = 0;
    if (deflateCopy(&stream, &pack->deflate) == Z_OK) {
        stream.next_in = (Bytef *)(uintptr_t)text.ptr;
        stream.avail_in = (uInt)text.len;
        stream.next_out = (Bytef *)out;
        stream.avail_out = (uInt)room;
        if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
            len = room - stream.avail_out;
        deflateEnd(&stream);
    }
    pack->copy_used = COPY_SIZE;
    return len;
}

struct slice store_pack(struct store_pack *pack, struct slice text)
{
    enum kind kind = KIND_LZ_2;
    size_t len;
    char *out;

    if (text.len == 0)
        return SLICE_EMPTY;
    buffer_clear(&pack->out);
    out = buffer_reserve(&pack->out, HEAD_SIZE + text.len);
    if (out == NULL || text.len > TEXT_MAX)
        return slice_from(NULL, 0);
    len = lz_pack(pack->lz, text, out + HEAD_SIZE, text.len);
    if (len == 0) {
        kind = KIND_DEFLATED_1;
        len = deflate_text(pack, text, out + HEAD_SIZE, text.len);
    }
    if (len == 0) {
        kind = KIND_PLAIN;
        memcpy(out + HEAD_SIZE, text.ptr, text.len);
        len = text.len;
    }
    write_head(out, kind, text.len);
    return slice_from(out, HEAD_SIZE + len);
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
    case KIND_LZ_2:
        code = lz_unpack(pack->lz, body, out, len) ? 0 : ERROR_FORMAT;
        break;
    default:
        code = ERROR_FORMAT;
    }
    if (code == 0)
        *ret_text = slice_from(out, len);
    return code;
}
