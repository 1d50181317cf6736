/* Any bytes as a decimal: what is taken prints back to the same value, and a scan in the middle of a text agrees with a parse of the whole. */
#include "base/decimal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxmon_decimal value, back, scanned;
    int code;
    const char *text = (const char *)data, *after = fxi_decimal_scan(text, text + size, &scanned, &code);
    if ((after == NULL) != (code != FXMON_OK) || (after != NULL && (after <= text || after > text + size))) {
        abort();
    }
    if (fxmon_decimal_parse(text, size, &value) == FXMON_OK) {
        char printed[FXMON_DECIMAL_TEXT], number[FXMON_DOUBLE_TEXT];
        size_t length = fxmon_decimal_format(value, printed);
        if (after != text + size || fxmon_decimal_compare(value, scanned) != 0 || fxmon_decimal_parse(printed, length, &back) != FXMON_OK ||
            back.mantissa != value.mantissa || back.scale != value.scale) {
            abort();
        }
        fxmon_double_format(fxmon_decimal_to_double(value), number);
    } else if (after == text + size) {
        abort();
    }
    return 0;
}
