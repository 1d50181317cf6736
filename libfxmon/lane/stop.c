/* lane/stop.c - see stop.h. The only place that knows how a stop travels: a counter for the workers to look at, an eventfd for those that wait. */
#include "lane/stop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static int64_t system_monotonic(void)
{
    struct timespec t = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &t); /* async-signal-safe */
    return (int64_t)t.tv_sec * FXMON_SECOND + t.tv_nsec;
}

int fxi_stop_open(fxi_stop *stop, fxmon_error *error)
{
    atomic_init(&stop->count, 0);
    atomic_init(&stop->since, 0);
    stop->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop->fd < 0)
        return fxi_fail_errno(error, errno, "create", "eventfd");
    return FXMON_OK;
}

void fxi_stop_close(fxi_stop *stop)
{
    if (stop->fd >= 0)
        close(stop->fd);
    stop->fd = -1;
}

void fxi_stop_request(fxi_stop *stop)
{
    int saved = errno;
    int64_t none = 0;
    atomic_compare_exchange_strong(&stop->since, &none, system_monotonic());
    atomic_fetch_add(&stop->count, 1);
    uint64_t one = 1;
    if (stop->fd >= 0 && write(stop->fd, &one, sizeof one) < 0)
        atomic_load(&stop->count); /* full counter: it is readable already, which is all that is wanted */
    errno = saved;
}

int fxi_stop_count(const fxi_stop *stop)
{
    int count = atomic_load(&stop->count);
    if (count == 1 && system_monotonic() - atomic_load(&stop->since) > FXI_STOP_GRACE)
        return 2;
    return count < 2 ? count : 2;
}
