/* base/decimal.h - what the hot paths need beyond the public decimal calls. */
#ifndef FXI_DECIMAL_H
#define FXI_DECIMAL_H
#include <fxmon/core.h>
/** Scan a JSON number at p (p < end). Returns the first byte after it, or NULL (*code: FXMON_E_SYNTAX or _RANGE). At most 10 ns. */
const char *fxi_decimal_scan(const char *p, const char *end, fxmon_decimal *out, int *code);
extern const int64_t fxi_pow10[19]; /* 10^0 .. 10^18 */
/** Nearest decimal of at most 17 digits to a double (its shortest text), for computed prices: sim, crosses. FXMON_E_RANGE if it has no such decimal. */
int fxi_decimal_from_double(double value, fxmon_decimal *out);
/** The shortest text of value rounded half-even to `digits` (1 to 17) significant digits, without zeros at the end (computed prices). */
int fxi_decimal_round(double value, int digits, fxmon_decimal *out);
#endif
