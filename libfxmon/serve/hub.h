/* serve/hub.h - reading the live hub: numbered snapshots that never change once they are out. */
#ifndef FXI_HUB_H
#define FXI_HUB_H
#include "serve/server.h"

#define FXI_HUB_LINE 60    /* points kept of each series for its line */
#define FXI_HUB_SERIES 4096 /* most (pair, source) kept; further ones are counted, not kept */

typedef struct fxi_point { int64_t time; fxmon_decimal rate; } fxi_point;

/** A series as it stood. `line` is oldest first and ends with the current rate. */
typedef struct fxi_live {
    fxmon_quote quote;
    int64_t ingested;       /* 0 unknown */
    fxmon_decimal previous; /* the quote before; mantissa 0: none */
    double volatility;      /* NAN: unknown */
    uint32_t samples, points;
    fxi_point line[FXI_HUB_LINE];
} fxi_live;

/** One snapshot: all series sorted by pair, then source. */
typedef struct fxi_snapshot {
    uint64_t generation;
    int references;
    size_t count;
    fxi_live *live;
} fxi_snapshot;

uint64_t fxi_hub_generation(const fxi_hub *hub); /* changes whenever the next snapshot would differ; cheap */
/** The newest snapshot, shared; NULL: out of memory. Give it back with fxi_snapshot_release(hub, s). */
const fxi_snapshot *fxi_hub_snapshot(fxi_hub *hub);
void fxi_snapshot_release(fxi_hub *hub, const fxi_snapshot *snapshot);
/** The newest quote of a pair over all its sources: index or -1. */
long fxi_snapshot_find(const fxi_snapshot *snapshot, const fxmon_pair *pair);
/** Does series `index` carry the rate of its pair (newest of its sources; equal times: first by name)? */
bool fxi_snapshot_leads(const fxi_snapshot *snapshot, size_t index);
/** Feed from a store instead of a lane: rows in order of time per series; older and repeated ones change nothing. */
int fxi_hub_feed(fxi_hub *hub, const fxmon_stored_rate *rate);
bool fxi_hub_has(fxi_hub *hub, const fxmon_pair *pair, const char *source);
void fxi_hub_publish(fxi_hub *hub); /* after feeding */
int64_t fxi_hub_newest(const fxi_hub *hub); /* time of the newest quote, 0 none */
#endif
