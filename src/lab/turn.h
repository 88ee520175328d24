/*
 * One turn of a conversation: the greeting, or a command and what is answered to it.
 */
#ifndef MK_LAB_TURN_H
#define MK_LAB_TURN_H

#include <stdbool.h>

#include "base/slice.h"

struct lab_visit;

void lab_turn_greet(struct lab_visit *visit);
/* A line without its CRLF. pipelined: it came before the answer to the one before. */
void lab_turn_command(struct lab_visit *visit, struct slice line, bool pipelined);

#endif
