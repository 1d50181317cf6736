/* core/freshness.h - when a source should have published again, and how many times it has not. Pure: times come in, numbers go out. */
#ifndef FXI_FRESHNESS_H
#define FXI_FRESHNESS_H
#include <fxmon/core.h>
#define FXI_FRESHNESS_MOST 100000 /* publications that are counted as missed */
typedef struct fxi_rhythm {
    int64_t cadence;  /* ns between two publications, as a rule; 0 not known */
    int64_t delay;    /* ns from the time that a publication bears until it can be fetched: days that are closed in the afternoon */
    bool weekdays;    /* nothing bears the date of a Saturday or Sunday (UTC) */
} fxi_rhythm;
/** When the publication after the one of `published` can be fetched, ns UTC. `announced`: the source's own word, 0 without. 0: not known. */
int64_t fxi_freshness_expected(const fxi_rhythm *rhythm, int64_t published, int64_t announced);
/** How many publications should have been seen by `now` and were not, up to FXI_FRESHNESS_MOST. An eighth of the cadence passes before one counts. -1: not known. */
int64_t fxi_freshness_missed(const fxi_rhythm *rhythm, int64_t published, int64_t announced, int64_t now);
#endif
