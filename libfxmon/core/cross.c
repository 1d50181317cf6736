/*
 * core/cross.c - cross rates.
 *
 * fxmon_cross_all promises the bits of IEEE division and so simply divides: rounding once is the whole point, and vector units divide four
 * numbers at a time. Multiplying by reciprocals would be faster on long rows, but is off by a unit in the last place in a quarter of all
 * cases; correcting it with fused multiply-adds gains nothing on the eight currencies of an ordinary message. The vector unit is asked for at run time, so
 * that one binary serves every machine.
 */
#include "core/cross.h"

#include "base/decimal.h"
#include "core/exact.h"

#include <math.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__) && defined(__GNUC__)
/* Four at a time. A row that is no multiple of four ends with a vector that overlaps the one before; the last three rows are shorter than a vector. */
__attribute__((target("avx2"))) static void cross_all_avx2(const double *rate, size_t n, double *out)
{
    for (size_t i = 0; i + 4 < n; i++) {
        __m256d divisor = _mm256_broadcast_sd(rate + i);
        const double *over = rate + i + 1;
        size_t row = n - 1 - i, j = 0;
        for (; j + 4 <= row; j += 4)
            _mm256_storeu_pd(out + j, _mm256_div_pd(_mm256_loadu_pd(over + j), divisor));
        if (j < row)
            _mm256_storeu_pd(out + row - 4, _mm256_div_pd(_mm256_loadu_pd(over + row - 4), divisor));
        out += row;
    }
    /* The four last rates a b c d: b/a c/a d/a c/b, then d/b d/c. */
    const double *last = rate + n - 4;
    __m256d all = _mm256_loadu_pd(last);
    __m256d over = _mm256_permute4x64_pd(all, _MM_SHUFFLE(2, 3, 2, 1));
    __m256d under = _mm256_permute4x64_pd(all, _MM_SHUFFLE(1, 0, 0, 0));
    _mm256_storeu_pd(out, _mm256_div_pd(over, under));
    _mm_storeu_pd(out + 4, _mm_div_pd(_mm_set1_pd(last[3]), _mm_loadu_pd(last + 1)));
}
#define HAS_AVX2() __builtin_cpu_supports("avx2")
#else
#define HAS_AVX2() false
#define cross_all_avx2(rate, n, out) ((void)0)
#endif

void fxmon_cross_all(const double *rate, size_t n, double *out)
{
    if (n >= 4 && HAS_AVX2()) {
        cross_all_avx2(rate, n, out);
        return;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        for (size_t j = i + 1; j < n; j++)
            *out++ = rate[j] / rate[i];
    }
}
