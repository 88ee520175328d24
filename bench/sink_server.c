/*
 * bench/sink.h as a program, for clients that are other programs: on every address, until killed.
 *
 *   sink-server PORT
 */
#include <stdio.h>
#include <stdlib.h>

#include "sink.h"

int main(int argc, char **argv)
{
    unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (port == 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: sink-server PORT\n");
        return 2;
    }
    sink_serve((uint16_t)port);
}
