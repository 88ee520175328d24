#include "probe/egress.h"

#include "base/check.h"
#include "base/table.h"

const struct probe_egress *probe_egress_choose(const struct probe_egress *egresses, size_t count,
                                               struct slice site_key)
{
    uint64_t site = hash_bytes(site_key.ptr, site_key.len, 0), best = 0;
    const struct probe_egress *chosen = NULL;

    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t weight = hash_bytes(egresses[i].name.ptr, egresses[i].name.len, site);

        if (chosen == NULL || weight > best) {
            chosen = &egresses[i];
            best = weight;
        }
    }
    return chosen;
}
