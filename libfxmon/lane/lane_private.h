/* lane/lane_private.h - the lane's state, shared by lane.c (driving it) and lane_read.c (what arrives from the stream). */
#ifndef FXI_LANE_PRIVATE_H
#define FXI_LANE_PRIVATE_H
#include <pthread.h>

#include "base/log.h"
#include "codec/message.h"
#include "lane/breaker.h"
#include "lane/lane.h"
#include "lane/retry.h"

#define FXI_LANE_RECORDS 512 /* taken from the stream at once */
#define FXI_LANE_RATES 8192 /* most rates in a batch: bounds its memory where messages hold all currencies */

enum fxi_lane_phase {
    FXI_LANE_OPEN_STAGE,
    FXI_LANE_OPEN_STREAM,
    FXI_LANE_UNASSIGNED, /* no partition yet */
    FXI_LANE_FENCED,     /* another took over: one successful read, then claim again */
    FXI_LANE_CLAIM,
    FXI_LANE_RUN,
    FXI_LANE_ENDED
};

/* What a step of the lane did. */
enum fxi_lane_step { FXI_STEP_ON, FXI_STEP_WAIT, FXI_STEP_ENDED, FXI_STEP_FAILED };

struct fxi_lane {
    fxi_lane_config config;
    char *from, *group, *name, *destination, *key, *stream_name;
    const fxmon_env *env;
    int64_t batch_maximum, batch_bytes_maximum, batch_time, checkpoint_every;
    bool until_end, start_end, gap_halts, replayable;

    enum fxi_lane_phase phase;
    void *stream;
    bool stage_open;
    fxi_decoder *decoder;
    fxi_breaker breaker;
    fxi_retry retry, stream_retry, fence_retry;
    int64_t wait_until;        /* monotonic: no attempt before */
    int64_t stream_wait_until; /* the same for the stream */
    fxi_complaint complaint, stream_complaint;

    /* the place in the log */
    bool assigned;
    fxmon_progress progress;  /* as stored; lane and stream point to key and stream_name */
    int64_t position;         /* next record to look at; -1: whatever comes */
    int64_t end;              /* until-end: stop there; -1 none */
    int64_t log_end;          /* as last heard */
    int64_t claimed_at;

    /* records read and not looked at yet; valid until the next read */
    fxmon_record records[FXI_LANE_RECORDS];
    size_t record_count, record_index;
    bool reseek;              /* they were dropped: seek to position before reading on */
    bool paused;

    /* the batch */
    int64_t batch_messages, batch_dead, batch_bytes, batch_rates, batch_since;
    bool commit_now;          /* the batch must go out before anything else */
    bool checkpoint_now;
    bool release;             /* revoked: give the partition up after the commit */
    bool finishing;           /* end of input or stop: commit what is there, then end */
    bool stopping;            /* on request: do not begin anew */
    int give_up_after;        /* failures in a row; 0: never */
    bool given_up;
    int64_t checkpoint_at;    /* monotonic time of the last one */

    int64_t idle_at;
    fxmon_error error;
    pthread_mutex_t mutex;    /* guards shown */
    fxmon_status shown;
    fxmon_status counted;     /* the lane thread's own copy */
};

void fxi_lane_free(fxi_lane *lane);                /* memory only: everything is closed */
int64_t fxi_lane_now(const fxi_lane *lane);        /* monotonic */
void fxi_lane_show(fxi_lane *lane, const char *state);
enum fxi_lane_step fxi_lane_fail(fxi_lane *lane, const fxmon_error *error);
/** The destination answered RETRY: backoff and breaker. */
void fxi_lane_backoff(fxi_lane *lane, const fxmon_error *error, const char *what);
void fxi_lane_fenced(fxi_lane *lane);
void fxi_lane_forget_batch(fxi_lane *lane);
/** Read once, waiting at most `timeout_ms`, and look at what came. */
enum fxi_lane_step fxi_lane_read(fxi_lane *lane, int timeout_ms);
/** Look at the records that are left of the last read, until the batch is full. */
enum fxi_lane_step fxi_lane_consume(fxi_lane *lane);
bool fxi_lane_batch_full(const fxi_lane *lane);
enum fxi_lane_step fxi_lane_stream_trouble(fxi_lane *lane, fxmon_result result, const fxmon_error *error, const char *what);
#endif
