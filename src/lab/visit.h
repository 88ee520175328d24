/*
 * One connection to a scripted server: reading commands, answering in the form and at the time that
 * its behaviours want. Only files of src/lab include this; behaviours see lab/server.h.
 */
#ifndef MK_LAB_VISIT_H
#define MK_LAB_VISIT_H

#include "lab/server.h"

#define LAB_LINE_MAX 4096 /* bytes of a command */

/* Take the stream over and greet. */
void lab_visit_open(struct lab_server_run *server, struct io_stream *stream);
/* Say what was decided, then do what comes after it (turn->then). */
void lab_visit_answer(struct lab_visit *visit, const struct lab_turn *turn);
/* End it from the server's side; it is freed by lab_visit_leave. No-op when it has ended. */
void lab_visit_close(struct lab_visit *visit);
/* To be called last by whoever was called from the loop: frees a visit that has ended. */
void lab_visit_leave(struct lab_visit *visit);

#endif
