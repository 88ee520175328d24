#include "store/pack.h"

#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/memory.h"

#define TEXT_MAX     (64U << 20)
#define HEAD_SIZE    5 /* kind, length (little endian) */
#define WINDOW_BITS  12
#define MEMORY_LEVEL 5
#define LEVEL        1

enum kind {
    KIND_PLAIN = 0,
    KIND_DEFLATED_1 = 1, /* with dictionary 1 */
};

/* Dictionary 1. What is common stands last (RFC 1951 distances grow backwards). */
static const char dictionary[] =
    "\"transcript\":\"\"random\":false,\"recipient\":\"\"sender\":\"\"evidence\":{\"attempts\":[{"
    "\"at\":\""
    "\"hosts\":[{\"host\":\"\"outcome\":\"found\",\"addresses\":[\"],\"refused\":0,\"refused_"
    "range\":null}"
    "\"dns\":[{\"name\":\"\"type\":\"MX\",\"type\":\"AAAA\",\"ttl_s\":300,\"answer\":\"\"spf\":\"v="
    "spf1 "
    "include:_spf. ~all\"dmarc\":\"v=DMARC1; p=none; p=reject; rua=mailto:\"waited_s\":0}"
    "catch_all\",\"reason\":\"accepts_all\",do_not_mail\",\"reason\":\"disposable\",unknown\","
    "\"reason\":"
    "\"greylisted\",\"temporary_failure\",\"timeout\",\"connect_failed\",\"rate_limited\",\"probe_"
    "blocked\","
    "\"dns_error\",\"domain_not_found\",\"no_mail_server\",\"null_mx\",\"mailbox_disabled\",\"bad_"
    "syntax\","
    "\"action\":\"retry\",\"retry_after\":3600,\"action\":\"review\",\"flags\":[\"role\",\"free\","
    "\"catch_all_domain\",\"subaddress\",\"gibberish\",\"typo_suspected\"],\"suggestion\":\""
    "\"provider\":\"google\",\"microsoft365\",\"microsoft\",\"yahoo\",\"gmail.com\"\"outlook.com\""
    "\"mx\":[{\"host\":\"mx1.aspmx.l.google.com\",\"preference\":10},{\"host\":\"mx2.\","
    "\"preference\":20}],"
    "\".mail.protection.outlook.com\"\"syntax\":{\"valid\":false,\"diagnosis\":\"\"offset\":0,"
    "\"flags\":[]},"
    "\"smtp\":null,\"5.1.1 User unknown\"\"550 5.1.1 The email account that you tried to reach "
    "does not "
    "exist\"\"2.1.5 Recipient OK\"\"class\":\"mailbox_not_found\",\"detail\":\"\"tls\":\"TLSv1.3 "
    "TLS_AES_256_GCM_SHA384; certificate "
    "\"random_recipient\":{\"result\":\"refused\",\"remembered\":true,"
    "\"code\":550,\"enhanced\":\"5.1.1\",\"text\":\"\"class\":\"accepted\"},null,\"source\":"
    "\"cache\","
    "\"explanation\":\"The server of  accepted the address and refused a made-up one.\"The server "
    "says "
    "that there is no such mailbox.\"The domain does not exist.\""
    "{\"schema\":1,\"address\":\"@gmail.com\",\"normalized\":\"@gmail.com\",\"status\":\"invalid\","
    "\"reason\":\"mailbox_not_found\",\"score\":1,\"action\":\"suppress\",\"retry_after\":null,"
    "\"flags\":[],"
    "\"suggestion\":null,\"status\":\"valid\",\"reason\":\"accepted\",\"score\":97,\"action\":"
    "\"send\","
    "\"retry_after\":null,\"flags\":[],\"suggestion\":null,\"domain\":\"\",\"provider\":null,"
    "\"mx\":[{\"host\":\""
    "mx.\",\"preference\":10}],\"syntax\":{\"valid\":true,\"diagnosis\":null,\"offset\":null,"
    "\"flags\":[]},"
    "\"smtp\":{\"host\":\"mx.\",\"ip\":\"\",\"outcome\":\"reply\",\"code\":250,\"enhanced\":\"2.1."
    "5\",\"text\":\""
    "OK\",\"detail\":null,\"stage\":\"rcpt\",\"class\":\"accepted\",\"rule\":\"\",\"tls\":null,"
    "\"random_recipient\":null,\"attempts\":1},\"checked_at\":\"2026-01-01T00:00:00.000Z\","
    "\"duration_ms\":"
    "100,\"source\":\"live\",\"explanation\":\"";

#define COPY_SIZE 65536 /* zlib takes 38 KiB of it */

struct store_pack {
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

    if (pack == NULL)
        return NULL;
    pack->deflate.zalloc = pack->inflate.zalloc = take;
    pack->deflate.zfree = pack->inflate.zfree = give_back;
    pack->deflate.opaque = pack->inflate.opaque = pack;
    pack->copy_used = COPY_SIZE;
    buffer_init(&pack->out, 0);
    pack->copy = memory_zalloc(COPY_SIZE, 1);
    if (pack->copy == NULL ||
        deflateInit2(&pack->deflate, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK ||
        deflateSetDictionary(&pack->deflate, (const Bytef *)dictionary, sizeof(dictionary) - 1) !=
            Z_OK ||
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
    size_t len;
    char *out;

    if (text.len == 0)
        return SLICE_EMPTY;
    buffer_clear(&pack->out);
    out = buffer_reserve(&pack->out, HEAD_SIZE + text.len);
    if (out == NULL || text.len > TEXT_MAX)
        return slice_from(NULL, 0);
    len = deflate_text(pack, text, out + HEAD_SIZE, text.len);
    write_head(out, len > 0 ? KIND_DEFLATED_1 : KIND_PLAIN, text.len);
    if (len == 0) {
        memcpy(out + HEAD_SIZE, text.ptr, text.len);
        len = text.len;
    }
    return slice_from(out, HEAD_SIZE + len);
}

static int inflate_text(struct store_pack *pack, struct slice body, char *out, size_t len)
{
    z_stream *stream = &pack->inflate;

    if (inflateReset(stream) != Z_OK ||
        inflateSetDictionary(stream, (const Bytef *)dictionary, sizeof(dictionary) - 1) != Z_OK)
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
    if (packed.ptr[0] == KIND_PLAIN)
        memcpy(out, body.ptr, len);
    else
        code = packed.ptr[0] == KIND_DEFLATED_1 ? inflate_text(pack, body, out, len) : ERROR_FORMAT;
    if (code == 0)
        *ret_text = slice_from(out, len);
    return code;
}
