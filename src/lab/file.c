#include "lab/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lab_file_read(const char *path, struct buffer *out, struct error *error)
{
    FILE *file = fopen(path, "rb");
    int code = 0;
    size_t got;

    if (file == NULL)
        return error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
    do {
        char *room = buffer_reserve(out, 65536);

        if (room == NULL) {
            code = error_set(error, ERROR_NOMEM, "%s: no memory to read it", path);
            break;
        }
        got = fread(room, 1, 65536, file);
        out->len += got;
    } while (got > 0);
    if (code == 0 && ferror(file))
        code = error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
    (void)fclose(file);
    return code;
}

int lab_file_write(const char *path, struct slice text, struct error *error)
{
    char temporary[4096];
    FILE *file;
    bool well;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", path, (long)getpid()) >=
        sizeof(temporary))
        return error_set(error, ERROR_USAGE, "%s: the name is too long", path);
    file = fopen(temporary, "wb");
    if (file == NULL)
        return error_set(error, ERROR_IO, "%s: %s", temporary, strerror(errno));
    well = fwrite(text.ptr, 1, text.len, file) == text.len;
    well = fclose(file) == 0 && well;
    if (well && rename(temporary, path) == 0)
        return 0;
    (void)error_set(error, ERROR_IO, "%s: %s", path, strerror(errno));
    (void)unlink(temporary);
    return ERROR_IO;
}
