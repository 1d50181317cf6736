/*
 * core/histogram.h - how long things took: counts in buckets whose width grows with the value, so that every quantile is right within 1/32 over the whole
 * range of int64_t, in 15 KB and without keeping a single value. Times are ns; negative ones count as 0.
 */
#ifndef FXI_HISTOGRAM_H
#define FXI_HISTOGRAM_H
#include <stdint.h>
#define FXI_HISTOGRAM_BITS 5 /* 32 buckets for each doubling */
#define FXI_HISTOGRAM_BUCKETS ((63 - FXI_HISTOGRAM_BITS + 1) << FXI_HISTOGRAM_BITS)
/** Zero is empty. */
typedef struct fxi_histogram {
    int64_t count[FXI_HISTOGRAM_BUCKETS];
    int64_t total, maximum;
} fxi_histogram;
/** `times`: as if it had been said that often; below 1 nothing happens. */
void fxi_histogram_add(fxi_histogram *h, int64_t value, int64_t times);
/** The value that `permille` thousandths of all values do not exceed, at most 1/32 too large and never above the maximum; 0 when empty. */
int64_t fxi_histogram_quantile(const fxi_histogram *h, int permille);
#endif
