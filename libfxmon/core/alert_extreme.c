/*
 * core/alert_extreme.c - the worst price of every open episode, without touching the episodes at each sample.
 *
 * An episode that began at time s wants the highest price since s (or the lowest). For all s at once that is a stack of suffix maxima: times rise,
 * prices fall, and a new price removes whatever it exceeds. Half a million firing alerts cost a sample no more than one does. The stack is small on
 * real prices (it grows with the logarithm of the samples on a random walk); when it is full its owner folds it into the alerts and starts again.
 */
#include "core/alert_extreme.h"

void fxi_extremes_clear(fxi_extremes *e)
{
    e->highs = 0;
    e->lows = 0;
}

static uint32_t dominated(const fxi_extreme *stack, uint32_t count, fxmon_decimal price, int sign)
{
    while (count > 0 && sign * fxmon_decimal_compare(price, stack[count - 1].price) >= 0)
        count--;
    return count;
}

bool fxi_extremes_add(fxi_extremes *e, int64_t time, fxmon_decimal high, fxmon_decimal low)
{
    uint32_t highs = dominated(e->high, e->highs, high, 1);
    uint32_t lows = dominated(e->low, e->lows, low, -1);
    if (highs == FXI_EXTREMES || lows == FXI_EXTREMES)
        return false;
    e->high[highs] = (fxi_extreme){time, high};
    e->low[lows] = (fxi_extreme){time, low};
    e->highs = highs + 1;
    e->lows = lows + 1;
    return true;
}

fxmon_decimal fxi_extremes_since(const fxi_extremes *e, int64_t since, bool high)
{
    const fxi_extreme *stack = high ? e->high : e->low;
    uint32_t low = 0, size = high ? e->highs : e->lows, count = size;
    while (size > 0) {
        uint32_t half = size / 2, middle = low + half;
        bool before = stack[middle].time < since;
        low = before ? middle + 1 : low;
        size = before ? size - half - 1 : half;
    }
    return low < count ? stack[low].price : (fxmon_decimal){0, 0};
}
