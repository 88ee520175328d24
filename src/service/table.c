/* What is served: one row a method and path. */
#include "base/check.h"
#include "service/internal.h"
#include "service/upload.h"

#define VERIFY SERVICE_SCOPE_VERIFY
#define LISTS  SERVICE_SCOPE_LISTS
#define ADMIN  SERVICE_SCOPE_ADMIN
#define PUBLIC SERVICE_SCOPE_PUBLIC

const struct service_route service_routes[] = {
    {"GET", "/v1/verify", VERIFY, service_verify, NULL, false},
    {"POST", "/v1/verify", VERIFY, service_verify, NULL, false},
    {"POST", "/v1/classify", VERIFY, service_classify, NULL, false},
    {"GET", "/v1/lists", LISTS, service_lists_get, NULL, false},
    {"POST", "/v1/lists", LISTS, service_lists_post, service_upload_begin, false},
    {"GET", "/v1/lists/{id}", LISTS, service_list_get, NULL, false},
    {"GET", "/v1/lists/{id}/preflight", LISTS, service_preflight_get, NULL, false},
    {"PATCH", "/v1/lists/{id}", LISTS, service_list_patch, NULL, false},
    {"DELETE", "/v1/lists/{id}", LISTS, service_list_delete, NULL, false},
    {"POST", "/v1/lists/{id}/start", LISTS, service_list_start, NULL, false},
    {"POST", "/v1/lists/{id}/resume", LISTS, service_list_start, NULL, false},
    {"POST", "/v1/lists/{id}/pause", LISTS, service_list_pause, NULL, false},
    {"POST", "/v1/lists/{id}/cancel", LISTS, service_list_cancel, NULL, false},
    {"POST", "/v1/lists/{id}/recheck", LISTS, service_list_recheck, NULL, false},
    {"GET", "/v1/lists/{id}/results", LISTS, service_results_get, NULL, false},
    {"GET", "/v1/lists/{id}/results/{row}", LISTS, service_result_get, NULL, false},
    {"GET", "/v1/lists/{id}/export", LISTS, service_export_get, NULL, false},
    {"GET", "/v1/lists/{id}/stats", LISTS, service_stats_get, NULL, false},
    {"GET", "/v1/lists/{id}/report", LISTS, service_report_get, NULL, false},
    {"GET", "/v1/lists/{id}/events", LISTS, service_events_get, NULL, false},
    {"GET", "/v1/overview", LISTS, service_overview_get, NULL, false},
    {"GET", "/v1/settings", ADMIN, service_settings_get, NULL, false},
    {"GET", "/v1/operator-lists/{kind}", ADMIN, service_operator_list_get, NULL, false},
    {"PUT", "/v1/operator-lists/{kind}", ADMIN, service_operator_list_put, NULL, false},
    {"POST", "/v1/erase", ADMIN, service_erase, NULL, false},
    {"GET", "/v1/audit", ADMIN, service_audit_get, NULL, false},
    {"GET", "/v1/session", PUBLIC, service_session_get, NULL, false},
    {"POST", "/v1/session", PUBLIC, service_session_post, NULL, false},
    {"DELETE", "/v1/session", PUBLIC, service_session_delete, NULL, false},
    {"GET", "/v1/keys", ADMIN, service_keys_get, NULL, false},
    {"POST", "/v1/keys", ADMIN, service_keys_post, NULL, false},
    {"DELETE", "/v1/keys/{id}", ADMIN, service_keys_delete, NULL, false},
    {"GET", "/api/v1/validate", VERIFY, service_ev_validate, NULL, true},
    {"POST", "/api/v1/validate-batch", LISTS, service_ev_batch, NULL, true},
    {"GET", "/api/v1/get-result-bulk-verification-task", LISTS, service_ev_result, NULL, true},
    {"GET", "/api/v1/check-account-balance", VERIFY, service_ev_balance, NULL, true},
    {"GET", "/api/v2/check-account-balance", VERIFY, service_ev_balance, NULL, true},
    {"GET", "/api/v1/validate-key", VERIFY, service_ev_key, NULL, true},
    {"POST", "/v0/check_email", VERIFY, service_reacher_check, NULL, false},
    {"POST", "/v0/bulk", LISTS, service_reacher_bulk, NULL, false},
    {"GET", "/v0/bulk/{id}", LISTS, service_reacher_job, NULL, false},
    {"GET", "/v0/bulk/{id}/results", LISTS, service_reacher_results, NULL, false},
    {"POST", "/v1/check_email", VERIFY, service_reacher_check, NULL, false},
    {"POST", "/v1/bulk", LISTS, service_reacher_bulk, NULL, false},
    {"GET", "/v1/bulk/{id}", LISTS, service_reacher_job, NULL, false},
    {"GET", "/v1/bulk/{id}/results", LISTS, service_reacher_results, NULL, false},
    {"GET", "/version", PUBLIC, service_reacher_version, NULL, false},
    {"GET", "/healthz", PUBLIC, service_health, NULL, false},
    {"GET", "/readyz", PUBLIC, service_ready, NULL, false},
    {"GET", "/metrics", PUBLIC, service_metrics_get, NULL, false},
    {"GET", "/openapi.json", PUBLIC, service_page, NULL, false},
    {"GET", "/", PUBLIC, service_page, NULL, false},
    {"GET", "/assets/{name}", PUBLIC, service_page, NULL, false},
};

const size_t service_route_count = ARRAY_LEN(service_routes);
