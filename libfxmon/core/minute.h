/* core/minute.h - how much a counter grew within the last minute: sixty seconds slide by in a ring. Time comes in as an argument. */
#ifndef FXI_MINUTE_H
#define FXI_MINUTE_H
#include <stdint.h>
#define FXI_MINUTE_SECONDS 60
/** Zero is empty. */
typedef struct fxi_minute {
    int64_t count[FXI_MINUTE_SECONDS];
    int64_t second;  /* of the newest count */
    int64_t total;   /* as last heard */
    int64_t sum;
    int begun;
} fxi_minute;
/** The counter stands at `total` at `now` (ns, monotonic). What it grew by is of this second; what it held at the first call is of none. */
void fxi_minute_note(fxi_minute *minute, int64_t now, int64_t total);
/** Growth within the last 60 s. */
int64_t fxi_minute_sum(fxi_minute *minute, int64_t now);
#endif
