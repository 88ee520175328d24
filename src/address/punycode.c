/* The encoder of RFC 3492, section 6.3, with the parameters of section 5: see punycode.h. */
#include "address/punycode.h"

#include <stdbool.h>

#include "base/check.h"

enum {
    BASE = 36,
    T_MIN = 1,
    T_MAX = 26,
    SKEW = 38,
    DAMP = 700,
    INITIAL_BIAS = 72,
    INITIAL_N = 0x80,
};

struct output {
    char *bytes;
    size_t len;
    bool is_full;
};

static void put(struct output *output, char c)
{
    if (output->len == PUNYCODE_MAX)
        output->is_full = true;
    else
        output->bytes[output->len++] = c;
}

/* Section 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t handled, bool is_first)
{
    uint32_t k = 0;

    delta = is_first ? delta / DAMP : delta / 2;
    delta += delta / handled;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

/* delta as a generalised variable-length integer, section 3.3. */
static void put_delta(struct output *output, uint32_t delta, uint32_t bias)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;

        if (delta < t)
            break;
        put(output, digits[t + (delta - t) % (BASE - t)]);
        delta = (delta - t) / (BASE - t);
    }
    put(output, digits[delta]);
}

static uint32_t next_code_point(const uint32_t *code_points, size_t count, uint32_t from)
{
    uint32_t next = UINT32_MAX;

    for (size_t i = 0; i < count; i++) {
        if (code_points[i] >= from && code_points[i] < next)
            next = code_points[i];
    }
    return next;
}

size_t punycode_encode(const uint32_t *code_points, size_t count, char out[PUNYCODE_MAX])
{
    struct output output = {.bytes = out};
    uint32_t n = INITIAL_N, delta = 0, bias = INITIAL_BIAS, handled, basic;

    /* With so few code points delta stays far below 2^32: 0x10ffff times 60. */
    CHECK(count <= PUNYCODE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (code_points[i] < INITIAL_N)
            put(&output, (char)code_points[i]);
    }
    handled = basic = (uint32_t)output.len;
    if (basic > 0)
        put(&output, '-');
    while (handled < count) {
        uint32_t next = next_code_point(code_points, count, n);

        delta += (next - n) * (handled + 1);
        n = next;
        for (size_t i = 0; i < count; i++) {
            if (code_points[i] < n)
                delta++;
            if (code_points[i] != n)
                continue;
            put_delta(&output, delta, bias);
            bias = adapt(delta, handled + 1, handled == basic);
            delta = 0;
            handled++;
        }
        delta++;
        n++;
    }
    return output.is_full ? 0 : output.len;
}
