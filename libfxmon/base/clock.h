/* base/clock.h - the system's clocks, for api/ (default clock of a handle) and tests only: everything else gets time as an argument or from its env. */
#ifndef FXI_CLOCK_H
#define FXI_CLOCK_H
#include <stdint.h>
int64_t fxi_clock_wall(void);
int64_t fxi_clock_monotonic(void);
#endif
