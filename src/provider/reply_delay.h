/*
 * How long a server asks us to wait, where it says so: "try again in 300 seconds", "greylisted for
 * 5 minutes", "retry in 00:04:59", "wait 2 hours".
 */
#ifndef MK_PROVIDER_REPLY_DELAY_H
#define MK_PROVIDER_REPLY_DELAY_H

#include <stdint.h>

#include "base/slice.h"

/* Seconds, or 0 when no time is named. The longest of several. Any bytes. */
uint32_t reply_delay_named(struct slice text);

#endif
