/*
 * Cells in which several addresses stand: "a@x.example; b@x.example". A row has one, and which of
 * them is meant can't be told; that both together are none would be true of the text, and false of
 * everybody in it. Whatever divides them: looked for is what addresses themselves are made of. One
 * that is said twice is one, which its suggestion says (address/suggest.h).
 */
#ifndef MK_BULK_SEVERAL_H
#define MK_BULK_SEVERAL_H

#include <stdbool.h>

#include "base/slice.h"

/* Quick where there is no second @. */
bool bulk_has_several(struct slice text);

/*
 * Does one address stand in it beside other text, parted as cells or columns are: "Ann,a@x.example"
 * (a whole row in quotes), "Ann      a@x.example"? That is no address, but not the person's fault.
 * Quick where nothing parts it.
 */
bool bulk_has_beside(struct slice text);

#endif
