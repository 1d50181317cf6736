/*
 * source/schedule.c - when a provider may be asked again.
 *
 * A daily source asked every 30 seconds brings nothing new, uses up a month's plan in half a day and is answered with 429. So the
 * provider's word goes first: its own next update plus a random delay (all clients of the world wake at the announced second), then its cache
 * hints, then the interval that was asked for; and never closer together than the provider bears or the quota lasts.
 */
#include "source/schedule.h"

#include <string.h>

#define LATE_POLL (300 * FXMON_SECOND)           /* the announced update has passed and nothing new is there */
#define RATE_LIMIT_PAUSE (20 * 60 * FXMON_SECOND) /* 429 without Retry-After */
#define QUOTA_PAUSE (6 * 3600 * FXMON_SECOND)
#define FAILURE_PAUSE (60 * FXMON_SECOND)         /* an answer that was a request all the same, but no use */
#define ANNOUNCED_MOST (14 * INT64_C(86400) * FXMON_SECOND) /* nobody is believed for longer */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void fxi_schedule_init(fxi_schedule *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    fxi_random_seed(&s->random, seed);
}

bool fxi_schedule_spend(fxi_schedule *s, int64_t now, int64_t *until)
{
    if (s->used == 0 || now - s->month >= FXI_SCHEDULE_MONTH) {
        s->month = now;
        s->used = 0;
    }
    *until = s->month + FXI_SCHEDULE_MONTH;
    if (s->quota && s->used >= s->quota)
        return false;
    s->used++;
    return true;
}

int64_t fxi_schedule_gap(const fxi_schedule *s)
{
    int64_t gap = larger(s->interval, s->gap);
    return s->quota ? larger(gap, FXI_SCHEDULE_MONTH / s->quota) : gap;
}

int64_t fxi_schedule_after(fxi_schedule *s, int64_t now, int64_t next_update, int64_t max_age)
{
    int64_t due = now + fxi_schedule_gap(s);
    if (next_update > now) {
        int64_t announced = next_update - now > ANNOUNCED_MOST ? now + ANNOUNCED_MOST : next_update;
        uint64_t least = s->spread ? 30 : 1, most = s->spread ? 300 : 15;
        int64_t delay = (int64_t)(least * 1000 + fxi_random_below(&s->random, (most - least) * 1000 + 1)) * (FXMON_SECOND / 1000);
        due = larger(due, announced + delay);
    } else if (next_update) {
        due = larger(due, now + LATE_POLL);
    } else if (max_age > 0) {
        due = larger(due, now + (max_age < s->cadence ? max_age : s->cadence));
    }
    s->not_before = due;
    return due;
}

int64_t fxi_schedule_failed(fxi_schedule *s, int64_t now, int code, int64_t retry_after)
{
    int64_t at = 0;
    switch (code) {
    case FXMON_E_NETWORK:
    case FXMON_E_TLS:
    case FXMON_E_TIMEOUT:
    case FXMON_E_NOMEM:
        at = 0; /* the provider was hardly bothered; the lane's backoff is right */
        break;
    case FXMON_E_RATE_LIMITED:
        at = now + RATE_LIMIT_PAUSE;
        break;
    case FXMON_E_QUOTA:
        at = now + QUOTA_PAUSE;
        break;
    default:
        at = now + larger(fxi_schedule_gap(s), FAILURE_PAUSE);
    }
    if (retry_after > now)
        at = retry_after; /* the provider knows better, in both directions */
    s->not_before = at;
    return at;
}
