/* api/handle.h - the handle behind fxmon/fxmon.h, shared by the files of this folder. */
#ifndef FXI_HANDLE_H
#define FXI_HANDLE_H
#include <pthread.h>
#include <stdatomic.h>

#include "api/option.h"
#include "lane/alert.h"
#include "lane/board.h"
#include "lane/stop.h"
#include "lane/registry.h"
#include "lane/worker.h"

#define FXI_WORKERS_MAXIMUM 64

/* A worker and what became of it. */
struct fxi_slot {
    fxi_worker worker;
    char *url;         /* of its destination as given; NULL: custom */
    char component[64]; /* as the board names it */
    enum fxi_pulse_kind pulse; /* none: not shown on the board */
    atomic_bool ended; /* its thread tells the board */
    int code;          /* why it ended: FXMON_OK as asked */
    fxmon_error error;
    int watched;       /* descriptor in the handle's epoll set, -1 none */
    pthread_t thread;
    bool has_thread;
    fxmon *handle;
};

struct fxmon {
    fxi_options *options;
    void *user;
    void (*log)(void *user, int level, const char *component, const char *text);
    int64_t (*now)(void *user);
    int64_t (*monotonic)(void *user);
    fxi_registry registry;
    fxi_stop stop;
    fxmon_env env;      /* stopping() from the first request on: for waiting */
    fxmon_env hard_env; /* stopping() from the second on, or when the grace is over: for what is to be finished */
    struct fxi_slot slots[FXI_WORKERS_MAXIMUM + 1]; /* one more, for the board */
    _Atomic size_t slot_count; /* fxmon_status_each looks from other threads while the board is added */
    fxi_alert_stage *alerts; /* of the last fxmon_alerting; its lane owns it */
    struct fxi_serving *serving;
    fxi_board *board;   /* from the first lane on; a worker once there is a store to write to */
    char *board_url;    /* of the first store that was named as a destination */
    int poll_fd;        /* epoll: stop, and the workers' descriptors */
    bool started, running;
};

/** Nothing of the set-up may change any more once it runs. */
int fxi_handle_check(const fxmon *m, const char *what, fxmon_error *error);
/** Takes the worker over, also on failure (it is closed then). `url` may be NULL. */
int fxi_handle_add(fxmon *m, const fxi_worker_ops *ops, void *state, const char *url, fxmon_error *error);

/* api/board.c */
/** Say how the board shows the worker that is added next, and make the board if there is none. component: at most 63 bytes. */
int fxi_board_announce(fxmon *m, enum fxi_pulse_kind kind, const char *component, fxmon_error *error);
/** A store among the destinations: the board writes to the first one when the option "store" is not set. */
int fxi_board_candidate(fxmon *m, const char *url, fxmon_error *error);
/** Once everything is said: the board becomes a worker if there is a store to write to. */
int fxi_board_begin(fxmon *m, fxmon_error *error);

/* api/lanes.c: the server's port, and what is left of it after its worker was closed */
int fxi_serving_port(const struct fxi_serving *serving);
void fxi_serving_free(struct fxi_serving *serving);

/* api/plain.c: an env without a handle, for fxmon_fetch and fxmon_store_open. base, track: what these options answer, NULL their default. */
typedef struct fxi_plain {
    fxmon_env env;
    const char *base, *track;
    bool own_base; /* base NULL means: none */
} fxi_plain;
void fxi_plain_init(fxi_plain *plain);
/** The code of a driver's answer; fills an error that the driver left empty. */
int fxi_result_code(fxmon_result result, fxmon_error *error, const char *what);
#endif
