/*
 * The files of the page (web/), compiled in: `mailknock serve` needs nothing beside its binary.
 */
#ifndef MK_SERVICE_ASSET_H
#define MK_SERVICE_ASSET_H

#include <stddef.h>

struct service_asset {
    const char *path; /* "/", "/assets/app.js" */
    const char *content_type;
    const char *tag; /* entity tag, with its quotes */
    const unsigned char *bytes;
    size_t len;
};

extern const struct service_asset service_assets[];
extern const size_t service_asset_count;

#endif
