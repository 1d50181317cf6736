/*
 * lane/lane.h - one reader of the log, one stage, and a place in every partition of the log that is assigned to it. Used through fxi_lane_worker.
 * Options read: batch, batch-time, batch-bytes, until-end, start, on-gap, checkpoint, retry-base, retry-cap, breaker-threshold, breaker-cooldown.
 */
#ifndef FXI_LANE_H
#define FXI_LANE_H
#include "lane/board.h"
#include "lane/dead_log.h"
#include "lane/stop.h"
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
    const char *name;               /* "sqlite", "alert": in progress rows as GROUP/NAME, and the consumer group GROUP.NAME */
    const char *twin;               /* tells lanes of one name apart in the consumer group: GROUP.NAME.TWIN; NULL or "": nothing to tell */
    const char *destination;        /* redacted, for status */
    fxi_board *board;               /* hears of rebalances; may be NULL */
    const char *component;          /* as the board names this lane; NULL: name */
    fxi_dead_log *dead_log;         /* dead letters go there too; the lane's from fxi_lane_new on; may be NULL */
    bool follow;                    /* the live lane: never ends by itself, until-end and start do not apply, is in no consumer group */
} fxi_lane_config;

/** Opens nothing. On failure the stage state and the dead_log are still the caller's. */
fxi_lane *fxi_lane_new(const fxi_lane_config *config, fxmon_error *error);
extern const fxi_worker_ops fxi_lane_worker; /* state: fxi_lane */
#endif
