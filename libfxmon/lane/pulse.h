/* lane/pulse.h - what a lane, a producer or a server looks like from outside: from its status, once a second, to the row that others read. No I/O, no clock. */
#ifndef FXI_PULSE_H
#define FXI_PULSE_H
#include "core/minute.h"
#include "lane/verdict.h"

#define FXI_STORM_EVENTS 5                    /* a member that was assigned partitions more often than this ... */
#define FXI_STORM_SPAN (600 * FXMON_SECOND)   /* ... within ten minutes is in a storm of rebalances */

enum fxi_pulse_kind { FXI_PULSE_NONE, FXI_PULSE_CONSUMER, FXI_PULSE_PRODUCER, FXI_PULSE_SERVER };

typedef struct fxi_pulse {
    enum fxi_pulse_kind kind;
    fxmon_health row;          /* as of the last look */
    fxi_looks looks;
    fxi_minute minute;
    int64_t begun;             /* monotonic */
    int64_t assigned[FXI_STORM_EVENTS + 1]; /* when, the newest ones */
    uint64_t assignments;
    bool storm;
    bool between;              /* partitions were taken away and none given since */
} fxi_pulse;

/** `monotonic` and `wall` are now; `group` as in fxmon_health, may be NULL. */
void fxi_pulse_init(fxi_pulse *pulse, enum fxi_pulse_kind kind, const char *component, const char *group, int64_t monotonic, int64_t wall);
/** A rebalance of this one. True: a storm begins with it. */
bool fxi_pulse_hear(fxi_pulse *pulse, const fxmon_rebalance *event, int64_t monotonic);
/** Brings the row up to date. True: its status, partitions or member are others than before, which should be told soon. */
bool fxi_pulse_look(fxi_pulse *pulse, const fxmon_status *status, int64_t monotonic, int64_t wall);
#endif
