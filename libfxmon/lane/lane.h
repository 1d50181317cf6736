/*
 * lane/lane.h - one reader of the log, one stage, one place in the log. Used through fxi_lane_worker.
 * Options read: batch, batch-time, batch-bytes, until-end, start, on-gap, checkpoint, retry-base, retry-cap, breaker-threshold, breaker-cooldown.
 */
#ifndef FXI_LANE_H
#define FXI_LANE_H
#include "lane/env.h"
#include "lane/stage.h"
#include "lane/worker.h"

typedef struct fxi_lane fxi_lane;
typedef struct fxi_lane_config {
    const fxmon_env *env;           /* must outlive the lane; its stopping() is the hard stop, drivers in the middle of a commit look at it */
    const fxi_stop *stop;           /* NULL: never */
    const fxmon_stream_ops *stream;
    const char *from, *group;
    const fxi_stage_ops *stage;     /* the lane closes it */
    void *stage_state;
    const char *name;               /* "sqlite", "alert": in progress rows as GROUP/NAME */
    const char *destination;        /* redacted, for status */
    bool follow;                    /* never ends by itself: until-end and start do not apply (the live lane) */
} fxi_lane_config;

/** Opens nothing. On failure the stage state is still the caller's. */
fxi_lane *fxi_lane_new(const fxi_lane_config *config, fxmon_error *error);
extern const fxi_worker_ops fxi_lane_worker; /* state: fxi_lane */
#endif
