/* One address explained. */
#include "cli/view.h"

void view_explain(struct buffer *out, const struct evidence *evidence,
                  const struct verdict *verdict, const struct view_style *style)
{
    const struct view_line line = {
        .address = evidence->input,
        .status = verdict->status,
        .reason = verdict->reason,
        .score = verdict->score,
        .explanation = slice_from_string(verdict->explanation),
        .suggestion = evidence->suggestion,
    };

    view_line(out, &line, style);
}
