/* Fuzzes the EHLO keyword parser: any text is fine, and padding lines change nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "smtp/ehlo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smtp_ehlo ehlo, again;
    char *longer;

    smtp_ehlo_parse((struct slice){(const char *)data, size}, &ehlo);
    CHECK(ehlo.size || ehlo.size_max == 0);
    longer = malloc(size + 9);
    CHECK(longer != NULL);
    if (size > 0)
        memcpy(longer, data, size);
    memcpy(longer + size, " | XNOISE", 9);
    smtp_ehlo_parse((struct slice){longer, size + 9}, &again);
    CHECK(ehlo.starttls == again.starttls && ehlo.pipelining == again.pipelining &&
          ehlo.smtputf8 == again.smtputf8 && ehlo.size == again.size);
    free(longer);
    return 0;
}
