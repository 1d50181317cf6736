/*
 * core/series.h - what is remembered of each (pair, source): the newest quote and the volatility window. Here "new quote, not new poll" is decided.
 * A pure function of the messages applied: saved as bytes (checkpoint) and restored it continues bit for bit.
 */
#ifndef FXI_SERIES_H
#define FXI_SERIES_H
#include <fxmon/plugin.h>
enum fxi_verdict {
    FXI_NEW,    /* newer than the last: counts in every statistic */
    FXI_REPEAT, /* the publication already seen (same time, same rate, bid, ask): changes nothing, is stored nowhere */
    FXI_LATE    /* older than the last, or the same time with other digits: kept as a row, in no statistic */
};
typedef struct fxi_series fxi_series;
fxi_series *fxi_series_new(size_t window);          /* volatility window, 20 by default */
void fxi_series_free(fxi_series *s);
void fxi_series_clear(fxi_series *s);
/**
 * Apply one rate; volatility NAN unless FXI_NEW with two samples or more. FXMON_OK; otherwise nothing is applied: FXMON_E_NOMEM, FXMON_E_RANGE (a scale
 * that is none), FXMON_E_TOO_LARGE (more than 65535 sources or a million series).
 */
int fxi_series_apply(fxi_series *s, const char *source, int64_t time, const fxmon_rate *rate, enum fxi_verdict *verdict,
                     double *volatility, uint32_t *samples);
size_t fxi_series_count(const fxi_series *s);
/** Newest quote by index (order of first appearance) with its statistics. */
bool fxi_series_at(const fxi_series *s, size_t index, fxmon_quote *quote, double *volatility, uint32_t *samples);
/** Checkpoint: bytes from fxi_alloc; NULL out of memory. Versioned, endian-fixed, checked on restore. */
void *fxi_series_save(const fxi_series *s, size_t *size);
/** FXMON_E_CORRUPT, FXMON_E_STATE (saved with another window), FXMON_E_NOMEM: each leaves s empty, and the log is to be replayed from its start. */
int fxi_series_restore(fxi_series *s, const void *bytes, size_t size);
#endif
