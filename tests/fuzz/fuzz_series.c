/*
 * tests/fuzz/fuzz_series.c - bytes become quotes: what is kept on the way must equal what is computed anew from the last prices, and
 * saving and restoring must change nothing. Also: any bytes as a checkpoint.
 */
#include "base/mem.h"
#include "core/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 5
#define SERIES 6 /* 3 pairs of 2 sources */

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* What a series must be, kept the simplest way. */
typedef struct model {
    fxmon_decimal price[WINDOW];
    size_t count;
    int64_t time;
} model;

static void model_add(model *m, fxmon_decimal price, int64_t time)
{
    if (m->count == WINDOW)
        memmove(m->price, m->price + 1, (WINDOW - 1) * sizeof(m->price[0]));
    else
        m->count++;
    m->price[m->count - 1] = price;
    m->time = time;
}

static double model_value(const model *m)
{
    fxmon_volatility *v = fxmon_volatility_new(WINDOW + 1);
    demand(v != NULL);
    for (size_t i = m->count; i > 0; i--) /* in the other order */
        demand(fxmon_volatility_add(v, m->price[i - 1]) == FXMON_OK);
    double value = fxmon_volatility_value(v);
    fxmon_volatility_free(v);
    return value;
}

static fxi_series *saved_and_restored(fxi_series *s)
{
    size_t size, again_size;
    void *bytes = fxi_series_save(s, &size);
    fxi_series *fresh = fxi_series_new(WINDOW);
    demand(bytes != NULL && fresh != NULL && fxi_series_restore(fresh, bytes, size) == FXMON_OK);
    void *again = fxi_series_save(fresh, &again_size);
    demand(again != NULL && size == again_size && memcmp(bytes, again, size) == 0);
    fxi_free(bytes);
    fxi_free(again);
    fxi_series_free(s);
    return fresh;
}

/* One step: which series, how far the time goes on, the scale, the mantissa. 11 bytes. */
static void step(fxi_series *s, model *models, const uint8_t *data)
{
    static const char pairs[3][8] = {"USD/EUR", "EUR/GBP", "USD/JPY"};
    int which = data[0] % SERIES;
    model *m = &models[which];
    int64_t time = m->time + (int64_t)(data[1] % 4) - 1;
    fxmon_rate rate = {.mid = {0, data[2] % 19}};
    memcpy(rate.pair.text, pairs[which % 3], 7);
    memcpy(&rate.mid.mantissa, data + 3, 8);
    enum fxi_verdict verdict;
    double volatility;
    uint32_t samples;
    bool first = m->count == 0;
    bool equal = !first && fxmon_decimal_compare(m->price[m->count - 1], rate.mid) == 0;
    demand(fxi_series_apply(s, which < 3 ? "first" : "second", time, &rate, &verdict, &volatility, &samples) == FXMON_OK);
    if (first || time > m->time) {
        model_add(m, rate.mid, time);
        demand(verdict == FXI_NEW && same_bits(volatility, model_value(m)));
        demand(isnan(volatility) == (m->count < 2) && !(volatility < 0) && !isinf(volatility));
    } else {
        demand(verdict == (time == m->time && equal ? FXI_REPEAT : FXI_LATE) && isnan(volatility));
    }
    demand(samples == m->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model models[SERIES] = {{{{0, 0}}, 0, 0}};
    fxi_series *s = fxi_series_new(WINDOW);
    demand(s != NULL);
    if (fxi_series_restore(s, data, size) != FXMON_OK)
        demand(fxi_series_count(s) == 0);
    fxi_series_clear(s);
    for (; size >= 11; data += 11, size -= 11) {
        if (data[1] >= 0xF0)
            s = saved_and_restored(s);
        step(s, models, data);
    }
    s = saved_and_restored(s);
    fxi_series_free(s);
    return 0;
}
