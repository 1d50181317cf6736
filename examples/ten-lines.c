/* ten-lines.c - current rates, with the provider's digits. Needs pkg-config: fxmon */
#include <fxmon/fxmon.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    fxmon_error e;
    fxmon_book *rates = fxmon_fetch(argc > 1 ? argv[1] : "open-er-api,frankfurter,ecb", NULL, &e);
    for (size_t i = 0; rates && i < fxmon_book_count(rates); i++) {
        char digits[FXMON_DECIMAL_TEXT];
        fxmon_decimal_format(fxmon_book_at(rates, i)->mid, digits);
        printf("%s %s\n", fxmon_book_at(rates, i)->pair.text, digits);
    }
    if (!rates)
        fprintf(stderr, "%s\n", e.text);
    fxmon_book_free(rates);
    return rates ? 0 : fxmon_exit_status(e.code);
}
