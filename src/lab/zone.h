/*
 * The scenario's zones as an all-knowing resolver: a question in, a whole DNS message out.
 *
 * Names that the scenario does not know do not exist (NXDOMAIN with an SOA), known names without
 * the type are NODATA, CNAMEs are followed within the scenario, wildcards as RFC 4592. Faults and
 * delays of a name are told to the caller, who has a clock.
 */
#ifndef MK_LAB_ZONE_H
#define MK_LAB_ZONE_H

#include "dns/message.h"
#include "lab/model.h"

struct lab_zone_reply {
    enum lab_fault_kind kind; /* TIMEOUT: say nothing; others are already in the message */
    uint64_t delay_ms;
    size_t len; /* of the message in out */
};

/* Answer into out[size] (at least 512 octets); what does not fit is left out with TC set. */
void lab_zone_answer(const struct lab_scenario *scenario, const struct dns_header *query,
                     const struct dns_question *question, bool by_udp, uint8_t *out, size_t size,
                     struct lab_zone_reply *ret_reply);

#endif
