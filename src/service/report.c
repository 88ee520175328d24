#include "service/report.h"

#include "base/check.h"
#include "service/internal.h"

/* As `clean` names them. */
static void fill_settings(const struct service_list_options *options,
                          struct bulk_report_setting settings[2])
{
    static const char *const depths[] = {"syntax", "dns", "smtp"};
    static const char *const patiences[] = {"quick", "normal", "patient"};

    settings[0] = (struct bulk_report_setting){"depth", depths[options->wish.depth]};
    settings[1] = (struct bulk_report_setting){"patience", patiences[options->wish.patience]};
}

int service_report_of(const struct service *service, const struct store_job *job,
                      struct arena *arena, struct bulk_report *ret_report, struct error *error)
{
    struct bulk_report_setting *settings = arena_array(arena, 2, sizeof(*settings));
    char *title = arena_string(arena, job->name);
    struct service_list_options options;
    struct error unread = {0};
    bool is_known;

    if (settings == NULL || title == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a report");
    service_list_options_init(&options, &service->prober->settings);
    is_known = service_list_options_parse(&options, job->options, arena, &unread) == 0;
    fill_settings(&options, settings);
    *ret_report = (struct bulk_report){
        .title = title,
        .asked_nobody = options.wish.depth != EVIDENCE_DEPTH_SMTP,
        .doubts = job->doubts,
        .started_unix_ms = job->started_unix_ms,
        .finished_unix_ms = job->finished_unix_ms,
        .settings = settings,
        .setting_count = !is_known                                   ? 0
                         : options.wish.depth != EVIDENCE_DEPTH_SMTP ? 1
                                                                     : 2,
        .version = MK_VERSION,
    };
    return 0;
}
