/*
 * tests/support/fake_lane.h - a log and a store in memory, with faults on demand, for tests of lanes; and a clock that moves only when told.
 * One of each at a time (their drivers find them by these variables).
 */
#ifndef FXT_FAKE_LANE_H
#define FXT_FAKE_LANE_H
#include <fxmon/fxmon.h>

/* what the next call may do instead of its work */
enum fxt_fault { FXT_NONE, FXT_RETRY, FXT_FATAL, FXT_FENCED, FXT_DONE_BUT_FENCED };

typedef struct fxt_log {
    char **line;
    size_t count, capacity;
    int64_t first;                 /* records below are gone */
    bool pipe, closed, pause_kept; /* closed: END after the last record */
    bool ask_again;                /* control records to send: assigned */
    int64_t at;
    bool paused, gap_told;
    int open;
} fxt_log;

typedef struct fxt_row {
    char pair[16], source[40];
    int64_t offset;
    fxmon_decimal rate;
    double volatility, cross;
    uint32_t kind, samples;
} fxt_row;

typedef struct fxt_dead {
    int64_t offset;
    char reason[40];
    char data[200];
} fxt_dead;

typedef struct fxt_store {
    fxt_row *row;
    size_t rows, row_capacity, committed_rows;
    fxt_dead *dead;
    size_t deads, dead_capacity, committed_deads;
    int64_t next_offset, epoch, checkpoint_offset;
    void *checkpoint;
    size_t checkpoint_size;
    long calls, fault_at, fault_count; /* the fault happens at these calls of either driver */
    enum fxt_fault fault;
    long stream_fault_at, stream_calls;
    long commits, claims;
    bool in_transaction;
    int open;
} fxt_store;

extern fxt_log *fxt_log_now;
extern fxt_store *fxt_store_now;
extern const fxmon_stream_ops fxt_log_ops;   /* memlog: */
extern const fxmon_store_ops fxt_store_ops;  /* memstore: */

void fxt_log_add(fxt_log *log, const char *line);
/** "USD" message of two pairs whose prices move with i. */
void fxt_log_rate(fxt_log *log, int i);
void fxt_log_free(fxt_log *log);
void fxt_store_free(fxt_store *store);
/** Rows by (offset, position) and dead letters equal, doubles bit for bit. */
bool fxt_store_same(const fxt_store *a, const fxt_store *b);

/** An env whose clocks are *now; options: name, value, name, value ..., NULL. */
typedef struct fxt_env {
    fxmon_env env;
    int64_t now;
    int64_t pace; /* how much later each look at the clock is than the one before; 0: it stands */
    const char *const *options;
    long warnings;
} fxt_env;
void fxt_env_init(fxt_env *e, const char *const *options);
#endif
