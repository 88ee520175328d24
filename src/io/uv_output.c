/*
 * What a stream has to say. The kernel is asked first; what it does not take waits in the outbox,
 * which exists only that long. An error of writing is kept, not told: the peer may have said
 * something before it went away, and the reading side finds that and then the end.
 */
#include "base/check.h"
#include "base/memory.h"
#include "io/uv_internal.h"

#define OUTPUT_MAX ((size_t)64 << 20)

void io_uv_output_free(struct io_uv_stream *stream)
{
    if (stream->outbox == NULL)
        return;
    buffer_done(&stream->outbox->sending);
    buffer_done(&stream->outbox->waiting);
    memory_free(stream->outbox);
    stream->outbox = NULL;
}

static void output_on_written(uv_write_t *request, int status)
{
    struct io_uv_stream *stream = request->data;

    io_uv_world_of(stream->base.loop)->wakes++;
    if (uv_is_closing((uv_handle_t *)&stream->tcp))
        return; /* the outbox goes with the stream */
    stream->outbox->writing = false;
    if (status < 0) {
        stream->error = status;
        io_uv_output_free(stream);
        io_uv_stream_output_drained(stream);
        return;
    }
    io_uv_output_flush(stream);
}

int io_uv_output_flush(struct io_uv_stream *stream)
{
    struct io_uv_outbox *outbox = stream->outbox;
    struct buffer empty;
    uv_buf_t buf;
    int rc;

    if (outbox == NULL || outbox->writing || stream->state == IO_UV_CONNECTING)
        return 0;
    if (outbox->waiting.len == 0) {
        io_uv_output_free(stream);
        io_uv_stream_output_drained(stream);
        return 0;
    }
    empty = outbox->sending;
    buffer_clear(&empty);
    outbox->sending = outbox->waiting;
    outbox->waiting = empty;
    buf = uv_buf_init(outbox->sending.ptr, (unsigned)outbox->sending.len);
    outbox->request.data = stream;
    rc = uv_write(&outbox->request, (uv_stream_t *)&stream->tcp, &buf, 1, output_on_written);
    if (rc != 0) {
        stream->error = rc;
        io_uv_output_free(stream);
        return rc == UV_ENOMEM ? ERROR_NOMEM : 0;
    }
    outbox->writing = true;
    return 0;
}

static int output_wait(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    struct io_uv_outbox *outbox = stream->outbox;

    if (outbox == NULL) {
        outbox = memory_zalloc(1, sizeof(*outbox));
        if (outbox == NULL)
            return ERROR_NOMEM;
        buffer_init(&outbox->sending, OUTPUT_MAX);
        buffer_init(&outbox->waiting, OUTPUT_MAX);
        stream->outbox = outbox;
    }
    if (len > OUTPUT_MAX - outbox->waiting.len)
        return ERROR_LIMIT;
    if (!buffer_append(&outbox->waiting, bytes, len)) {
        outbox->waiting.failed = false;
        return ERROR_NOMEM;
    }
    return io_uv_output_flush(stream);
}

int io_uv_output_send(struct io_uv_stream *stream, const char *bytes, size_t len)
{
    size_t sent = 0;
    int rc;

    if (stream->error != 0 || len == 0)
        return 0;
    if (stream->state != IO_UV_CONNECTING && stream->outbox == NULL) {
        uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)(len < INT32_MAX ? len : INT32_MAX));
        int n = uv_try_write((uv_stream_t *)&stream->tcp, &buf, 1);

        if (n < 0 && n != UV_EAGAIN) {
            stream->error = n;
            return 0;
        }
        sent = n > 0 ? (size_t)n : 0;
        if (sent == len)
            return 0;
    }
    rc = output_wait(stream, bytes + sent, len - sent);
    if (rc != 0 && sent > 0)
        stream->error = UV_ENOMEM; /* half of it is gone: nothing sensible can follow */
    return rc;
}
