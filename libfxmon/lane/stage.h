/*
 * lane/stage.h - what a lane does with decoded messages. lane.c owns reading, decoding, dead letters, retries, breaker, limits and counters;
 * a stage owns computing and its one destination. All calls come from the lane's thread. Results as in fxmon/plugin.h.
 */
#ifndef FXI_STAGE_H
#define FXI_STAGE_H
#include <fxmon/fxmon.h>
/**
 * `state` is the stage: its connection and counters, shared by all partitions. `place` is what it holds of one partition: statistics and batch. A stage
 * is given the batches of its places one after the other: a commit that answers RETRY is offered again, or dropped, before another place commits.
 */
typedef struct fxi_stage_ops {
    const char *kind; /* "store", "sink", "alert", "live" */
    int64_t batch;       /* most messages in a batch when the option says nothing; 0: 1000 */
    int64_t batch_rates; /* most rates in a batch; 0: FXI_LANE_RATES */
    fxmon_result (*open)(void *state, const fxmon_env *env, fxmon_error *error);
    /** What is held of one partition, empty; NULL out of memory. */
    void *(*place_new)(void *state);
    void (*place_free)(void *place); /* forgets an undelivered batch */
    /** Where to continue in a partition. In: lane, stream, partition. next_offset -1: from the option "start". A checkpoint, if any, comes back in progress. */
    fxmon_result (*claim)(void *place, fxmon_progress *progress, fxmon_error *error);
    /** Replay between checkpoint and next_offset: compute only, no effect outside. */
    fxmon_result (*replay)(void *place, const fxmon_message *message, const fxmon_record *record, fxmon_error *error);
    fxmon_result (*restore)(void *place, const void *checkpoint, size_t size, fxmon_error *error); /* size 0: empty state */
    /** Take a message into the batch; no effect outside before commit. */
    fxmon_result (*apply)(void *place, const fxmon_message *message, const fxmon_record *record, fxmon_error *error);
    fxmon_result (*dead)(void *place, const fxmon_dead_letter *letter, fxmon_error *error);
    /** Deliver the batch and advance progress to next_offset, together where the destination can. RETRY: call commit again, the batch is kept. FENCED: batch and statistics are to be dropped. */
    fxmon_result (*commit)(void *place, fxmon_progress *progress, int64_t next_offset, fxmon_error *error);
    /** While there is nothing to commit: is what was committed last still there? FENCED: no, claim anew; error says why. May be NULL. */
    fxmon_result (*check)(void *place, const fxmon_progress *progress, fxmon_error *error);
    void (*save)(void *place, void **checkpoint, size_t *size); /* bytes of the computed state after the batch; fxi_free */
    void (*drop)(void *place);                                  /* forget batch and computed state (revoked, fenced) */
    /** Called about once a second, and once more before close with status->state "ended" or "failed": outbox. `status` is the lane's own view. May be NULL. */
    void (*idle)(void *state, int64_t now, const fxmon_status *status);
    void (*count)(void *state, fxmon_status *status);           /* add own counters */
    void (*close)(void *state);                                 /* all places are freed */
} fxi_stage_ops;
#endif
