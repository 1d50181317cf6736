/*
 * lane/worker.h - what a handle runs: lanes, the producer, relays, the HTTP server. Each is a state and a table of functions; a thread of its own
 * (fxmon_run) or turns in the host's loop (fxmon_step) drive it. All calls come from one thread at a time, except status.
 */
#ifndef FXI_WORKER_H
#define FXI_WORKER_H
#include <fxmon/fxmon.h>

/** What a turn may do. */
typedef struct fxi_turn {
    int64_t deadline;  /* monotonic ns: begin nothing new after it */
    int patience_ms;   /* how long a driver without pollfd may wait for input; 0: not at all */
} fxi_turn;

typedef struct fxi_worker_ops {
    /**
     * Do what there is to do. FXMON_OK: *wait_ns says how long nothing will happen unless pollfd gets readable (0: call again at once).
     * FXMON_E_STOPPED: ended as asked (end of input, stop). Anything else: failed with that error; the worker is not called again but for close.
     */
    int (*turn)(void *state, const fxi_turn *turn, int64_t *wait_ns, fxmon_error *error);
    int (*pollfd)(void *state);                         /* -1: none (yet) */
    void (*status)(void *state, fxmon_status *status);  /* any thread */
    void (*close)(void *state);                         /* frees the state */
    /** The sources that a producer asks; component, instance and log are not filled. Any thread. May be NULL. */
    void (*sources)(void *state, fxmon_source_fn fn, void *user);
} fxi_worker_ops;

typedef struct fxi_worker {
    const fxi_worker_ops *ops;
    void *state;
} fxi_worker;
#endif
