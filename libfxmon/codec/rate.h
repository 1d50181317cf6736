/*
 * codec/rate.h - a price as text into a positive decimal within [1e-18, 1e18].
 * Digits are kept as written. Only a number with more digits than a decimal holds (18 significant or 18 decimals; what programs print that
 * computed in doubles) is rounded, half to even, to those that fit.
 */
#ifndef FXI_RATE_H
#define FXI_RATE_H
#include <fxmon/core.h>
/** Scan a JSON number at p. Returns what follows it; NULL with *code: SYNTAX (no number), RANGE (not positive, or out of [1e-18, 1e18]). */
const char *fxi_rate_scan(const char *p, const char *end, fxmon_decimal *out, int *code);
/** The same for a whole text. FXMON_OK, FXMON_E_SYNTAX, FXMON_E_RANGE. */
int fxi_rate_parse(const char *text, size_t length, fxmon_decimal *out);
/** (bid + ask) / 2, exact; FXMON_E_RANGE if no decimal holds it. */
int fxi_rate_middle(fxmon_decimal bid, fxmon_decimal ask, fxmon_decimal *out);
#endif
