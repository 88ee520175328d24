/*
 * An address as it is taken in: what a case needs of it, however it was come by.
 *
 * Lists have the same domains again and again. Of one whose name stands there as it is kept, after
 * a local part of the most common kind, all is known but where the "@" is, and nothing needs to be
 * written anew for the wire. Only src/probe includes this.
 */
#ifndef MK_PROBE_TAKEN_H
#define MK_PROBE_TAKEN_H

#include "probe/domain.h"
#include "probe/state.h"

struct probe_taken {
    struct slice wire;          /* the form for the wire; "" for a bad address */
    struct slice local, domain; /* of it */
    struct address_memo memo;   /* of the input */
    bool needs_smtputf8;
    struct ip literal; /* of an address literal that names one; otherwise family 0 */
    bool is_literal;
    bool is_plain;                /* the wire form is the input itself */
    struct probe_domain *known;   /* of the domain, when others have got it; not held */
    struct address parsed;        /* unless it is plain */
    char room[ADDRESS_WIRE_SIZE]; /* for the wire form */
};

/* All borrows from the input and *ret_taken. */
void probe_take_in(const struct probe_engine *engine, struct slice input,
                   struct probe_taken *ret_taken);
/* The address in full, for those few who ask for it. */
const struct address *probe_taken_address(struct probe_taken *taken);

#endif
