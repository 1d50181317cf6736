/* core/histogram.c - see histogram.h. Below 64 each value has its own bucket; above, its leading bit and the five behind it say which one. */
#include "core/histogram.h"

#define SUB (INT64_C(1) << FXI_HISTOGRAM_BITS)

static int leading_bit(uint64_t value)
{
    int bit = 0;
    for (int step = 32; step; step /= 2)
        if (value >> step) {
            value >>= step;
            bit += step;
        }
    return bit;
}

static int bucket_of(int64_t value)
{
    if (value < 2 * SUB)
        return (int)value;
    int shift = leading_bit((uint64_t)value) - FXI_HISTOGRAM_BITS;
    return (int)((shift << FXI_HISTOGRAM_BITS) + (value >> shift));
}

/* The largest value of a bucket. */
static int64_t end_of(int bucket)
{
    if (bucket < 2 * SUB)
        return bucket;
    int shift = (bucket >> FXI_HISTOGRAM_BITS) - 1;
    uint64_t mantissa = (uint64_t)(bucket & (int)(SUB - 1)) + (uint64_t)SUB;
    return (int64_t)(((mantissa + 1) << shift) - 1);
}

void fxi_histogram_add(fxi_histogram *h, int64_t value, int64_t times)
{
    if (times < 1)
        return;
    if (value < 0)
        value = 0;
    h->count[bucket_of(value)] += times;
    h->total += times;
    if (value > h->maximum)
        h->maximum = value;
}

int64_t fxi_histogram_quantile(const fxi_histogram *h, int permille)
{
    if (h->total == 0)
        return 0;
    int64_t whole = h->total / 1000, rest = h->total % 1000; /* total * permille might not fit */
    int64_t rank = whole * permille + (rest * permille + 999) / 1000, seen = 0;
    rank = rank < 1 ? 1 : rank;
    for (int i = 0; i < FXI_HISTOGRAM_BUCKETS; i++) {
        seen += h->count[i];
        if (seen >= rank)
            return end_of(i) < h->maximum ? end_of(i) : h->maximum;
    }
    return h->maximum;
}
