/* tests/fuzz/fuzz_pair.c - any bytes: what is taken is canonical, and canonical text is taken as it is. */
#include "core/pair.h"

#include <stdlib.h>
#include <string.h>

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxmon_pair pair, again, made;
    char base[8], quote[8];
    char *text = malloc(size + 1); /* a block of its own: reading past the end shows */
    demand(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text = realloc(text, size > 0 ? size : 1);
    demand(text != NULL);
    int code = fxmon_pair_parse(text, size, &pair);
    bool canonical = fxi_pair_canonical(text, size, &again);
    demand(code == FXMON_OK || (code == FXMON_E_PAIR && !canonical));
    if (code == FXMON_OK) {
        size_t length = strnlen(pair.text, sizeof(pair.text));
        demand(length >= 7 && length <= 13);
        for (size_t i = length; i < sizeof(pair.text); i++)
            demand(pair.text[i] == '\0');
        demand(canonical == (size == length && memcmp(text, pair.text, size) == 0));
        demand(fxi_pair_canonical(pair.text, length, &again) && fxmon_pair_compare(&pair, &again) == 0);
        demand(fxmon_pair_base(&pair, base) + fxmon_pair_quote(&pair, quote) + 1 == length);
        demand(fxmon_pair_make(base, quote, &made) == FXMON_OK && fxmon_pair_compare(&pair, &made) == 0);
        (void)fxmon_pair_known(&pair);
    }
    free(text);
    return 0;
}
