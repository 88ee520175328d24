#include "bulk/order.h"

#include "base/memory.h"
#include "base/table.h"

#define COUNTERS     (1U << 20)
#define GOLDEN_RATIO 0x9e3779b9U /* of 2^32 */

struct bulk_order {
    uint64_t seed;
    uint32_t counts[COUNTERS];
};

struct bulk_order *bulk_order_new(uint64_t seed)
{
    struct bulk_order *order = memory_zalloc(1, sizeof(*order));

    if (order != NULL)
        order->seed = seed;
    return order;
}

void bulk_order_free(struct bulk_order *order)
{
    memory_free(order);
}

uint32_t bulk_order_key(struct bulk_order *order, struct slice domain)
{
    uint64_t hash = hash_bytes(domain.ptr, domain.len, order->seed);
    uint32_t batch = order->counts[hash % COUNTERS]++ / BULK_ORDER_BATCH;

    return (uint32_t)(hash >> 32) + batch * GOLDEN_RATIO;
}
