/*
 * lane/board.h - where the lanes and the producer of a handle tell what others should see of them: heartbeats and rebalances. A worker of its own with
 * its own connection writes them to the store (option "store", or else the first store among the sinks), so that telling never delays the work, and a
 * dead store costs nothing but the telling.
 */
#ifndef FXI_BOARD_H
#define FXI_BOARD_H
#include "lane/pulse.h"
#include "lane/worker.h"

#define FXI_BOARD_QUEUE 256                 /* rebalances that wait for the store */
#define FXI_BOARD_FIRST FXMON_SECOND        /* a run that is shorter than this is told once, at its end */

typedef struct fxi_board fxi_board;

/** Called for each worker there is, always in the same order. `group` as in fxmon_health. False: enough. */
typedef bool (*fxi_board_fn)(void *user, enum fxi_pulse_kind kind, const char *component, const char *group, const fxmon_status *status);
typedef struct fxi_board_config {
    const fxmon_env *env; /* outlives the board; stopping() is the hard stop: the last rows are written after a request */
    void (*each)(void *user, fxi_board_fn fn, void *fn_user);
    void (*sources)(void *user, fxmon_source_fn fn, void *fn_user); /* those of the producers; NULL: there are none */
    bool (*alone)(void *user); /* every other worker has ended */
    void *user;
} fxi_board_config;

/** Opens nothing and keeps nothing of what it is told until it has a store. */
fxi_board *fxi_board_new(const fxi_board_config *config, fxmon_error *error);
/** The store to write to, before anything runs: the workers are looked at as they are before they begin. One without health_put is none: FXMON_E_UNSUPPORTED. */
int fxi_board_store(fxi_board *board, const fxmon_store_ops *ops, const char *url, fxmon_error *error);
/** Any thread; copies. A bounded queue: the oldest is dropped when it is full, and counted. board may be NULL: nothing happens. */
void fxi_board_rebalance(fxi_board *board, const fxmon_rebalance *event);
/** Any thread: look now, a worker has ended. */
void fxi_board_wake(fxi_board *board);
void fxi_board_free(fxi_board *board); /* NULL is fine; of one that is no worker */
/** Ends when it is alone, after a last row for each: it never fails. state: fxi_board. */
extern const fxi_worker_ops fxi_board_worker;
#endif
