/*
 * source/schedule.h - when a provider may be asked again. Pure: time comes in, times go out.
 */
#ifndef FXI_SCHEDULE_H
#define FXI_SCHEDULE_H
#include <fxmon/core.h>

#include "base/random.h"
#define FXI_SCHEDULE_MONTH (31 * INT64_C(86400) * FXMON_SECOND)
typedef struct fxi_schedule {
    int64_t interval, gap, cadence; /* ns: as asked; as the provider bears; as it publishes */
    bool spread;                    /* 30 to 300 s after the announced update instead of 1 to 15 s */
    int64_t quota;                  /* requests a month; 0: none known */
    int64_t month, used;            /* start of the month that is counted, requests in it */
    int64_t not_before;             /* ns UTC; 0: at once */
    fxi_random random;
} fxi_schedule;
void fxi_schedule_init(fxi_schedule *s, uint64_t seed);
/** How often it is asked at most, ns: the interval, what the provider bears, what the quota lasts for. */
int64_t fxi_schedule_gap(const fxi_schedule *s);
/** Count one request. False: the quota is used up until *until. */
bool fxi_schedule_spend(fxi_schedule *s, int64_t now, int64_t *until);
/** After an answer. next_update 0 and max_age -1: not said. Sets and returns not_before. */
int64_t fxi_schedule_after(fxi_schedule *s, int64_t now, int64_t next_update, int64_t max_age);
/** After a failure: when to try again, 0 where the caller's own backoff is right. `retry_after` 0: not said. */
int64_t fxi_schedule_failed(fxi_schedule *s, int64_t now, int code, int64_t retry_after);
#endif
