#include "store/store.h"

bool store_filter_is_empty(const struct store_filter *filter)
{
    return filter->reasons == 0 && filter->flags == 0 && filter->score_min == 0 &&
           filter->score_max == 0 && filter->provider.len == 0 && filter->domain.len == 0 &&
           filter->text.len == 0;
}

uint64_t store_filter_status(enum verdict_status status)
{
    uint64_t reasons = 0;

    _Static_assert(VERDICT_REASON_COUNT <= 64, "reasons are bits");
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        if (verdict_reason_status((enum verdict_reason)i) == status)
            reasons |= UINT64_C(1) << i;
    return reasons;
}

static bool is_at_or_below(struct slice domain, struct slice parent)
{
    if (!slice_ends_with_nocase(domain, parent))
        return false;
    return domain.len == parent.len || domain.ptr[domain.len - parent.len - 1] == '.';
}

static bool result_passes(const struct store_filter *filter, const struct store_result *result)
{
    if (filter->reasons != 0 && (filter->reasons & (UINT64_C(1) << result->reason)) == 0)
        return false;
    if ((result->flags & filter->flags) != filter->flags)
        return false;
    if ((filter->score_min != 0 || filter->score_max != 0) &&
        (result->score < filter->score_min || result->score > filter->score_max))
        return false;
    if (filter->provider.len > 0 && !slice_equal(result->provider, filter->provider))
        return false;
    return filter->domain.len == 0 || is_at_or_below(result->domain, filter->domain);
}

bool store_filter_passes(const struct store_filter *filter, const struct store_line *line)
{
    const struct store_result *result = &line->result;
    struct store_filter by_result = *filter;

    by_result.text = SLICE_EMPTY;
    if (line->has_result ? !result_passes(filter, result) : !store_filter_is_empty(&by_result))
        return false;
    return filter->text.len == 0 || slice_find_nocase(line->row.address, filter->text) >= 0 ||
           (line->has_result && (slice_find_nocase(result->domain, filter->text) >= 0 ||
                                 slice_find_nocase(result->explanation, filter->text) >= 0));
}
