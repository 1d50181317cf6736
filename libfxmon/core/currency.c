/*
 * core/currency.c - the dated table of ISO 4217.
 *
 * The table tells users whether a code is one they may have meant (a warning, never a refusal: markets trade codes that the standard
 * does not have) and how many decimals an amount has. It is dated because copies of it go stale without a sign. Withdrawn codes stay in it: history
 * files are full of them.
 */
#include <fxmon/core.h>

#include <string.h>

static const fxmon_currency currencies[] = {
#define CURRENCY(code, number, minor_units, name, from, until) {code, number, minor_units, name, from, until},
#include "core/currency_table.inc"
#undef CURRENCY
};
#define CURRENCY_COUNT (sizeof(currencies) / sizeof(currencies[0]))

const fxmon_currency *fxmon_currency_find(const char *code, size_t length)
{
    char wanted[3];
    if (code == NULL || length != sizeof(wanted))
        return NULL;
    for (size_t i = 0; i < sizeof(wanted); i++)
        wanted[i] = (char)(code[i] >= 'a' && code[i] <= 'z' ? code[i] - 'a' + 'A' : code[i]);
    size_t low = 0, high = CURRENCY_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(wanted, currencies[middle].code, sizeof(wanted));
        if (order == 0)
            return &currencies[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const fxmon_currency *fxmon_currency_at(size_t index)
{
    return index < CURRENCY_COUNT ? &currencies[index] : NULL;
}

const char *fxmon_currency_table_date(void)
{
    return "2026-01-01";
}
