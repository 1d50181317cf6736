/* core/alert_extreme.h - highest and lowest price since any earlier moment, in bounded memory. See alert_extreme.c. */
#ifndef FXI_ALERT_EXTREME_H
#define FXI_ALERT_EXTREME_H
#include <fxmon/core.h>

#define FXI_EXTREMES 64 /* entries of each kind before they have to be folded into the alerts */

typedef struct fxi_extreme {
    int64_t time;
    fxmon_decimal price;
} fxi_extreme;

typedef struct fxi_extremes {
    uint32_t highs, lows;
    fxi_extreme high[FXI_EXTREMES], low[FXI_EXTREMES];
} fxi_extremes;

void fxi_extremes_clear(fxi_extremes *e);
/** Prices of the samples from `time` on until the next call. False when full: nothing is added. */
bool fxi_extremes_add(fxi_extremes *e, int64_t time, fxmon_decimal high, fxmon_decimal low);
/** The highest (or lowest) price added with a time not before `since`; mantissa 0 if there is none. */
fxmon_decimal fxi_extremes_since(const fxi_extremes *e, int64_t since, bool high);
#endif
