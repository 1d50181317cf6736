/*
 * lane/retry.c - full jitter. A hundred clients that failed together must not come back together, so the whole interval is random, not a
 * part of it. When the other side said when to come back, the jitter is added to that time for the same reason.
 */
#include "lane/retry.h"

void fxi_retry_init(fxi_retry *retry, int64_t base, int64_t cap, uint64_t seed)
{
    retry->base = base > 0 ? base : 1;
    retry->cap = cap > retry->base ? cap : retry->base;
    retry->attempts = 0;
    fxi_random_seed(&retry->random, seed);
}

static int64_t limit_of(const fxi_retry *retry)
{
    int64_t limit = retry->base;
    for (int i = 0; i < retry->attempts && limit < retry->cap; i++)
        limit = limit > retry->cap / 2 ? retry->cap : limit * 2;
    return limit < retry->cap ? limit : retry->cap;
}

int64_t fxi_retry_delay(fxi_retry *retry, int64_t now_utc, int64_t retry_at)
{
    int64_t limit = limit_of(retry);
    int64_t delay = (int64_t)fxi_random_below(&retry->random, (uint64_t)limit + 1);
    if (retry->attempts < 64)
        retry->attempts++;
    if (retry_at > now_utc)
        delay += retry_at - now_utc;
    return delay;
}

void fxi_retry_reset(fxi_retry *retry)
{
    retry->attempts = 0;
}
