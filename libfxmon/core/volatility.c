/*
 * core/volatility.c - rolling sample standard deviation of exact decimals.
 *
 * A running sum of doubles that is ever subtracted from rots: one fat finger, and it stays wrong for ever. Here the running sums are integers. At a
 * common scale every price is an integer v; with d = v - anchor the state is sum(d) and sum(d*d), and adding and removing are exact. The variance is the rational
 * (n*sum(d*d) - sum(d)^2) / (n*(n-1)*10^(2*scale)); one correctly rounded root of it (core/exact.h) is the answer. So the result depends on nothing but
 * the prices in the window: not on their order, on what was there before, on a restart, or on which of the two ways below computed it.
 *
 * Narrow, nearly always: |d| < 2^63 / window, so that sum(d) fits 64 bits and n*sum(d*d) fits 127. A price that does not fit (more decimals, or far away) makes
 * the window be measured anew, with the newest price as anchor and the most decimals in the window as scale. If that does not fit either, because the
 * window holds prices of very different size, the state is wide: nothing is summed up, fxmon_volatility_value goes over the window in 384-bit
 * integers, and the next try to be narrow comes when all prices of today have left. Measuring anew costs O(window), but at most a few times in `window` prices.
 *
 * 10^(2*scale) is split into 2^(2*scale), which is only an exponent, and 25^scale: thereby the divisor n*(n-1)*25^scale of nearly all windows is one 64-bit
 * number, and dividing by it is two multiplications (its inverse changes only while the window fills).
 */
#include "base/decimal.h"
#include "base/mem.h"
#include "core/exact.h"

#include <fxmon/core.h>

#include <math.h>

#define WINDOW_LARGEST 1000000
#define SCALE_LARGEST 18

struct fxmon_volatility {
    size_t window, count, next; /* next: where the next price goes */
    bool narrow;
    bool one_divisor;    /* divisor holds all of n*(n-1)*25^scale */
    int32_t scale;       /* narrow only, as are the members from here on */
    size_t wide_left;    /* wide only: prices to come before the next try to be narrow */
    int64_t unit;        /* 10^scale */
    int64_t anchor;
    int64_t reach;       /* |d| may be at most this */
    int64_t sum;
    fxi_u128 squares;
    fxi_divisor divisor;
    fxmon_decimal price[];
};

fxmon_volatility *fxmon_volatility_new(size_t window)
{
    if (window < 2 || window > WINDOW_LARGEST)
        return NULL;
    fxmon_volatility *v = fxi_alloc(sizeof(*v) + window * sizeof(v->price[0]));
    if (v == NULL)
        return NULL;
    v->window = window;
    v->reach = INT64_MAX / (int64_t)window;
    fxmon_volatility_reset(v);
    return v;
}

void fxmon_volatility_free(fxmon_volatility *v)
{
    fxi_free(v);
}

void fxmon_volatility_reset(fxmon_volatility *v)
{
    v->count = 0;
    v->next = 0;
    v->narrow = true;
    v->one_divisor = false;
    v->scale = -1; /* the first price does not fit and sets scale and anchor */
    v->wide_left = 0;
    v->unit = 1;
    v->anchor = 0;
    v->sum = 0;
    v->squares = 0;
}

/* 25^scale as two factors of at most 42 bits. */
static void powers_of_25(int32_t scale, uint64_t out[2])
{
    out[0] = out[1] = 1;
    for (int32_t i = 0; i < scale; i++)
        out[i % 2] *= 25;
}

/* The divisor of the variance for `count` prices; called when count or scale changes. */
static void divisor_update(fxmon_volatility *v)
{
    uint64_t power[2];
    powers_of_25(v->scale, power);
    fxi_u128 all = (fxi_u128)v->count * (v->count - 1) * power[0];
    v->one_divisor = v->count >= 2 && all <= UINT64_MAX / power[1];
    if (v->one_divisor)
        fxi_divisor_set(&v->divisor, (uint64_t)all * power[1]);
}

/* d of a price at the scale and anchor of v; false if it does not fit. */
static inline bool difference(const fxmon_volatility *v, fxmon_decimal price, int64_t *out)
{
    int64_t value = price.mantissa;
    if (price.scale != v->scale) {
        if (price.scale > v->scale || __builtin_mul_overflow(value, fxi_pow10[v->scale - price.scale], &value))
            return false;
    }
    if (__builtin_sub_overflow(value, v->anchor, &value))
        return false;
    *out = value;
    return value <= v->reach && value >= -v->reach;
}

/* Measure the whole window anew; wide if it does not fit. */
static void measure(fxmon_volatility *v)
{
    int64_t d;
    size_t newest = v->next == 0 ? v->window - 1 : v->next - 1;
    v->scale = 0;
    for (size_t i = 0; i < v->count; i++)
        v->scale = v->price[i].scale > v->scale ? v->price[i].scale : v->scale;
    v->anchor = 0;
    v->sum = 0;
    v->squares = 0;
    v->narrow = !__builtin_mul_overflow(v->price[newest].mantissa, fxi_pow10[v->scale - v->price[newest].scale], &v->anchor);
    for (size_t i = 0; i < v->count && v->narrow; i++) {
        v->narrow = difference(v, v->price[i], &d);
        if (v->narrow) {
            v->sum += d;
            v->squares += (fxi_u128)((fxi_i128)d * d);
        }
    }
    if (v->narrow)
        divisor_update(v);
    else
        v->wide_left = v->window;
}

int fxmon_volatility_add(fxmon_volatility *v, fxmon_decimal price)
{
    int64_t d = 0, gone = 0;
    if (price.scale < 0 || price.scale > SCALE_LARGEST)
        return FXMON_E_RANGE;
    size_t at = v->next;
    bool full = v->count == v->window;
    bool fits = v->narrow && v->scale >= 0 && difference(v, price, &d);
    if (fits && full) {
        difference(v, v->price[at], &gone);
        v->sum += d - gone;
        v->squares += (fxi_u128)((fxi_i128)d * d) - (fxi_u128)((fxi_i128)gone * gone);
    }
    v->price[at] = price;
    v->next = at + 1 == v->window ? 0 : at + 1;
    if (fits && full)
        return FXMON_OK;
    v->count += full ? 0 : 1;
    if (fits) {
        v->sum += d;
        v->squares += (fxi_u128)((fxi_i128)d * d);
        divisor_update(v);
    } else if (v->narrow || --v->wide_left == 0) {
        measure(v);
    }
    return FXMON_OK;
}

/* The price as an integer at a scale that is not below its own; fits, as 2^63 * 10^18 < 2^123. */
static fxi_i128 at_scale(fxmon_decimal price, int32_t scale)
{
    return (fxi_i128)price.mantissa * fxi_pow10[scale - price.scale];
}

/* The two passes for a window that is wide. Differences are taken from the lowest price, so that nothing is signed. */
static double value_wide(const fxmon_volatility *v)
{
    int32_t scale = 0;
    for (size_t i = 0; i < v->count; i++)
        scale = v->price[i].scale > scale ? v->price[i].scale : scale;
    fxi_i128 lowest = at_scale(v->price[0], scale);
    for (size_t i = 1; i < v->count; i++) {
        fxi_i128 value = at_scale(v->price[i], scale);
        lowest = value < lowest ? value : lowest;
    }
    fxi_wide sum = fxi_wide_from(0), squares = sum, count = fxi_wide_from(v->count);
    for (size_t i = 0; i < v->count; i++) {
        fxi_wide d = fxi_wide_from((fxi_u128)(at_scale(v->price[i], scale) - lowest));
        fxi_wide square = fxi_wide_multiply(&d, &d);
        fxi_wide_add(&sum, &d);
        fxi_wide_add(&squares, &square);
    }
    fxi_wide n = fxi_wide_multiply(&count, &squares);
    fxi_wide square = fxi_wide_multiply(&sum, &sum);
    fxi_wide_subtract(&n, &square);
    if (fxi_wide_is_zero(&n))
        return 0.0;
    uint64_t divisor[FXI_WIDE_DIVISORS] = {(uint64_t)v->count * (v->count - 1), 1, 1};
    powers_of_25(scale, divisor + 1);
    return fxi_root_wide(&n, divisor, FXI_WIDE_DIVISORS, scale);
}

double fxmon_volatility_value(const fxmon_volatility *v)
{
    if (v->count < 2)
        return NAN;
    if (!v->narrow)
        return value_wide(v);
    uint64_t magnitude = v->sum < 0 ? (uint64_t)-v->sum : (uint64_t)v->sum;
    fxi_u128 n = v->squares * v->count - (fxi_u128)magnitude * magnitude;
    if (n == 0)
        return 0.0;
    if (v->one_divisor)
        return fxi_root(n, &v->divisor, v->scale);
    uint64_t divisor[FXI_WIDE_DIVISORS] = {(uint64_t)v->count * (v->count - 1), 1, 1};
    powers_of_25(v->scale, divisor + 1);
    fxi_wide wide = fxi_wide_from(n);
    return fxi_root_wide(&wide, divisor, FXI_WIDE_DIVISORS, v->scale);
}

size_t fxmon_volatility_count(const fxmon_volatility *v)
{
    return v->count;
}

fxmon_decimal fxmon_volatility_price(const fxmon_volatility *v, size_t index)
{
    if (index >= v->count)
        return (fxmon_decimal){0, 0};
    size_t at = (v->count == v->window ? v->next : 0) + index;
    return v->price[at < v->window ? at : at - v->window];
}
