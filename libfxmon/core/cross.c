/*
 * core/cross.c - cross rates.
 *
 * fxmon_cross_all promises the bits of IEEE division and so simply divides: rounding once is the whole point, and vector units divide four
 * numbers at a time. Multiplying by reciprocals would be faster on long rows, but is off by a unit in the last place in a quarter of all
 * cases; correcting it with fused multiply-adds needs hardware that not everybody has, and gains little on the eight currencies of an ordinary message.
 */
#include "core/cross.h"

#include "base/decimal.h"
#include "core/exact.h"

#include <math.h>

double fxi_cross_legs(const fxi_leg *leg, size_t legs)
{
    fxi_u128 n = 1, d = 1;
    int scale = 0; /* the value is n/d / 10^scale */
    for (size_t i = 0; i < legs; i++) {
        if (leg[i].rate.mantissa <= 0 || leg[i].rate.scale < 0 || leg[i].rate.scale > 18)
            return NAN;
        if (leg[i].inverted) {
            d *= (fxi_u128)leg[i].rate.mantissa;
            scale -= leg[i].rate.scale;
        } else {
            n *= (fxi_u128)leg[i].rate.mantissa;
            scale += leg[i].rate.scale;
        }
    }
    /* At most 10^36 on one side: two legs scaled the same way, and then the other side's mantissa product is at most 2^126. */
    fxi_u128 *side = scale > 0 ? &d : &n;
    for (int left = scale > 0 ? scale : -scale; left > 0; left -= 18)
        *side *= (fxi_u128)fxi_pow10[left < 18 ? left : 18];
    return fxi_ratio(n, d);
}

double fxmon_cross_mid(fxmon_decimal hub_i, fxmon_decimal hub_j)
{
    const fxi_leg leg[2] = {{hub_j, false}, {hub_i, true}};
    return fxi_cross_legs(leg, 2);
}

void fxmon_cross_all(const double *rate, size_t n, double *out)
{
    for (size_t i = 0; i + 1 < n; i++) {
        double divisor = rate[i];
        size_t row = n - 1 - i;
        const double *over = rate + i + 1;
        for (size_t j = 0; j < row; j++)
            out[j] = over[j] / divisor;
        out += row;
    }
}
