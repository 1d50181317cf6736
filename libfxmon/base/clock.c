/* base/clock.c - the two clocks as nanoseconds. */
#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) {
        return 0;
    }
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t fxi_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t fxi_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
