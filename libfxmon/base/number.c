/*
 * base/number.c - doubles as their shortest decimal text, and as decimals.
 *
 * A double c * 2^q stands for all reals nearer to it than to its neighbours. Of the decimals in that interval the shortest is wanted,
 * and among those the nearest. Let 10^k be the largest power of ten that is not longer than the interval: then the interval holds at most
 * one multiple of 10^(k+1) that matters and at least one multiple of 10^k, so looking at four candidates decides. (This is the
 * observation behind Raffaello Giulietti's Schubfach.) All that must be known of the real numbers v/10^k and of the interval's
 * ends are their integer parts, two bits more, and whether anything follows: a 64 by 128 bit product with a rounded-up power of ten
 * gives exactly that, with the last bit set when anything follows ("round to odd"). The powers are in powers_of_ten.inc, which
 * tests/tools/powers_of_ten.py prints.
 */
#include "base/decimal.h"

#include <math.h>
#include <string.h>

#define SMALLEST_POWER (-292)
#define FIXED_LOWEST (-5) /* decimal exponents that are written without e */
#define FIXED_HIGHEST 16

typedef struct power {
    uint64_t high, low;
} power;

static const power powers_of_ten[] = {
#include "base/powers_of_ten.inc"
};

/* value = digits * 10^exponent, digits without zeros at the end */
typedef struct shortest {
    uint64_t digits;
    int exponent;
} shortest;

/* floor(factor * power / 2^128), with the last bit set when the quotient is not whole. The power was rounded up: a rest of 1 is none. */
static inline uint64_t scale(power p, uint64_t factor)
{
    uint64_t low = (uint64_t)(((unsigned __int128)p.low * factor) >> 64);
    unsigned __int128 sum = (unsigned __int128)p.high * factor + low;
    return (uint64_t)(sum >> 64) | ((uint64_t)sum > 1);
}

static shortest strip_zeros(uint64_t digits, int exponent)
{
    static const struct {
        uint32_t divisor;
        int zeros;
    } steps[] = {{100000000, 8}, {10000, 4}, {100, 2}, {10, 1}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        while (digits % steps[i].divisor == 0) {
            digits /= steps[i].divisor;
            exponent += steps[i].zeros;
        }
    }
    return (shortest){digits, exponent};
}

/* value: finite, positive */
static shortest find_shortest(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52) & 0x7FF;
    uint64_t c = biased == 0 ? fraction : fraction | UINT64_C(1) << 52;
    int q = (biased == 0 ? 1 : biased) - 1075;
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) { /* a whole number below 2^53 */
        return strip_zeros(c >> -q, 0);
    }
    bool even = (c & 1) == 0;
    bool closer = fraction == 0 && biased > 1; /* the neighbour below is only half as far away */
    int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
    int shift = q + ((-k * 1741647) >> 19) + 1;
    power p = powers_of_ten[-k - SMALLEST_POWER];
    uint64_t middle = scale(p, (4 * c) << shift);                     /* all three times 4 */
    uint64_t lower = scale(p, (4 * c - 2 + (closer ? 1 : 0)) << shift) + !even; /* the ends belong to the interval of an even c only */
    uint64_t upper = scale(p, (4 * c + 2) << shift) - !even;
    uint64_t s = middle / 4;
    uint64_t tens = s / 10;
    bool tens_below = lower <= 40 * tens, tens_above = 40 * (tens + 1) <= upper;
    if (tens_below != tens_above) {
        return strip_zeros(tens + tens_above, k + 1);
    }
    bool below = lower <= 4 * s, above = 4 * (s + 1) <= upper;
    bool up = above;
    if (below == above) {
        uint64_t half = 4 * s + 2;
        up = middle > half || (middle == half && (s & 1) != 0);
    }
    return strip_zeros(s + up, k);
}

static char *write_exponent(char *at, int exponent)
{
    *at++ = 'e';
    if (exponent < 0) {
        *at++ = '-';
        exponent = -exponent;
    }
    return at + fxmon_decimal_format((fxmon_decimal){exponent, 0}, at);
}

static char *write_number(char *at, shortest number)
{
    char digits[FXMON_DECIMAL_TEXT];
    int count = (int)fxmon_decimal_format((fxmon_decimal){(int64_t)number.digits, 0}, digits); /* 17 at most */
    int leading = number.exponent + count - 1; /* decimal exponent of the first digit */
    if (leading < FIXED_LOWEST || leading > FIXED_HIGHEST) {
        *at++ = digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, (size_t)count - 1);
            at += count - 1;
        }
        return write_exponent(at, leading);
    }
    if (leading < 0) {
        memcpy(at, "0.0000000", 9);
        at += 1 - leading; /* "0." and the zeros behind it */
        memcpy(at, digits, (size_t)count);
        return at + count;
    }
    for (int i = 0; i <= leading; i++) {
        *at++ = i < count ? digits[i] : '0';
    }
    if (count > leading + 1) {
        *at++ = '.';
        memcpy(at, digits + leading + 1, (size_t)(count - leading - 1));
        at += count - leading - 1;
    }
    return at;
}

size_t fxmon_double_format(double value, char out[FXMON_DOUBLE_TEXT])
{
    if (!isfinite(value)) {
        memcpy(out, "null", 5);
        return 4;
    }
    char *at = out;
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    if (value == 0) {
        *at++ = '0';
    } else {
        at = write_number(at, find_shortest(value));
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* digits * 10^exponent as a decimal, with as few decimals as it has. */
static int to_decimal(shortest number, bool negative, fxmon_decimal *out)
{
    uint64_t mantissa = number.digits;
    int exponent = number.exponent;
    for (; exponent > 0; exponent--) {
        if (__builtin_mul_overflow(mantissa, UINT64_C(10), &mantissa) || mantissa > INT64_MAX) {
            return FXMON_E_RANGE;
        }
    }
    if (exponent < -18) {
        return FXMON_E_RANGE;
    }
    out->mantissa = negative ? -(int64_t)mantissa : (int64_t)mantissa;
    out->scale = -exponent;
    return FXMON_OK;
}

int fxi_decimal_from_double(double value, fxmon_decimal *out)
{
    if (!isfinite(value)) {
        return FXMON_E_RANGE;
    }
    if (value == 0) {
        *out = (fxmon_decimal){0, 0};
        return FXMON_OK;
    }
    return to_decimal(find_shortest(fabs(value)), value < 0, out);
}

int fxi_decimal_round(double value, int digits, fxmon_decimal *out)
{
    if (digits < 1 || digits > 17) {
        return FXMON_E_ARGUMENT;
    }
    if (!isfinite(value)) {
        return FXMON_E_RANGE;
    }
    if (value == 0) {
        *out = (fxmon_decimal){0, 0};
        return FXMON_OK;
    }
    shortest number = find_shortest(fabs(value));
    int count = 1;
    while (count < 19 && number.digits >= (uint64_t)fxi_pow10[count]) {
        count++;
    }
    if (count > digits) {
        uint64_t divisor = (uint64_t)fxi_pow10[count - digits];
        uint64_t kept = number.digits / divisor, rest = number.digits % divisor;
        kept += rest > divisor / 2 || (rest == divisor / 2 && (kept & 1) != 0);
        number = strip_zeros(kept, number.exponent + count - digits);
    }
    return to_decimal(number, value < 0, out);
}
