/* lane/env.c - see env.h. The only place that knows how a stop travels: a counter for the workers to look at, an eventfd for those that wait. */
#include "lane/env.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/instance.h"
#include "base/value.h"

static const char *option_of(const fxmon_env *env, const char *name)
{
    return env && env->option ? env->option(env->user, name) : NULL;
}

int64_t fxi_env_integer(const fxmon_env *env, const char *name, int64_t fallback)
{
    const char *text = option_of(env, name);
    int64_t value;
    return text && fxi_integer_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

int64_t fxi_env_duration(const fxmon_env *env, const char *name, int64_t fallback)
{
    const char *text = option_of(env, name);
    int64_t value;
    return text && fxmon_duration_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

int64_t fxi_env_size(const fxmon_env *env, const char *name, int64_t fallback)
{
    const char *text = option_of(env, name);
    int64_t value;
    return text && fxi_size_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

bool fxi_env_bool(const fxmon_env *env, const char *name, bool fallback)
{
    const char *text = option_of(env, name);
    bool value;
    return text && fxi_bool_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

bool fxi_env_is(const fxmon_env *env, const char *name, const char *value)
{
    const char *text = option_of(env, name);
    return text && strcmp(text, value) == 0;
}

void fxi_env_instance(char out[64])
{
    fxi_instance(out);
}

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
