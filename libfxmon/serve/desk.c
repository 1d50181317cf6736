/* serve/desk.c - the store as a thread of the server sees it: own connections, opened when needed, tried again after a pause. Reading never waits for writing. */
#include <string.h>

#include "base/error.h"
#include "serve/serve.h"

static void *open_one(fxi_desk *d, const fxi_server *s, bool read_only)
{
    const fxmon_env *env = &s->config.env;
    void *state = NULL;
    int64_t now = env->monotonic(env->user);
    if (!s->config.store) {
        fxi_error_clear(&d->error);
        return NULL;
    }
    if (now < d->retry_at)
        return NULL;
    fxi_error_clear(&d->error);
    if (s->config.store->open(env, s->store_url, read_only, &state, &d->error) == FXMON_DONE)
        return state;
    if (!d->error.code)
        d->error.code = FXMON_E_IO;
    d->retry_at = now + FXI_STORE_RETRY;
    return NULL;
}

void *fxi_desk_reader(fxi_desk *d, const fxi_server *s)
{
    return d->reader ? d->reader : (d->reader = open_one(d, s, true));
}

void *fxi_desk_writer(fxi_desk *d, const fxi_server *s)
{
    return d->writer ? d->writer : (d->writer = open_one(d, s, false));
}

void fxi_desk_failed(fxi_desk *d, const fxi_server *s, fxmon_result result, const fxmon_error *error)
{
    const fxmon_env *env = &s->config.env;
    if (result == FXMON_REFUSED || error->code == FXMON_E_NOT_FOUND || error->code == FXMON_E_EXISTS || error->code == FXMON_E_BUSY)
        return;
    d->error = *error;
    fxi_desk_close(d, s);
    d->retry_at = env->monotonic(env->user) + FXI_STORE_RETRY;
}

void fxi_desk_close(fxi_desk *d, const fxi_server *s)
{
    if (d->reader)
        s->config.store->close(d->reader);
    if (d->writer)
        s->config.store->close(d->writer);
    d->reader = d->writer = NULL;
}
