/* lane/retry.h - how long to wait before the next attempt: full jitter, U(0, min(cap, base * 2^n)) after the n-th failure in a row. */
#ifndef FXI_RETRY_H
#define FXI_RETRY_H
#include "base/random.h"
#include <stdint.h>
typedef struct fxi_retry {
    int64_t base, cap; /* ns */
    int attempts;      /* failures in a row */
    fxi_random random;
} fxi_retry;
void fxi_retry_init(fxi_retry *retry, int64_t base, int64_t cap, uint64_t seed);
/** ns to wait after one more failure. `retry_at` (ns UTC, 0: none) is what the other side asked for: never earlier than that. */
int64_t fxi_retry_delay(fxi_retry *retry, int64_t now_utc, int64_t retry_at);
void fxi_retry_reset(fxi_retry *retry);
#endif
