#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

int(error_set)(struct error *error, int code, const char *format, ...)
{
    CHECK(code < 0);
    if (error != NULL) {
        va_list args;

        error->code = code;
        va_start(args, format);
        vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
    }
    return code;
}

const char *error_name(int code)
{
    switch (code) {
    case ERROR_NONE:
        return "no error";
    case ERROR_NOMEM:
        return "out of memory";
    case ERROR_USAGE:
        return "usage";
    case ERROR_FORMAT:
        return "bad format";
    case ERROR_LIMIT:
        return "limit exceeded";
    case ERROR_IO:
        return "input/output";
    case ERROR_RANGE:
        return "out of range";
    case ERROR_NOT_FOUND:
        return "not found";
    case ERROR_BUSY:
        return "busy";
    case ERROR_STOPPED:
        return "stopped";
    default:
        return "internal";
    }
}
