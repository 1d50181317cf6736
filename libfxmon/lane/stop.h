/* lane/stop.h - the request to stop, for everything that a handle runs. */
#ifndef FXI_STOP_H
#define FXI_STOP_H
#include <fxmon/plugin.h>
#include <stdatomic.h>
/** The request to stop, shared by the workers of a handle; fxi_stop_request is async-signal-safe. */
typedef struct fxi_stop {
    atomic_int count;         /* requests so far */
    _Atomic int64_t since;    /* of the first one, on the system's monotonic clock */
    int fd;                   /* eventfd, readable from the first request on; -1 none */
} fxi_stop;
#define FXI_STOP_GRACE (4 * FXMON_SECOND) /* for a graceful end; a driver's last call comes on top */
int fxi_stop_open(fxi_stop *stop, fxmon_error *error);
void fxi_stop_close(fxi_stop *stop);
void fxi_stop_request(fxi_stop *stop);
/** 0 go on; 1 finish what is begun; 2 give up at once: asked twice, or the grace is over. */
int fxi_stop_count(const fxi_stop *stop);
#endif
