/* lane/verdict.h - how a lane is doing, judged by how it moved, and whether a row of health is still true. Pure: time comes in as an argument. */
#ifndef FXI_VERDICT_H
#define FXI_VERDICT_H
#include <fxmon/fxmon.h>

#define FXI_HEARTBEAT (5 * FXMON_SECOND)        /* interval of the rows */
#define FXI_VERDICT_MISSED 3                    /* so many heartbeats missed: stopped */
#define FXI_VERDICT_WINDOW (60 * FXMON_SECOND)  /* how far back a judgement looks */
#define FXI_VERDICT_EVIDENCE (30 * FXMON_SECOND) /* less than this seen: nobody is called slow or stalled */
#define FXI_VERDICT_FLOOR (10 * FXMON_SECOND)   /* a lag younger than this is none */
#define FXI_VERDICT_GROWTH FXMON_SECOND         /* by less than this within the window an age has not grown */
#define FXI_VERDICT_LOOKS 64                    /* of the window, one a second */

/** A look at a lane or producer. */
typedef struct fxi_look {
    int64_t at;          /* monotonic */
    int64_t next_offset; /* -1: not known yet */
    int64_t end_offset;
    int64_t age;         /* of the oldest record not applied yet; 0: caught up */
} fxi_look;

/** Looks of the last window, oldest first from `first`. Zero is empty. */
typedef struct fxi_looks {
    fxi_look look[FXI_VERDICT_LOOKS];
    size_t first, count;
} fxi_looks;

/** Keep a look, forget what left the window. A place that moved back (another claim, a shorter log) begins the history anew. */
void fxi_looks_add(fxi_looks *looks, const fxi_look *look);

/** What the looks say of a lane whose worker says `state` (fxmon_status.state): a word of fxmon_health.status. Not for rebalancing. */
const char *fxi_verdict(const fxi_looks *looks, const char *state);

/** The row as it is to be read at `now` (ns UTC): "stopped" and silent when its heartbeat is older than three intervals. */
void fxi_verdict_silence(fxmon_health *row, int64_t now);

/** Fills expected, missed and status of a source from the rest, as of its heartbeat. A status failed, ended, stopped or standby stays: such a source is not asked and misses nothing. */
void fxi_verdict_source(fxmon_source_health *source);
/** The row as it is to be read at `now`: with what was missed since, and "stopped" or "late" with silent when its producer gave no sign for three heartbeats. */
void fxi_verdict_source_silence(fxmon_source_health *source, int64_t now);
#endif
