/*
 * The ledger: which connections were opened within the last minute, and where we were refused, for
 * the process that comes after this one.
 *
 * Limits of new connections a minute (probe/limits.h) must hold for the server, who does not know
 * that we were killed and started again. So each is noted in a small file before it is opened; what
 * was written survives the end of the process however it ends, as the system keeps it, and nothing
 * needs to be forced onto the disk. When a site is met, the connections of the minute before are
 * counted with.
 *
 * Times are the loop's clock, which all processes since the last start of the machine share and
 * nobody can set. What was written before that start is as old as the start at least: until a
 * minute after it every site is taken to be used up. The file has a fixed size, a ring; where more
 * is opened in a minute than it holds, it says up to when, and until a minute after that every site
 * is taken to be used up, too. So is a file that cannot be read, one with times that are still to
 * come, and one where the machine does not say by what to tell its starts apart: then each start of
 * ours holds every site for a minute. Errors of the file are on the side of asking less.
 *
 * A site that refused us rests for minutes or hours (probe/breaker.h), which is noted beside the
 * ring, with how long the rest is, and stays there for as long again: who comes then tries once,
 * and when that is refused the next rest is twice as long, as if we had been there all the time. Of
 * more sites than there is room for, those are noted that are forgotten last. Of another start of
 * the machine nothing is known of rests.
 *
 * One process at a time writes it: whoever owns the job file or the folder beside it.
 */
#ifndef MK_PROBE_LEDGER_H
#define MK_PROBE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "probe/breaker.h"
#include "probe/limits.h"

#define PROBE_LEDGER_SLOTS 16384     /* 256 KiB: some 270 connections a second */
#define PROBE_LEDGER_RESTS 1024      /* sites; 16 KiB */
#define PROBE_LEDGER_END   "-opened" /* a ledger's name is its owner's, and this */

struct probe_ledger;

/*
 * Make the file if it is not there, and read it. slots: how many connections it holds when it is
 * made; 0: PROBE_LEDGER_SLOTS. boot: by which the starts of the machine are told apart; NULL: the
 * system says; "": it is not known. The file's mode is that of any file of ours (0666, less the
 * umask), as whoever may go on with a list must be able to write it. now_ms: of the loop. ERROR_IO,
 * ERROR_NOMEM.
 */
int probe_ledger_open(const char *path, size_t slots, const char *boot, uint64_t now_ms,
                      struct probe_ledger **ret_ledger, struct error *error);
void probe_ledger_close(struct probe_ledger *ledger); /* NULL accepted */

/* A connection to a site is about to be opened. ERROR_IO: it must not be, nobody would know. */
int probe_ledger_note(struct probe_ledger *ledger, const char *site, uint64_t now_ms);
/* It was not, after all: nobody was called, and what was noted last is as it was before. */
void probe_ledger_take_back(struct probe_ledger *ledger);
/* What others opened there before now counts against these limits. */
void probe_ledger_recall(struct probe_ledger *ledger, const char *site, uint64_t now_ms,
                         struct probe_limits *limits);

/*
 * A site's breaker is as it is now: open, or closed again. What cannot be written now is written
 * before the next connection is noted, or that is not.
 */
void probe_ledger_rest(struct probe_ledger *ledger, const char *site,
                       const struct probe_breaker *breaker, uint64_t now_ms);
/* What was noted of a site's breaker, if it still counts, of one that was never open. */
void probe_ledger_recall_rest(const struct probe_ledger *ledger, const char *site, uint64_t now_ms,
                              struct probe_breaker *breaker);

#endif
