/*
 * The operator's own lists that a service keeps in its store, beside those in files: notes of one
 * kind, one note a list, as text.
 *
 * The service changes them (/v1/operator-lists); services, workers and rejudging read them here, or
 * somebody who opted out would be asked all the same. So do `check` and `clean` where they are told
 * of a store or a history file. An opt-out that one process notes is seen by the others when they
 * look again: prober_reload_lists, if kept_lists_stamp says that there is something new.
 */
#ifndef MK_CONFIG_KEPT_LISTS_H
#define MK_CONFIG_KEPT_LISTS_H

#include <stdint.h>

#include "lists/operator.h"
#include "store/store.h"

#define KEPT_LISTS_NOTE "operator-list" /* the notes' kind; their ids are the lists' names */

/* What is kept, without the mark that some editors write in front. Borrows from it. */
struct slice kept_lists_text(struct slice kept);
/* The text of one list, on the arena; "" when none is kept. The store's errors. */
int kept_lists_read(struct store *store, enum lists_operator_kind kind, struct arena *arena,
                    struct slice *ret_text, struct error *error);
/* Add the entries of every kept list to `lists`. The store's and lists_operator_load's errors. */
int kept_lists_add(struct store *store, struct lists_operator *lists, struct error *error);
/* The same, of the store behind a URL, where there is one. The errors of store_open, too. */
int kept_lists_add_from(const char *url, struct lists_operator *lists, struct error *error);
/* A number that is another one when a kept list is. The store's errors. */
int kept_lists_stamp(struct store *store, uint64_t *ret_stamp, struct error *error);

#endif
