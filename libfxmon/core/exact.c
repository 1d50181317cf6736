/*
 * core/exact.c - correctly rounded ratios and roots of integers.
 *
 * A ratio of two integers below 2^53 is one hardware division, which IEEE 754 rounds correctly. Everything else is done in integers, because
 * that is the only way to be right in every case, and the same on every machine.
 *
 * A root needs T = floor(n * 2^k / d) of about 126 bits, k even: floor(sqrt(T)) has ten bits more than a double, and "was anything cut off" decides
 * the rest. The hardware's root of T's upper half is within two units of the last place; the exact remainder T - Y*Y, compared with that of the
 * midpoints between Y and its neighbours, says which double is nearest. No floating-point operation here depends on a rounding mode's luck, a fused
 * multiply-add or 80-bit registers.
 */
#include "core/exact.h"

#include <math.h>
#include <string.h>

#define EXACT_IN_DOUBLE (UINT64_C(1) << 53)

static int bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

static int bits_of_u128(fxi_u128 value)
{
    uint64_t high = (uint64_t)(value >> 64);
    return high != 0 ? 64 + bits_of(high) : bits_of((uint64_t)value);
}

/* 2^exponent; callers stay far inside the normal range. */
static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* quotient has its top bit set; the value is quotient * 2^exponent and a bit more if `more`. */
static double round_quotient(uint64_t quotient, bool more, int exponent)
{
    const uint64_t half = UINT64_C(1) << 10;
    uint64_t cut = quotient & (2 * half - 1), kept = quotient >> 11;
    if (cut > half || (cut == half && (more || (kept & 1) != 0)))
        kept++;
    return (double)(int64_t)kept * power_of_two(exponent + 11);
}

double fxi_ratio(fxi_u128 n, fxi_u128 d)
{
    if (n <= EXACT_IN_DOUBLE && d <= EXACT_IN_DOUBLE)
        return (double)(int64_t)n / (double)(int64_t)d;
    int n_shift = 127 - bits_of_u128(n), d_shift = 127 - bits_of_u128(d);
    int exponent = d_shift - n_shift;
    n <<= n_shift;
    d <<= d_shift;
    if (n < d) {
        n <<= 1;
        exponent--;
    }
    uint64_t quotient = 0; /* now d <= n < 2d: 64 bits of it by long division */
    for (int i = 0; i < 64; i++) {
        bool bit = n >= d;
        if (bit)
            n -= d;
        quotient = quotient << 1 | (uint64_t)bit;
        n <<= 1;
    }
    return round_quotient(quotient, n != 0, exponent - 63);
}

void fxi_divisor_set(fxi_divisor *out, uint64_t divisor)
{
    out->shift = __builtin_clzll(divisor);
    out->normal = divisor << out->shift;
    out->inverse = (uint64_t)(((fxi_u128)~out->normal << 64 | UINT64_MAX) / out->normal);
}

/*
 * (high:low) / divisor with high < divisor: Moeller and Granlund, "Improved division by invariant integers", algorithm 4.
 * The estimate is at most one too large, and after that correction at most one too small.
 */
static uint64_t divide_limb(uint64_t high, uint64_t low, const fxi_divisor *d, uint64_t *rest)
{
    fxi_u128 estimate = (fxi_u128)d->inverse * high + ((fxi_u128)high << 64 | low);
    uint64_t quotient = (uint64_t)(estimate >> 64) + 1;
    uint64_t r = low - quotient * d->normal;
    if (r > (uint64_t)estimate) {
        quotient--;
        r += d->normal;
    }
    if (__builtin_expect(r >= d->normal, 0)) {
        quotient++;
        r -= d->normal;
    }
    *rest = r;
    return quotient;
}

/* sqrt(t) * 2^exponent for 2^124 <= t < 2^126, where `more` says that t was cut down. */
static double round_root(fxi_u128 t, bool more, int exponent)
{
    const int64_t half = 1 << 9, unit = 1 << 10; /* doubles in [2^62, 2^63) are multiples of the unit */
    double estimate = sqrt((double)(int64_t)(t >> 64));
    uint64_t root = (uint64_t)(int64_t)(estimate * 4194304.0) << 10; /* times 2^32, the root of the half that was left out */
    for (;;) {
        fxi_i128 rest = (fxi_i128)(t - (fxi_u128)root * root);
        fxi_i128 reach = (fxi_i128)root * (2 * half);
        bool odd = (root & (uint64_t)unit) != 0;
        fxi_i128 up = reach + half * half, down = half * half - reach;
        if (rest > up || (rest == up && (more || odd)))
            root += (uint64_t)unit;
        else if (rest < down || (rest == down && !more && odd))
            root -= (uint64_t)unit;
        else
            break;
    }
    return (double)(int64_t)(root >> 10) * power_of_two(exponent + 10);
}

double fxi_root(fxi_u128 n, const fxi_divisor *divisor, int halvings)
{
    int shift = 190 - bits_of_u128(n);
    shift += (divisor->shift - shift) & 1;
    uint64_t limb[3] = {0, 0, 0}; /* n << shift: 190 or 191 bits, so the quotient has 126 to 128 */
    if (shift >= 128) {
        limb[2] = (uint64_t)n << (shift - 128);
    } else if (shift >= 64) {
        n <<= shift - 64;
        limb[2] = (uint64_t)(n >> 64);
        limb[1] = (uint64_t)n;
    } else {
        limb[0] = (uint64_t)n << shift;
        n >>= 64 - shift;
        limb[2] = (uint64_t)(n >> 64);
        limb[1] = (uint64_t)n;
    }
    uint64_t rest;
    uint64_t high = divide_limb(limb[2], limb[1], divisor, &rest);
    uint64_t low = divide_limb(rest, limb[0], divisor, &rest);
    fxi_u128 t = (fxi_u128)high << 64 | low;
    bool more = rest != 0;
    int exponent = (divisor->shift - shift) / 2 - halvings;
    if (high >> 62 != 0) {
        more = more || (low & 3) != 0;
        t >>= 2;
        exponent++;
    }
    return round_root(t, more, exponent);
}

fxi_wide fxi_wide_from(fxi_u128 value)
{
    fxi_wide wide = {{(uint64_t)value, (uint64_t)(value >> 64)}};
    return wide;
}

void fxi_wide_add(fxi_wide *sum, const fxi_wide *term)
{
    fxi_u128 carry = 0;
    for (int i = 0; i < FXI_WIDE_LIMBS; i++) {
        carry += (fxi_u128)sum->limb[i] + term->limb[i];
        sum->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

void fxi_wide_subtract(fxi_wide *from, const fxi_wide *term)
{
    uint64_t borrow = 0;
    for (int i = 0; i < FXI_WIDE_LIMBS; i++) {
        fxi_u128 difference = (fxi_u128)from->limb[i] - term->limb[i] - borrow;
        from->limb[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

fxi_wide fxi_wide_multiply(const fxi_wide *a, const fxi_wide *b)
{
    fxi_wide product = {{0}};
    for (int i = 0; i < FXI_WIDE_LIMBS; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < FXI_WIDE_LIMBS; j++) {
            fxi_u128 step = (fxi_u128)a->limb[i] * b->limb[j] + product.limb[i + j] + carry;
            product.limb[i + j] = (uint64_t)step;
            carry = (uint64_t)(step >> 64);
        }
    }
    return product;
}

bool fxi_wide_is_zero(const fxi_wide *value)
{
    uint64_t any = 0;
    for (int i = 0; i < FXI_WIDE_LIMBS; i++)
        any |= value->limb[i];
    return any == 0;
}

static int bits_of_wide(const fxi_wide *value)
{
    for (int i = FXI_WIDE_LIMBS - 1; i >= 0; i--)
        if (value->limb[i] != 0)
            return 64 * i + bits_of(value->limb[i]);
    return 0;
}

/* value * 2^shift (rounded down for a negative shift); true if bits were cut off. */
static bool wide_shift(fxi_wide *value, int shift)
{
    fxi_wide from = *value;
    bool cut = false;
    int whole = shift >= 0 ? shift / 64 : -((-shift + 63) / 64); /* floor(shift / 64) */
    int part = shift - 64 * whole;
    for (int i = 0; i < FXI_WIDE_LIMBS; i++) {
        int at = i - whole;
        uint64_t here = at >= 0 && at < FXI_WIDE_LIMBS ? from.limb[at] : 0;
        uint64_t below = at >= 1 && at <= FXI_WIDE_LIMBS ? from.limb[at - 1] : 0;
        value->limb[i] = part == 0 ? here : here << part | below >> (64 - part);
    }
    for (int bit = 0; bit < -shift && !cut; bit += 64) {
        uint64_t limb = from.limb[bit / 64];
        int left = -shift - bit;
        cut = (left >= 64 ? limb : limb & ((UINT64_C(1) << left) - 1)) != 0;
    }
    return cut;
}

/* value /= divisor; true if there was a remainder. */
static bool wide_divide(fxi_wide *value, uint64_t divisor)
{
    uint64_t rest = 0;
    for (int i = FXI_WIDE_LIMBS - 1; i >= 0; i--) {
        fxi_u128 part = (fxi_u128)rest << 64 | value->limb[i];
        value->limb[i] = (uint64_t)(part / divisor);
        rest = (uint64_t)(part % divisor);
    }
    return rest != 0;
}

double fxi_root_wide(const fxi_wide *n, const uint64_t *divisor, size_t divisors, int halvings)
{
    fxi_wide t = *n;
    int divisor_bits = 0;
    for (size_t i = 0; i < divisors; i++)
        divisor_bits += bits_of(divisor[i]);
    int shift = 125 + divisor_bits - bits_of_wide(n); /* then the quotient has 125 bits at least */
    shift += shift & 1;
    bool more = wide_shift(&t, shift);
    for (size_t i = 0; i < divisors; i++)
        more = wide_divide(&t, divisor[i]) || more;
    int exponent = -shift / 2 - halvings;
    while (bits_of_wide(&t) > 126) {
        more = wide_shift(&t, -2) || more;
        exponent++;
    }
    return round_root((fxi_u128)t.limb[1] << 64 | t.limb[0], more, exponent);
}
