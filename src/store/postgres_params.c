/* Values in the binary forms of PostgreSQL's protocol: big-endian, lengths before bytes. */
#include <string.h>

#include "base/check.h"
#include "store/postgres_internal.h"

#define OID_BYTEA 17
#define OID_INT8  20

void postgres_params_init(struct postgres_params *params)
{
    *params = (struct postgres_params){.count = 0};
    buffer_init(&params->bytes, 0);
}

void postgres_params_done(struct postgres_params *params)
{
    buffer_done(&params->bytes);
}

void postgres_put_u16(struct buffer *buffer, uint16_t value)
{
    const char bytes[] = {(char)(value >> 8), (char)value};

    buffer_append(buffer, bytes, sizeof(bytes));
}

void postgres_put_u32(struct buffer *buffer, uint32_t value)
{
    const char bytes[] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8),
                          (char)value};

    buffer_append(buffer, bytes, sizeof(bytes));
}

void postgres_put_u64(struct buffer *buffer, uint64_t value)
{
    postgres_put_u32(buffer, (uint32_t)(value >> 32));
    postgres_put_u32(buffer, (uint32_t)value);
}

static void begin(struct postgres_params *params)
{
    CHECK(params->count < POSTGRES_PARAMS_MAX);
    params->offsets[params->count] = params->bytes.len;
    params->lengths[params->count] = 0;
    params->count++;
}

/* The parameter under way is as long as it has become. */
static void measure(struct postgres_params *params)
{
    int last = params->count - 1;

    params->lengths[last] = (int)(params->bytes.len - params->offsets[last]);
}

void postgres_bind_int(struct postgres_params *params, int64_t value)
{
    begin(params);
    postgres_put_u64(&params->bytes, (uint64_t)value);
    measure(params);
}

void postgres_bind_bytes(struct postgres_params *params, struct slice bytes)
{
    begin(params);
    buffer_append_slice(&params->bytes, bytes);
    measure(params);
}

void postgres_bind_text(struct postgres_params *params, struct slice text)
{
    postgres_bind_bytes(params, text);
    if (text.len == 0)
        params->lengths[params->count - 1] = -1;
}

static void begin_array(struct postgres_params *params, uint32_t oid, size_t count)
{
    begin(params);
    postgres_put_u32(&params->bytes, count > 0); /* dimensions */
    postgres_put_u32(&params->bytes, 1);         /* there may be NULLs */
    postgres_put_u32(&params->bytes, oid);
    if (count > 0) {
        postgres_put_u32(&params->bytes, (uint32_t)count);
        postgres_put_u32(&params->bytes, 1); /* the first one's number */
    }
    measure(params);
}

void postgres_bind_ints_begin(struct postgres_params *params, size_t count)
{
    begin_array(params, OID_INT8, count);
}

void postgres_bind_texts_begin(struct postgres_params *params, size_t count)
{
    begin_array(params, OID_BYTEA, count);
}

void postgres_add_int(struct postgres_params *params, int64_t value)
{
    postgres_put_u32(&params->bytes, sizeof(value));
    postgres_put_u64(&params->bytes, (uint64_t)value);
    measure(params);
}

void postgres_add_text(struct postgres_params *params, struct slice text)
{
    postgres_put_u32(&params->bytes, text.len > 0 ? (uint32_t)text.len : UINT32_MAX);
    buffer_append_slice(&params->bytes, text);
    measure(params);
}

void postgres_bind_numbers(struct postgres_params *params, const uint64_t *numbers, size_t count)
{
    postgres_bind_ints_begin(params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_int(params, (int64_t)numbers[i]);
}

int64_t postgres_int(const PGresult *answer, int row, int column)
{
    const unsigned char *bytes = (const unsigned char *)PQgetvalue(answer, row, column);
    uint64_t value = 0;

    if (PQgetisnull(answer, row, column) || PQgetlength(answer, row, column) != 8)
        return 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

struct slice postgres_bytes(const PGresult *answer, int row, int column)
{
    if (PQgetisnull(answer, row, column))
        return SLICE_EMPTY;
    return slice_from(PQgetvalue(answer, row, column), (size_t)PQgetlength(answer, row, column));
}
