/*
 * What a stream has to say. The kernel is asked first; what it does not take waits in the outbox,
 * which exists only that long. An error of writing is kept, not told: the peer may have said
 * something before it went away, and the reading side finds that and then the end. Only of our own
 * want of memory it finds nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "io/uv_internal.h"

#define OUTPUT_MAX ((size_t)64 << 20)

void io_uv_output_free(struct io_uv_stream *stream)
{
    if (stream->outbox == NULL)
        return;
    buffer_done(&stream->outbox->bytes);
    memory_free(stream->outbox);
    stream->outbox = NULL;
}

/* As much as the kernel takes now; less than all also when the stream has an error then. */
static size_t output_push(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    size_t sent = 0;

    while (sent < len) {
        ssize_t n = send(stream->fd, bytes + sent, len - sent, MSG_NOSIGNAL);

        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno != EINTR) {
            if (errno != EAGAIN)
                io_uv_stream_broke(stream, -errno);
            break;
        }
    }
    return sent;
}

void io_uv_output_flush(struct io_uv_stream *stream)
{
    struct io_uv_outbox *outbox = stream->outbox;

    if (outbox == NULL)
        return;
    outbox->sent +=
        output_push(stream, outbox->bytes.ptr + outbox->sent, outbox->bytes.len - outbox->sent);
    if (outbox->sent < outbox->bytes.len && stream->error == 0)
        return;
    io_uv_output_free(stream);
    io_uv_stream_output_drained(stream);
}

static int output_wait(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    struct io_uv_outbox *outbox = stream->outbox;

    if (outbox == NULL) {
        outbox = memory_zalloc(1, sizeof(*outbox));
        if (outbox == NULL)
            return ERROR_NOMEM;
        buffer_init(&outbox->bytes, 0);
        stream->outbox = outbox;
        io_uv_stream_output_waits(stream);
    }
    if (outbox->sent > outbox->bytes.len / 2) {
        buffer_consume(&outbox->bytes, outbox->sent);
        outbox->sent = 0;
    }
    if (len > OUTPUT_MAX - (outbox->bytes.len - outbox->sent))
        return ERROR_LIMIT;
    if (!buffer_append(&outbox->bytes, bytes, len)) {
        outbox->bytes.failed = false;
        return ERROR_NOMEM;
    }
    return 0;
}

static int send_now(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    size_t sent = 0;
    int rc;

    if (stream->error != 0)
        return 0;
    if (stream->state != IO_UV_CONNECTING && stream->outbox == NULL)
        sent = output_push(stream, bytes, len);
    if (sent == len || stream->error != 0)
        return 0;
    rc = output_wait(stream, bytes + sent, len - sent);
    if (rc != 0 && sent > 0)
        io_uv_stream_broke(stream, UV_ENOMEM); /* half of it is gone */
    return rc;
}

/* --- gathering ----------------------------------------------------------------------------- */

void io_uv_output_gather(struct io_uv_world *world)
{
    world->gathered.is_open = true;
}

void io_uv_output_let_out(struct io_uv_world *world)
{
    struct io_uv_gathered *gathered = &world->gathered;

    for (unsigned i = 0; i < gathered->count; i++) {
        const struct io_uv_said *said = &gathered->said[i];
        struct io_uv_stream *stream = said->stream;

        stream->has_gathered = false;
        /* Its owner was told that it would go out. */
        if (send_now(stream, gathered->bytes + said->start, said->len) != 0)
            io_uv_stream_broke(stream, UV_ENOMEM);
    }
    gathered->count = 0;
    gathered->used = 0;
}

void io_uv_output_end_gathering(struct io_uv_world *world)
{
    io_uv_output_let_out(world);
    world->gathered.is_open = false;
}

/* False: it is to be sent now, and nothing of its stream is gathered. */
static bool gather(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    struct io_uv_world *world = io_uv_world_of(stream->base.loop);
    struct io_uv_gathered *gathered = &world->gathered;

    if (!gathered->is_open || stream->state != IO_UV_OPEN || stream->outbox != NULL)
        return false;
    if (gathered->count == IO_UV_GATHERED_MAX || len > IO_UV_GATHERED_SIZE - gathered->used)
        io_uv_output_let_out(world);
    if (len > IO_UV_GATHERED_SIZE || stream->outbox != NULL)
        return false;
    gathered->said[gathered->count++] = (struct io_uv_said){stream, gathered->used, (uint32_t)len};
    memcpy(gathered->bytes + gathered->used, bytes, len);
    gathered->used += (uint32_t)len;
    stream->has_gathered = true;
    return true;
}

int io_uv_output_send(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    if (stream->error != 0 || len == 0 || gather(stream, bytes, len))
        return 0;
    return send_now(stream, bytes, len);
}
