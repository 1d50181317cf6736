/*
 * core/exact.h - doubles of exact integer expressions, each rounded once (to nearest, ties to even), and the integers for it.
 * Crosses are ratios, volatilities are roots of ratios; with these two the results do not depend on the order of operations, the compiler or the machine.
 */
#ifndef FXI_EXACT_H
#define FXI_EXACT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 fxi_u128;
typedef __int128 fxi_i128;

/** n/d, correctly rounded. n and d in 1 .. 2^127-1. A few ns while both fit 53 bits. */
double fxi_ratio(fxi_u128 n, fxi_u128 d);

/** A divisor made ready: dividing by it costs two multiplications. */
typedef struct fxi_divisor {
    uint64_t normal;  /* divisor << shift, top bit set */
    uint64_t inverse; /* (2^128-1) / normal - 2^64 */
    int shift;
} fxi_divisor;
void fxi_divisor_set(fxi_divisor *out, uint64_t divisor); /* divisor > 0 */

/** sqrt(n/divisor) / 2^halvings, correctly rounded; n > 0. */
double fxi_root(fxi_u128 n, const fxi_divisor *divisor, int halvings);

#define FXI_WIDE_LIMBS 6
/** Unsigned integer of 384 bits, least limb first; arithmetic wraps. Room for a million squares of the widest difference of two decimals. */
typedef struct fxi_wide {
    uint64_t limb[FXI_WIDE_LIMBS];
} fxi_wide;
fxi_wide fxi_wide_from(fxi_u128 value);
void fxi_wide_add(fxi_wide *sum, const fxi_wide *term);
void fxi_wide_subtract(fxi_wide *from, const fxi_wide *term);
fxi_wide fxi_wide_multiply(const fxi_wide *a, const fxi_wide *b);
bool fxi_wide_is_zero(const fxi_wide *value);

#define FXI_WIDE_DIVISORS 3
/** sqrt(n / (divisor[0] * divisor[1] * ...)) / 2^halvings, correctly rounded; n > 0, divisors > 0, at most FXI_WIDE_DIVISORS of together 127 bits. */
double fxi_root_wide(const fxi_wide *n, const uint64_t *divisor, size_t divisors, int halvings);
#endif
