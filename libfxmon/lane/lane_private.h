/* lane/lane_private.h - the lane's state, shared by lane.c (driving it), lane_place.c (a partition), lane_read.c (what arrives) and lane_group.c (who has what). */
#ifndef FXI_LANE_PRIVATE_H
#define FXI_LANE_PRIVATE_H
#include <pthread.h>

#include "base/log.h"
#include "codec/message.h"
#include "lane/breaker.h"
#include "lane/lane.h"
#include "lane/retry.h"

#define FXI_LANE_RECORDS 512 /* taken from the stream at once */
#define FXI_LANE_RATES 8192  /* most rates in a batch, unless the stage wants more: bounds its memory where messages hold all currencies */
#define FXI_LANE_HELD 65536  /* most rates in the batches of all partitions together */

enum fxi_lane_phase {
    FXI_LANE_OPEN_STAGE,
    FXI_LANE_OPEN_STREAM,
    FXI_LANE_WORK,
    FXI_LANE_ENDED
};

enum fxi_place_phase {
    FXI_PLACE_CLAIM,
    FXI_PLACE_FENCED, /* another took over: one successful read, then claim again */
    FXI_PLACE_RUN
};

/* What a step of the lane did. */
enum fxi_lane_step { FXI_STEP_ON, FXI_STEP_WAIT, FXI_STEP_ENDED, FXI_STEP_FAILED };

/* Where the lane stands in one partition, and the batch of it. */
typedef struct fxi_place {
    int32_t partition;
    enum fxi_place_phase phase;
    void *held;               /* what the stage holds of it */
    fxmon_progress progress;  /* as stored; lane and stream point to key and stream_name */
    int64_t position;         /* next record to look at; -1: whatever comes */
    int64_t end;              /* until-end: stop there; -1 none */
    int64_t log_end;          /* as last heard */
    int64_t newest_time;      /* of what was applied */
    int64_t claimed_at;
    fxi_retry fence_retry;
    int64_t wait_until;       /* fenced, monotonic: no claim before */
    bool reseek;              /* records were dropped: seek to position before reading on */
    bool paused;
    bool done;                /* until-end: the end was reached */
    bool release;             /* revoked: give the partition up after the commit */
    bool fresh;               /* assigned, and not told yet */

    /* the batch */
    fxi_dead_batch letters;   /* not in the log of dead letters yet */
    int64_t batch_messages, batch_dead, batch_bytes, batch_rates, batch_since;
    bool commit_now;          /* the batch must go out before anything else */
    bool checkpoint_now;
    int64_t checkpoint_at;    /* monotonic time of the last one */
} fxi_place;

struct fxi_lane {
    fxi_lane_config config;
    char *from, *group, *name, *destination, *key, *stream_name;
    const fxmon_env *env;
    int64_t batch_maximum, batch_bytes_maximum, batch_time, checkpoint_every, retry_base, retry_cap;
    bool until_end, start_end, gap_halts, replayable;

    enum fxi_lane_phase phase;
    void *stream;
    bool stage_open;
    fxi_decoder *decoder;
    fxi_breaker breaker;
    fxi_retry retry, stream_retry;
    int64_t wait_until;        /* monotonic: no attempt at the destination before */
    int64_t stream_wait_until; /* the same for the stream */
    fxi_complaint complaint, stream_complaint;
    uint64_t seed;

    fxi_place **places;        /* by partition, in the order they came */
    size_t place_count, place_capacity;
    fxi_place *offered;        /* its batch was refused for now: nothing else may be committed before it */
    bool idle_member;          /* in a group that has no partition for this reader */
    bool seen_assignment;
    int64_t held_rates;        /* of all batches */

    /* records read and not looked at yet; valid until the next read */
    fxmon_record records[FXI_LANE_RECORDS];
    size_t record_count, record_index;

    bool finishing;           /* end of input or stop: commit what is there, then end */
    bool stopping;            /* on request: do not begin anew */
    int give_up_after;        /* failures in a row; 0: never */
    bool given_up;
    bool awakened;            /* a fenced place may be claimed now */

    int64_t revoked_at;       /* when the revocation that is being worked on was heard of; 0 none */
    char revoked[128], lost[128];

    int64_t idle_at;
    fxmon_error error;
    pthread_mutex_t mutex;    /* guards shown */
    fxmon_status shown;
    fxmon_status counted;     /* the lane thread's own copy */
};

/* lane.c */
int64_t fxi_lane_now(const fxi_lane *lane);        /* monotonic */
void fxi_lane_show(fxi_lane *lane, const char *state);
enum fxi_lane_step fxi_lane_fail(fxi_lane *lane, const fxmon_error *error);
/** The destination answered RETRY: backoff and breaker. */
void fxi_lane_backoff(fxi_lane *lane, const fxmon_error *error, const char *what);
/** May the destination be tried now? */
bool fxi_lane_attempt(fxi_lane *lane, uint64_t *ticket);
/** The outcome of a call to the destination that was admitted. */
void fxi_lane_settle(fxi_lane *lane, uint64_t ticket, fxmon_result result, const fxmon_error *error, const char *what);
enum fxi_lane_step fxi_lane_stream_trouble(fxi_lane *lane, fxmon_result result, const fxmon_error *error, const char *what);

/* lane_new.c */
void fxi_lane_free(fxi_lane *lane);                /* memory only: everything is closed */

/* lane_place.c */
fxi_place *fxi_lane_place(const fxi_lane *lane, int32_t partition); /* NULL: not ours */
fxi_place *fxi_place_new(fxi_lane *lane, int32_t partition);        /* to be claimed; NULL out of memory */
/** Forget batch and statistics and the place itself; `release` tells the stream that it may be given to others. */
void fxi_place_give_up(fxi_lane *lane, fxi_place *place, bool release);
void fxi_place_fenced(fxi_lane *lane, fxi_place *place, const fxmon_error *why);
void fxi_place_check(fxi_lane *lane, fxi_place *place);             /* is what was committed still there? */
enum fxi_lane_step fxi_place_claim(fxi_lane *lane, fxi_place *place);
enum fxi_lane_step fxi_place_commit(fxi_lane *lane, fxi_place *place);
bool fxi_place_commit_due(const fxi_lane *lane, const fxi_place *place);
bool fxi_place_full(const fxi_lane *lane, const fxi_place *place);

/* lane_read.c */
/** Read once, waiting at most `timeout_ms`, and look at what came. */
enum fxi_lane_step fxi_lane_read(fxi_lane *lane, int timeout_ms);
/** Look at the records that are left of the last read, until a batch is full. */
enum fxi_lane_step fxi_lane_consume(fxi_lane *lane);
/** Give what was read but not looked at back to the log; news of the group are taken. */
enum fxi_lane_step fxi_lane_unread(fxi_lane *lane);

/* lane_group.c */
void fxi_lane_member(fxi_lane *lane, fxmon_status *status); /* partitions and member of the status */
void fxi_lane_note(char list[128], int32_t partition);      /* one more in "0,1,2" */
/** Tell the board what came and went, once it is complete. */
void fxi_lane_tell(fxi_lane *lane);
#endif
