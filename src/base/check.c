#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "mailknock: internal error: %s:%d: expected %s\n", file, line, expression);
    abort();
}
