/*
 * base/random.c - xoshiro256** (Blackman and Vigna's generator), seeded through splitmix64.
 *
 * The normal numbers must be the same on every machine, so they may not go through libm's log, whose last bit differs between
 * libraries: only + - * / and sqrt, which IEEE 754 rounds correctly, are used (Marsaglia's polar method and a series for the logarithm).
 */
#include "base/random.h"

#include <math.h>

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

void fxi_random_seed(fxi_random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t fxi_random_next(fxi_random *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

double fxi_random_unit(fxi_random *r)
{
    return (double)(fxi_random_next(r) >> 11) * 0x1p-53;
}

/* Natural logarithm of x in (0, 1]: x = m * 2^e with m near 1, and log m = 2 (z + z^3/3 + z^5/5 + ...), z = (m-1)/(m+1). */
static double portable_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent); /* [0.5, 1) */
    if (m < 0x1.6a09e667f3bcdp-1) { /* sqrt(1/2) */
        m *= 2;
        exponent--;
    }
    double z = (m - 1) / (m + 1), square = z * z, sum = 0; /* |z| < 0.172: 12 terms leave less than 2^-60 */
    for (int i = 12; i > 0; i--) {
        sum = sum * square + 1.0 / (2 * i - 1);
    }
    return exponent * 0x1.62e42fefa39efp-1 + 2 * z * sum;
}

double fxi_random_normal(fxi_random *r)
{
    for (;;) {
        double u = 2 * fxi_random_unit(r) - 1, v = 2 * fxi_random_unit(r) - 1;
        double s = u * u + v * v;
        if (s > 0 && s < 1) {
            return u * sqrt(-2 * portable_log(s) / s);
        }
    }
}

uint64_t fxi_random_below(fxi_random *r, uint64_t bound)
{
    /* The upper half of a product; the few values of the lower half that would favour some results are thrown again. */
    unsigned __int128 product = (unsigned __int128)fxi_random_next(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t unfair = (0 - bound) % bound;
        while ((uint64_t)product < unfair) {
            product = (unsigned __int128)fxi_random_next(r) * bound;
        }
    }
    return (uint64_t)(product >> 64);
}
